//! What counts in a window now: the running state behind one window of a budget.
//!
//! A counter may say too much for a while, never too little. Its cost does not grow with history.

use std::collections::VecDeque;

use crate::amount::Amount;
use crate::limit::{Measure, Usage, Window};
use crate::time::{Span, Timestamp};

/// What was captured, as far as it still counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Of a rolling window.
    Rolling(Rolling),
    /// Of a window that is cut into periods.
    Period {
        /// Where the current period begins.
        start: Timestamp,
        /// The first instant after it.
        end: Timestamp,
        /// What was captured in it.
        usage: Usage,
    },
    /// Of a window in which spends wear off.
    Accrual(Accrual),
}

/// The captures of a rolling window, oldest first. Exact for about a thousand of them; beyond that,
/// neighbours become one that leaves with its youngest part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rolling {
    entries: VecDeque<(Timestamp, Usage)>,
    /// The sum of the entries, kept so that a decision does not add them up.
    sum: Usage,
}

/// Spends that wear off: at `at`, `level` was left of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accrual {
    /// The instant of which `level` speaks.
    pub at: Timestamp,
    /// What was left then, rounded up.
    pub level: Usage,
    /// How much of the next unit has worn off, in units per period and millisecond: amount, fee, count.
    pub worn: [u64; 3],
}

/// Entries of a rolling window before neighbours are merged.
const MOST_ENTRIES: usize = 1024;
/// Into how many slots the window is cut when they are.
const SLOTS: u64 = 512;

impl Counter {
    /// An empty counter for a window at an instant; nothing for windows that need none.
    pub fn new(window: &Window, at: Timestamp) -> Option<Self> {
        match window {
            Window::Spend | Window::Lifetime => None,
            Window::Rolling(_) => Some(Self::Rolling(Rolling::default())),
            Window::Calendar(..) | Window::Fixed { .. } => {
                let period = window.period_at(at)?;
                Some(Self::Period { start: period.start, end: period.end, usage: Usage::default() })
            }
            Window::Accrual { .. } => Some(Self::Accrual(Accrual { at, level: Usage::default(), worn: [0; 3] })),
        }
    }

    /// What counts at an instant.
    pub fn used(&self, window: &Window, now: Timestamp) -> Usage {
        match (self, window) {
            (Self::Rolling(rolling), Window::Rolling(length)) => rolling.used(*length, now),
            (Self::Period { end, usage, .. }, _) => {
                if now < *end || lengthened(window, *end, now).is_some() {
                    *usage
                } else {
                    Usage::default()
                }
            }
            (Self::Accrual(accrual), Window::Accrual { rate, period }) => accrual.at(now, *rate, *period).level,
            // A counter of another window: it cannot be, and if it is, it lets nothing through.
            _ => Usage { amount: Amount::MAX, fee: Amount::MAX, count: u64::MAX },
        }
    }

    /// Notes a capture. Ledger time never goes back, so it is the latest of all.
    pub fn record(&mut self, window: &Window, at: Timestamp, usage: Usage) {
        match (self, window) {
            (Self::Rolling(rolling), Window::Rolling(length)) => rolling.record(*length, at, usage),
            (Self::Period { start, end, usage: sum }, _) => {
                if at >= *end {
                    if let Some(longer) = lengthened(window, *end, at) {
                        *end = longer;
                    } else if let Some(next) = window.period_at(at) {
                        (*start, *end, *sum) = (next.start, next.end, Usage::default());
                    }
                }
                *sum = sum.saturating_add(usage);
            }
            (Self::Accrual(accrual), Window::Accrual { rate, period }) => {
                *accrual = accrual.at(at, *rate, *period);
                accrual.level = accrual.level.saturating_add(usage);
            }
            _ => {}
        }
    }

    /// The earliest instant, not before `now`, at which no more than `room` counts, if nothing more is
    /// captured; nothing if that never comes.
    pub fn earliest(&self, window: &Window, measure: Measure, room: Amount, now: Timestamp) -> Option<Timestamp> {
        if self.used(window, now).measured(measure) <= room {
            return Some(now);
        }
        match (self, window) {
            (Self::Rolling(rolling), Window::Rolling(length)) => rolling.earliest(*length, measure, room),
            (Self::Period { end, .. }, _) => Some(lengthened(window, *end, now).unwrap_or(*end))
                .filter(|end| *end < Timestamp::from_millis(i64::MAX)),
            (Self::Accrual(accrual), Window::Accrual { rate, period }) => {
                accrual.earliest(*rate, *period, measure, room)
            }
            _ => None,
        }
    }
}

/// The end of the period at `now`, if it began before the end that was stored of it: rules of time zones change, and what was
/// captured in it still counts.
fn lengthened(window: &Window, stored_end: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let period = window.period_at(now).filter(|period| period.start < stored_end)?;
    Some(period.end.max(stored_end))
}

