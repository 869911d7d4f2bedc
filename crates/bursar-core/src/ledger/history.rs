//! The past of a budget that was not counted until now, added up from spends that are kept.

use std::collections::BTreeMap;

use crate::coin::{Asset, Coin};
use crate::destination::DestinationId;
use crate::hold::{Hold, HoldState};
use crate::ledger::begin;
use crate::ledger::charges::{self, payments_of};
use crate::ledger::paid::payees_of;
use crate::limit::{BudgetKey, Destinations, History, Limit, LimitSet, Subject, Usage};
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
    /// What of it.
    pub of: PastOf,
}

/// What is asked of the past of a subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PastOf {
    /// How much was spent.
    Budget,
    /// Who was paid.
    Payees,
    /// How much each destination got of each coin.
    Destinations,
}

/// Adds up a past, spend by spend, in memory that does not grow with it.
#[derive(Debug)]
pub struct Past {
    key: HistoryKey,
    sum: Sum,
    paid: BTreeMap<DestinationId, u64>,
    destinations: BTreeMap<BudgetKey, Sum>,
}

/// What is held and was captured of one budget.
#[derive(Debug, Default)]
struct Sum {
    held: Usage,
    captured: Usage,
    captures: BTreeMap<Timestamp, Usage>,
}

/// Captures before neighbours are merged.
pub(super) const MOST_CAPTURES: usize = 8192;

/// The same of each destination, of which there are many.
pub(super) const MOST_CAPTURES_OF_EACH: usize = 128;

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
        let reach = begin::rules(set, &budget).filter_map(|limit| limit.window.reach()).max();
        Self { budget, without, reach: reach.unwrap_or_default(), of: PastOf::Budget }
    }

    /// Whom a subject has paid.
    pub fn of_payees(subject: Subject) -> Self {
        Self::of_all(subject, Span::ZERO, PastOf::Payees)
    }

    /// How much each destination got of a subject, each capture as far back as these limits look.
    pub fn of_destinations(subject: Subject, each: &[Limit]) -> Self {
        let reach = each.iter().filter_map(|limit| limit.window.reach()).max();
        Self::of_all(subject, reach.unwrap_or_default(), PastOf::Destinations)
    }

    const fn of_all(subject: Subject, reach: Span, of: PastOf) -> Self {
        let budget = BudgetKey { subject, asset: Asset::Any, destination: None };
        Self { budget, without: Vec::new(), reach, of }
    }

    /// Whether the totals of the subject's coins tell what was captured; else only spends do.
    pub const fn is_told_by_totals(&self) -> bool {
        matches!(self.of, PastOf::Budget)
    }

    /// Whether what is spent of `coin` counts.
    pub fn covers(&self, coin: &Coin) -> bool {
        self.budget.asset.covers(coin) && !self.without.contains(coin)
    }
}

impl Past {
    /// Nothing yet.
    pub fn new(key: HistoryKey) -> Self {
        Self { key, sum: Sum::default(), paid: BTreeMap::new(), destinations: BTreeMap::new() }
    }

    /// Takes in a spend of the budget's subject. Spends may come in any order, each once.
    pub fn add(&mut self, hold: &Hold) {
        if self.key.of == PastOf::Payees {
            self.add_payees(hold);
            return;
        }
        let subject = self.key.budget.subject;
        // An unlock keeps a spend out of the token's own budgets.
        if hold.overridden && matches!(subject, Subject::Token(_)) {
            return;
        }
        let (cost, captured) = match (&hold.state, hold.captured()) {
            (HoldState::Captured { at, .. }, Some(cost)) => (cost, Some(*at)),
            (state, _) if state.is_held() => (hold.cost.clone(), None),
            _ => return,
        };
        if self.key.of == PastOf::Budget {
            if let Some(usage) = charges::sum(&cost, |coin| self.key.covers(coin)) {
                self.sum.add(usage, captured, self.key.reach, MOST_CAPTURES);
            }
            return;
        }
        for (destination, amount) in payments_of(hold, &cost) {
            let budget = BudgetKey { subject, asset: Asset::Coin(cost.coin.clone()), destination: Some(destination) };
            // More than may be begun at once need not be known one by one.
            if self.destinations.len() <= Destinations::MOST_COUNTED || self.destinations.contains_key(&budget) {
                let sum = self.destinations.entry(budget).or_default();
                sum.add(Usage::one(amount), captured, self.key.reach, MOST_CAPTURES_OF_EACH);
            }
        }
    }

    fn add_payees(&mut self, hold: &Hold) {
        // Rules on destinations hold under an unlock, too.
        if matches!(hold.state, HoldState::Released { .. }) {
            return;
        }
        for destination in payees_of(hold) {
            if self.paid.len() <= Destinations::MOST_PAID || self.paid.contains_key(&destination) {
                let spends = self.paid.entry(destination).or_default();
                *spends = spends.saturating_add(1);
            }
        }
    }

    /// Whether more was paid than may be begun at once: what is still to come changes nothing about that.
    pub fn is_beyond_bounds(&self) -> bool {
        is_beyond_bounds(self.paid.len(), self.destinations.len())
    }

    /// What was taken in. `captured` is what the spends say that are kept; what was rolled into totals is
    /// the caller's to add.
    pub fn finish(self) -> History {
        History {
            paid: self.paid.into_iter().collect(),
            destinations: self.destinations.into_iter().map(|(budget, sum)| (budget, sum.finish())).collect(),
            ..self.sum.finish()
        }
    }
}

/// Whether these are more payees, or more destinations that got something, than may be begun at once.
pub(super) const fn is_beyond_bounds(payees: usize, destinations: usize) -> bool {
    payees > Destinations::MOST_PAID || destinations > Destinations::MOST_COUNTED
}

impl Sum {
    /// Takes in what was captured then, or is held.
    fn add(&mut self, usage: Usage, captured: Option<Timestamp>, reach: Span, most: usize) {
        let Some(at) = captured else {
            self.held = self.held.saturating_add(usage);
            return;
        };
        self.captured = self.captured.saturating_add(usage);
        let sum = self.captures.entry(at).or_default();
        *sum = sum.saturating_add(usage);
        if self.captures.len() > most {
            self.merge(reach, most);
        }
    }

    fn finish(self) -> History {
        let Self { held, captured, captures } = self;
        History { held, captured, captures: captures.into_iter().collect(), ..History::default() }
    }

    /// Drops what has left every window, and makes one capture of neighbours, dated as the youngest.
    fn merge(&mut self, reach: Span, most: usize) {
        let Some((latest, _)) = self.captures.last_key_value() else { return };
        let begin = latest.minus(reach);
        let parts = u64::try_from(most / 2).unwrap_or(u64::MAX).max(1);
        let width = i64::try_from(reach.as_millis().div_ceil(parts)).unwrap_or(i64::MAX).max(1);
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
