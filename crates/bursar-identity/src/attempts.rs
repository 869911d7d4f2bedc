//! How often the codes of an account may be guessed, over all routes that take one, and across restarts.
//!
//! A few failures are free. After them each [`Source`], a credential at an address, waits longer after
//! each failure. The account takes a bounded number of failures in 24 hours from all sources it does not
//! know; then it refuses them all. A source that succeeded lately is *known good*: it has counters of
//! its own and nothing that others do touches it, so a thief elsewhere cannot lock the owner out.
//!
//! A guess must be counted **before** the code is looked at, or guesses made at the same time are not
//! seen by each other. Either the whole of check, verification and outcome is one command of the
//! ledger's single writer, or [`Attempts::charge`] is such a command, the verification (of a password:
//! slow) comes after it, and [`Attempts::refund`] is another command if it passed. A charge that is never
//! refunded, as after a crash, stays a failure.
//!
//! Which credential: a session counts as the login that made it, or a new session of the owner would be
//! unknown under attack. A new access token is [`Attempts::succeeded`] for its creator's address, who
//! showed an OTP for it.

mod record;
mod source;

#[cfg(test)]
mod tests;

use std::fmt;

use bursar_core::time::{Span, Timestamp};

pub use record::Damaged;
pub use source::{AddressPrefix, Credential, Source};

const DAY: Span = Span::from_seconds(24 * 60 * 60);

/// How many guesses are free, how delays grow, and how many there may be in 24 hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Failures within `free_window` until delays begin: this one is the first with a delay after it.
    pub free: usize,
    /// The time in which the free failures count.
    pub free_window: Span,
    /// The wait after the first failure that is not free; it doubles with each one after it.
    pub first_delay: Span,
    /// The longest wait.
    pub longest_delay: Span,
    /// Failures in any 24 hours: of all unknown sources together, and of each known one.
    pub per_day: usize,
    /// How many sources are remembered as known good; the one that succeeded longest ago goes first.
    pub known: usize,
    /// How long a success makes a source known.
    pub known_for: Span,
}

impl Policy {
    /// One-time passwords and recovery codes: one in a million, 50 times a day.
    pub const OTP: Self = Self {
        free: 5,
        free_window: Span::from_seconds(15 * 60),
        first_delay: Span::from_seconds(1),
        longest_delay: Span::from_seconds(15 * 60),
        per_day: 50,
        known: 16,
        known_for: Span::from_seconds(30 * 24 * 60 * 60),
    };
    /// Passwords, which people mistype more often; NIST SP 800-63B allows 100.
    pub const PASSWORD: Self = Self { free: 10, per_day: 100, ..Self::OTP };

    fn delay(&self, slowed: u8) -> Span {
        let doublings = slowed.saturating_sub(1).into();
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        Span::from_millis(self.first_delay.as_millis().saturating_mul(factor)).min(self.longest_delay)
    }
}

/// No guess now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// The first instant at which a guess of this source is taken again, if nobody guesses until then.
    pub until: Timestamp,
    /// Why.
    pub reason: WaitReason,
}

/// Why a source waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitReason {
    /// It failed a moment ago, too often.
    Slowed,
    /// The failures of 24 hours are used up.
    DayUsedUp,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            WaitReason::Slowed => write!(f, "too many wrong codes, the next try is possible at {}", self.until),
            WaitReason::DayUsedUp => {
                write!(f, "too many wrong codes today, the next try is possible at {}", self.until)
            }
        }
    }
}

impl std::error::Error for Wait {}

/// A guess that was counted as a failure in advance; [`Attempts::refund`] takes it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    source: Source,
    at: Timestamp,
}

/// The durable record of one account: its failures of the last 24 hours and its known sources.
///
/// Bounded by the policy: `per_day` failures of unknown sources and of each of `known` known ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attempts {
    /// Oldest first.
    failures: Vec<Failure>,
    /// The one that succeeded longest ago first.
    known: Vec<Known>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Failure {
    source: Source,
    at: Timestamp,
    counter: Counter,
    /// Its place, from 1, among the failures of its source since the last success that were not free;
    /// 0 if it was free. It says how long the source waits.
    slowed: u8,
}

/// What a failure counts against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counter {
    /// The one of all sources that are not known.
    Shared,
    /// The one of this source, which was known when it failed, for as long as it is.
    Own,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    source: Source,
    succeeded: Timestamp,
}

impl Attempts {
    /// Whether a guess of `source` may be taken now.
    ///
    /// # Errors
    /// Until when to wait, and why.
    pub fn check(&self, policy: &Policy, source: Source, now: Timestamp) -> Result<(), Wait> {
        let slowed = self.slowed_until(policy, source, now).map(|until| Wait { until, reason: WaitReason::Slowed });
        let used_up =
            self.used_up_until(policy, source, now).map(|until| Wait { until, reason: WaitReason::DayUsedUp });
        match [slowed, used_up].into_iter().flatten().filter(|wait| now < wait.until).max_by_key(|wait| wait.until) {
            Some(wait) => Err(wait),
            None => Ok(()),
        }
    }

    /// Counts a failure of `source`.
    pub fn failed(&mut self, policy: &Policy, source: Source, now: Timestamp) {
        self.forget(policy, now);
        let now = self.not_before_the_last(now);
        let counter = self.counter(policy, source, now);
        let recent =
            self.counted(policy, source, now).filter(|failure| now.since(failure.at) < policy.free_window).count();
        let before = self.last_of(source, now).map_or(0, |failure| failure.slowed);
        let is_free = before == 0 && recent.saturating_add(1) < policy.free;
        let slowed = if is_free { 0 } else { before.saturating_add(1) };
        self.failures.push(Failure { source, at: now, counter, slowed });
        self.keep_the_newest(policy, source, now);
    }

