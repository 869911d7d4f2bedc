//! Organisations.

use bursar_core::account::Organisation;
use bursar_core::id::OrganisationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_store::{CountedOrganisation, Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, freeze};
use crate::sql::{Columns, execute, many, one};

pub(crate) fn load(connection: &Connection, id: OrganisationId) -> Found<Organisation> {
    let query = "SELECT version, id, name, freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from,
                        requires_second_factor
                 FROM organisations WHERE id = ?1";
    one(connection, "organisations", query, params![id.as_bytes()], |columns| {
        Ok(Versioned { version: columns.get()?, value: read(columns)? })
    })
}

pub(crate) fn all(connection: &Connection, page: Page<OrganisationId>) -> Result<Vec<CountedOrganisation>, StoreError> {
    macro_rules! select {
        ($rest:literal) => {
            concat!(
                "SELECT id, name, freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, requires_second_factor,
                        (SELECT count(*) FROM memberships WHERE organisation = organisations.id),
                        (SELECT count(*) FROM wallets WHERE organisation = organisations.id)
                 FROM organisations ",
                $rest
            )
        };
    }
    let query = if page.newest_first {
        select!("WHERE id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE id > ?1 ORDER BY id LIMIT ?2")
    };
    let bound = id_bound(page.after.as_ref().map(OrganisationId::as_bytes), page.newest_first);
    many(connection, "organisations", query, params![bound, at_most(page.limit)], |columns| {
        Ok(CountedOrganisation { organisation: read(columns)?, members: columns.get()?, wallets: columns.get()? })
    })
}

fn read(columns: &mut Columns<'_>) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: OrganisationId::from_bytes(columns.get()?),
        name: columns.get()?,
        freeze: freeze::read(columns)?,
        requires_second_factor: columns.get()?,
    })
}

pub(crate) fn store(
    connection: &Connection,
    id: OrganisationId,
    version: Version,
    organisation: &Organisation,
) -> Result<(), StoreError> {
    let (freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from) =
        freeze::columns(organisation.freeze.as_ref());
    execute(
        connection,
        "INSERT INTO organisations
             (id, version, name, freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, requires_second_factor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, name = excluded.name, freeze_since = excluded.freeze_since,
             freeze_until = excluded.freeze_until, freeze_reason = excluded.freeze_reason,
             freeze_by = excluded.freeze_by, freeze_persons_from = excluded.freeze_persons_from, requires_second_factor = excluded.requires_second_factor",
        params![
            id.as_bytes(),
            version,
            organisation.name,
            freeze_since,
            freeze_until,
            freeze_reason,
            freeze_by,
            freeze_persons_from,
            organisation.requires_second_factor,
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: OrganisationId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM organisations WHERE id = ?1", params![id.as_bytes()])
}
