//! Edited limits find the history of their subject.

use super::*;
use crate::fixtures::{limit, unlimited};

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
