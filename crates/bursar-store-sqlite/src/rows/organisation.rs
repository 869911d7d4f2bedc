//! Organisations.

use bursar_core::account::Organisation;
use bursar_core::id::OrganisationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, id: OrganisationId) -> Found<Organisation> {
    let query = "SELECT version, id, name FROM organisations WHERE id = ?1";
    one(connection, "organisations", query, params![id.as_bytes()], |columns| {
        Ok(Versioned {
            version: columns.get()?,
            value: Organisation { id: OrganisationId::from_bytes(columns.get()?), name: columns.get()? },
        })
    })
}

pub(crate) fn store(
    connection: &Connection,
    id: OrganisationId,
    version: Version,
    organisation: &Organisation,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO organisations (id, version, name) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name",
        params![id.as_bytes(), version, organisation.name],
    )
}

pub(crate) fn delete(connection: &Connection, id: OrganisationId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM organisations WHERE id = ?1", params![id.as_bytes()])
}
