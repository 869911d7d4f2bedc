//! How a budget begins to be counted: from its past, where there can be one.

use crate::coin::Asset;
use crate::ledger::history::HistoryKey;
use crate::ledger::state::{NotLoaded, State};
use crate::limit::{Budget, BudgetKey, Limit, LimitSet, Subject};
use crate::time::Timestamp;
use crate::token::Token;

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
pub(super) fn lacks_past(set: &LimitSet, key: &BudgetKey, budget: Option<&Budget>, token: Option<&Token>) -> bool {
    match budget {
        Some(budget) => rules(set, key).any(|limit| !budget.counts(&limit.window)),
        // A coin's budget is there from its first spend on.
        None if key.destination.is_none() => !matches!(key.asset, Asset::Coin(_)),
        None => {
            let since = set.destinations.as_ref().and_then(|rules| rules.counted_since);
            // Of a token that never paid without its destinations being counted, nothing is missing.
            !token.is_some_and(|token| {
                key.subject == Subject::Token(token.id) && since.is_some_and(|since| since <= token.created)
            })
        }
    }
}

/// A budget, as it was found, with all that it does not count yet; nothing if it is there and counts everything.
pub(super) fn begin(
    state: &State,
    set: &LimitSet,
    (key, found): (&BudgetKey, Option<&Budget>),
    token: Option<&Token>,
    now: Timestamp,
) -> Result<Option<Begun>, NotLoaded> {
    if let Some(budget) = found {
        let mut counters = budget.counters();
        if rules(set, key).all(|limit| !limit.window.is_counted() || counters.of(&limit.window).is_some()) {
            return Ok(None);
        }
    }
    let from_past = lacks_past(set, key, found, token);
    let told = if from_past { state.history(&HistoryKey::new(key.clone(), set))? } else { None };
    let captures = told.map_or(&[][..], |past| &past.captures);
    let mut budget = match (found, told) {
        (Some(budget), _) => budget.clone(),
        (None, Some(past)) => Budget { held: past.held, captured: past.captured, ..Budget::default() },
        (None, None) => Budget::default(),
    };
    for limit in rules(set, key) {
        if !budget.counts(&limit.window) {
            budget.start_counting(&limit.window, captures, now);
        }
    }
    Ok(Some(Begun { budget, from_past }))
}
