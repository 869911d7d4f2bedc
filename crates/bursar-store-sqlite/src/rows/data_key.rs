//! The key that seals what is secret, as the master key wrapped it.

use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::sql::{execute, one, single};

pub(crate) fn load(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    one(connection, "data_keys", "SELECT wrapped FROM data_keys WHERE id = 1", [], single)
}

/// Refused if there is one: what it sealed could never be opened again.
pub(crate) fn insert(connection: &Connection, wrapped: &[u8]) -> Result<(), StoreError> {
    execute(connection, "INSERT INTO data_keys (id, wrapped) VALUES (1, ?1)", params![wrapped])
}
