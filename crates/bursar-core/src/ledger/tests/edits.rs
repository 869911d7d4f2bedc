//! Edited limits find the history of their subject.

use super::*;
use crate::fixtures::{count_limit, limit, unlimited};
use crate::limit::Destinations;

#[test]
fn an_edit_never_resets_what_is_used() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(6);
    world.capture(spend, Amount::new(6));
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
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        let spend = world.hold(6);
        world.capture(spend, Amount::new(4));
        world.hold(3);
        world.limits(subject, vec![limit("tbtc", 10)]);
        assert_eq!(world.refusal(4), "limit_exceeded", "{}", subject.kind());
        world.hold(3);
    }
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
