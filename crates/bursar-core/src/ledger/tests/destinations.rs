//! Where money may go, and how much to each.

use super::*;
use crate::decimals::Decimals;
use crate::fixtures::{count_limit, destination, limit, of, over, payee, unlimited};
use crate::ledger::Versioned;
use crate::limit::{Allowed, Destinations, Measure, Window};

fn only_to(addresses: &[&str]) -> Destinations {
    let allow = |address: &&str| Allowed {
        destination: destination(address),
        address: (*address).to_owned(),
        coin: coin("tbtc"),
    };
    Destinations { allowed: Some(addresses.iter().map(allow).collect()), ..Destinations::default() }
}

fn at_most(number: u32) -> Destinations {
    Destinations { at_most: Some(number), ..Destinations::default() }
}

fn each(limits: Vec<Limit>) -> Destinations {
    Destinations { each: limits, ..Destinations::default() }
}

fn without_fee(ceiling: u128) -> Limit {
    of(Measure::AmountWithoutFee, limit("tbtc", ceiling))
}

fn governed(subject: Subject, destinations: Destinations) -> World {
    let mut world = World::limited(unlimited("tbtc"));
    world.govern(subject, destinations);
    world
}

impl World {
    fn govern(&mut self, subject: Subject, destinations: Destinations) {
        let limits = self.rules(subject).map_or(Vec::new(), |rules| rules.limits.clone());
        let rules = LimitSet { limits, destinations: Some(destinations) };
        assert_eq!(answer(&self.edit(subject, rules, true)), "limits");
    }

    fn pay(&mut self, payments: &[(&str, u128)]) -> Outcome {
        self.ask(0, |request| request.payees = payments.iter().map(|(to, amount)| payee(to, *amount)).collect())
    }

    fn paying(&mut self, payments: &[(&str, u128)]) -> &'static str {
        answer(&self.pay(payments))
    }
}

#[test]
fn each_recipient_is_checked_by_each_subject() {
    for subject in EVERYBODY {
        let mut world = governed(subject, only_to(&["a", "b"]));
        assert_eq!(world.paying(&[("a", 1)]), "held");
        assert_eq!(world.paying(&[("a", 1), ("b", 1)]), "held");
        let records = world.records.clone();
        let outcome = world.pay(&[("a", 1), ("c", 0)]);
        let Outcome::Refused(Refusal::DestinationNotAllowed { subject: whose, address }) = outcome else { panic!() };
        assert_eq!((whose, address.as_str()), (subject, "c"));
        assert_eq!(world.records, records);
    }
}

#[test]
fn an_empty_list_allows_nobody() {
    let mut world = governed(BY_TOKEN, only_to(&[]));
    assert_eq!(world.paying(&[("a", 0)]), "destination_not_allowed");
}

#[test]
fn an_unlock_lifts_limits_and_no_destinations() {
    let mut world = governed(BY_TOKEN, only_to(&["a"]));
    world.unlock(at(60));
    assert_eq!(world.paying(&[("b", 1)]), "destination_not_allowed");
    assert_eq!(world.paying(&[("a", 1)]), "held");
    let mut world = governed(BY_TOKEN, at_most(1));
    world.unlock(at(60));
    assert_eq!(world.paying(&[("a", 1)]), "held");
    assert_eq!(world.paying(&[("b", 1)]), "too_many_destinations");
}

#[test]
fn what_was_paid_before_may_be_paid_again_when_no_more_are_allowed() {
    for subject in EVERYBODY {
        let mut world = governed(subject, at_most(2));
        assert_eq!(world.paying(&[("a", 1), ("b", 1), ("c", 1)]), "too_many_destinations");
        assert_eq!(world.paying(&[("a", 1), ("a", 1)]), "held");
        assert_eq!(world.paying(&[("b", 1), ("c", 1)]), "too_many_destinations");
        assert_eq!(world.paying(&[("b", 1)]), "held");
        assert_eq!(world.paying(&[("c", 1)]), "too_many_destinations");
        assert_eq!(world.paying(&[("a", 1), ("b", 1)]), "held");
        world.govern(subject, at_most(1));
        assert_eq!(world.paying(&[("b", 1)]), "held");
        assert_eq!(world.paying(&[("c", 1)]), "too_many_destinations");
    }
}

