//! How a budget begins to be counted: from its past, where there can be one.

use crate::coin::Asset;
use crate::ledger::history::HistoryKey;
use crate::ledger::state::{NotLoaded, State};
use crate::limit::{Budget, BudgetKey, History, Limit, LimitSet, Usage, Window};
use crate::time::Timestamp;

/// A budget as it has to be before rules can judge by it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) budget: Budget,
    /// Whether the past had to be asked, so that it is worth keeping what it told.
    pub(super) from_past: bool,
}

/// The limits of a set that speak of this budget.
pub(super) fn rules<'a>(set: &'a LimitSet, key: &'a BudgetKey) -> impl Iterator<Item = &'a Limit> + Clone {
    let list = if key.destination.is_some() { set.each() } else { &set.limits };
    list.iter().filter(|limit| limit.asset == key.asset)
}

/// Whether a budget must be told what was spent before it can be judged by these rules.
pub(super) fn lacks_past(set: &LimitSet, key: &BudgetKey, budget: Option<&Budget>) -> bool {
    match budget {
        // What destinations got before was told to all of them by the edit that began to look at each.
        _ if key.destination.is_some() => false,
        Some(budget) => rules(set, key).any(|limit| !budget.counts(&limit.window)),
        // A coin's budget is there from its first spend on.
        None => !matches!(key.asset, Asset::Coin(_)),
    }
}

/// A budget, as it was found, with all that it does not count yet; nothing if it is there and counts everything.
pub(super) fn begin(
    state: &State,
    set: &LimitSet,
    (key, found): (&BudgetKey, Option<&Budget>),
    now: Timestamp,
) -> Result<Option<Begun>, NotLoaded> {
    if let Some(budget) = found {
        let mut counters = budget.counters();
        if rules(set, key).all(|limit| !limit.window.is_counted() || counters.of(&limit.window).is_some()) {
            return Ok(None);
        }
    }
    let from_past = lacks_past(set, key, found);
    let told = if from_past { state.history(&HistoryKey::new(key.clone(), set))? } else { None };
    Ok(Some(Begun { budget: begun(set, (key, found), told, now), from_past }))
}

/// Counts over these windows from now on, beginning with what was captured, where they are not counted yet.
pub(super) fn count<'a>(
    budget: &mut Budget,
    windows: impl Iterator<Item = &'a Window>,
    captures: &[(Timestamp, Usage)],
    now: Timestamp,
) {
    for window in windows {
        if !budget.counts(window) {
            budget.start_counting(window, captures, now);
        }
    }
}

/// A budget that counts everything, given its past if it has one.
pub(super) fn begun(
    set: &LimitSet,
    (key, found): (&BudgetKey, Option<&Budget>),
    past: Option<&History>,
    now: Timestamp,
) -> Budget {
    let captures = past.map_or(&[][..], |past| &past.captures);
    let mut budget = match (found, past) {
        (Some(budget), _) => budget.clone(),
        (None, Some(past)) => Budget { held: past.held, captured: past.captured, ..Budget::default() },
        (None, None) => Budget::default(),
    };
    count(&mut budget, rules(set, key).map(|limit| &limit.window), captures, now);
    budget
}