impl Rolling {
    /// The captures that are kept, oldest first, none older than the one before it.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &(Timestamp, Usage)> {
        self.entries.iter()
    }

    /// Reads back what [`Rolling::entries`] gave.
    pub fn from_entries(entries: impl IntoIterator<Item = (Timestamp, Usage)>) -> Self {
        let entries: VecDeque<_> = entries.into_iter().collect();
        let sum = sum(&entries);
        Self { entries, sum }
    }

    fn used(&self, length: Span, now: Timestamp) -> Usage {
        let gone = self.entries.iter().take_while(|(at, _)| at.plus(length) <= now).count();
        if gone == 0 {
            return self.sum;
        }
        let left = self.entries.iter().take(gone).try_fold(self.sum, |sum, (_, usage)| sum.checked_sub(*usage));
        match left.filter(|_| !self.sum.is_saturated()) {
            Some(left) => left,
            None => self.entries.iter().skip(gone).fold(Usage::default(), |sum, (_, usage)| sum.saturating_add(*usage)),
        }
    }

    fn record(&mut self, length: Span, at: Timestamp, usage: Usage) {
        self.sum = self.used(length, at);
        while self.entries.front().is_some_and(|(oldest, _)| oldest.plus(length) <= at) {
            self.entries.pop_front();
        }
        self.sum = self.sum.saturating_add(usage);
        match self.entries.back_mut() {
            Some((latest, sum)) if *latest == at => *sum = sum.saturating_add(usage),
            _ => self.entries.push_back((at, usage)),
        }
        if self.entries.len() > MOST_ENTRIES {
            self.merge(length);
        }
    }

    /// Makes one of all entries of a slot. It leaves with its youngest part: later, never sooner.
    fn merge(&mut self, length: Span) {
        let width = i64::try_from(length.as_millis().div_ceil(SLOTS)).unwrap_or(i64::MAX).max(1);
        let slot = |at: Timestamp| at.as_millis().div_euclid(width);
        let mut merged: VecDeque<(Timestamp, Usage)> = VecDeque::with_capacity(MOST_ENTRIES.saturating_add(1));
        for (at, usage) in self.entries.drain(..) {
            match merged.back_mut() {
                Some(last) if slot(last.0) == slot(at) => *last = (at, last.1.saturating_add(usage)),
                _ => merged.push_back((at, usage)),
            }
        }
        self.entries = merged;
    }

    fn earliest(&self, length: Span, measure: Measure, room: Amount) -> Option<Timestamp> {
        // From the youngest back: everything up to the entry that is too much has to leave.
        let mut kept = Usage::default();
        for (at, usage) in self.entries.iter().rev() {
            kept = kept.saturating_add(*usage);
            if kept.measured(measure) > room {
                return Some(at.plus(length));
            }
        }
        None
    }
}

fn sum(entries: &VecDeque<(Timestamp, Usage)>) -> Usage {
    entries.iter().fold(Usage::default(), |sum, (_, usage)| sum.saturating_add(*usage))
}

impl Accrual {
    /// What is left at a later instant.
    fn at(&self, now: Timestamp, rate: Amount, period: Span) -> Self {
        let elapsed = now.since(self.at).as_millis();
        let wear = |level: Amount, worn: u64| wear(level, worn, elapsed, rate, period);
        let [amount_worn, fee_worn, count_worn] = self.worn;
        let (amount, amount_worn) = wear(self.level.amount, amount_worn);
        let (fee, fee_worn) = wear(self.level.fee, fee_worn);
        let (count, count_worn) = wear(Amount::new(self.level.count.into()), count_worn);
        let level = Usage { amount, fee, count: count.as_u64().unwrap_or(self.level.count) };
        Self { at: now.max(self.at), level, worn: [amount_worn, fee_worn, count_worn] }
    }

    fn earliest(&self, rate: Amount, period: Span, measure: Measure, room: Amount) -> Option<Timestamp> {
        let [amount_worn, fee_worn, count_worn] = self.worn;
        let worn = match measure {
            Measure::Amount => amount_worn,
            Measure::Fee => fee_worn,
            Measure::Count => count_worn,
            // Amount and fee wear off side by side, so their difference follows no straight line.
            Measure::AmountWithoutFee => return None,
        };
        let too_much = self.level.measured(measure).checked_sub(room)?;
        let needed = too_much.checked_mul(Amount::new(period.as_millis().into()))?;
        let needed = needed.saturating_sub(Amount::new(worn.into()));
        let elapsed = needed.checked_div_ceil(rate)?.as_u64()?;
        // Not within reach of any clock is never.
        Some(self.at.plus(Span::from_millis(elapsed))).filter(|at| at.since(self.at).as_millis() == elapsed)
    }
}

/// What is left of a level, and how much of the next unit has worn off.
fn wear(level: Amount, worn: u64, elapsed: u64, rate: Amount, period: Span) -> (Amount, u64) {
    let length = Amount::new(period.as_millis().into());
    // A product that is too large is taken for less than it is: less wears off.
    let product = rate.saturating_mul(Amount::new(elapsed.into())).saturating_add(Amount::new(worn.into()));
    let gone = product.checked_div(length).unwrap_or(Amount::ZERO);
    match level.checked_sub(gone).filter(|left| *left > Amount::ZERO) {
        Some(left) => {
            let rest = gone.checked_mul(length).and_then(|whole| product.checked_sub(whole));
            (left, rest.and_then(Amount::as_u64).unwrap_or(0))
        }
        None => (Amount::ZERO, 0),
    }
}

#[cfg(test)]
mod tests;
