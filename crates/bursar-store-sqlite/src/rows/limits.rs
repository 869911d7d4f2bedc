//! The rules of a subject, all together, with one version.

use std::collections::HashMap;

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Ceiling, Limit, LimitSet, Measure, Subject, Window};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::rows::packed::{pack_destinations, unpack_destinations};
use crate::rows::subject::of_kind;
use crate::sql::{Columns, execute, many, one};

/// Whether each destination has the limit for itself, and the limit.
fn read(columns: &mut Columns<'_>) -> Result<(bool, Limit), StoreError> {
    let each = columns.get()?;
    let limit = Limit {
        asset: columns.parse(Asset::parse)?,
        measure: columns.name(&Measure::ALL, Measure::as_str)?,
        window: columns.parse(Window::parse)?,
        ceiling: columns
            .get::<Option<[u8; 32]>>()?
            .map_or(Ceiling::Unlimited, |amount| Ceiling::At(Amount::from_be_bytes(amount))),
    };
    Ok((each, limit))
}

pub(crate) fn load(connection: &Connection, subject: Subject) -> Found<LimitSet> {
    let key = params![subject.kind(), subject.id_bytes()];
    let query = "SELECT version, destinations FROM limit_sets WHERE subject_kind = ?1 AND subject = ?2";
    let set = one(connection, "limit_sets", query, key, |columns| {
        let version = columns.get()?;
        let packed: Option<Vec<u8>> = columns.get()?;
        let unpacked =
            packed.map(|packed| unpack_destinations(&packed).ok_or_else(|| columns.problem("is not packed")));
        Ok((version, unpacked.transpose()?))
    })?;
    let Some((version, mut destinations)) = set else { return Ok(None) };
    let query = "SELECT each, asset, measure, window, ceiling FROM limits
                 WHERE subject_kind = ?1 AND subject = ?2 ORDER BY place";
    let (each, limits): (Vec<_>, Vec<_>) =
        many(connection, "limits", query, key, read)?.into_iter().partition(|(each, _)| *each);
    if let Some(destinations) = &mut destinations {
        destinations.each = each.into_iter().map(|(_, limit)| limit).collect();
    }
    let limits = limits.into_iter().map(|(_, limit)| limit).collect();
    Ok(Some(Versioned { version, value: LimitSet { limits, destinations } }))
}

/// The rules of every subject that has any.
pub(crate) fn all(connection: &Connection) -> Result<HashMap<Subject, LimitSet>, StoreError> {
    let subjects = many(connection, "limit_sets", "SELECT subject_kind, subject FROM limit_sets", [], |columns| {
        let kind: Box<str> = columns.get()?;
        of_kind(&kind, columns.get()?).ok_or_else(|| columns.problem("is of no known kind"))
    })?;
    let load = |subject| Ok(load(connection, subject)?.map(|found| (subject, found.value)));
    subjects.into_iter().filter_map(|subject| load(subject).transpose()).collect()
}

pub(crate) fn store(
    connection: &Connection,
    subject: Subject,
    version: Version,
    set: &LimitSet,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO limit_sets (subject_kind, subject, version, destinations) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject_kind, subject) DO UPDATE SET
             version = excluded.version, destinations = excluded.destinations",
        params![subject.kind(), subject.id_bytes(), version, set.destinations.as_ref().map(pack_destinations)],
    )?;
    delete_limits(connection, subject)?;
    let of_all = set.limits.iter().map(|limit| (false, limit));
    let of_each = set.each().iter().map(|limit| (true, limit));
    for (place, (each, limit)) in of_all.chain(of_each).enumerate() {
        let ceiling = match limit.ceiling {
            Ceiling::At(amount) => Some(amount.to_be_bytes()),
            Ceiling::Unlimited => None,
        };
        execute(
            connection,
            "INSERT INTO limits (subject_kind, subject, place, each, asset, measure, window, ceiling)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                subject.kind(),
                subject.id_bytes(),
                place,
                each,
                limit.asset.to_string(),
                limit.measure.as_str(),
                limit.window.to_string(),
                ceiling,
            ],
        )?;
    }
    Ok(())
}

pub(crate) fn delete(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    delete_limits(connection, subject)?;
    execute(
        connection,
        "DELETE FROM limit_sets WHERE subject_kind = ?1 AND subject = ?2",
        params![subject.kind(), subject.id_bytes()],
    )
}

fn delete_limits(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM limits WHERE subject_kind = ?1 AND subject = ?2",
        params![subject.kind(), subject.id_bytes()],
    )
}
