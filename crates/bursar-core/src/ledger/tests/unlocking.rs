//! Unlock, lock, revoke and extend.

use super::*;
use crate::fixtures::{limit, unlimited};
use crate::ledger::Unlocking;
use crate::refusal::Refusal;
use crate::token::{Lock, LockedBy, Token, TokenKind};

fn unlocked(outcome: &Outcome) -> Option<Timestamp> {
    match outcome {
        Outcome::Token(token) => token.unlock.map(|unlock| unlock.until),
        _ => None,
    }
}

fn resume(world: &mut World, until: Timestamp) -> Outcome {
    world.unlock_and(until, true, false)
}

#[test]
fn an_unlock_lifts_the_tokens_own_limits_and_nobody_elses() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    world.hold(50);
    for subject in [BY_USER, BY_WALLET, BY_ORGANISATION] {
        let mut world = World::limited(limit("tbtc", 100));
        world.limits(subject, vec![limit("tbtc", 10)]);
        world.unlock(at(60));
        assert_eq!(world.refusal(11), "limit_exceeded", "{}", subject.kind());
    }
}

#[test]
fn what_is_spent_under_an_unlock_weighs_on_all_but_the_token() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    let spend = world.hold(50);
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 0, 0]);
    assert_eq!(figures(&world.budget(BY_WALLET, "tbtc")), [0, 50, 0]);
    world.now = at(60);
    world.capture(spend, Amount::new(40));
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 0, 40]);
    for subject in [BY_USER, BY_WALLET, BY_ORGANISATION] {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [40, 0, 0], "{}", subject.kind());
    }
    world.hold(10);
    assert_eq!(world.refusal(1), "limit_exceeded");
}

#[test]
fn an_overridden_spend_that_is_released_leaves_the_tokens_budget_alone() {
    let mut world = World::limited(limit("tbtc", 10));
    world.hold(3);
    world.unlock(at(60));
    let spend = world.hold(50);
    world.release(spend);
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 3, 0]);
    assert_eq!(figures(&world.budget(BY_WALLET, "tbtc")), [0, 3, 0]);
}

#[test]
fn what_was_held_before_an_unlock_is_settled_as_it_was_held() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(10);
    world.unlock(at(60));
    world.capture(spend, Amount::new(10));
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [10, 0, 0]);
}

#[test]
fn a_one_time_password_unlocks_one_spend() {
    let mut world = World::limited(limit("tbtc", 10));
    world.lock();
    let stepped_up = |request: &mut HoldRequest| request.stepped_up = true;
    assert!(held(world.ask(50, stepped_up)).overridden);
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 0, 0]);
    assert_eq!(figures(&world.budget(BY_USER, "tbtc")), [0, 50, 0]);
    assert_eq!(world.refusal(1), "locked");
}

#[test]
fn a_session_never_spends_unless_unlocked() {
    let mut world = World::limited(unlimited("tbtc"));
    world.edit_token(|token| token.kind = TokenKind::Session);
    assert_eq!(world.refusal(0), "not_unlocked");
    world.unlock(at(60));
    world.hold(1);
    world.now = at(60);
    assert_eq!(world.refusal(1), "not_unlocked");
}

#[test]
fn limits_come_back_when_an_unlock_ends() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    world.now = at(59);
    world.hold(11);
    world.now = at(60);
    assert_eq!(world.refusal(11), "limit_exceeded");
    world.hold(10);
}

#[test]
fn a_lock_outlives_unlocks_until_it_is_resumed() {
    let mut world = World::limited(limit("tbtc", 10));
    world.lock();
    assert_eq!(world.refusal(1), "locked");
    world.unlock(at(60));
    assert_eq!(world.refusal(1), "held");
    world.now = at(60);
    assert_eq!(world.refusal(1), "locked");
    resume(&mut world, at(70));
    world.now = at(70);
    assert_eq!(world.refusal(1), "held");
}

#[test]
fn a_lock_is_lifted_alone_and_limits_hold_as_before() {
    let mut world = World::limited(limit("tbtc", 10));
    world.now = at(5);
    world.lock();
    let how = Unlocking { resume: true, drop_limits: true, agrees: false };
    let applied = world.run(Command::Unlock { token: TOKEN, duration: Span::ZERO, how });
    assert_eq!(applied.event.map(|event| event.action), Some("token.resume".to_owned()));
    let token = world.token();
    assert_eq!((token.locked, token.unlock, token.limits_dropped), (None, None, false));
    assert_eq!(world.refusal(11), "limit_exceeded");
    world.hold(10);
}

