//! Organisations.

use bursar_core::account::Organisation;
use bursar_core::id::OrganisationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::{Found, freeze};
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, id: OrganisationId) -> Found<Organisation> {
    let query = "SELECT version, id, name, freeze_since, freeze_until, freeze_reason, freeze_by,
                        requires_second_factor
                 FROM organisations WHERE id = ?1";
    one(connection, "organisations", query, params![id.as_bytes()], |columns| {
        Ok(Versioned {
            version: columns.get()?,
            value: Organisation {
                id: OrganisationId::from_bytes(columns.get()?),
                name: columns.get()?,
                freeze: freeze::read(columns)?,
                requires_second_factor: columns.get()?,
            },
        })
    })
}

pub(crate) fn store(
    connection: &Connection,
    id: OrganisationId,
    version: Version,
    organisation: &Organisation,
) -> Result<(), StoreError> {
    let (freeze_since, freeze_until, freeze_reason, freeze_by) = freeze::columns(organisation.freeze.as_ref());
    execute(
        connection,
        "INSERT INTO organisations
             (id, version, name, freeze_since, freeze_until, freeze_reason, freeze_by, requires_second_factor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, name = excluded.name, freeze_since = excluded.freeze_since,
             freeze_until = excluded.freeze_until, freeze_reason = excluded.freeze_reason,
             freeze_by = excluded.freeze_by, requires_second_factor = excluded.requires_second_factor",
        params![
            id.as_bytes(),
            version,
            organisation.name,
            freeze_since,
            freeze_until,
            freeze_reason,
            freeze_by,
            organisation.requires_second_factor,
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: OrganisationId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM organisations WHERE id = ?1", params![id.as_bytes()])
}
