//! Edited limits find the history of their subject, and nobody edits what they have not seen.

use super::*;
use crate::fixtures::{count_limit, limit, of, over, unlimited};
use crate::limit::{Destinations, InvalidLimit, Measure};

#[test]
fn an_edit_never_resets_what_is_used() {
    let mut world = World::limited(limit("tbtc", 10));
    world.spend(6);
    world.hold(3);
    world.limits(BY_TOKEN, vec![limit("tbtc", 12)]);
    assert_eq!(world.refusal(4), "limit_exceeded");
    world.hold(3);
}

#[test]
fn a_ceiling_below_what_is_used_stops_further_spending() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(6);
    world.limits(BY_TOKEN, vec![limit("tbtc", 5)]);
    assert_eq!(world.refusal(0), "limit_exceeded");
    world.capture(spend, Amount::new(5));
    assert_eq!(world.refusal(0), "held");
    assert_eq!(world.refusal(1), "limit_exceeded");
}

#[test]
fn a_new_limit_starts_with_what_its_subject_already_spent() {
    for window in ["lifetime", "rolling 60s", "calendar day UTC", "accrual 1 per 60s"] {
        for subject in EVERYBODY {
            let mut world = World::limited(unlimited("tbtc"));
            let spend = world.hold(6);
            world.capture(spend, Amount::new(4));
            world.hold(3);
            world.limits(subject, vec![over(window, limit("tbtc", 10)), over("spend", unlimited("tbtc"))]);
            assert_eq!(world.refusal(4), "limit_exceeded", "{} {window}", subject.kind());
            world.hold(3);
            world.is_conserved();
        }
    }
}

#[test]
fn a_limit_that_comes_back_finds_what_was_spent_in_between() {
    let minute = || over("rolling 60s", limit("tbtc", 10));
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), minute()]);
    world.spend(1);
    world.limits(BY_TOKEN, vec![unlimited("tbtc")]);
    world.now = at(10);
    world.spend(7);
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), minute()]);
    assert_eq!(world.refusal(3), "limit_exceeded");
    world.now = at(60);
    world.spend(3);
}

#[test]
fn a_group_that_comes_back_finds_what_was_spent_and_held_in_between() {
    let group = || vec![unlimited("tbtc"), count_limit("*", 3)];
    let mut world = World::new();
    world.limits(BY_TOKEN, group());
    world.spend(1);
    world.limits(BY_TOKEN, vec![unlimited("tbtc")]);
    assert_eq!(world.budget(BY_TOKEN, "*"), Budget::default());
    let held = world.hold(1);
    world.limits(BY_TOKEN, group());
    world.spend(1);
    assert_eq!(world.refusal(0), "limit_exceeded");
    world.release(held);
    world.is_conserved();
    world.spend(1);
    assert_eq!(world.refusal(0), "limit_exceeded");
}

#[test]
fn a_group_that_stays_keeps_its_budget_as_it_is() {
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), count_limit("*", 9)]);
    world.spend(1);
    world.hold(1);
    let before = world.budget(BY_TOKEN, "*");
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), count_limit("*", 8)]);
    assert_eq!(world.budget(BY_TOKEN, "*"), before);
    assert_ne!(before, Budget::default());
}

#[test]
fn a_coin_that_gets_an_entry_of_its_own_leaves_its_family_with_its_past() {
    let mut world = World::new();
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
    let spend = |world: &mut World, ticker| answer(&world.ask(4, |request| request.coin = coin(ticker)));
    world.limits(BY_TOKEN, vec![limit("*erc20", 10)]);
    assert_eq!(spend(&mut world, "hteth:usdc"), "held");
    assert_eq!(spend(&mut world, "hteth:dai"), "held");
    assert_eq!(spend(&mut world, "hteth:dai"), "limit_exceeded");
    world.limits(BY_TOKEN, vec![limit("*erc20", 10), limit("hteth:usdc", 7)]);
    assert_eq!(spend(&mut world, "hteth:usdc"), "limit_exceeded");
    assert_eq!(spend(&mut world, "hteth:dai"), "held");
    world.limits(BY_TOKEN, vec![limit("*erc20", 12)]);
    assert_eq!(spend(&mut world, "hteth:dai"), "limit_exceeded");
    world.limits(BY_TOKEN, vec![limit("*erc20", 16)]);
    assert_eq!(spend(&mut world, "hteth:usdt"), "held");
    world.is_conserved();
}

#[test]
fn what_is_spent_under_an_unlock_is_no_past_of_the_tokens_limits() {
    let mut world = World::new();
    world.unlock(at(60));
    world.spend(50);
    let held = world.hold(40);
    world.now = at(60);
    world.limits(BY_TOKEN, vec![limit("tbtc", 10), count_limit("*", 1), over("rolling 900s", limit("tbtc", 10))]);
    world.is_conserved();
    world.hold(10);
    world.capture(held, Amount::new(40));
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 10, 90]);
    world.is_conserved();
}

#[test]
fn a_removed_limit_does_not_let_the_token_spend_freely() {
    let mut world = World::limited(limit("tbtc", 10));
    world.hold(1);
    world.limits(BY_TOKEN, Vec::new());
    assert_eq!(world.refusal(1), "no_limit");
}

#[test]
fn a_limit_for_each_destination_finds_its_past_whatever_clock_dated_the_token() {
    // Issued in the same instant, and by a wall clock that was ahead and came back.
    for created in [at(0), at(500)] {
        let mut world = World::limited(unlimited("tbtc"));
        world.edit_token(|token| token.created = created);
        world.hold(1);
        let destinations = Destinations { each: vec![count_limit("tbtc", 1)], ..Destinations::default() };
        let rules = LimitSet { limits: vec![unlimited("tbtc")], destinations: Some(destinations) };
        let seen = world.version(&Key::Limits(BY_TOKEN));
        let edit = LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up: true };
        assert!(matches!(world.run(Command::SetLimits(Box::new(edit))).outcome, Outcome::Limits { .. }));
        assert_eq!(world.refusal(1), "limit_exceeded", "{created}");
    }
}