#[test]
fn a_number_of_destinations_that_is_limited_later_starts_with_those_paid_before() {
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        let captured = held(world.pay(&[("a", 1)]));
        world.capture(captured.id, Amount::new(1));
        assert_eq!(world.paying(&[("b", 1)]), "held");
        let released = held(world.pay(&[("c", 1)]));
        world.release(released.id);
        world.govern(subject, at_most(2));
        assert_eq!(world.paying(&[("c", 1)]), "too_many_destinations", "{}", subject.kind());
        assert_eq!(world.paying(&[("a", 1), ("b", 1)]), "held");
        world.govern(subject, Destinations::default());
        assert_eq!(world.paying(&[("c", 1)]), "held");
        world.govern(subject, at_most(3));
        assert_eq!(world.paying(&[("d", 1)]), "too_many_destinations", "{}", subject.kind());
        assert_eq!(world.paying(&[("c", 1)]), "held");
    }
}

#[test]
fn a_destination_counts_as_long_as_a_spend_pays_it() {
    for subject in EVERYBODY {
        let mut world = governed(subject, at_most(1));
        let first = held(world.pay(&[("a", 1), ("a", 2)]));
        let second = held(world.pay(&[("a", 1)]));
        world.release(first.id);
        assert_eq!(world.paying(&[("b", 1)]), "too_many_destinations");
        world.release(second.id);
        let other = held(world.pay(&[("b", 1)]));
        assert_eq!(world.paying(&[("a", 1)]), "too_many_destinations");
        // Money that moved after all was paid to somebody.
        world.capture(first.id, Amount::new(3));
        world.edit_token(|token| token.locked = None);
        world.release(other.id);
        assert_eq!(world.paying(&[("b", 1)]), "too_many_destinations", "{}", subject.kind());
        assert_eq!(world.paying(&[("a", 1)]), "held");
    }
}

#[test]
fn whom_a_subject_paid_is_kept_only_as_long_as_their_number_is_limited() {
    let mut world = governed(BY_TOKEN, at_most(2));
    assert_eq!(world.paying(&[("a", 1), ("b", 1)]), "held");
    let kept = |world: &World| EVERYBODY.map(|subject| world.find(&Key::Paid(subject)).is_some());
    assert_eq!(kept(&world), EVERYBODY.map(|subject| subject == BY_TOKEN));
    world.govern(BY_TOKEN, Destinations::default());
    assert_eq!(kept(&world), [false; 4]);
    assert_eq!(world.paying(&[("c", 1)]), "held");
    assert_eq!(kept(&world), [false; 4]);
}

#[test]
fn a_release_makes_nobody_a_payee() {
    let mut world = World::limited(unlimited("tbtc"));
    let open = held(world.pay(&[("a", 1)]));
    // As if nobody had looked at the past when their number was limited.
    world.put(Record::Limits(BY_TOKEN, LimitSet { limits: vec![], destinations: Some(at_most(1)) }));
    world.release(open.id);
    let paid = |found: Versioned<Record>| matches!(found.value, Record::Paid(_, paid) if !paid.is_empty());
    assert!(!world.find(&Key::Paid(BY_TOKEN)).is_some_and(paid));
}

#[test]
fn an_edit_that_goes_on_limiting_whom_a_subject_pays_goes_on_from_whom_it_paid() {
    for subject in EVERYBODY {
        let mut world = governed(subject, at_most(1));
        let first = held(world.pay(&[("a", 1)]));
        world.capture(first.id, Amount::new(1));
        world.now = at(1);
        // What is not kept one by one any more can only be known from what was noted.
        let forget = Command::Forget { holds: vec![first.id], kept: Span::ZERO };
        assert!(matches!(world.run(forget).outcome, Outcome::Forgotten { spends: 1 }));
        world.govern(subject, at_most(1));
        assert_eq!(world.paying(&[("b", 1)]), "too_many_destinations", "{}", subject.kind());
        assert_eq!(world.paying(&[("a", 1)]), "held");
    }
}

