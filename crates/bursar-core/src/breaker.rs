//! A circuit breaker: whoever fails again and again without a success between is paused, so that a program in a loop
//! neither wears out a rail nor fills the log. It is no limit: budgets hold without it.

use crate::time::{Span, Timestamp};

/// When a streak of failures pauses, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BreakerRules {
    /// So many failures in a row.
    pub after: u32,
    /// The first pause; each that follows without a success between is twice as long.
    pub pause: Span,
    /// The longest pause, and how long a streak is remembered without another failure.
    pub longest: Span,
}

/// A pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// The failures in a row that led to it.
    pub failures: u32,
    /// When it began.
    pub since: Timestamp,
    /// The first instant at which it is over. The next failure after it brings another.
    pub until: Timestamp,
    /// Whether it is the first of its streak.
    pub is_first: bool,
}

/// Failures in a row. A success ends the streak: the breaker is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    failures: u32,
    pauses: u32,
    latest: Timestamp,
    pause: Option<Pause>,
}

impl Breaker {
    /// A streak that begins.
    pub const fn new(now: Timestamp) -> Self {
        Self { failures: 0, pauses: 0, latest: now, pause: None }
    }

    /// The pause that runs now.
    pub fn paused_at(&self, now: Timestamp) -> Option<Pause> {
        self.pause.filter(|pause| pause.since <= now && now < pause.until)
    }

    /// Whether the streak was over long ago, and need not be remembered.
    pub fn is_over(&self, rules: &BreakerRules, now: Timestamp) -> bool {
        let quiet_since = self.pause.map_or(self.latest, |pause| pause.until.max(self.latest));
        now.since(quiet_since) > rules.longest
    }

    /// Counts a failure, and tells the pause that it brings. What was begun before a pause and fails during it counts for nothing.
    pub fn fail(&mut self, rules: &BreakerRules, now: Timestamp) -> Option<Pause> {
        if self.is_over(rules, now) {
            *self = Self::new(now);
        }
        if self.paused_at(now).is_some() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.latest = now;
        if self.failures < rules.after {
            return None;
        }
        let doubled = rules.pause.as_millis().saturating_mul(1_u64.checked_shl(self.pauses).unwrap_or(u64::MAX));
        let until = now.plus(Span::from_millis(doubled).min(rules.longest));
        let pause = Pause { failures: self.failures, since: now, until, is_first: self.pauses == 0 };
        self.pauses = self.pauses.saturating_add(1);
        self.pause = Some(pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BreakerRules =
        BreakerRules { after: 3, pause: Span::from_seconds(60), longest: Span::from_seconds(150) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_third_failure_in_a_row_pauses_and_the_pause_ends_by_itself() {
        let mut breaker = Breaker::new(at(0));
        assert_eq!((breaker.fail(&RULES, at(0)), breaker.fail(&RULES, at(1))), (None, None));
        let pause = breaker.fail(&RULES, at(2)).unwrap();
        assert_eq!(pause, Pause { failures: 3, since: at(2), until: at(62), is_first: true });
        assert_eq!(breaker.paused_at(at(61)), Some(pause));
        assert_eq!(breaker.paused_at(at(62)), None);
    }

    #[test]
    fn what_fails_during_a_pause_makes_it_no_longer() {
        let mut breaker = Breaker::new(at(0));
        let pause = (0..3).find_map(|_| breaker.fail(&RULES, at(0)));
        assert_eq!(breaker.fail(&RULES, at(30)), None);
        assert_eq!(breaker.paused_at(at(59)), pause);
    }

    #[test]
    fn each_pause_without_a_success_between_is_twice_as_long_up_to_the_longest() {
        let mut breaker = Breaker::new(at(0));
        let mut now = at(0);
        let mut lengths = Vec::new();
        for _ in 0..7 {
            if let Some(pause) = breaker.fail(&RULES, now) {
                lengths.push(pause.until.since(pause.since).as_millis() / 1000);
                now = pause.until;
            }
        }
        assert_eq!(lengths, [60, 120, 150, 150, 150]);
    }

    #[test]
    fn failures_far_apart_are_no_streak() {
        let mut breaker = Breaker::new(at(0));
        for number in 0..20 {
            assert_eq!(breaker.fail(&RULES, at(number * 151)), None);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_neither_pauses_for_good_nor_panics() {
        let mut breaker = Breaker::new(at(1_000_000));
        let paused = (0..3).find_map(|_| breaker.fail(&RULES, at(1_000_000))).unwrap();
        assert_eq!(breaker.paused_at(at(0)), None);
        assert_eq!(breaker.fail(&RULES, at(0)).map(|pause| pause.until), Some(at(120)));
        assert_ne!(breaker.paused_at(at(1)), Some(paused));
    }
}
