//! What was spent before a budget was counted, added up from the spends that are kept and the totals of
//! those that are not. Read only.

use bursar_core::ledger::{HistoryKey, Past, Versioned, total_of_coins};
use bursar_core::limit::History;
use rusqlite::Connection;

use crate::rows::{Found, budget, hold};

pub(crate) fn load(connection: &Connection, key: &HistoryKey) -> Found<History> {
    let subject = key.budget.subject;
    let mut past = Past::new(key.clone());
    hold::each_of_subject(connection, subject, |hold| past.add(hold))?;
    let mut history = past.finish();
    if key.budget.destination.is_none() {
        let totals = budget::totals(connection, subject)?;
        history.captured = total_of_coins(key, totals.iter().map(|(coin, usage)| (coin, *usage)));
    }
    Ok(Some(Versioned { version: 0, value: history }))
}