    /// `source` showed a right code: it is known good from now on, and its delay is over.
    ///
    /// The failures it made still count towards those of the day.
    pub fn succeeded(&mut self, policy: &Policy, source: Source, now: Timestamp) {
        self.forget(policy, now);
        for failure in self.failures.iter_mut().filter(|failure| failure.source == source) {
            failure.slowed = 0;
        }
        self.known.retain(|known| known.source != source);
        self.known.push(Known { source, succeeded: now });
        let excess = self.known.len().saturating_sub(policy.known);
        self.known.drain(..excess);
        self.share_the_forgotten();
        self.keep_the_newest(policy, source, now);
    }

    /// [`check`](Self::check) and, if it passes, [`failed`](Self::failed) in one: for a code that is
    /// looked at afterwards, elsewhere.
    ///
    /// # Errors
    /// As `check`; nothing is counted then.
    pub fn charge(&mut self, policy: &Policy, source: Source, now: Timestamp) -> Result<Charge, Wait> {
        self.check(policy, source, now)?;
        self.failed(policy, source, now);
        Ok(Charge { source, at: self.not_before_the_last(now) })
    }

    /// The code that was charged for was right: takes the charge back and counts a success.
    pub fn refund(&mut self, policy: &Policy, charge: Charge, now: Timestamp) {
        self.take_back(charge);
        self.succeeded(policy, charge.source, now);
    }

    /// The code that was charged for was not looked at: takes the charge back, and counts neither a failure nor a success.
    pub fn take_back(&mut self, charge: Charge) {
        let charged = |failure: &Failure| failure.source == charge.source && failure.at == charge.at;
        if let Some(place) = self.failures.iter().rposition(charged) {
            self.failures.remove(place);
        }
    }

    /// Whether `source` is known good.
    pub fn is_known(&self, policy: &Policy, source: Source, now: Timestamp) -> bool {
        is_known(&self.known, policy, source, now)
    }

    fn slowed_until(&self, policy: &Policy, source: Source, now: Timestamp) -> Option<Timestamp> {
        let last = self.last_of(source, now)?;
        (last.slowed > 0).then(|| last.at.plus(policy.delay(last.slowed)))
    }

    fn used_up_until(&self, policy: &Policy, source: Source, now: Timestamp) -> Option<Timestamp> {
        // The oldest of the newest `per_day`: when it is a day old there is room for one.
        let excess = self.counted(policy, source, now).count().checked_sub(policy.per_day)?;
        self.counted(policy, source, now).nth(excess).map(|failure| failure.at.plus(DAY))
    }

    /// The failures of today that count against `source`.
    fn counted(&self, policy: &Policy, source: Source, now: Timestamp) -> impl Iterator<Item = &Failure> {
        let counter = self.counter(policy, source, now);
        self.today(now).filter(move |failure| failure.counts(counter, source, policy, &self.known, now))
    }

    fn last_of(&self, source: Source, now: Timestamp) -> Option<&Failure> {
        self.today(now).filter(|failure| failure.source == source).last()
    }

    fn today(&self, now: Timestamp) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(move |failure| now.since(failure.at) < DAY)
    }

    fn counter(&self, policy: &Policy, source: Source, now: Timestamp) -> Counter {
        if self.is_known(policy, source, now) { Counter::Own } else { Counter::Shared }
    }

    /// Ledger time does not run backwards; should it, the order of the record stands.
    fn not_before_the_last(&self, now: Timestamp) -> Timestamp {
        self.failures.last().map_or(now, |failure| failure.at.max(now))
    }

    fn forget(&mut self, policy: &Policy, now: Timestamp) {
        self.failures.retain(|failure| now.since(failure.at) < DAY);
        self.known.retain(|known| known.holds_at(policy, now));
        self.share_the_forgotten();
    }

    /// What a source did while it was known counts among the unknown ones once it is not, and stays
    /// there: becoming known again must not empty the shared counter.
    fn share_the_forgotten(&mut self) {
        let Self { failures, known } = self;
        for failure in failures {
            if !known.iter().any(|known| known.source == failure.source) {
                failure.counter = Counter::Shared;
            }
        }
    }

    /// Holds the counter of `source` and the shared one to their bounds.
    fn keep_the_newest(&mut self, policy: &Policy, source: Source, now: Timestamp) {
        let Self { failures, known } = self;
        for counter in [Counter::Own, Counter::Shared] {
            let counts = |failure: &Failure| failure.counts(counter, source, policy, known, now);
            let mut excess = failures.iter().filter(|failure| counts(failure)).count().saturating_sub(policy.per_day);
            failures.retain(|failure| {
                let dropped = excess > 0 && counts(failure);
                excess -= usize::from(dropped);
                !dropped
            });
        }
    }
}

impl Failure {
    /// Whether it counts in the counter of `source`, or in the shared one, as things stand at `now`.
    fn counts(&self, counter: Counter, source: Source, policy: &Policy, known: &[Known], now: Timestamp) -> bool {
        let is_own = self.counter == Counter::Own && is_known(known, policy, self.source, now);
        match counter {
            Counter::Shared => !is_own,
            Counter::Own => is_own && self.source == source,
        }
    }
}

impl Known {
    fn holds_at(&self, policy: &Policy, now: Timestamp) -> bool {
        now.since(self.succeeded) < policy.known_for
    }
}

fn is_known(known: &[Known], policy: &Policy, source: Source, now: Timestamp) -> bool {
    known.iter().any(|known| known.source == source && known.holds_at(policy, now))
}
