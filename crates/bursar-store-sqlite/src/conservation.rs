//! The check that budgets say what their spends say, streamed over both.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bursar_core::coin::Asset;
use bursar_core::id::TokenId;
use bursar_core::ledger::conservation::{Conservation, Difference};
use bursar_core::limit::{LimitSet, Subject};
use bursar_store::{Compared, StoreError};
use rusqlite::Connection;

use crate::rows::{budget, limits, position, spends};

/// The rules of subjects, each read once.
type Rules = HashMap<Subject, Option<LimitSet>>;

/// The rules of a subject. Without those that cannot be read its totals can still be compared.
fn known(view: &Connection, rules: &mut Rules, subject: Subject, compared: &mut Compared) -> Result<(), StoreError> {
    if let Entry::Vacant(unknown) = rules.entry(subject) {
        let read = limits::load(view, subject).map(|found| found.map(|found| found.value));
        unknown.insert(compared.readable(read)?.flatten());
    }
    Ok(())
}

/// Compares what is held, and what was captured and counts in windows too if `all` spends are added up.
pub(crate) fn check(view: &Connection, all: bool) -> Result<Compared, StoreError> {
    let (mut rules, mut found) = (Rules::new(), Compared::default());
    let mut sums = Conservation::new(position::time(view)?, all);
    spends::for_each(view, !all, |hold| {
        // One that cannot be read is missing from the sums of whoever spent it; those differ, if they are still there.
        let hold = hold.map_err(|(error, whose)| {
            found.uncounted.extend(whose);
            error
        });
        let Some(hold) = found.readable(hold)? else { return Ok(()) };
        for subject in hold.subjects() {
            known(view, &mut rules, subject, &mut found)?;
        }
        sums.add(&hold, |subject| rules.get(&subject).and_then(Option::as_ref));
        Ok(())
    })?;
    // Also those that hold nothing, since they might have to.
    budget::for_each(view, all, |budget| {
        let Some((key, budget)) = found.readable(budget)? else { return Ok(()) };
        // Which coins belong to a group, its rules say.
        if all && !matches!(key.asset, Asset::Coin(_)) {
            known(view, &mut rules, key.subject, &mut found)?;
        }
        let rules = rules.get(&key.subject).and_then(Option::as_ref);
        found.differences.extend(sums.compare(&key, &budget, rules));
        Ok(())
    })?;
    found.differences.extend(sums.finish());
    found.differences.sort_by(|one, other| one.budget.cmp(&other.budget));
    Ok(found)
}

/// The same for one token, from its spends alone.
pub(crate) fn check_token(view: &Connection, token: TokenId) -> Result<Vec<Difference>, StoreError> {
    let subject = Subject::Token(token);
    let rules = limits::load(view, subject)?.map(|found| found.value);
    let mut sums = Conservation::of(subject, position::time(view)?);
    spends::for_each_of_token(view, token, |hold| {
        sums.add(&hold, |_| rules.as_ref());
        Ok(())
    })?;
    let mut differences = Vec::new();
    budget::for_each_of(view, subject, |key, budget| {
        differences.extend(sums.compare(&key, &budget, rules.as_ref()));
        Ok(())
    })?;
    differences.extend(sums.finish());
    Ok(differences)
}
