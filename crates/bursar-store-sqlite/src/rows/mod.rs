//! Records as rows: a module per kind, each with its statements, how a row is read and how it is written.
//!
//! What is read must be what was written, or an error that names the table.

pub(crate) mod audit;
pub(crate) mod budget;
pub(crate) mod credential;
pub(crate) mod data_key;
pub(crate) mod document;
pub(crate) mod freeze;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod invitation;
pub(crate) mod limits;
pub(crate) mod membership;
pub(crate) mod organisation;
mod packed;
pub(crate) mod paid;
pub(crate) mod position;
pub(crate) mod role;
pub(crate) mod secrets;
pub(crate) mod spend_key;
pub(crate) mod spends;
mod subject;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod uses;
pub(crate) mod wallet;

use std::sync::Arc;

use bursar_core::ledger::{Key, Record, State, Version, Versioned};
use bursar_store::StoreError;
use rusqlite::Connection;

use crate::sql::Repeated;

/// A record and its version, or nothing.
pub(crate) type Found<T> = Result<Option<Versioned<T>>, StoreError>;

/// Loads records, in the order of their keys, so that neighbours share pages; those not that are known to be absent.
pub(crate) fn load_all(
    connection: &Connection,
    keys: &[Key],
    is_absent: impl Fn(&Key) -> bool,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut keys: Vec<&Key> = keys.iter().collect();
    keys.sort_unstable();
    for key in keys {
        let found = if is_absent(key) { None } else { load(connection, key)? };
        state.load(key.clone(), found);
    }
    Ok(())
}

/// Looks a record up.
fn load(connection: &Connection, key: &Key) -> Found<Record> {
    match key {
        Key::User(id) => user::load(connection, *id).record(|user| Record::User(*id, user)),
        Key::Organisation(id) => organisation::load(connection, *id).record(|it| Record::Organisation(*id, it)),
        Key::Membership(id) => membership::load(connection, *id).record(|it| Record::Membership(*id, it)),
        Key::Invitation(id) => invitation::load(connection, *id).record(|it| Record::Invitation(*id, it)),
        Key::Credential(id) => credential::load(connection, *id).record(|it| Record::Credential(*id, it)),
        Key::Document(id) => document::load(connection, id).record(|it| Record::Document(id.clone(), it)),
        Key::Wallet(id) => wallet::load(connection, *id).record(|it| Record::Wallet(*id, it)),
        Key::Role(id) => role::load(connection, *id).record(|it| Record::Role(*id, it)),
        Key::Token(id) => token::load(connection, *id).record(|it| Record::Token(*id, it)),
        Key::Secrets(id) => secrets::load(connection, *id).record(|it| Record::Secrets(*id, it)),
        Key::Uses(id) => uses::load(connection, *id).record(|it| Record::Uses(*id, it)),
        Key::Limits(id) => limits::load(connection, *id).record(|it| Record::Limits(*id, it)),
        Key::Budget(id) => budget::load(connection, id).record(|it| Record::Budget(id.clone(), it)),
        Key::Paid(id) => paid::load(connection, *id).record(|it| Record::Paid(*id, it)),
        Key::History(id) => {
            let value = Record::History(id.clone(), history::load(connection, id)?);
            Ok(Some(Versioned { version: 1, value }))
        }
        Key::Hold(id) => hold::load(connection, *id).record(|it| Record::Hold(*id, Arc::new(it))),
        Key::SpendKey(id) => spend_key::load(connection, id).record(|it| Record::SpendKey(id.clone(), it)),
        Key::AuditBase(()) => position::base(connection).record(|it| Record::AuditBase((), it)),
    }
}

/// Writes a record over whatever was there.
pub(crate) fn store(writes: &mut Repeated<'_>, version: Version, record: &Record) -> Result<(), StoreError> {
    let connection = writes.connection();
    match record {
        Record::User(id, it) => user::store(connection, *id, version, it),
        Record::Organisation(id, it) => organisation::store(connection, *id, version, it),
        Record::Membership(id, it) => membership::store(connection, *id, version, *it),
        Record::Invitation(id, it) => invitation::store(connection, *id, version, it),
        Record::Credential(id, it) => credential::store(connection, *id, version, it),
        Record::Document(id, it) => document::store(connection, id, version, it),
        Record::Wallet(id, it) => wallet::store(connection, *id, version, it),
        Record::Role(id, it) => role::store(connection, *id, version, *it),
        Record::Token(id, it) => token::store(connection, *id, version, it),
        Record::Secrets(id, it) => secrets::store(connection, *id, version, it),
        Record::Uses(id, it) => uses::store(connection, *id, version, it),
        Record::Limits(id, it) => limits::store(connection, *id, version, it),
        Record::Budget(id, it) => budget::store(connection, id, version, it),
        Record::Paid(id, it) => paid::store(connection, *id, version, it),
        Record::History(..) => Err(read_only()),
        Record::Hold(id, it) => hold::store(writes, *id, version, it),
        Record::SpendKey(id, it) => spend_key::store(writes, id, version, *it),
        Record::AuditBase((), it) => position::store_base(connection, version, *it),
    }
}

/// Removes a record, if it is there.
pub(crate) fn delete(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    match key {
        Key::User(id) => user::delete(connection, *id),
        Key::Organisation(id) => organisation::delete(connection, *id),
        Key::Membership(id) => membership::delete(connection, *id),
        Key::Invitation(id) => invitation::delete(connection, *id),
        Key::Credential(id) => credential::delete(connection, *id),
        Key::Document(id) => document::delete(connection, id),
        Key::Wallet(id) => wallet::delete(connection, *id),
        Key::Role(id) => role::delete(connection, *id),
        Key::Token(id) => token::delete(connection, *id),
        Key::Secrets(id) => secrets::delete(connection, *id),
        Key::Uses(id) => uses::delete(connection, *id),
        Key::Limits(id) => limits::delete(connection, *id),
        Key::Budget(id) => budget::delete(connection, id),
        Key::Paid(id) => paid::delete(connection, *id),
        Key::History(_) => Err(read_only()),
        Key::Hold(id) => hold::delete(connection, *id),
        Key::SpendKey(id) => spend_key::delete(connection, id),
        Key::AuditBase(()) => Err(StoreError::Violated("what is archived stays archived".to_owned())),
    }
}

/// The past is what spends say.
fn read_only() -> StoreError {
    StoreError::Violated("a past is read, never written".to_owned())
}

trait IntoRecord<T> {
    fn record(self, record: impl FnOnce(T) -> Record) -> Found<Record>;
}

impl<T> IntoRecord<T> for Found<T> {
    fn record(self, record: impl FnOnce(T) -> Record) -> Found<Record> {
        Ok(self?.map(|found| Versioned { version: found.version, value: record(found.value) }))
    }
}
