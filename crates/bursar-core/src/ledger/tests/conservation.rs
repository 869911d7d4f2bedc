//! What the check of the ledger finds where budgets were changed by another hand, and what it lets be.

use super::*;
use crate::destination::DestinationId;
use crate::fixtures::{count_limit, destination, limit, of, over, payee, unlimited};
use crate::ledger::conservation::{Conservation, Figure};
use crate::limit::{Counter, Destinations, Measure, Window};

const WINDOWS: [&str; 5] = [
    "rolling 60s",
    "calendar day UTC",
    "calendar hour Europe/Zurich",
    "fixed 60s from 2026-01-05T00:00:00.000Z",
    "accrual 1 per 60s",
];

impl World {
    fn tamper(&mut self, key: &BudgetKey, change: impl FnOnce(&mut Budget)) {
        let Some(Record::Budget(_, budget)) = self.records.get(&Key::Budget(key.clone())).map(|found| &found.value)
        else {
            panic!("there is no {key:?}")
        };
        let mut budget = budget.clone();
        change(&mut budget);
        self.put(Record::Budget(key.clone(), budget));
    }

    /// What differs, of which budget, and by which sums.
    fn found(&self) -> Vec<(BudgetKey, Figure, [u128; 2])> {
        let units = |usage: Usage| usage.amount.as_u64().unwrap().into();
        let found = self.differences().into_iter();
        found.map(|found| (found.budget, found.figure, [units(found.spends), units(found.counted)])).collect()
    }

    /// A token whose every destination has a limit of its own from its beginning on.
    fn limited_for_each_destination() -> Self {
        let mut world = Self::new();
        let each = vec![over("rolling 60s", of(Measure::AmountWithoutFee, limit("tbtc", 10)))];
        let destinations = Some(Destinations { each, counted_since: Some(at(0)), ..Destinations::default() });
        world.put(Record::Limits(BY_TOKEN, LimitSet { limits: vec![unlimited("tbtc")], destinations }));
        world.now = at(1);
        world
    }
}

fn emptied(budget: &mut Budget) {
    for (window, counter) in &mut budget.windows {
        *counter = Counter::new(window, at(0)).unwrap();
    }
}

fn to(address: &str) -> DestinationId {
    destination(address).id()
}

#[test]
fn a_window_that_counts_too_little_is_found_whatever_its_kind_and_whosever_it_is() {
    for window in WINDOWS {
        for subject in EVERYBODY {
            let mut world = World::limited(unlimited("tbtc"));
            world.limits(subject, vec![unlimited("tbtc"), over(window, limit("tbtc", 10))]);
            world.spend(4);
            world.now = at(5);
            world.spend(6);
            world.is_conserved();
            let key = budget_key(subject, "tbtc");
            world.tamper(&key, emptied);
            let figure = Figure::Window(Window::parse(window).unwrap());
            assert_eq!(world.found(), [(key.clone(), figure.clone(), [10, 0])]);
            world.spend(1);
            assert_eq!(world.found(), [(key, figure, [11, 1])], "what comes later does not hide it");
        }
    }
}

#[test]
fn a_unit_less_is_found_as_long_as_it_counts() {
    for window in WINDOWS {
        let mut world = World::limited(over(window, limit("tbtc", 10)));
        world.spend(9);
        let key = budget_key(BY_TOKEN, "tbtc");
        world.tamper(&key, |budget| {
            emptied(budget);
            let (own, counter) = &mut budget.windows[0];
            counter.record(own, at(0), Usage::one(Amount::new(8)));
        });
        assert_eq!(world.found(), [(key, Figure::Window(Window::parse(window).unwrap()), [9, 8])]);
        world.now = at(86_400);
        world.is_conserved();
    }
}

#[test]
fn a_window_that_counts_too_much_is_let_be() {
    for window in WINDOWS {
        let mut world = World::limited(over(window, limit("tbtc", 10)));
        world.spend(9);
        world.tamper(&budget_key(BY_TOKEN, "tbtc"), |budget| {
            let (own, counter) = &mut budget.windows[0];
            counter.record(own, at(0), Usage::one(Amount::new(1)));
        });
        world.is_conserved();
    }
}

