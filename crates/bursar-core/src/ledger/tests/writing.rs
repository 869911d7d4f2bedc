//! Writes of records that other crates decided: only on what they read, and in full.

use super::*;
use crate::fixtures::limit;
use crate::id::UserId;
use crate::ledger::{HistoryKey, PastOf};
use crate::token::{Lock, LockedBy};

const NEW: UserId = UserId::from_bytes([77; 16]);

fn create() -> Write {
    Write { read: vec![(Key::User(NEW), 0)], put: vec![Record::User(NEW, user(NEW))], ..Write::default() }
}

fn relimit(version: Version, ceiling: u128) -> Write {
    Write {
        read: vec![(Key::Limits(BY_TOKEN), version)],
        put: vec![Record::Limits(BY_TOKEN, LimitSet::of(vec![limit("tbtc", ceiling)]))],
        ..Write::default()
    }
}

#[test]
fn version_0_demands_that_there_is_no_such_record() {
    let mut world = World::new();
    assert!(matches!(world.write(create()), Outcome::Written));
    assert_eq!(world.version(&Key::User(NEW)), 1);
    let records = world.records.clone();
    assert!(matches!(world.write(create()), Outcome::Conflict(Key::User(NEW))));
    assert_eq!(world.records, records);
}

#[test]
fn a_stale_version_conflicts_and_writes_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    assert!(matches!(world.write(relimit(1, 20)), Outcome::Written));
    let records = world.records.clone();
    for version in [0, 1, 3] {
        let mut write = relimit(version, 30);
        write.put.push(Record::User(NEW, user(NEW)));
        write.delete.push(Key::Wallet(WALLET));
        write.trace = Some(crate::ledger::Trace { action: "x", subject: "y".to_owned(), data: Vec::new() });
        let applied = world.run(Command::Write(write));
        assert!(matches!(applied.outcome, Outcome::Conflict(Key::Limits(BY_TOKEN))));
        assert_eq!(applied.event, None);
    }
    assert_eq!(world.records, records);
}

#[test]
fn one_stale_version_among_many_is_enough() {
    let mut world = World::limited(limit("tbtc", 10));
    let mut write = relimit(1, 20);
    write.read.push((Key::Token(TOKEN), 9));
    assert!(matches!(world.write(write), Outcome::Conflict(Key::Token(TOKEN))));
    assert_eq!(world.version(&Key::Limits(BY_TOKEN)), 1);
}

#[test]
fn a_lock_makes_an_edit_conflict_that_was_prepared_before_it() {
    let mut world = World::new();
    let prepared = Write {
        read: vec![(Key::Token(TOKEN), 1)],
        put: vec![Record::Token(TOKEN, world.token())],
        ..Write::default()
    };
    world.lock();
    assert!(matches!(world.write(prepared), Outcome::Conflict(Key::Token(TOKEN))));
    assert_eq!(world.token().locked, Some(Lock { since: at(0), by: LockedBy::Owner }));
}

#[test]
fn versions_count_on_also_where_nothing_was_read() {
    let mut world = World::limited(limit("tbtc", 10));
    world.write(relimit(1, 20));
    let blind = Write { read: Vec::new(), ..relimit(0, 30) };
    assert!(matches!(world.write(blind), Outcome::Written));
    assert_eq!(world.version(&Key::Limits(BY_TOKEN)), 3);
}

#[test]
fn a_write_that_rests_on_no_past_conflicts_once_something_is_held_or_captured() {
    let mut world = World::limited(limit("tbtc", 10));
    let budget = BudgetKey { subject: Subject::Wallet(WALLET), asset: Asset::Any, destination: None };
    let past = Key::History(HistoryKey { budget, without: Vec::new(), reach: Span::ZERO, of: PastOf::Budget });
    let resting = || Write { read: vec![(past.clone(), 0)], delete: vec![Key::Wallet(WALLET)], ..Write::default() };
    let hold = world.hold(3);
    assert!(matches!(world.write(resting()), Outcome::Conflict(Key::History(_))), "it is held");
    world.release(hold);
    let other = Write { read: vec![(past.clone(), 1)], ..Write::default() };
    assert!(matches!(world.write(other), Outcome::Conflict(_)), "of a past there is no other version to rest on");
    assert!(matches!(world.write(resting()), Outcome::Written), "nothing of it is left");
    let mut world = World::limited(limit("tbtc", 10));
    world.spend(3);
    assert!(matches!(world.write(resting()), Outcome::Conflict(Key::History(_))), "it is captured");
}

#[test]
fn a_deleted_record_is_absent_in_the_batch_that_deletes_it() {
    let mut state = State::default();
    state.load(Key::User(NEW), None);
    let mut run = |write| {
        let request = Request { actor: Actor::System, command: Command::Write(write) };
        apply(&mut state, &request, at(0)).unwrap().outcome
    };
    assert!(matches!(run(create()), Outcome::Written));
    assert!(matches!(run(Write { delete: vec![Key::User(NEW)], ..Write::default() }), Outcome::Written));
    assert!(matches!(run(create()), Outcome::Written));
    assert!(matches!(run(create()), Outcome::Conflict(_)));
    let changes = state.take_changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].record, Some(Record::User(NEW, user(NEW))));
    assert_eq!(state.take_changes(), []);
}

#[test]
fn what_a_write_tells_is_told_with_time_and_actor() {
    let mut world = World::new();
    let data = vec![("name", "new".to_owned())];
    let trace = crate::ledger::Trace { action: "user.add", subject: format!("user:{NEW}"), data };
    let event = world.run(Command::Write(Write { trace: Some(trace), ..create() })).event.unwrap();
    assert_eq!((event.time, event.actor, event.action.as_str()), (world.now, Actor::System, "user.add"));
    assert_eq!(event.data, [("name".to_owned(), "new".to_owned())]);
}

#[test]
fn a_record_is_found_under_its_own_key_only() {
    let secret = TokenSecret { lookup: [1; 32], sealed: vec![2], ends: None, used: None };
    let mut state = State::default();
    state.put(Record::Secrets(TOKEN, vec![secret.clone()]));
    assert_eq!(state.secrets(&TOKEN), Ok(Some(&vec![secret])));
    assert!(state.token(&TOKEN).is_err());
}
