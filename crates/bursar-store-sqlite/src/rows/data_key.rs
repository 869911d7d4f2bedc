//! The key that seals what is secret, as the master key wrapped it.

use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::sql::{execute, one, single, update};

pub(crate) fn load(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    one(connection, "data_keys", "SELECT wrapped FROM data_keys WHERE id = 1", [], single)
}

/// Refused if there is one: what it sealed could never be opened again.
pub(crate) fn insert(connection: &Connection, wrapped: &[u8]) -> Result<(), StoreError> {
    execute(connection, "INSERT INTO data_keys (id, wrapped) VALUES (1, ?1)", params![wrapped])
}

/// Wraps it anew. Says whether it was wrapped as it is thought to be.
pub(crate) fn replace(connection: &Connection, before: &[u8], wrapped: &[u8]) -> Result<bool, StoreError> {
    let statement = "UPDATE data_keys SET wrapped = ?2 WHERE id = 1 AND wrapped = ?1";
    update(connection, statement, params![before, wrapped])
}