#[test]
fn a_window_that_is_gone_is_told_of_its_past_and_refills_nothing() {
    for window in WINDOWS {
        let mut world = World::limited(over(window, limit("tbtc", 10)));
        world.spend(9);
        world.tamper(&budget_key(BY_TOKEN, "tbtc"), |budget| budget.windows.clear());
        world.is_conserved();
        assert_eq!(world.refusal(2), "limit_exceeded", "{window}");
        world.hold(1);
        world.is_conserved();
    }
}

#[test]
fn a_budget_that_is_gone_is_found_and_is_not_hidden_by_what_comes_later() {
    for subject in EVERYBODY {
        let mut world = World::limited(over("lifetime", unlimited("tbtc")));
        world.spend(6);
        world.records.remove(&Key::Budget(budget_key(subject, "tbtc")));
        let key = budget_key(subject, "tbtc");
        assert_eq!(world.found(), [(key.clone(), Figure::Captured, [6, 0])]);
        let open = world.hold(3);
        world.records.remove(&Key::Budget(key.clone()));
        assert_eq!(world.found(), [(key.clone(), Figure::Held, [3, 0]), (key.clone(), Figure::Captured, [6, 0])]);
        world.release(open);
        world.spend(1);
        assert_eq!(world.found(), [(key, Figure::Captured, [7, 1])]);
    }
}

#[test]
fn a_budget_that_is_gone_is_found_also_if_all_was_spent_under_an_unlock() {
    let mut world = World::new();
    world.unlock(at(60));
    world.spend(6);
    let key = budget_key(BY_TOKEN, "tbtc");
    world.records.remove(&Key::Budget(key.clone()));
    assert_eq!(world.found(), [(key, Figure::Captured, [6, 0])]);
}

#[test]
fn a_fee_in_a_coin_of_its_own_has_a_budget_that_may_not_be_gone() {
    let mut world = World::new();
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
    world.limits(BY_TOKEN, vec![unlimited("hteth:usdc"), unlimited("hteth")]);
    let asked = world.ask(5, |request| {
        (request.coin, request.fee_coin, request.fee) = (coin("hteth:usdc"), coin("hteth"), Amount::new(2));
    });
    let id = held(asked).id;
    world.capture_with_fee(id, Amount::new(5), Amount::new(1));
    world.is_conserved();
    let key = budget_key(BY_USER, "hteth");
    world.records.remove(&Key::Budget(key.clone()));
    assert_eq!(world.found(), [(key, Figure::Captured, [1, 0])]);
}

#[test]
fn a_group_says_what_its_coins_say_and_is_counted_anew_if_it_is_gone() {
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        world.limits(subject, vec![unlimited("tbtc"), count_limit("*", 2), over("rolling 60s", count_limit("*", 2))]);
        world.spend(1);
        world.spend(1);
        world.is_conserved();
        let key = budget_key(subject, "*");
        world.tamper(&key, |budget| budget.captured = Usage::default());
        assert_eq!(world.found(), [(key.clone(), Figure::Captured, [2, 0])]);
        world.records.remove(&Key::Budget(key.clone()));
        assert_eq!(world.found(), []);
        assert_eq!(world.refusal(1), "limit_exceeded");
        world.is_conserved();
        world.tamper(&key, emptied);
        assert_eq!(world.found(), [(key, Figure::Window(Window::parse("rolling 60s").unwrap()), [2, 0])]);
    }
}

#[test]
fn what_a_destination_got_is_found_to_be_too_little_or_gone() {
    let mut world = World::limited_for_each_destination();
    let asked = world.ask(0, |request| request.payees = vec![payee("a", 6), payee("b", 3)]);
    let id = held(asked).id;
    world.capture(id, Amount::new(9));
    world.is_conserved();
    let key = BudgetKey { destination: Some(to("a")), ..budget_key(BY_TOKEN, "tbtc") };
    let sound = world.records.clone();
    world.tamper(&key, emptied);
    assert_eq!(world.found(), [(key.clone(), Figure::Window(Window::parse("rolling 60s").unwrap()), [6, 0])]);
    world.records.clone_from(&sound);
    world.tamper(&key, |budget| budget.captured = Usage::default());
    assert_eq!(world.found(), [(key.clone(), Figure::Captured, [6, 0])]);
    world.records.remove(&Key::Budget(key.clone()));
    assert_eq!(world.found(), [(key, Figure::Captured, [6, 0])]);
}

