//! Budgets: what a subject spent and holds of an asset. A limit is a rule about a budget, so an edited
//! limit finds its history, and a coin's budget is kept where there is no limit.

use std::hash::{Hash, Hasher};

use crate::coin::Asset;
use crate::destination::DestinationId;
use crate::limit::{Counter, Limit, LimitReport, Subject, Usage, Window};
use crate::time::Timestamp;

/// Names a budget.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BudgetKey {
    /// Whose spending.
    pub subject: Subject,
    /// Of what.
    pub asset: Asset,
    /// To whom, if only one destination's share is meant.
    pub destination: Option<DestinationId>,
}

/// What tells budgets apart, and no more: it is done for each budget of each spend. Kinds of subjects and of assets are left
/// out, whose ids and tickers differ already.
impl Hash for BudgetKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(*self.subject.id_bytes()));
        match &self.asset {
            Asset::Coin(coin) | Asset::Chain(coin) => state.write(coin.as_str().as_bytes()),
            group => group.hash(state),
        }
        if let Some(destination) = &self.destination {
            destination.hash(state);
        }
    }
}

/// The running state of what a subject spends of an asset.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// All that was ever captured.
    pub captured: Usage,
    /// Held by spends that are open or unresolved; counts in every window until they are settled.
    pub held: Usage,
    /// Captured under an unlock: shown apart, not counted against the subject's own limits.
    pub overridden: Usage,
    /// The part of `captured` and `overridden` whose spends are no longer kept one by one.
    pub rolled: Usage,
    /// What of `captured` counts in the windows that limits speak of.
    pub windows: Vec<(Window, Counter)>,
}

/// What was spent before a limit came: the captures that a new counter starts with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// Held by holds that are open or unresolved.
    pub held: Usage,
    /// All that was ever captured.
    pub captured: Usage,
    /// Captures, oldest first, dated when they were recorded.
    pub captures: Vec<(Timestamp, Usage)>,
    /// Who was paid and by how many spends, if that was asked.
    pub paid: Vec<(DestinationId, u64)>,
    /// The same of what each destination got of each coin, if that was asked.
    pub destinations: Vec<(BudgetKey, Self)>,
}

impl History {
    /// Whether nothing was captured and nothing is held.
    pub fn is_nothing(&self) -> bool {
        self.held.is_zero() && self.captured.is_zero()
    }
}

/// Finds counters. They mostly stand in the order of the limits, so the next one is tried first.
pub(crate) struct Counters<'a> {
    windows: &'a [(Window, Counter)],
    next: usize,
}

impl<'a> Counters<'a> {
    /// The counter of a window that needs one.
    pub(crate) fn of(&mut self, window: &Window) -> Option<&'a Counter> {
        if !window.is_counted() {
            return None;
        }
        let is_it = |entry: &&(Window, Counter)| entry.0 == *window;
        if let Some((_, counter)) = self.windows.get(self.next).filter(is_it) {
            self.next = self.next.saturating_add(1);
            return Some(counter);
        }
        let place = self.windows.iter().position(|(own, _)| own == window)?;
        self.next = place.saturating_add(1);
        self.windows.get(place).map(|(_, counter)| counter)
    }
}

impl Budget {
    /// What counts in a window now, captures only.
    pub fn used(&self, window: &Window, now: Timestamp) -> Usage {
        match window {
            Window::Spend => Usage::default(),
            Window::Lifetime => self.captured,
            _ => self.counter(window).map_or(Usage::default(), |counter| counter.used(window, now)),
        }
    }

    /// The counter of a window that needs one.
    pub fn counter(&self, window: &Window) -> Option<&Counter> {
        self.windows.iter().find(|(own, _)| own == window).map(|(_, counter)| counter)
    }

    /// The counters, for limits that are asked one after the other.
    pub(crate) const fn counters(&self) -> Counters<'_> {
        Counters { windows: self.windows.as_slice(), next: 0 }
    }

    /// Whether the limit's window is counted here, or needs no counting.
    pub fn counts(&self, window: &Window) -> bool {
        !window.is_counted() || self.counter(window).is_some()
    }

    /// How a limit sees a spend of `asked`.
    pub fn report(&self, subject: Subject, limit: &Limit, asked: Usage, now: Timestamp) -> LimitReport {
        LimitReport::new(subject, limit, self, asked, now)
    }

    /// Notes a capture in the total and in every window.
    pub fn capture(&mut self, usage: Usage, at: Timestamp) {
        self.captured = self.captured.saturating_add(usage);
        for (window, counter) in &mut self.windows {
            counter.record(window, at, usage);
        }
    }

    /// Whether what was captured, what is held and this together are a total that can be kept.
    pub(crate) fn can_take(&self, usage: Usage) -> bool {
        // Nearly always all three are so far from the end that no sum of them is near it.
        [&self.captured, &self.held, &usage].into_iter().all(Usage::is_below_a_quarter)
            || self.captured.checked_add(self.held).and_then(|used| used.checked_add(usage)).is_some()
    }

    /// Takes a hold in.
    pub fn hold(&mut self, usage: Usage) {
        self.held = self.held.saturating_add(usage);
    }

    /// Takes a hold out. A counter that does not contain it stays as it is, which can only overstate what
    /// is used.
    pub fn settle(&mut self, held: Usage) {
        self.held = self.held.checked_sub(held).unwrap_or(self.held);
    }

    /// Begins to count over a window, from what was captured before.
    pub fn start_counting(&mut self, window: &Window, captures: &[(Timestamp, Usage)], now: Timestamp) {
        let kept = captures.iter().fold(Usage::default(), |sum, (_, usage)| sum.saturating_add(*usage));
        // What wears off slowly may outlast its record, which is kept for as long as the longest window.
        let older = match window {
            Window::Accrual { .. } => self.captured.checked_sub(kept).filter(|older| !older.is_zero()),
            _ => None,
        };
        let older = older.map(|usage| (now.minus(Window::LONGEST), usage));
        let first = older.as_ref().or(captures.first()).map_or(now, |(at, _)| *at);
        let Some(mut counter) = Counter::new(window, first) else { return };
        older.iter().chain(captures).for_each(|(at, usage)| counter.record(window, *at, *usage));
        self.windows.retain(|(own, _)| own != window);
        self.windows.push((window.clone(), counter));
    }

    /// Forgets the counters of windows that no limit speaks of.
    pub fn keep_counting(&mut self, mut is_wanted: impl FnMut(&Window) -> bool) {
        self.windows.retain(|(own, _)| is_wanted(own));
    }
}
