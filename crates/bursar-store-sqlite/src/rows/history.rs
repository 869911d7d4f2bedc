//! The past of a budget that begins to count: streamed from the spends of its subject, in memory that does
//! not grow with them, and from the totals of those that are no longer kept.

use std::ops::ControlFlow;

use bursar_core::ledger::{HistoryKey, Past, total_of_coins};
use bursar_core::limit::{History, Subject};
use bursar_core::time::{Span, Timestamp};
use bursar_store::StoreError;
use rusqlite::{Connection, Params, params};

use crate::rows::hold::{TABLE, read, select};
use crate::rows::{budget, position};
use crate::sql::each_until;

pub(crate) fn load(connection: &Connection, key: &HistoryKey) -> Result<History, StoreError> {
    let subject = key.budget.subject;
    let mut past = Past::new(key.clone());
    if !key.is_told_by_totals() {
        add_spends(connection, subject, Timestamp::from_millis(i64::MIN), &mut past)?;
        return Ok(past.finish());
    }
    // The total is known, so captures matter only as far back as windows reach.
    if key.reach == Span::ZERO {
        add_unsettled(connection, subject, &mut past)?;
    } else {
        let now = position::time(connection)?;
        add_spends(connection, subject, now.minus(key.reach), &mut past)?;
    }
    let totals = budget::captured_of_coins(connection, subject)?;
    let captured = total_of_coins(key, totals.iter().map(|(coin, captured)| (coin, *captured)));
    Ok(History { captured, ..past.finish() })
}

fn add(connection: &Connection, query: &str, params: impl Params, past: &mut Past) -> Result<(), StoreError> {
    each_until(connection, TABLE, query, params, |columns| {
        past.add(&read(columns)?.value);
        Ok(if past.is_beyond_bounds() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

/// Spends that are open or unresolved, or were captured at ?2 or later.
macro_rules! counting {
    ($of:literal) => {
        select!($of " AND (state IN ('open', 'unresolved') OR (state = 'captured' AND state_since >= ?2))")
    };
}

/// Spends that are open or unresolved: there are few, whoever they are of.
macro_rules! unsettled {
    ($of:literal) => {
        select!("INDEXED BY holds_unsettled WHERE state IN ('open', 'unresolved') AND " $of)
    };
}

fn add_spends(connection: &Connection, subject: Subject, since: Timestamp, past: &mut Past) -> Result<(), StoreError> {
    let params = params![subject.id_bytes(), since.as_millis()];
    match subject {
        Subject::Token(_) => add(connection, counting!("WHERE token = ?1"), params, past),
        Subject::Wallet(_) => add(connection, counting!("WHERE wallet = ?1"), params, past),
        Subject::User(_) => {
            add(connection, counting!("WHERE token IN (SELECT id FROM tokens WHERE user = ?1)"), params, past)
        }
        Subject::Organisation(_) => {
            let of_wallets = counting!("WHERE wallet IN (SELECT id FROM wallets WHERE organisation = ?1)");
            add(connection, of_wallets, params, past)?;
            add(connection, counting!("WHERE organisation = ?1 AND wallet IS NULL"), params, past)
        }
    }
}

fn add_unsettled(connection: &Connection, subject: Subject, past: &mut Past) -> Result<(), StoreError> {
    let query = match subject {
        Subject::Token(_) => unsettled!("token = ?1"),
        Subject::User(_) => unsettled!("user = ?1"),
        Subject::Wallet(_) => unsettled!("wallet = ?1"),
        Subject::Organisation(_) => unsettled!("organisation = ?1"),
    };
    add(connection, query, params![subject.id_bytes()], past)
}
