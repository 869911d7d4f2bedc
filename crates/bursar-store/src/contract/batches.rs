//! Batches: whole or not at all, there for good, and chained.

use bursar_core::audit::{Actor, Head};
use bursar_core::id::{TokenId, UserId};
use bursar_core::ledger::{Key, Record};

use super::samples::{self, TOKEN, USER, nth};
use super::{Database, Ledger, event};
use crate::{Position, Store};

/// Every link comes with the events it covers, in their order, from any number on.
pub fn the_audit_chain_reads_back_link_by_link(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let token = Actor::Token { user: USER, token: TOKEN };
    let batches = [
        vec![event(Actor::System, "1"), event(Actor::Operator, "2"), event(Actor::Anonymous, "")],
        vec![event(token, "3")],
        vec![event(token, "4"), event(token, "4")],
    ];
    let mut expected = Vec::new();
    for events in batches {
        expected.push((ledger.position.head.next(&events), events.clone()));
        ledger.write([], [], events).expect("a commit");
        // A batch without events leaves no link.
        ledger.write([], [], []).expect("a commit");
    }
    let mut reader = ledger.reader();
    assert_eq!(reader.audit(0, 10).as_deref(), Ok(&expected[..]));
    assert_eq!(reader.audit(2, 1).as_deref(), Ok(&expected[1..2]));
    assert_eq!(reader.audit(4, 10), Ok(Vec::new()));
    assert_eq!(reader.audit(u64::MAX, 10), Ok(Vec::new()));

    let backwards: Vec<_> = expected.iter().rev().cloned().collect();
    assert_eq!(reader.audit_before(u64::MAX, 10).as_deref(), Ok(&backwards[..]));
    assert_eq!(reader.audit_before(3, 1).as_deref(), Ok(&backwards[1..2]));
    assert_eq!(reader.audit_before(1, 10), Ok(Vec::new()));
}

/// What is archived is not read again, also when the store is opened anew, and the next link follows the last one.
pub fn archived_links_are_gone_and_the_chain_goes_on(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let mut heads = Vec::new();
    for number in 1..=5 {
        ledger.write([], [], [event(Actor::System, &number.to_string())]).expect("a commit");
        heads.push(ledger.position.head);
    }
    assert_eq!(ledger.reader().audit_base(), Ok(Head::default()));
    ledger.write([Record::AuditBase((), heads[2])], [], [event(Actor::Operator, "archived")]).expect("a commit");
    let numbers = |ledger: &Ledger<_>| {
        let mut reader = ledger.reader();
        let backwards = reader.audit_before(u64::MAX, 10).expect("links");
        let forwards = reader.audit(0, 10).expect("links");
        assert!(forwards.iter().rev().eq(backwards.iter()));
        forwards.iter().map(|(link, _)| link.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&ledger), [4, 5, 6]);
    assert_eq!(ledger.reader().audit(4, 1).map(|links| links[0].0.previous), Ok(heads[2].hash));
    assert_eq!((ledger.reader().audit_base(), ledger.version(&Key::AuditBase(()))), (Ok(heads[2]), 1));
    let end = ledger.position;
    drop(ledger);
    let mut ledger = Ledger::open(database);
    assert_eq!(ledger.position, end);
    ledger.write([], [], [event(Actor::System, "7")]).expect("a commit");
    assert_eq!(numbers(&ledger), [4, 5, 6, 7]);
    // All of it may be archived but the event that says so.
    let last = ledger.position.head;
    ledger.write([Record::AuditBase((), last)], [], [event(Actor::Operator, "archived")]).expect("a commit");
    assert_eq!(numbers(&ledger), [8]);
    assert!(ledger.write([], [Key::AuditBase(())], []).is_err(), "what is archived stays archived");
}

/// Neither records nor events nor the time of a batch that failed are there, and the next batch goes on.
pub fn a_failed_commit_leaves_nothing(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    ledger.write([Record::User(USER, samples::user(USER, "a"))], [], [event(Actor::System, "1")]).expect("a commit");
    let before = ledger.position;
    let [first, twin] = [1, 2].map(|number| UserId::from_bytes(nth(number)));
    let batch = [
        Record::User(USER, samples::user(USER, "changed")),
        Record::User(first, samples::user(first, "same")),
        Record::User(twin, samples::user(twin, "same")),
    ];
    let failed = ledger.write(batch, [Key::Token(TOKEN)], [event(Actor::System, "2")]);
    assert!(failed.is_err(), "two users with one name");
    assert_eq!(ledger.writer.position(), Ok(before));
    assert_eq!((ledger.version(&Key::User(USER)), ledger.version(&Key::User(first))), (1, 0));
    let mut reader = ledger.reader();
    assert_eq!(reader.user(USER).expect("an answer").map(|user| user.value.username), Some("a".to_owned()));
    assert_eq!(reader.audit(0, 10).map(|links| links.len()), Ok(1));
    ledger
        .write([Record::User(first, samples::user(first, "same"))], [], [event(Actor::System, "3")])
        .expect("a commit");
    assert_eq!(reader.audit(0, 10).map(|links| links.len()), Ok(2));
    assert_eq!(ledger.version(&Key::User(first)), 1);
}

/// The order in a batch is nobody's business: what goes makes room for what comes.
pub fn a_name_that_is_freed_can_be_taken_in_the_same_batch(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let [old, new] = [2, 1].map(|number| UserId::from_bytes(nth(number)));
    let successor = TokenId::from_bytes(nth(1));
    ledger.put([Record::User(old, samples::user(old, "a")), Record::Secrets(TOKEN, vec![samples::secret(1)])]);
    ledger
        .write(
            [Record::User(new, samples::user(new, "a")), Record::Secrets(successor, vec![samples::secret(1)])],
            [Key::User(old), Key::Secrets(TOKEN)],
            [],
        )
        .expect("a commit");
    let found = ledger.reader().user_by_name("a").expect("an answer");
    assert_eq!(found.map(|user| user.value.id), Some(new));
}

/// Records, position and chain are there when the store is opened again.
pub fn everything_survives_reopening(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    assert_eq!(ledger.position, Position::default());
    ledger.write(samples::records(), [], [event(Actor::System, "1")]).expect("a commit");
    let first = ledger.position;
    drop(ledger);
    let mut ledger = Ledger::open(database);
    assert_eq!(ledger.position, first);
    for record in samples::records() {
        assert_eq!(ledger.version(&record.key()), 1, "{record:?}");
    }
    ledger.write([], [], [event(Actor::System, "2")]).expect("a commit");
    assert_eq!(ledger.position.head.number, 2);
    let chain = ledger.reader().audit(0, 10).expect("the chain");
    assert_eq!(chain.iter().map(|(link, _)| link.previous).collect::<Vec<_>>(), [[0; 32], first.head.hash]);
}

/// A reader is not bound to the moment it was made.
pub fn a_reader_sees_what_was_committed_after_it_was_made(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let mut reader = ledger.reader();
    assert_eq!(reader.user(USER), Ok(None));
    for name in ["a", "b"] {
        ledger.put([Record::User(USER, samples::user(USER, name))]);
        assert_eq!(reader.user_by_name(name).expect("an answer").map(|user| user.value.id), Some(USER));
    }
    assert_eq!(reader.user_by_name("a"), Ok(None));
}

/// Whoever asks for a second writer is refused.
pub fn there_is_one_writer(database: &impl Database) {
    let ledger = Ledger::open(database);
    assert!(matches!(ledger.store.writer(), Err(crate::StoreError::InUse)));
}
