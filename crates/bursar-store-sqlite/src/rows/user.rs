//! Users.

use bursar_core::account::{Email, User};
use bursar_core::id::UserId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, freeze};
use crate::sql::{Columns, execute, many, one};

const TABLE: &str = "users";

/// What [`read`] reads.
macro_rules! user_columns {
    () => {
        "users.version, id, username, full_name, freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, seeded, created,
         sessions_since, email, email_verified"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", user_columns!(), " FROM users ", $rest)
    };
}

pub(super) use user_columns;

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Versioned<User>, StoreError> {
    Ok(Versioned {
        version: columns.get()?,
        value: User {
            id: UserId::from_bytes(columns.get()?),
            username: columns.get()?,
            full_name: columns.get()?,
            freeze: freeze::read(columns)?,
            seeded: columns.get()?,
            created: Timestamp::from_millis(columns.get()?),
            sessions_since: Timestamp::from_millis(columns.get()?),
            email: read_email(columns)?,
        },
    })
}

fn read_email(columns: &mut Columns<'_>) -> Result<Option<Email>, StoreError> {
    let (address, is_verified) = (columns.get::<Option<_>>()?, columns.get()?);
    Ok(address.map(|address| Email { address, is_verified }))
}

pub(crate) fn load(connection: &Connection, id: UserId) -> Found<User> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

pub(crate) fn by_name(connection: &Connection, username: &str) -> Found<User> {
    one(connection, TABLE, select!("WHERE username = ?1"), params![username], read)
}

pub(crate) fn by_address(connection: &Connection, address: &str) -> Found<User> {
    one(connection, TABLE, select!("WHERE email = ?1 AND email_verified"), params![address], read)
}

pub(crate) fn all(connection: &Connection, page: Page<UserId>) -> Result<Vec<User>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE id > ?1 ORDER BY id LIMIT ?2")
    };
    let bound = id_bound(page.after.as_ref().map(UserId::as_bytes), page.newest_first);
    many(connection, TABLE, query, params![bound, at_most(page.limit)], |columns| Ok(read(columns)?.value))
}

pub(crate) fn store(connection: &Connection, id: UserId, version: Version, user: &User) -> Result<(), StoreError> {
    let (freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from) =
        freeze::columns(user.freeze.as_ref());
    execute(
        connection,
        "INSERT INTO users
             (id, version, username, full_name, freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, seeded, created,
              sessions_since, email, email_verified)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, username = excluded.username, full_name = excluded.full_name,
             freeze_since = excluded.freeze_since, freeze_until = excluded.freeze_until,
             freeze_reason = excluded.freeze_reason, freeze_by = excluded.freeze_by, freeze_persons_from = excluded.freeze_persons_from, seeded = excluded.seeded,
             created = excluded.created, sessions_since = excluded.sessions_since, email = excluded.email,
             email_verified = excluded.email_verified",
        params![
            id.as_bytes(),
            version,
            user.username,
            user.full_name,
            freeze_since,
            freeze_until,
            freeze_reason,
            freeze_by,
            freeze_persons_from,
            user.seeded,
            user.created.as_millis(),
            user.sessions_since.as_millis(),
            user.email.as_ref().map(|email| email.address.as_str()),
            user.email.as_ref().is_some_and(|email| email.is_verified),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: UserId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM users WHERE id = ?1", params![id.as_bytes()])
}