#[test]
fn an_edit_that_counts_no_destinations_leaves_none_counted() {
    let mut world = World::limited(unlimited("tbtc"));
    assert_eq!(world.paying(&[("a", 1)]), "held");
    world.limits(BY_TOKEN, vec![limit("tbtc", 9)]);
    assert!(world.find(&Key::Paid(BY_TOKEN)).is_none());
    world.govern(BY_TOKEN, at_most(2));
    let rules = world.rules(BY_TOKEN).unwrap().destinations.as_ref().unwrap();
    assert_eq!(rules.counted_since, None, "their number is limited, and not what each gets");
}

#[test]
fn what_a_wallet_paid_before_a_token_was_made_counts_for_that_token_too() {
    let mut world = World::limited(unlimited("tbtc"));
    let first = held(world.pay(&[("a", 6)]));
    world.capture(first.id, Amount::new(6));
    world.now = at(5);
    world.govern(BY_WALLET, each(vec![without_fee(10)]));
    world.edit_token(|token| token.created = at(9));
    world.now = at(10);
    assert_eq!(world.paying(&[("a", 5)]), "limit_exceeded");
    assert_eq!(world.paying(&[("a", 4)]), "held");
}

#[test]
fn each_destination_has_a_limit_of_its_own_for_every_subject() {
    for subject in EVERYBODY {
        let mut world = governed(subject, each(vec![without_fee(10), over("rolling 60s", count_limit("tbtc", 2))]));
        assert_eq!(world.paying(&[("a", 10), ("b", 9)]), "held");
        assert_eq!(world.paying(&[("a", 1)]), "limit_exceeded");
        assert_eq!(world.paying(&[("b", 2)]), "limit_exceeded");
        assert_eq!(world.paying(&[("b", 1), ("c", 5), ("c", 5)]), "held");
        assert_eq!(world.paying(&[("b", 0)]), "limit_exceeded");
        assert_eq!(world.paying(&[("c", 1)]), "limit_exceeded");
        world.is_conserved();
    }
}

#[test]
fn a_fee_goes_to_no_destination() {
    let mut world = governed(BY_TOKEN, each(vec![without_fee(10)]));
    let hold = held(world.ask(10, |request| request.fee = Amount::new(5)));
    world.capture_with_fee(hold.id, Amount::new(9), Amount::new(4));
    assert_eq!(answer(&world.ask(5, |request| request.fee = Amount::new(5))), "held");
    assert_eq!(world.refusal(1), "limit_exceeded");
    world.is_conserved();
}

#[test]
fn a_limit_for_each_destination_starts_with_what_each_has_got() {
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        let Outcome::Held { hold, .. } = world.pay(&[("a", 3)]) else { panic!() };
        world.capture(hold.id, Amount::new(2));
        assert_eq!(world.paying(&[("a", 4), ("b", 9)]), "held");
        world.now = at(5);
        world.govern(subject, each(vec![without_fee(10)]));
        assert_eq!(world.paying(&[("a", 5)]), "limit_exceeded", "{}", subject.kind());
        assert_eq!(world.paying(&[("a", 4), ("b", 1), ("c", 10)]), "held");
        world.is_conserved();
    }
}

#[test]
fn what_a_destination_got_of_another_coin_is_not_taken_for_this_one() {
    for subject in EVERYBODY {
        let mut world = World::new();
        world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
        world.limits(BY_TOKEN, vec![unlimited("hteth"), unlimited("hteth:usdc")]);
        let paying = |world: &mut World, of: &str, amount| {
            world.ask(amount, |request| (request.coin, request.fee_coin) = (coin(of), coin("hteth")))
        };
        let captured = held(paying(&mut world, "hteth:usdc", 9));
        world.capture(captured.id, Amount::new(9));
        held(paying(&mut world, "hteth:usdc", 9));
        held(paying(&mut world, "hteth", 4));
        world.govern(subject, each(vec![of(Measure::AmountWithoutFee, limit("hteth", 10))]));
        assert_eq!(answer(&paying(&mut world, "hteth", 7)), "limit_exceeded", "{}", subject.kind());
        assert_eq!(answer(&paying(&mut world, "hteth", 6)), "held", "{}", subject.kind());
        world.is_conserved();
    }
}

