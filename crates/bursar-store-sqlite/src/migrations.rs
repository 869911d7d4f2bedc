//! The schema's history, embedded; each step runs once, in order, in one transaction with its number.

use bursar_store::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::sql::unavailable;

/// Step n takes a database from schema n to n + 1. A step that has shipped is never edited.
const STEPS: [&str; 1] = [include_str!("../migrations/0001_first.sql")];

/// The schema this program reads and writes.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;

/// The schema the database has; 0 if it is empty.
pub(crate) fn found(connection: &Connection) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unavailable)
}

/// Brings the database to [`KNOWN`].
///
/// # Errors
/// A newer program wrote it, or a step fails; nothing is changed then.
pub(crate) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let found = found(connection)?;
    if found > KNOWN {
        return Err(StoreError::Newer { found, known: KNOWN });
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for (number, step) in (1..).zip(STEPS).filter(|(number, _)| *number > found) {
        transaction.execute_batch(step).map_err(unavailable)?;
        transaction.pragma_update(None, "user_version", number).map_err(unavailable)?;
    }
    transaction.commit().map_err(unavailable)
}
