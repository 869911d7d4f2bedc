//! Budgets: what was captured, is held, was overridden.

use bursar_core::amount::Amount;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Budget, BudgetKey, Subject, Usage};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::rows::subject::{read_budget_key, window_name};
use crate::sql::{Columns, each, execute, many, one};

const TABLE: &str = "budgets";

macro_rules! usages {
    () => {
        "captured_amount, captured_count, held_amount, held_count, overridden_amount, overridden_count"
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Budget, StoreError> {
    let mut usage = || Ok(Usage { amount: Amount::from_be_bytes(columns.get()?), count: columns.get()? });
    Ok(Budget { captured: usage()?, held: usage()?, overridden: usage()? })
}

pub(crate) fn load(connection: &Connection, key: &BudgetKey) -> Found<Budget> {
    let query = concat!(
        "SELECT version, ",
        usages!(),
        " FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND window = ?4"
    );
    let subject = &key.subject;
    let params = params![subject.kind(), subject.id_bytes(), key.asset.to_string(), window_name(key.window)];
    one(connection, TABLE, query, params, |columns| Ok(Versioned { version: columns.get()?, value: read(columns)? }))
}

pub(crate) fn of_subject(connection: &Connection, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError> {
    let query = concat!(
        "SELECT subject_kind, subject, asset, window, ",
        usages!(),
        " FROM budgets WHERE subject_kind = ?1 AND subject = ?2 ORDER BY asset, window"
    );
    many(connection, TABLE, query, params![subject.kind(), subject.id_bytes()], |columns| {
        Ok((read_budget_key(columns)?, read(columns)?))
    })
}

/// Hands over what each budget holds, if it holds anything.
pub(crate) fn each_held(connection: &Connection, mut held: impl FnMut(BudgetKey, Usage)) -> Result<(), StoreError> {
    let query = "SELECT subject_kind, subject, asset, window, held_amount, held_count FROM budgets
                 WHERE held_count <> 0 OR held_amount <> zeroblob(32)";
    each(connection, TABLE, query, [], |columns| {
        let key = read_budget_key(columns)?;
        held(key, Usage { amount: Amount::from_be_bytes(columns.get()?), count: columns.get()? });
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
            "INSERT INTO budgets (subject_kind, subject, asset, window, version, ",
            usages!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (subject_kind, subject, asset, window) DO UPDATE SET
                 version = excluded.version,
                 captured_amount = excluded.captured_amount, captured_count = excluded.captured_count,
                 held_amount = excluded.held_amount, held_count = excluded.held_count,
                 overridden_amount = excluded.overridden_amount, overridden_count = excluded.overridden_count"
        ),
        params![
            key.subject.kind(),
            key.subject.id_bytes(),
            key.asset.to_string(),
            window_name(key.window),
            version,
            budget.captured.amount.to_be_bytes(),
            budget.captured.count,
            budget.held.amount.to_be_bytes(),
            budget.held.count,
            budget.overridden.amount.to_be_bytes(),
            budget.overridden.count,
        ],
    )
}

pub(crate) fn delete(connection: &Connection, key: &BudgetKey) -> Result<(), StoreError> {
    let subject = &key.subject;
    execute(
        connection,
        "DELETE FROM budgets WHERE subject_kind = ?1 AND subject = ?2 AND asset = ?3 AND window = ?4",
        params![subject.kind(), subject.id_bytes(), key.asset.to_string(), window_name(key.window)],
    )
}
