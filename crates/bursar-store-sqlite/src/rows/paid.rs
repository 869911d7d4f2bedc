//! The destinations a subject has paid, while their number is limited.

use bursar_core::destination::DestinationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::Subject;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::rows::packed::{pack_paid, unpack_paid};
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, subject: Subject) -> Found<Vec<DestinationId>> {
    let query = "SELECT version, destinations FROM paid_destinations WHERE subject_kind = ?1 AND subject = ?2";
    one(connection, "paid_destinations", query, params![subject.kind(), subject.id_bytes()], |columns| {
        Ok(Versioned { version: columns.get()?, value: columns.unpack(unpack_paid)? })
    })
}

pub(crate) fn store(
    connection: &Connection,
    subject: Subject,
    version: Version,
    paid: &[DestinationId],
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO paid_destinations (subject_kind, subject, version, destinations) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject_kind, subject) DO UPDATE SET
             version = excluded.version, destinations = excluded.destinations",
        params![subject.kind(), subject.id_bytes(), version, pack_paid(paid)],
    )
}

pub(crate) fn delete(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM paid_destinations WHERE subject_kind = ?1 AND subject = ?2",
        params![subject.kind(), subject.id_bytes()],
    )
}
