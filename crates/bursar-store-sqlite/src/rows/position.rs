//! Where the store stands: the ledger time of the last batch, and the end of the audit chain.

use bursar_core::audit::Head;
use bursar_core::time::Timestamp;
use bursar_store::{Position, StoreError};
use rusqlite::{Connection, params};

use crate::sql::{execute, one, single};

const TABLE: &str = "position";

/// The ledger time of the last batch.
pub(crate) fn time(connection: &Connection) -> Result<Timestamp, StoreError> {
    let time = one(connection, TABLE, "SELECT time FROM position WHERE one = 1", [], single)?;
    let time = time.ok_or_else(|| StoreError::Inconsistent { table: TABLE, problem: "it is empty".to_owned() })?;
    Ok(Timestamp::from_millis(time))
}

pub(crate) fn load(connection: &Connection) -> Result<Position, StoreError> {
    let time = time(connection)?;
    let last = "SELECT number, hash FROM audit_links ORDER BY number DESC LIMIT 1";
    let head =
        one(connection, "audit_links", last, [], |columns| Ok(Head { number: columns.get()?, hash: columns.get()? }))?;
    Ok(Position { time, head: head.unwrap_or_default() })
}

pub(crate) fn store(connection: &Connection, time: Timestamp) -> Result<(), StoreError> {
    execute(connection, "UPDATE position SET time = ?1", params![time.as_millis()])
}
