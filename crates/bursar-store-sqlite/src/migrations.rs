//! The schema's history, embedded; each step runs once, in order, in one transaction with its number.

use bursar_store::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::sql::unavailable;

/// Step n takes a database from schema n to n + 1. A step that has shipped is never edited.
const STEPS: [&str; 1] = [include_str!("../migrations/0001_first.sql")];

/// The schema this program reads and writes.
const KNOWN: i64 = STEPS.len() as i64;

/// The schema the database has; 0 if it is empty.
///
/// # Errors
/// A newer program wrote it.
pub(crate) fn found(connection: &Connection) -> Result<i64, StoreError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unavailable)?;
    if found > KNOWN { Err(StoreError::Newer { found, known: KNOWN }) } else { Ok(found) }
}

/// Brings the database from schema `found` to [`KNOWN`].
///
/// # Errors
/// A step fails; nothing is changed then.
pub(crate) fn run(connection: &mut Connection, found: i64) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for (number, step) in (1..).zip(STEPS).filter(|(number, _)| *number > found) {
        transaction.execute_batch(step).map_err(unavailable)?;
        transaction.pragma_update(None, "user_version", number).map_err(unavailable)?;
    }
    transaction.commit().map_err(unavailable)
}
