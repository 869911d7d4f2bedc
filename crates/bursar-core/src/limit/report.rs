//! What a limit says to a spend, with the figures behind it and when it would say yes (P6).

use crate::amount::Amount;
use crate::limit::{Budget, Ceiling, Counter, Limit, Measure, Subject, Usage, Window};
use crate::time::Timestamp;

/// What one limit says to one spend, with the figures behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitReport {
    /// Whose limit it is.
    pub subject: Subject,
    /// The rule.
    pub limit: Limit,
    /// The address of the destination whose share it is about, if each has one for itself.
    pub destination: Option<String>,
    /// What was captured in the window, in the limit's measure.
    pub captured: Amount,
    /// What is held, in the limit's measure.
    pub held: Amount,
    /// How many spends were captured in the window or are held.
    pub spends: u64,
    /// What is asked now, in the limit's measure.
    pub asked: Amount,
    /// How much of that is the greatest fee, where a limit counts it together with the amount.
    pub fee: Amount,
    /// When the spend fits.
    pub fits: Fits,
    /// When nothing that is captured now counts any more, where that was asked for.
    pub resets: Option<Timestamp>,
}

/// When a spend fits under a limit, if nothing else happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fits {
    /// Now.
    Now,
    /// From this instant on, and not a millisecond earlier.
    At(Timestamp),
    /// Not by waiting; but perhaps once spends that are held have been released.
    OnceSettled,
    /// Never, as long as the limit is what it is.
    Never,
}

impl LimitReport {
    /// How a limit sees a spend, given its budget.
    pub fn new(subject: Subject, limit: &Limit, budget: &Budget, asked: Usage, now: Timestamp) -> Self {
        Self::of((subject, None), limit, (budget, budget.counter(&limit.window)), &asked, now)
    }

    /// The same, where the counter of the limit's window has been found already.
    #[inline]
    pub(crate) fn of(
        (subject, destination): (Subject, Option<String>),
        limit: &Limit,
        (budget, counter): (&Budget, Option<&Counter>),
        asked: &Usage,
        now: Timestamp,
    ) -> Self {
        let none = Usage::default();
        let counted;
        let (used, holding) = match (&limit.window, counter) {
            (Window::Spend, _) => (&none, &none),
            (Window::Lifetime, _) => (&budget.captured, &budget.held),
            (window, Some(counter)) => {
                counted = counter.used(window, now);
                (&counted, &budget.held)
            }
            (_, None) => (&none, &budget.held),
        };
        let (captured, held) = (used.measured(limit.measure), holding.measured(limit.measure));
        let spends = used.count.saturating_add(holding.count);
        let is_spend = asked.count > 0;
        let fee = if limit.measure == Measure::Amount { asked.fee } else { Amount::ZERO };
        let asked = asked.measured(limit.measure);
        let fits = match limit.ceiling {
            Ceiling::Unlimited => Fits::Now,
            // Zero lets nothing through, a spend of nothing neither.
            Ceiling::At(ceiling) if ceiling == Amount::ZERO && is_spend && limit.is_of_amounts() => Fits::Never,
            Ceiling::At(ceiling) => match room(ceiling, captured, held, asked) {
                true => Fits::Now,
                false => later(limit, budget, ceiling, (held, asked), now),
            },
        };
        Self { subject, limit: limit.clone(), destination, captured, held, spends, asked, fee, fits, resets: None }
    }

    /// The same, with the time at which nothing that is captured now counts any more: the end of the
    /// period, or when the last capture has left or worn off.
    #[must_use]
    pub fn with_reset(self, budget: &Budget, now: Timestamp) -> Self {
        let window = &self.limit.window;
        let resets = match window.period_at(now) {
            Some(period) => Some(period.end),
            None if self.captured == Amount::ZERO => None,
            None => budget
                .counter(window)
                .and_then(|counter| counter.earliest(window, self.limit.measure, Amount::ZERO, now)),
        };
        Self { resets, ..self }
    }

    /// Whether the spend fits: captured + held + asked ≤ ceiling, a sum that overflows does not fit.
    pub fn fits(&self) -> bool {
        self.fits == Fits::Now
    }

    /// What could still be spent; nothing to say if the limit is unlimited.
    pub fn remaining(&self) -> Option<Amount> {
        match self.limit.ceiling {
            Ceiling::Unlimited => None,
            Ceiling::At(ceiling) => Some(ceiling.saturating_sub(self.captured).saturating_sub(self.held)),
        }
    }
}

#[inline]
fn room(ceiling: Amount, captured: Amount, held: Amount, asked: Amount) -> bool {
    let total = captured.checked_add(held).and_then(|used| used.checked_add(asked));
    total.is_some_and(|total| total <= ceiling)
}

#[cold]
fn later(limit: &Limit, budget: &Budget, ceiling: Amount, asked: (Amount, Amount), now: Timestamp) -> Fits {
    let (held, asked) = asked;
    let Some(room_alone) = ceiling.checked_sub(asked) else { return Fits::Never };
    let counter = budget.counter(&limit.window);
    let at = |room| match counter {
        // What is counted in no window does not wear off.
        None => None,
        Some(counter) => counter.earliest(&limit.window, limit.measure, room, now),
    };
    match room_alone.checked_sub(held).and_then(at) {
        Some(at) => Fits::At(at),
        // Without the holds it would fit, at once or in time.
        None if held > Amount::ZERO
            && (budget.used(&limit.window, now).measured(limit.measure) <= room_alone || at(room_alone).is_some()) =>
        {
            Fits::OnceSettled
        }
        None => Fits::Never,
    }
}
