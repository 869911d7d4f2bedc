//! How a subject's limits stand: what each has left now, asked by nobody in particular.

use crate::ledger::begin::{begin, lacks_past};
use crate::ledger::history::HistoryKey;
use crate::ledger::paid::at_most;
use crate::ledger::state::{Key, NotLoaded, State};
use crate::limit::{Budget, BudgetKey, Limit, LimitReport, Subject, Usage};
use crate::time::Timestamp;

/// The records that [`standing`] will read and that are not loaded yet; asked until there are none.
pub fn needs_for_standing(state: &State, subject: Subject) -> Vec<Key> {
    let mut keys = vec![Key::Limits(subject)];
    if let Ok(Some(set)) = state.limits(&subject) {
        for key in set.limits.iter().map(|limit| key(subject, limit)) {
            if let Ok(budget) = state.budget(&key)
                && lacks_past(set, &key, budget)
            {
                keys.push(Key::History(HistoryKey::new(key.clone(), set)));
            }
            keys.push(Key::Budget(key));
        }
        if at_most(Some(set)).is_some() {
            keys.push(Key::Paid(subject));
        }
    }
    keys.retain(|key| !state.is_loaded(key));
    keys
}

fn key(subject: Subject, limit: &Limit) -> BudgetKey {
    BudgetKey { subject, asset: limit.asset.clone(), destination: None }
}

/// What each limit of a subject says to a spend of nothing, in the order of the limits.
///
/// # Errors
/// A record was not loaded.
pub fn standing(state: &State, subject: Subject, now: Timestamp) -> Result<Vec<LimitReport>, NotLoaded> {
    let Some(set) = state.limits(&subject)? else { return Ok(Vec::new()) };
    let mut reports = Vec::with_capacity(set.limits.len());
    for limit in &set.limits {
        let key = key(subject, limit);
        let empty = Budget::default();
        let found = state.budget(&key)?;
        let begun = begin(state, set, (&key, found), now)?;
        let budget = begun.as_ref().map_or(found.unwrap_or(&empty), |begun| &begun.budget);
        reports.push(budget.report(subject, limit, Usage::default(), now).with_reset(budget, now));
    }
    Ok(reports)
}
