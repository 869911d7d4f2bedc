//! Step-up: what a fresh second factor is good for.
//!
//! Only rules over records: what must never be found here is a decision about a token or a limit.

use bursar_core::time::{Span, Timestamp};

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

    #[test]
    fn a_step_up_is_fresh_for_its_time_and_never_before_it_happened() {
        let step_up = StepUp { via: Via::Otp, at: START };
        let within = Span::from_seconds(300);
        assert!(step_up.is_fresh(START.plus(within), within));
        assert!(!step_up.is_fresh(START.plus(within).plus(Span::from_millis(1)), within));
        assert!(!step_up.is_fresh(START.minus(Span::from_millis(1)), within));
    }
}
