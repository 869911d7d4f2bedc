//! Letting go of old spends: their names are free, their sums stay.

use super::*;
use crate::fixtures::{limit, over, unlimited};
use crate::hold::SpendKey;
use crate::time::Span;

impl World {
    /// What was settled before `before`, which is not to come.
    fn forget(&mut self, before: Timestamp) -> u64 {
        let holds = self.spends().map(|hold| hold.id).collect();
        let kept = self.now.since(before);
        match self.run(Command::Forget { holds, kept }).outcome {
            Outcome::Forgotten { spends } => spends,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_what_was_settled_before_is_forgotten() {
    let mut world = World::limited(limit("tbtc", 100));
    world.spend(1);
    let [released, open, unresolved] = [world.hold(2), world.hold(3), world.hold(4)];
    world.release(released);
    world.expire(unresolved);
    world.now = at(10);
    world.spend(5);
    assert_eq!(world.forget(at(10)), 2);
    assert_eq!(world.forget(at(10)), 0);
    let mut kept: Vec<_> = world.spends().map(|hold| hold.id).collect();
    kept.sort_unstable();
    assert_eq!(kept[..2], [open, unresolved]);
    assert_eq!(kept.len(), 3);
    world.is_conserved();
}

#[test]
fn what_was_forgotten_still_counts_for_life_also_under_a_new_limit() {
    let mut world = World::limited(unlimited("tbtc"));
    world.spend(6);
    world.now = at(1);
    assert_eq!(world.forget(at(1)), 1);
    for subject in EVERYBODY {
        assert_eq!(world.budget(subject, "tbtc").rolled, Usage::one(Amount::new(6)));
        world.limits(subject, vec![limit("tbtc", 10)]);
        assert_eq!(world.refusal(5), "limit_exceeded", "{}", subject.kind());
        assert_eq!(world.refusal(4), "held");
        world.release(world::hold_id(world.holds));
        world.limits(subject, vec![unlimited("tbtc")]);
    }
    world.is_conserved();
}

#[test]
fn what_was_forgotten_still_counts_under_a_new_limit_on_a_group() {
    let mut world = World::limited(unlimited("tbtc"));
    (0..3).for_each(|_| world.spend(1));
    world.now = at(1);
    world.forget(at(1));
    world.spend(1);
    world.limits(BY_WALLET, vec![crate::fixtures::count_limit("*", 5)]);
    world.hold(0);
    assert_eq!(world.refusal(0), "limit_exceeded");
    world.is_conserved();
}

#[test]
fn what_was_forgotten_goes_on_wearing_off() {
    let mut world = World::limited(over("accrual 1 per 60s", limit("tbtc", 10)));
    world.spend(10);
    world.now = at(1);
    world.forget(at(1));
    assert_eq!(world.refusal(1), "limit_exceeded");
    world.now = at(60);
    world.hold(1);
}

#[test]
fn what_was_spent_under_an_unlock_is_forgotten_in_balance() {
    let mut world = World::new();
    world.unlock(at(60));
    world.spend(6);
    world.now = at(1);
    world.is_conserved();
    world.forget(at(1));
    world.is_conserved();
    let budget = world.budget(BY_TOKEN, "tbtc");
    assert_eq!((figures(&budget), budget.rolled), ([0, 0, 6], Usage::one(Amount::new(6))));
}

#[test]
fn a_forgotten_name_may_be_given_again() {
    let mut world = World::limited(limit("tbtc", 100));
    let named = |request: &mut HoldRequest| {
        request.key = Some(SpendKey::Client(TOKEN, "order-1".to_owned()));
        request.instruction = vec![7; 100];
    };
    let hold = held(world.ask(1, named));
    world.capture(hold.id, Amount::new(1));
    world.now = at(1);
    assert_eq!(answer(&world.ask(1, named)), "known");
    world.forget(at(1));
    assert!(hold.names().iter().all(|name| !world.records.contains_key(&Key::SpendKey(name.clone()))));
    assert_eq!(answer(&world.ask(1, named)), "held");
}

#[test]
fn forgetting_is_told_once() {
    let mut world = World::limited(limit("tbtc", 100));
    world.spend(1);
    world.now = at(1);
    let forget =
        |world: &World| Command::Forget { holds: world.spends().map(|hold| hold.id).collect(), kept: Span::ZERO };
    let told = world.run(forget(&world)).event.unwrap();
    assert_eq!((told.action.as_str(), told.data[0].1.as_str()), ("spends.roll", "1"));
    assert_eq!(world.run(forget(&world)).event, None);
    let unknown = Command::Forget { holds: vec![world::hold_id(99)], kept: Span::ZERO };
    assert!(matches!(world.run(unknown).outcome, Outcome::Forgotten { spends: 0 }));
}