#[test]
fn a_lock_is_lifted_and_more_allowed_in_one_go() {
    let mut world = World::limited(limit("tbtc", 10));
    world.lock();
    assert_eq!(unlocked(&resume(&mut world, at(60))), Some(at(60)));
    assert_eq!(world.token().locked, None);
    world.hold(11);
}

#[test]
fn a_shorter_unlock_beside_a_longer_one_lifts_a_lock_only_where_that_is_asked() {
    let mut world = World::new();
    world.unlock(at(60));
    let locked = Some(Lock { since: at(0), by: LockedBy::Owner });
    let token = world.token();
    world.put(Record::Token(TOKEN, Token { locked, ..token }));
    assert!(matches!(world.unlock(at(30)), Outcome::UnlockedLonger { .. }));
    assert_eq!(world.token().locked, locked);
    let resuming = |world: &mut World| {
        let how = Unlocking { resume: true, drop_limits: false, agrees: false };
        world
            .run(Command::Unlock { token: TOKEN, duration: Span::from_seconds(30), how })
            .event
            .map(|event| event.action)
    };
    assert_eq!(resuming(&mut world).as_deref(), Some("token.resume"));
    assert_eq!(world.token().locked, None);
    assert_eq!(resuming(&mut world), None, "nothing was locked, and nothing is told");
}

#[test]
fn a_lock_ends_a_running_unlock_and_remembers_the_first_lock() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    world.lock();
    assert_eq!(world.refusal(1), "locked");
    world.now = at(5);
    world.lock();
    assert_eq!((world.token().locked, world.token().unlock), (Some(Lock { since: at(0), by: LockedBy::Owner }), None));
}

#[test]
fn an_unlock_never_passes_the_tokens_end() {
    let mut world = World::new();
    assert_eq!(unlocked(&world.unlock(at(5000))), Some(at(1000)));
    assert_eq!(unlocked(&world.unlock(at(5000))), Some(at(1000)));
    world.run(Command::Extend { token: TOKEN, until: at(500) });
    assert_eq!(world.token().unlock.unwrap().until, at(500));
}

#[test]
fn a_longer_unlock_is_not_shortened_but_an_ended_one_does_not_count() {
    let mut world = World::new();
    world.unlock(at(60));
    let before = world.token();
    assert!(matches!(world.unlock(at(30)), Outcome::UnlockedLonger { until } if until == at(60)));
    assert_eq!(world.token(), before);
    assert_eq!(unlocked(&world.unlock(at(90))), Some(at(90)));
    world.lock();
    assert_eq!(unlocked(&world.unlock(at(30))), Some(at(30)));
    world.now = at(30);
    assert_eq!(unlocked(&world.unlock(at(31))), Some(at(31)));
}

#[test]
fn limits_dropped_by_an_unlock_stay_dropped() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock_and(at(60), false, true);
    world.hold(50);
    world.now = at(60);
    assert_eq!(world.refusal(1), "no_limit");
    world.unlock(at(90));
    world.now = at(90);
    assert_eq!(world.refusal(1), "no_limit");
}

#[test]
fn locking_a_locked_token_changes_nothing_and_a_lock_may_say_why() {
    let mut world = World::limited(limit("tbtc", 10));
    let lock = |world: &mut World, by| world.run(Command::Lock { token: TOKEN, by });
    let event = lock(&mut world, LockedBy::Rail).event.unwrap();
    let why = ["more moved than was held for a spend of it", "moved_above_hold"].map(str::to_owned);
    assert_eq!(event.data, ["reason", "alarm"].map(str::to_owned).into_iter().zip(why).collect::<Vec<_>>());
    let records = world.records.clone();
    let again = lock(&mut world, LockedBy::Rail);
    assert_eq!((answer(&again.outcome), again.event), ("token", None));
    assert_eq!(world.records, records);
    // An unlock that is running is ended by it all the same.
    world.unlock(at(60));
    assert!(lock(&mut world, LockedBy::Owner).event.is_some());
    assert_eq!(world.refusal(1), "locked");
    assert_eq!(world.token().locked, Some(Lock { since: at(0), by: LockedBy::Rail }), "the gravest reason stays");
}

