//! Budgets: what was captured, is held, was overridden, and what counts in windows. Such a row is
//! rewritten with every batch that spends from it, so it is packed.

use bursar_core::coin::{Asset, Coin};
use bursar_core::destination::DestinationId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Budget, BudgetKey, Subject, Usage};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::page::at_most;
use crate::rows::packed::{pack_usage, pack_windows, unpack_usage, unpack_windows};
use crate::rows::{Found, subject};
use crate::sql::{Columns, each, execute, many, one};

const TABLE: &str = "budgets";

macro_rules! select {
    ($columns:literal, $rest:literal) => {
        concat!("SELECT ", $columns, ", captured, held, overridden, rolled, windows FROM budgets ", $rest)
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Budget, StoreError> {
    Ok(Budget {
        captured: columns.unpack(unpack_usage)?,
        held: columns.unpack(unpack_usage)?,
        overridden: columns.unpack(unpack_usage)?,
        rolled: columns.unpack(unpack_usage)?,
        windows: columns.unpack(unpack_windows)?,
    })
}

fn read_key(columns: &mut Columns<'_>) -> Result<BudgetKey, StoreError> {
    Ok(BudgetKey {
        subject: subject::read(columns)?,
        asset: columns.parse(Asset::parse)?,
        destination: columns.unpack(|bytes| match bytes {
            [] => Some(None),
            bytes => bytes.try_into().ok().map(|bytes| Some(DestinationId::from_bytes(bytes))),
        })?,
    })
}

/// The column `destination`: empty for none, so that it can be part of the primary key.
fn destination(key: &BudgetKey) -> &[u8] {
    key.destination.as_ref().map_or(&[], |id| id.as_bytes())
}

pub(crate) fn load(connection: &Connection, key: &BudgetKey) -> Found<Budget> {
    let query = select!("version", "WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND destination = ?4");
    let params = params![key.subject.kind(), key.subject.id_bytes(), key.asset.to_string(), destination(key)];
    one(connection, TABLE, query, params, |columns| Ok(Versioned { version: columns.get()?, value: read(columns)? }))
}

pub(crate) fn of_subject(connection: &Connection, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError> {
    let query = select!(
        "subject_kind, subject, asset, destination",
        "WHERE subject_kind = ?1 AND subject = ?2 AND destination = x'' ORDER BY asset"
    );
    let params = params![subject.kind(), subject.id_bytes()];
    many(connection, TABLE, query, params, |columns| Ok((read_key(columns)?, read(columns)?)))
}

/// The names of a subject's budgets, also of those of single destinations.
pub(crate) fn keys_of_subject(
    connection: &Connection,
    subject: Subject,
    limit: usize,
) -> Result<Vec<BudgetKey>, StoreError> {
    let query = "SELECT subject_kind, subject, asset, destination FROM budgets
                 WHERE subject_kind = ?1 AND subject = ?2 ORDER BY asset, destination LIMIT ?3";
    many(connection, TABLE, query, params![subject.kind(), subject.id_bytes(), at_most(limit)], read_key)
}

/// What a subject ever captured of each coin.
pub(crate) fn captured_of_coins(connection: &Connection, subject: Subject) -> Result<Vec<(Coin, Usage)>, StoreError> {
    let query = "SELECT asset, captured FROM budgets
                 WHERE subject_kind = ?1 AND subject = ?2 AND destination = x''";
    let mut found = Vec::new();
    each(connection, TABLE, query, params![subject.kind(), subject.id_bytes()], |columns| {
        if let Asset::Coin(coin) = columns.parse(Asset::parse)? {
            found.push((coin, columns.unpack(unpack_usage)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Hands over every budget, with its windows if they are wanted.
pub(crate) fn for_each(
    connection: &Connection,
    with_windows: bool,
    mut found: impl FnMut(Result<(BudgetKey, Budget), StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let query = if with_windows {
        select!("subject_kind, subject, asset, destination", "")
    } else {
        "SELECT subject_kind, subject, asset, destination, captured, held, overridden, rolled, x'01' FROM budgets"
    };
    each(connection, TABLE, query, [], |columns| found(read_key(columns).and_then(|key| Ok((key, read(columns)?)))))
}

/// Hands over every budget of a subject, with its windows.
pub(crate) fn for_each_of(
    connection: &Connection,
    subject: Subject,
    mut found: impl FnMut(BudgetKey, Budget) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let query = select!("subject_kind, subject, asset, destination", "WHERE subject_kind = ?1 AND subject = ?2");
    let params = params![subject.kind(), subject.id_bytes()];
    each(connection, TABLE, query, params, |columns| found(read_key(columns)?, read(columns)?))
}

pub(crate) fn store(
    connection: &Connection,
    key: &BudgetKey,
    version: Version,
    budget: &Budget,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO budgets
             (subject_kind, subject, asset, destination, version, captured, held, overridden, rolled, windows)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (subject_kind, subject, asset, destination) DO UPDATE SET
             version = excluded.version, captured = excluded.captured, held = excluded.held,
             overridden = excluded.overridden, rolled = excluded.rolled, windows = excluded.windows",
        params![
            key.subject.kind(),
            key.subject.id_bytes(),
            key.asset.to_string(),
            destination(key),
            version,
            pack_usage(budget.captured),
            pack_usage(budget.held),
            pack_usage(budget.overridden),
            pack_usage(budget.rolled),
            pack_windows(&budget.windows),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, key: &BudgetKey) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND destination = ?4",
        params![key.subject.kind(), key.subject.id_bytes(), key.asset.to_string(), destination(key)],
    )
}