#[test]
fn what_each_destination_gets_goes_on_being_counted_when_its_limit_is_gone() {
    let mut world = governed(BY_WALLET, each(vec![over("rolling 900s", without_fee(10))]));
    let captured = |world: &mut World, payments: &[(&str, u128)]| {
        let Outcome::Held { hold, .. } = world.pay(payments) else { panic!() };
        world.capture(hold.id, hold.cost.amount);
    };
    captured(&mut world, &[("a", 1)]);
    assert_eq!(answer(&world.edit(BY_WALLET, LimitSet::default(), true)), "limits");
    captured(&mut world, &[("a", 6)]);
    captured(&mut world, &[("b", 9)]);
    world.govern(BY_WALLET, each(vec![over("rolling 900s", without_fee(10)), count_limit("tbtc", 2)]));
    assert_eq!(world.paying(&[("b", 2)]), "limit_exceeded");
    assert_eq!(world.paying(&[("a", 0)]), "limit_exceeded");
    assert_eq!(world.paying(&[("b", 1)]), "held");
    world.is_conserved();
}

#[test]
fn a_part_that_was_captured_counts_in_full_for_each_of_several_recipients() {
    let mut world = governed(BY_TOKEN, each(vec![without_fee(10)]));
    let Outcome::Held { hold, .. } = world.pay(&[("a", 6), ("b", 6)]) else { panic!() };
    world.capture(hold.id, Amount::new(6));
    assert_eq!(world.paying(&[("a", 5)]), "limit_exceeded");
    assert_eq!(world.paying(&[("b", 4)]), "held");
    let Outcome::Held { hold, .. } = world.pay(&[("c", 10)]) else { panic!() };
    world.capture(hold.id, Amount::new(3));
    assert_eq!(world.paying(&[("c", 7)]), "held");
    world.is_conserved();
}

#[test]
fn destinations_come_before_limits_and_before_what_the_token_may_spend_alone() {
    let mut world = World::new();
    world.govern(BY_WALLET, only_to(&["a"]));
    assert_eq!(world.paying(&[("b", 1)]), "destination_not_allowed");
    assert_eq!(world.paying(&[("a", 1)]), "no_limit");
}

#[test]
fn a_refusal_names_the_destination_whose_limit_has_no_room() {
    let mut world = governed(BY_TOKEN, each(vec![without_fee(10)]));
    let Outcome::Refused(refusal) = world.pay(&[("a", 10), ("b", 11)]) else { panic!() };
    assert!(
        refusal.sentence(&Decimals::default()).contains("limit of tbtc 0.0000001 in total without fees for `b` leaves"),
        "{}",
        refusal.sentence(&Decimals::default())
    );
    let Refusal::LimitExceeded(reports) = refusal else { panic!() };
    let told = |report: &LimitReport| (report.destination.clone(), report.fits());
    let of = |name: &str| Some(name.to_owned());
    assert_eq!(reports.iter().map(told).collect::<Vec<_>>(), [(of("b"), false), (None, true), (of("a"), true)]);
}

#[test]
fn what_several_got_above_the_hold_counts_for_each_of_them() {
    for subject in EVERYBODY {
        let mut world = governed(subject, each(vec![without_fee(10)]));
        let hold = held(world.pay(&[("a", 1), ("b", 2)]));
        world.capture(hold.id, Amount::new(8));
        world.edit_token(|token| token.locked = None);
        assert_eq!(world.paying(&[("a", 5)]), "limit_exceeded");
        assert_eq!(world.paying(&[("b", 4)]), "limit_exceeded");
        assert_eq!(world.paying(&[("a", 4), ("b", 3)]), "held", "{}", subject.kind());
        world.is_conserved();
    }
}

#[test]
fn a_refusal_of_many_recipients_stays_short_and_true() {
    let limits = (1..60).map(|days| over(&format!("rolling {days}s"), without_fee(1)));
    let mut world = governed(BY_TOKEN, each(limits.collect()));
    let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let pay = |amount| names.iter().map(|name| (name.as_str(), amount)).collect::<Vec<_>>();
    assert_eq!(world.paying(&pay(1)), "held");
    world.limits(BY_ORGANISATION, vec![limit("tbtc", 150)]);
    let Outcome::Refused(refusal) = world.pay(&pay(1)) else { panic!("it is refused") };
    let Refusal::LimitExceeded(reports) = &refusal else { panic!("{refusal:?}") };
    assert_eq!(reports.len(), LimitSet::MOST);
    assert!(reports.iter().any(|report| report.subject == BY_ORGANISATION), "an unlock would not do");
    assert!(refusal.sentence(&Decimals::default()).len() < 16_384);
}

