//! Budgets: what was captured, is held, was overridden, and what of it counts in windows.

use bursar_core::coin::{Asset, Coin};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Budget, BudgetKey, Subject, Usage};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::rows::packed::{pack_usage, pack_windows, unpack_usage, unpack_windows};
use crate::rows::subject::read_budget_key;
use crate::sql::{Columns, each, execute, many, one};

const TABLE: &str = "budgets";

macro_rules! figures {
    () => {
        "captured, held, overridden, rolled, windows"
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Budget, StoreError> {
    let mut usage = || columns.unpack(unpack_usage);
    let (captured, held, overridden, rolled) = (usage()?, usage()?, usage()?, usage()?);
    Ok(Budget { captured, held, overridden, rolled, windows: columns.unpack(unpack_windows)? })
}

fn destination(key: &BudgetKey) -> &[u8] {
    key.destination.as_ref().map_or(&[], |destination| destination.as_bytes())
}

pub(crate) fn load(connection: &Connection, key: &BudgetKey) -> Found<Budget> {
    let query = concat!(
        "SELECT version, ",
        figures!(),
        " FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND destination = ?4"
    );
    let subject = &key.subject;
    let params = params![subject.kind(), subject.id_bytes(), key.asset.to_string(), destination(key)];
    one(connection, TABLE, query, params, |columns| Ok(Versioned { version: columns.get()?, value: read(columns)? }))
}

pub(crate) fn of_subject(connection: &Connection, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError> {
    let query = concat!(
        "SELECT subject_kind, subject, asset, destination, ",
        figures!(),
        " FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND destination = x'' ORDER BY asset"
    );
    many(connection, TABLE, query, params![subject.kind(), subject.id_bytes()], |columns| {
        Ok((read_budget_key(columns)?, read(columns)?))
    })
}

/// All that a subject ever captured of each coin.
pub(crate) fn totals(connection: &Connection, subject: Subject) -> Result<Vec<(Coin, Usage)>, StoreError> {
    let query = "SELECT asset, captured FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND destination = x''";
    let rows = many(connection, TABLE, query, params![subject.kind(), subject.id_bytes()], |columns| {
        Ok((columns.parse(Asset::parse)?, columns.unpack(unpack_usage)?))
    })?;
    let of_coin = |(asset, usage)| match asset {
        Asset::Coin(coin) => Some((coin, usage)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(of_coin).collect())
}

/// Hands over each budget, or only those that hold something.
pub(crate) fn each_of_all(
    connection: &Connection,
    all: bool,
    mut found: impl FnMut(BudgetKey, Budget),
) -> Result<(), StoreError> {
    let query = concat!(
        "SELECT subject_kind, subject, asset, destination, ",
        figures!(),
        " FROM budgets WHERE ?1 OR held <> x'000000'"
    );
    each(connection, TABLE, query, params![all], |columns| {
        found(read_budget_key(columns)?, read(columns)?);
        Ok(())
    })
}

pub(crate) fn store(
    connection: &Connection,
    key: &BudgetKey,
    version: Version,
    budget: &Budget,
) -> Result<(), StoreError> {
    execute(
        connection,
        concat!(
            "INSERT INTO budgets (subject_kind, subject, asset, destination, version, ",
            figures!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (subject_kind, subject, asset, destination) DO UPDATE SET
                 version = excluded.version, captured = excluded.captured, held = excluded.held,
                 overridden = excluded.overridden, rolled = excluded.rolled, windows = excluded.windows"
        ),
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
    let subject = &key.subject;
    execute(
        connection,
        "DELETE FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND destination = ?4",
        params![subject.kind(), subject.id_bytes(), key.asset.to_string(), destination(key)],
    )
}