#[test]
fn an_edit_of_what_was_not_seen_conflicts_and_changes_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    world.limits(BY_TOKEN, vec![limit("tbtc", 9)]);
    let records = world.records.clone();
    for seen in [0, 1, 3] {
        let rules = LimitSet::of(vec![limit("tbtc", 8)]);
        let edit = LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up: true };
        let applied = world.run(Command::SetLimits(Box::new(edit)));
        assert!(matches!(applied.outcome, Outcome::Conflict(Key::Limits(BY_TOKEN))));
        assert_eq!(applied.event, None);
    }
    assert_eq!(world.records, records);
}

#[test]
fn limits_of_a_wallet_that_is_gone_are_not_written() {
    let mut world = World::limited(limit("tbtc", 10));
    let rules = || LimitSet::of(vec![limit("tbtc", 5)]);
    assert!(matches!(world.edit(BY_WALLET, rules(), true), Outcome::Limits { .. }));
    let delete = vec![Key::Wallet(WALLET), Key::Limits(BY_WALLET)];
    assert!(matches!(world.write(Write { delete, ..Write::default() }), Outcome::Written));
    assert!(matches!(world.edit(BY_WALLET, rules(), true), Outcome::Conflict(Key::Wallet(WALLET))));
    assert_eq!(world.rules(BY_WALLET), None);
}

#[test]
fn an_edit_tells_what_was_and_what_is() {
    let mut world = World::limited(limit("tbtc", 10));
    let fees = of(Measure::Fee, over("rolling 60s", limit("hteth:*", 5)));
    let rules = LimitSet::of(vec![unlimited("tbtc"), fees]);
    let edit = LimitEdit { subject: BY_TOKEN, seen: 1, rules: rules.clone(), stepped_up: true };
    let applied = world.run(Command::SetLimits(Box::new(edit)));
    let Outcome::Limits { rules: stored, version: 2 } = applied.outcome else { panic!("{:?}", applied.outcome) };
    assert_eq!(*stored, rules);
    let event = applied.event.unwrap();
    assert_eq!((event.action.as_str(), event.subject), ("limits.set", format!("token:{TOKEN}")));
    let told = |key: &str| event.data.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    assert_eq!(told("loosens"), Some("true"));
    assert_eq!(told("before"), Some("tbtc amount 10 over lifetime"));
    assert_eq!(told("after"), Some("tbtc amount unlimited over lifetime, hteth:* fee 5 over rolling 60s"));
    let numbered = Destinations { at_most: Some(2), ..Destinations::default() };
    let each = Destinations { each: vec![of(Measure::AmountWithoutFee, limit("tbtc", 5))], ..numbered.clone() };
    let told = |world: &mut World, seen, destinations| {
        let rules = LimitSet { limits: vec![unlimited("tbtc")], destinations: Some(destinations) };
        let edit = LimitEdit { subject: BY_TOKEN, seen, rules, stepped_up: true };
        let event = world.run(Command::SetLimits(Box::new(edit))).event.unwrap();
        event.data.into_iter().find(|(key, _)| key == "after").unwrap().1
    };
    assert_eq!(told(&mut world, 2, numbered), "tbtc amount unlimited over lifetime; at most 2 destinations");
    let told = told(&mut world, 3, each);
    assert!(
        told.ends_with("; at most 2 destinations; each destination tbtc amount without fee 5 over lifetime"),
        "{told}"
    );
}

#[test]
fn rules_that_cannot_be_are_refused_also_with_a_second_factor() {
    let mut world = World::new();
    let outcome = world.edit(BY_USER, LimitSet::of(vec![limit("*", 1)]), true);
    assert!(matches!(outcome, Outcome::Invalid(InvalidLimit::AmountOfManyCoins)));
    assert_eq!(world.rules(BY_USER), None);
}

#[test]
fn that_there_are_no_rules_is_said_once_and_told_by_the_trail() {
    let mut world = World::new();
    let mut say = || {
        let seen = world.version(&Key::Limits(BY_USER));
        let edit = LimitEdit { subject: BY_USER, seen, rules: LimitSet::default(), stepped_up: true };
        let applied = world.run(Command::SetLimits(Box::new(edit)));
        let Outcome::Limits { version, .. } = applied.outcome else { panic!("{:?}", applied.outcome) };
        (version, applied.event.is_some())
    };
    assert_eq!(say(), (1, true));
    assert_eq!(say(), (1, false), "what changes nothing leaves no trace");
}

#[test]
fn the_trail_has_all_rules_of_a_new_token_in_one_line() {
    let allowed = crate::limit::Allowed {
        destination: crate::fixtures::destination("2N9"),
        address: "2N9".to_owned(),
        coin: coin("tbtc"),
    };
    let rules = LimitSet {
        limits: vec![over("calendar day UTC", limit("tbtc", 10)), unlimited("hteth")],
        destinations: Some(Destinations {
            allowed: Some(vec![allowed]),
            at_most: Some(3),
            each: vec![of(Measure::AmountWithoutFee, limit("tbtc", 5))],
            ..Destinations::default()
        }),
    };
    assert_eq!(
        crate::ledger::rules_in_words(&rules),
        "tbtc amount 10 over calendar day UTC, hteth amount unlimited over lifetime; only to [2N9]; \
         at most 3 destinations; each destination tbtc amount without fee 5 over lifetime"
    );
}