#[test]
fn the_trail_has_of_an_edit_what_it_changes_and_nothing_of_one_that_changes_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    let mut edit = |seen, destinations| {
        let rules = LimitSet { limits: vec![limit("tbtc", 10)], destinations };
        world.run(Command::SetLimits(Box::new(LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up: true })))
    };
    let told = |applied: &crate::ledger::Applied, key: &str| {
        let event = applied.event.as_ref().unwrap();
        event.data.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone())
    };
    let made = edit(1, Some(only_to(&["a", "b", "c"])));
    assert_eq!(told(&made, "allowed").as_deref(), Some("a, b, c"));
    let same = edit(2, Some(only_to(&["a", "b", "c"])));
    assert!(matches!(same.outcome, Outcome::Limits { version: 2, .. }), "{:?}", same.outcome);
    assert_eq!(same.event, None);
    let changed = edit(2, Some(only_to(&["a", "d", "c"])));
    assert_eq!(told(&changed, "allowed").as_deref(), Some("d"));
    assert_eq!(told(&changed, "disallowed").as_deref(), Some("b"));
    assert_eq!(told(&changed, "after").as_deref(), Some("tbtc amount 10 over lifetime; only to 3 destinations"));
}

/// A token that paid 6 to `a`, holds 2 for `c`, and had 5 for `d` released.
fn with_a_past() -> (World, HoldId) {
    let mut world = World::limited(unlimited("tbtc"));
    let first = held(world.pay(&[("a", 6)]));
    world.capture(first.id, Amount::new(6));
    held(world.pay(&[("c", 2)]));
    let released = held(world.pay(&[("d", 5)]));
    world.release(released.id);
    world.now = at(1);
    (world, released.id)
}

const WINDOWS: [&str; 4] = ["lifetime", "rolling 60s", "calendar day UTC", "fixed 60s from 1970-01-01T00:00:00.000Z"];

#[test]
fn an_edit_that_begins_to_look_at_each_destination_knows_what_all_of_them_got() {
    for subject in EVERYBODY {
        for window in WINDOWS {
            let (mut world, _) = with_a_past();
            world.govern(subject, each(vec![over(window, without_fee(10))]));
            world.is_conserved();
            for (address, room) in [("a", 4), ("c", 8), ("d", 10), ("e", 10)] {
                assert_eq!(world.paying(&[(address, room + 1)]), "limit_exceeded", "{window} {address}");
                assert_eq!(world.paying(&[(address, room)]), "held", "{window} {address}");
            }
            world.is_conserved();
        }
    }
}

#[test]
fn another_window_for_each_destination_begins_with_what_all_of_them_got() {
    for window in WINDOWS {
        let (mut world, _) = with_a_past();
        world.govern(BY_TOKEN, each(vec![over("rolling 900s", without_fee(100))]));
        let later = held(world.pay(&[("e", 3)]));
        world.capture(later.id, Amount::new(3));
        world.govern(BY_TOKEN, each(vec![over(window, without_fee(10))]));
        world.is_conserved();
        for (address, room) in [("a", 4), ("e", 7)] {
            assert_eq!(world.paying(&[(address, room + 1)]), "limit_exceeded", "{window} {address}");
            assert_eq!(world.paying(&[(address, room)]), "held", "{window} {address}");
        }
    }
}

#[test]
fn a_spend_reads_nothing_of_the_past_of_its_destinations() {
    let (mut world, _) = with_a_past();
    world.govern(BY_TOKEN, each(vec![over("rolling 60s", without_fee(10))]));
    for address in ["a", "c", "d", "e"] {
        let request = HoldRequest { payees: vec![payee(address, 1)], ..world.request(Amount::ZERO) };
        let loaded = world.load(&mut State::default(), &Command::Hold(Box::new(request)));
        assert!(!loaded.iter().any(|key| matches!(key, Key::History(_))), "{address}: {loaded:?}");
    }
}

