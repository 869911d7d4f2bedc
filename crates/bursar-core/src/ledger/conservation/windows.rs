//! What spends say of a window: the least that a sound counter says, from those that are kept. A counter may
//! say more for a while, and spends that are no longer kept have left every window.

use std::collections::BTreeMap;

use crate::limit::{Counter, Usage, Window};
use crate::time::{Span, Timestamp};

/// The captures of a window, added up in any order and in memory that does not grow with them.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) window: Window,
    captures: Captures,
}

#[derive(Debug)]
enum Captures {
    /// All from an instant on count in full.
    Since(Timestamp, Usage),
    /// Each wears off from its own instant on.
    WearingOff(BTreeMap<Timestamp, Usage>),
}

/// Captures that wear off before neighbours are merged.
const MOST_CAPTURES: usize = 128;

impl Seen {
    /// Nothing yet; no account of windows that are not counted.
    pub(super) fn new(window: &Window, now: Timestamp) -> Option<Self> {
        let since = |at| Captures::Since(at, Usage::default());
        let captures = match window {
            Window::Spend | Window::Lifetime => return None,
            Window::Rolling(length) => since(now.minus(*length).plus(Span::from_millis(1))),
            Window::Calendar(..) | Window::Fixed { .. } => since(window.period_at(now)?.start),
            Window::Accrual { .. } => Captures::WearingOff(BTreeMap::new()),
        };
        Some(Self { window: window.clone(), captures })
    }

    pub(super) fn add(&mut self, at: Timestamp, usage: Usage) {
        match &mut self.captures {
            Captures::Since(first, sum) if at >= *first => *sum = sum.saturating_add(usage),
            Captures::Since(..) => {}
            Captures::WearingOff(captures) => {
                let sum = captures.entry(at).or_default();
                *sum = sum.saturating_add(usage);
                if captures.len() > MOST_CAPTURES {
                    *captures = merged(captures);
                }
            }
        }
    }

    /// The least that counts now.
    pub(super) fn least(&self, now: Timestamp) -> Usage {
        match &self.captures {
            Captures::Since(_, sum) => *sum,
            Captures::WearingOff(captures) => {
                let first = captures.first_key_value().map_or(now, |(at, _)| *at);
                let Some(mut counter) = Counter::new(&self.window, first) else { return Usage::default() };
                captures.iter().for_each(|(at, usage)| counter.record(&self.window, *at, *usage));
                counter.used(&self.window, now)
            }
        }
    }
}

/// Makes one of every two neighbours. It wears off from its older part on: sooner, never later.
fn merged(captures: &BTreeMap<Timestamp, Usage>) -> BTreeMap<Timestamp, Usage> {
    let mut merged = BTreeMap::new();
    let mut rest = captures.iter();
    while let Some((at, usage)) = rest.next() {
        let next = rest.next().map_or(Usage::default(), |(_, usage)| *usage);
        merged.insert(*at, usage.saturating_add(next));
    }
    merged
}

#[cfg(test)]
mod tests;
