//! The past of a budget that was not counted until now, added up from spends that are kept.

use std::collections::BTreeMap;

use crate::coin::{Asset, Coin};
use crate::destination::DestinationId;
use crate::hold::{Hold, HoldState};
use crate::ledger::begin::rules;
use crate::ledger::charges;
use crate::ledger::paid::payees_of;
use crate::limit::{BudgetKey, History, LimitSet, Subject, Usage};
use crate::time::{Span, Timestamp};

/// Asks for the past of a budget.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HistoryKey {
    /// Which budget.
    pub budget: BudgetKey,
    /// The coins that do not count under its asset.
    pub without: Vec<Coin>,
    /// How far back captures are asked for, one by one.
    pub reach: Span,
    /// Whether it is asked who was paid, and not how much.
    pub of_payees: bool,
}

/// Adds up a past, spend by spend, in memory that does not grow with it.
#[derive(Debug)]
pub struct Past {
    key: HistoryKey,
    history: History,
    captures: BTreeMap<Timestamp, Usage>,
    paid: BTreeMap<DestinationId, u64>,
}

/// Captures before neighbours are merged.
pub(super) const MOST_CAPTURES: usize = 8192;

impl HistoryKey {
    /// The past that `budget` needs under these rules.
    pub(super) fn new(budget: BudgetKey, set: &LimitSet) -> Self {
        let entries = set.limits.iter().filter_map(|limit| match &limit.asset {
            Asset::Coin(coin) if budget.asset.covers(coin) && !set.covers(&budget.asset, coin) => Some(coin.clone()),
            _ => None,
        });
        let mut without: Vec<Coin> = entries.collect();
        without.sort_unstable();
        without.dedup();
        let reach = rules(set, &budget).filter_map(|limit| limit.window.reach()).max();
        Self { budget, without, reach: reach.unwrap_or_default(), of_payees: false }
    }

    /// Whom a subject has paid.
    pub fn of_payees(subject: Subject) -> Self {
        let budget = BudgetKey { subject, asset: Asset::Any, destination: None };
        Self { budget, without: Vec::new(), reach: Span::ZERO, of_payees: true }
    }

    /// Whether the totals of the subject's coins tell what was captured; else only spends do.
    pub const fn is_told_by_totals(&self) -> bool {
        self.budget.destination.is_none() && !self.of_payees
    }

    /// Whether what is spent of `coin` counts.
    pub fn covers(&self, coin: &Coin) -> bool {
        self.budget.asset.covers(coin) && !self.without.contains(coin)
    }
}

impl Past {
    /// Nothing yet.
    pub fn new(key: HistoryKey) -> Self {
        Self { key, history: History::default(), captures: BTreeMap::new(), paid: BTreeMap::new() }
    }

    /// Takes in a spend of the budget's subject. Spends may come in any order, each once.
    pub fn add(&mut self, hold: &Hold) {
        if self.key.of_payees {
            // Rules on destinations hold under an unlock, too.
            if !matches!(hold.state, HoldState::Released { .. }) {
                for destination in payees_of(hold) {
                    let spends = self.paid.entry(destination).or_default();
                    *spends = spends.saturating_add(1);
                }
            }
            return;
        }
        let is_token = matches!(self.key.budget.subject, Subject::Token(_));
        if hold.overridden && is_token {
            return;
        }
        let usage = |cost| charges::usage_of(&self.key.budget, |coin| self.key.covers(coin), hold, cost);
        match (&hold.state, hold.captured()) {
            (HoldState::Captured { at, .. }, Some(cost)) => {
                let Some(usage) = usage(&cost) else { return };
                self.history.captured = self.history.captured.saturating_add(usage);
                let sum = self.captures.entry(*at).or_default();
                *sum = sum.saturating_add(usage);
                if self.captures.len() > MOST_CAPTURES {
                    self.merge();
                }
            }
            (state, _) if state.is_held() => {
                let Some(usage) = usage(&hold.cost) else { return };
                self.history.held = self.history.held.saturating_add(usage);
            }
            _ => {}
        }
    }

    /// What was taken in. `captured` is what the spends say that are kept; what was rolled into totals is
    /// the caller's to add.
    pub fn finish(mut self) -> History {
        self.history.captures = self.captures.into_iter().collect();
        self.history.paid = self.paid.into_iter().collect();
        self.history
    }

    /// Drops what has left every window, and makes one capture of neighbours, dated as the youngest.
    fn merge(&mut self) {
        let Some((latest, _)) = self.captures.last_key_value() else { return };
        let begin = latest.minus(self.key.reach);
        let width = i64::try_from(self.key.reach.as_millis().div_ceil(4096)).unwrap_or(i64::MAX).max(1);
        let mut merged: BTreeMap<i64, (Timestamp, Usage)> = BTreeMap::new();
        for (at, usage) in std::mem::take(&mut self.captures).into_iter().filter(|(at, _)| *at >= begin) {
            let (youngest, sum) = merged.entry(at.as_millis().div_euclid(width)).or_insert((at, Usage::default()));
            *youngest = at;
            *sum = sum.saturating_add(usage);
        }
        self.captures = merged.into_values().collect();
    }
}

/// The total that a lifetime limit sees, made of what the subject's coins say.
pub fn total_of_coins<'a>(key: &HistoryKey, coins: impl Iterator<Item = (&'a Coin, Usage)>) -> Usage {
    let covered = coins.filter(|(coin, _)| key.covers(coin));
    covered.fold(Usage::default(), |sum, (_, usage)| sum.saturating_add(usage))
}
