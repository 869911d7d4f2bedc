//! The limits of a subject, all together, with one version.

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Ceiling, Limit, Measure, Subject};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::rows::subject::{WINDOWS, window_name};
use crate::sql::{Columns, execute, many, one, single};

const MEASURES: [Measure; 2] = [Measure::Amount, Measure::Count];

const fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Amount => "amount",
        Measure::Count => "count",
    }
}

fn read(columns: &mut Columns<'_>) -> Result<Limit, StoreError> {
    Ok(Limit {
        asset: columns.parse(Asset::parse)?,
        measure: columns.name(&MEASURES, measure_name)?,
        window: columns.name(&WINDOWS, window_name)?,
        ceiling: columns
            .get::<Option<[u8; 32]>>()?
            .map_or(Ceiling::Unlimited, |amount| Ceiling::At(Amount::from_be_bytes(amount))),
    })
}

pub(crate) fn load(connection: &Connection, subject: Subject) -> Found<Vec<Limit>> {
    let key = params![subject.kind(), subject.id_bytes()];
    let query = "SELECT version FROM limit_sets WHERE subject_kind = ?1 AND subject = ?2";
    let Some(version) = one(connection, "limit_sets", query, key, single)? else {
        return Ok(None);
    };
    let query = "SELECT asset, measure, window, ceiling FROM limits
                 WHERE subject_kind = ?1 AND subject = ?2 ORDER BY place";
    Ok(Some(Versioned { version, value: many(connection, "limits", query, key, read)? }))
}

pub(crate) fn store(
    connection: &Connection,
    subject: Subject,
    version: Version,
    limits: &[Limit],
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO limit_sets (subject_kind, subject, version) VALUES (?1, ?2, ?3)
         ON CONFLICT (subject_kind, subject) DO UPDATE SET version = excluded.version",
        params![subject.kind(), subject.id_bytes(), version],
    )?;
    delete_limits(connection, subject)?;
    for (place, limit) in limits.iter().enumerate() {
        let ceiling = match limit.ceiling {
            Ceiling::At(amount) => Some(amount.to_be_bytes()),
            Ceiling::Unlimited => None,
        };
        execute(
            connection,
            "INSERT INTO limits (subject_kind, subject, place, asset, measure, window, ceiling)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                subject.kind(),
                subject.id_bytes(),
                place,
                limit.asset.to_string(),
                measure_name(limit.measure),
                window_name(limit.window),
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
