//! What users log in with.

use bursar_core::id::{FactorId, UserId};
use bursar_core::ledger::{Credential, CredentialKind, Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{Columns, execute, many, one};

const TABLE: &str = "credentials";
const KINDS: [CredentialKind; 4] =
    [CredentialKind::Password, CredentialKind::Totp, CredentialKind::RecoveryCodes, CredentialKind::Passkey];

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT version, id, user, kind, label, sealed, progress, created, last_used FROM credentials ", $rest)
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Credential>, StoreError> {
    Ok(Versioned {
        version: columns.get()?,
        value: Credential {
            id: FactorId::from_bytes(columns.get()?),
            user: UserId::from_bytes(columns.get()?),
            kind: columns.name(&KINDS, CredentialKind::as_str)?,
            label: columns.get()?,
            sealed: columns.get()?,
            progress: columns.get()?,
            created: Timestamp::from_millis(columns.get()?),
            last_used: columns.get::<Option<i64>>()?.map(Timestamp::from_millis),
        },
    })
}

pub(crate) fn load(connection: &Connection, id: FactorId) -> Found<Credential> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

/// By id, so by enrolment.
pub(crate) fn of_user(connection: &Connection, user: UserId) -> Result<Vec<Versioned<Credential>>, StoreError> {
    many(connection, TABLE, select!("WHERE user = ?1 ORDER BY id"), params![user.as_bytes()], read)
}

pub(crate) fn store(
    connection: &Connection,
    id: FactorId,
    version: Version,
    credential: &Credential,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO credentials (id, version, user, kind, label, sealed, progress, created, last_used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, user = excluded.user, kind = excluded.kind, label = excluded.label,
             sealed = excluded.sealed, progress = excluded.progress, created = excluded.created,
             last_used = excluded.last_used",
        params![
            id.as_bytes(),
            version,
            credential.user.as_bytes(),
            credential.kind.as_str(),
            credential.label,
            credential.sealed,
            credential.progress,
            credential.created.as_millis(),
            credential.last_used.map(Timestamp::as_millis),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: FactorId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM credentials WHERE id = ?1", params![id.as_bytes()])
}