#[test]
fn an_edit_that_only_moves_ceilings_reads_nothing_of_the_past() {
    let (mut world, _) = with_a_past();
    world.govern(BY_TOKEN, each(vec![over("rolling 60s", without_fee(10))]));
    let rules = LimitSet { limits: vec![], destinations: Some(each(vec![over("rolling 60s", without_fee(9))])) };
    let seen = world.version(&Key::Limits(BY_TOKEN));
    let edit = LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up: true };
    let loaded = world.load(&mut State::default(), &Command::SetLimits(Box::new(edit)));
    assert!(!loaded.iter().any(|key| matches!(key, Key::History(_))), "{loaded:?}");
}

#[test]
fn an_edit_that_is_not_granted_reads_nothing_of_the_past() {
    let (mut world, _) = with_a_past();
    world.govern(BY_TOKEN, Destinations { at_most: None, ..each(vec![over("rolling 60s", without_fee(10))]) });
    let seen = world.version(&Key::Limits(BY_TOKEN));
    let rules = |window| LimitSet {
        limits: vec![unlimited("tbtc")],
        destinations: Some(Destinations { at_most: Some(3), ..each(vec![over(window, without_fee(10))]) }),
    };
    let reads = |seen, rules: LimitSet, stepped_up| {
        let edit = LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up };
        let loaded = world.load(&mut State::default(), &Command::SetLimits(Box::new(edit)));
        loaded.iter().filter(|key| matches!(key, Key::History(_))).count()
    };
    assert_eq!(reads(seen, rules("rolling 900s"), true), 2, "of whom it paid, and of what each got");
    assert_eq!(reads(seen, rules("rolling 900s"), false), 0, "it takes a code");
    assert_eq!(reads(seen - 1, rules("rolling 900s"), true), 0, "somebody was first");
    let twice = LimitSet { limits: vec![unlimited("tbtc"); 2], ..rules("rolling 900s") };
    assert_eq!(reads(seen, twice, true), 0, "such rules cannot be");
}

#[test]
fn what_moves_after_all_counts_for_a_destination_that_had_got_nothing_when_counting_began() {
    for subject in EVERYBODY {
        for window in WINDOWS {
            let (mut world, released) = with_a_past();
            world.govern(subject, each(vec![over(window, without_fee(10))]));
            assert_eq!(answer(&world.capture(released, Amount::new(5))), "settled");
            world.is_conserved();
            let key = BudgetKey { destination: Some(destination("d").id()), ..budget_key(subject, "tbtc") };
            let (_, budget) = world.budgets().find(|(known, _)| **known == key).unwrap();
            assert_eq!(budget.used(&Window::parse(window).unwrap(), world.now), Usage::one(Amount::new(5)), "{window}");
        }
    }
}

#[test]
fn a_number_of_destinations_is_limited_only_where_all_of_them_can_be_kept() {
    let most = u32::try_from(Destinations::MOST_PAID).unwrap();
    let mut world = World::limited(unlimited("tbtc"));
    let rules = |number| LimitSet { limits: vec![unlimited("tbtc")], destinations: Some(at_most(number)) };
    assert_eq!(answer(&world.edit(BY_TOKEN, rules(most + 1), true)), "invalid");
    let addresses: Vec<String> = (0..=most).map(|number| number.to_string()).collect();
    let (last, others) = addresses.split_last().unwrap();
    for part in others.chunks(2000) {
        let payments: Vec<(&str, u128)> = part.iter().map(|address| (address.as_str(), 1)).collect();
        assert_eq!(world.paying(&payments), "held");
    }
    assert_eq!(answer(&world.edit(BY_TOKEN, rules(most), true)), "limits");
    assert_eq!(world.paying(&[(last, 1)]), "too_many_destinations");
    world.limits(BY_TOKEN, vec![unlimited("tbtc")]);
    assert_eq!(world.paying(&[(last, 1)]), "held");
    assert_eq!(answer(&world.edit(BY_TOKEN, rules(1), true)), "invalid", "more were paid than can be kept");
}
