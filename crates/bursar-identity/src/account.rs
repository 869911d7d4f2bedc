//! The state of an account, and what a fresh second factor is good for.
//!
//! Only rules over records: what must never be found here is a decision about a token or a limit.

use std::fmt;

use bursar_core::time::{Span, Timestamp};

/// Whether an account may act at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum AccountState {
    /// The account acts.
    #[default]
    Active,
    /// Nothing of the account acts: no login, no token, no step-up.
    Frozen(Freeze),
}

/// Why and until when an account is frozen; `freezeReason` and `freeze` of the user object (WC §1.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Freeze {
    /// Why, in words the owner may read.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends, and how.
    pub end: FreezeEnd,
}

/// How a freeze ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FreezeEnd {
    /// Only somebody who may can lift it.
    WhenLifted,
    /// At this instant by itself.
    At(Timestamp),
}

impl AccountState {
    /// Refuses while the account is frozen.
    ///
    /// # Errors
    /// The freeze in force at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), &Freeze> {
        match self {
            Self::Frozen(freeze) if freeze.holds_at(now) => Err(freeze),
            Self::Frozen(_) | Self::Active => Ok(()),
        }
    }
}

impl Freeze {
    /// Whether the freeze is in force. A clock before its start does not lift it.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        match self.end {
            FreezeEnd::WhenLifted => true,
            FreezeEnd::At(end) => now < end,
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            FreezeEnd::WhenLifted => write!(f, "the account is frozen: {}", self.reason),
            FreezeEnd::At(end) => write!(f, "the account is frozen until {end}: {}", self.reason),
        }
    }
}

/// A second factor that was just shown, for one action (design §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepUp {
    /// What was shown.
    pub via: Via,
    /// When.
    pub at: Timestamp,
}

/// The kind of second factor behind a step-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// A code of a TOTP device.
    Otp,
    /// A recovery code.
    Recovery,
    /// The fixed code of the test environment.
    Fixed,
}

impl StepUp {
    /// Whether the factor was shown no longer ago than `within`, and not in the future.
    pub fn is_fresh(&self, now: Timestamp, within: Span) -> bool {
        self.at <= now && now.since(self.at) <= within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn frozen(end: FreezeEnd) -> AccountState {
        AccountState::Frozen(Freeze {
            reason: "lost laptop".to_owned(),
            since: START,
            end,
        })
    }

    #[test]
    fn a_freeze_without_end_never_ends_by_itself() {
        let account = frozen(FreezeEnd::WhenLifted);
        assert!(account.check(Timestamp::from_millis(i64::MAX)).is_err());
        assert!(account.check(START.minus(Span::from_seconds(9))).is_err());
        assert_eq!(AccountState::Active.check(START), Ok(()));
    }

    #[test]
    fn a_freeze_with_an_end_is_over_at_that_very_instant() {
        let end = START.plus(Span::from_seconds(60));
        let account = frozen(FreezeEnd::At(end));
        let refusal = account.check(end.minus(Span::from_millis(1))).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the account is frozen until 2026-09-21T14:14:20.000Z: lost laptop"
        );
        assert_eq!(account.check(end), Ok(()));
    }

    #[test]
    fn a_step_up_is_fresh_for_its_time_and_never_before_it_happened() {
        let step_up = StepUp {
            via: Via::Otp,
            at: START,
        };
        let within = Span::from_seconds(300);
        assert!(step_up.is_fresh(START.plus(within), within));
        assert!(!step_up.is_fresh(START.plus(within).plus(Span::from_millis(1)), within));
        assert!(!step_up.is_fresh(START.minus(Span::from_millis(1)), within));
    }
}
