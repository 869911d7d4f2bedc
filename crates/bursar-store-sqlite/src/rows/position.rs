//! Where the store stands: the ledger time of the last batch, and the end of the audit chain.

use bursar_core::audit::Head;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::{Position, StoreError};
use rusqlite::{Connection, params};

use super::Found;
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
    let base = base(connection)?.map(|base| base.value).unwrap_or_default();
    Ok(Position { time, head: head.filter(|head| head.number > base.number).unwrap_or(base) })
}

/// The last link that is archived.
pub(crate) fn base(connection: &Connection) -> Found<Head> {
    let query = "SELECT base_version, base, base_hash FROM position WHERE one = 1 AND base_version > 0";
    one(connection, TABLE, query, [], |columns| {
        let version: Version = columns.get()?;
        Ok(Versioned { version, value: Head { number: columns.get()?, hash: columns.get()? } })
    })
}

pub(crate) fn store_base(connection: &Connection, version: Version, base: Head) -> Result<(), StoreError> {
    let update = "UPDATE position SET base_version = ?1, base = ?2, base_hash = ?3";
    execute(connection, update, params![version, base.number, base.hash])
}

pub(crate) fn store(connection: &Connection, time: Timestamp) -> Result<(), StoreError> {
    execute(connection, "UPDATE position SET time = ?1", params![time.as_millis()])
}
