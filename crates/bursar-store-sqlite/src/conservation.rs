//! The check that budgets say what their spends say, streamed over both.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bursar_core::ledger::charges::subjects;
use bursar_core::ledger::conservation::{Conservation, Difference};
use bursar_core::limit::{LimitSet, Subject};
use bursar_store::StoreError;
use rusqlite::Connection;

use crate::rows::{budget, limits, spends};

/// Compares what is held, and what was captured too if `all` spends are added up.
pub(crate) fn check(view: &Connection, all: bool) -> Result<Vec<Difference>, StoreError> {
    let mut rules: HashMap<Subject, Option<LimitSet>> = HashMap::new();
    let mut sums = Conservation::default();
    spends::for_each(view, !all, |hold| {
        for subject in subjects(hold.token, hold.user, hold.wallet, hold.organisation) {
            if let Entry::Vacant(unknown) = rules.entry(subject) {
                unknown.insert(limits::load(view, subject)?.map(|found| found.value));
            }
        }
        sums.add(&hold, |subject| rules.get(&subject).and_then(Option::as_ref));
        Ok(())
    })?;
    let mut differences = Vec::new();
    // Also those that hold nothing, since they might have to.
    budget::for_each(view, |key, budget| differences.extend(sums.compare(&key, &budget, all)))?;
    differences.extend(sums.finish());
    differences.sort_by(|one, other| one.budget.cmp(&other.budget));
    Ok(differences)
}