#[test]
fn what_a_destination_got_before_it_was_counted_has_no_budget_and_misses_none() {
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        world.spend(3);
        let open = world.hold(2);
        let each = vec![of(Measure::AmountWithoutFee, limit("tbtc", 10))];
        let destinations = Some(Destinations { each, ..Destinations::default() });
        let limits = world.rules(subject).map_or_else(Vec::new, |rules| rules.limits.clone());
        world.edit(subject, LimitSet { limits, destinations }, true);
        world.is_conserved();
        world.now = at(5);
        world.capture(open, Amount::new(2));
        world.is_conserved();
    }
}

#[test]
fn more_than_was_captured_of_a_coin_is_found_as_well() {
    let mut world = World::limited(unlimited("tbtc"));
    world.spend(9);
    let key = budget_key(BY_TOKEN, "tbtc");
    world.tamper(&key, |budget| budget.captured = Usage { amount: Amount::new(10), ..budget.captured });
    assert_eq!(world.found(), [(key, Figure::Captured, [9, 10])]);
}

#[test]
fn what_a_destination_got_of_spends_that_were_forgotten_is_believed() {
    let mut world = World::limited_for_each_destination();
    let asked = world.ask(0, |request| request.payees = vec![payee("a", 6)]);
    world.capture(held(asked).id, Amount::new(6));
    world.now = at(100);
    let holds = world.spends().map(|hold| hold.id).collect();
    world.run(Command::Forget { holds, kept: world.now.since(at(50)) });
    assert_eq!(world.spends().count(), 0);
    world.is_conserved();
}

#[test]
fn a_subject_by_itself_is_held_against_its_own_spends_and_nobody_elses() {
    let mut world = World::limited(unlimited("tbtc"));
    world.spend(9);
    let found = |world: &World| {
        let mut conservation = Conservation::of(BY_TOKEN, world.now);
        world.spends().for_each(|hold| conservation.add(hold, |subject| world.rules(subject)));
        for (key, budget) in world.budgets().filter(|(key, _)| key.subject == BY_TOKEN) {
            assert_eq!(conservation.compare(key, budget, world.rules(BY_TOKEN)), []);
        }
        conservation.finish()
    };
    assert_eq!(found(&world), []);
    world.records.remove(&Key::Budget(budget_key(BY_TOKEN, "tbtc")));
    assert_eq!(found(&world).len(), 1);
}

#[test]
fn a_difference_says_whose_it_is_and_what_both_sides_say() {
    let mut world = World::limited(over("rolling 60s", limit("tbtc", 10)));
    world.spend(9);
    world.tamper(&budget_key(BY_TOKEN, "tbtc"), emptied);
    let told: Vec<_> = world.differences().iter().map(ToString::to_string).collect();
    let whose = "token 02020202020202020202020202020202, tbtc";
    let said = "the spends add up to 9 base units in 1 spends that count over `rolling 60s`, the budget says 0 in 0";
    assert_eq!(told, [format!("{whose}: {said}")]);
}

#[test]
fn the_fees_of_a_day_are_found_to_be_too_little() {
    let mut world = World::limited(unlimited("tbtc"));
    let ceiling = crate::ledger::FeeCeiling { per_spend: Amount::new(5), per_day: Amount::new(5) };
    let asked = world.ask(1, |request| (request.fee, request.fee_ceiling) = (Amount::new(4), Some(ceiling)));
    let id = held(asked).id;
    world.capture_with_fee(id, Amount::new(5), Amount::new(4));
    world.is_conserved();
    let key = budget_key(BY_WALLET, "tbtc");
    world.tamper(&key, emptied);
    assert_eq!(world.found(), [(key, Figure::Window(crate::ledger::fees::DAY), [5, 0])]);
}

#[test]
fn a_rolling_window_of_thousands_of_spends_is_sound_and_still_found() {
    let mut world = World::limited(over("rolling 900s", limit("tbtc", 9000)));
    for spend in 0..1200 {
        world.now = Timestamp::from_millis(spend * 1000);
        world.spend(1);
        if spend % 200 == 199 {
            world.is_conserved();
        }
    }
    let key = budget_key(BY_TOKEN, "tbtc");
    world.tamper(&key, emptied);
    assert_eq!(world.found().len(), 1);
}
