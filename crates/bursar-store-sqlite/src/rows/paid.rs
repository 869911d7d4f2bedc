//! The destinations a subject has paid: few, since it is their number that is limited.

use bursar_core::destination::DestinationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::Subject;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, subject: Subject) -> Found<Vec<(DestinationId, u64)>> {
    let query = "SELECT version, destinations FROM paid WHERE subject_kind = ?1 AND subject = ?2";
    one(connection, "paid", query, params![subject.kind(), subject.id_bytes()], |columns| {
        Ok(Versioned { version: columns.get()?, value: columns.unpack(unpack)? })
    })
}

fn unpack(packed: &[u8]) -> Option<Vec<(DestinationId, u64)>> {
    let (entries, []) = packed.as_chunks::<40>() else { return None };
    let read = |entry: &[u8; 40]| {
        let (id, spends) = entry.split_first_chunk()?;
        Some((DestinationId::from_bytes(*id), u64::from_be_bytes(spends.try_into().ok()?)))
    };
    entries.iter().map(read).collect()
}

pub(crate) fn store(
    connection: &Connection,
    subject: Subject,
    version: Version,
    paid: &[(DestinationId, u64)],
) -> Result<(), StoreError> {
    let entry = |(id, spends): &(DestinationId, u64)| [&id.as_bytes()[..], &spends.to_be_bytes()].concat();
    let packed: Vec<u8> = paid.iter().flat_map(entry).collect();
    execute(
        connection,
        "INSERT INTO paid (subject_kind, subject, version, destinations) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject_kind, subject) DO UPDATE SET
             version = excluded.version, destinations = excluded.destinations",
        params![subject.kind(), subject.id_bytes(), version, packed],
    )
}

pub(crate) fn delete(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM paid WHERE subject_kind = ?1 AND subject = ?2",
        params![subject.kind(), subject.id_bytes()],
    )
}