#[test]
fn what_the_check_of_the_ledger_stopped_no_code_lifts_until_its_budgets_agree() {
    let mut world = World::limited(limit("tbtc", 10));
    world.lock();
    world.now = at(1);
    let stopped = world.run(Command::Lock { token: TOKEN, by: LockedBy::Ledger });
    assert!(stopped.event.is_some(), "that its owner locked it hides no graver reason");
    let lock = Lock { since: at(0), by: LockedBy::Ledger };
    assert_eq!(world.token().locked, Some(lock));
    for resume in [false, true] {
        let Outcome::Refused(refusal) = world.unlock_and(at(60), resume, false) else { panic!() };
        assert_eq!(refusal, Refusal::Locked(lock));
    }
    assert_eq!(answer(&world.ask(1, |request| request.stepped_up = true)), "locked", "nor a code for one spend");
    let agreed = |resume| Command::Unlock {
        token: TOKEN,
        duration: Span::from_seconds(10),
        how: Unlocking { resume, agrees: true, ..Unlocking::default() },
    };
    world.run(agreed(false));
    assert_eq!(world.refusal(1), "held");
    world.now = at(11);
    assert_eq!(world.refusal(1), "locked");
    world.run(agreed(true));
    world.now = at(60);
    assert_eq!(world.refusal(1), "held");
    assert_eq!(world.token().locked, None);
}

#[test]
fn the_check_of_the_ledger_ends_an_unlock_that_is_running() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    world.run(Command::Lock { token: TOKEN, by: LockedBy::Ledger });
    assert_eq!(world.refusal(1), "locked");
}

#[test]
fn limits_that_are_set_after_they_were_dropped_count() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock_and(at(60), false, true);
    world.now = at(60);
    // What needs no second factor lets nothing more be spent.
    assert_eq!(answer(&world.edit(BY_TOKEN, LimitSet::of(vec![limit("tbtc", 9)]), false)), "limits");
    assert_eq!(world.refusal(1), "no_limit");
    world.limits(BY_TOKEN, vec![limit("tbtc", 10)]);
    assert_eq!(world.refusal(11), "limit_exceeded");
    assert_eq!(world.refusal(10), "held");
}

#[test]
fn a_revoked_token_does_nothing_and_cannot_come_back() {
    let mut world = World::limited(limit("tbtc", 10));
    world.unlock(at(60));
    world.now = at(1);
    world.run(Command::Revoke { token: TOKEN });
    let revoked = world.token();
    assert_eq!((revoked.revoked, revoked.unlock, revoked.expires), (Some(at(1)), None, at(1)));
    assert_eq!(world.refusal(1), "token_revoked");
    for outcome in
        [world.unlock(at(60)), world.lock(), world.run(Command::Extend { token: TOKEN, until: at(5000) }).outcome]
    {
        assert!(matches!(outcome, Outcome::Refused(Refusal::TokenRevoked { at: since }) if since == at(1)));
    }
    world.now = at(2);
    let again = world.run(Command::Revoke { token: TOKEN });
    assert!(matches!(again.outcome, Outcome::Token(_)) && again.event.is_none());
    assert_eq!(world.token(), revoked);
}

#[test]
fn an_expired_token_can_be_revoked_but_not_changed() {
    let mut world = World::new();
    world.now = at(1000);
    for outcome in
        [world.unlock(at(2000)), world.lock(), world.run(Command::Extend { token: TOKEN, until: at(5000) }).outcome]
    {
        assert!(matches!(outcome, Outcome::Refused(Refusal::TokenExpired { .. })));
    }
    world.now = at(1001);
    world.run(Command::Revoke { token: TOKEN });
    assert_eq!((world.token().revoked, world.token().expires), (Some(at(1001)), at(1000)));
}

#[test]
fn an_extended_session_lives_to_its_new_end() {
    let mut world = World::limited(limit("tbtc", 10));
    world.run(Command::Extend { token: TOKEN, until: at(2000) });
    world.now = at(1999);
    world.hold(1);
    world.now = at(2000);
    assert_eq!(world.refusal(1), "token_expired");
}

#[test]
fn a_token_that_is_not_there_is_unknown_to_every_command() {
    let mut world = World::new();
    world.records.remove(&Key::Token(TOKEN));
    let revoke = world.run(Command::Revoke { token: TOKEN }).outcome;
    let extend = world.run(Command::Extend { token: TOKEN, until: at(1) }).outcome;
    for outcome in [world.unlock(at(60)), world.lock(), revoke, extend, world.ask(1, |_| ())] {
        assert!(matches!(outcome, Outcome::Refused(Refusal::TokenUnknown)));
    }
}
