//! Watches the wall clock beside one that only goes forward. A clock that jumps would open windows that
//! are not over yet, or keep them shut: while it differs, ledger time goes on without it and nothing is
//! held (ADR 9).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::ambient::Clock;
use bursar_core::time::{Span, Timestamp};

/// By how much the clocks may differ.
const TOLERANCE: i64 = 60_000;
/// How long a slow drift is followed before the clocks are compared anew.
const COMPARED_ANEW: Span = Span::from_seconds(3600);

pub(crate) struct Watch {
    /// The time on both clocks when they were last known to agree.
    agreed: Option<(Timestamp, Span)>,
    /// Set by an operator who has looked at the clock and found it right.
    accepted: Arc<AtomicBool>,
}

impl Watch {
    /// A wall clock that is behind the last committed ledger time has jumped while nobody watched.
    pub(crate) fn new(clock: &dyn Clock, last: Timestamp, accepted: Arc<AtomicBool>) -> Self {
        let now = clock.now();
        let is_behind = now.plus(Span::from_millis(TOLERANCE.unsigned_abs())) < last;
        let agreed = clock.elapsed().map(|elapsed| (if is_behind { last } else { now }, elapsed));
        Self { agreed, accepted }
    }

    /// The time to go by, and by how many milliseconds the wall clock has jumped, if it has.
    pub(crate) fn read(&mut self, clock: &dyn Clock) -> (Timestamp, Option<i64>) {
        let (now, elapsed) = (clock.now(), clock.elapsed());
        let Some(elapsed) = elapsed else { return (now, None) };
        if self.accepted.swap(false, Ordering::AcqRel) {
            self.agreed = None;
        }
        let (then, then_elapsed) = *self.agreed.get_or_insert((now, elapsed));
        let passed = Span::from_millis(elapsed.as_millis().saturating_sub(then_elapsed.as_millis()));
        let expected = then.plus(passed);
        let jump = now.as_millis().saturating_sub(expected.as_millis());
        if jump.saturating_abs() > TOLERANCE {
            return (expected, Some(jump));
        }
        if passed > COMPARED_ANEW {
            self.agreed = Some((now, elapsed));
        }
        (now, None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Wall clock and monotonic clock, in milliseconds.
    struct Clocks(Mutex<(i64, u64)>);

    impl Clocks {
        fn at(wall: i64, elapsed: u64) -> Self {
            Self(Mutex::new((wall, elapsed)))
        }

        fn set(&self, wall: i64, elapsed: u64) {
            *self.0.lock().unwrap() = (wall, elapsed);
        }
    }

    impl Clock for Clocks {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().unwrap().0)
        }

        fn elapsed(&self) -> Option<Span> {
            Some(Span::from_millis(self.0.lock().unwrap().1))
        }
    }

    fn watch(clock: &Clocks, last: i64) -> (Watch, Arc<AtomicBool>) {
        let accepted = Arc::new(AtomicBool::new(false));
        (Watch::new(clock, Timestamp::from_millis(last), Arc::clone(&accepted)), accepted)
    }

    #[test]
    fn a_jump_of_the_wall_clock_is_noticed_until_it_is_undone() {
        let clock = Clocks::at(1_000_000, 0);
        let (mut watch, _) = watch(&clock, 0);
        clock.set(1_000_000 + 3_600_000, 1000);
        assert_eq!(watch.read(&clock), (Timestamp::from_millis(1_001_000), Some(3_599_000)));
        clock.set(1_002_000, 2000);
        assert_eq!(watch.read(&clock), (Timestamp::from_millis(1_002_000), None));
    }

    #[test]
    fn a_minute_is_no_jump_and_a_slow_drift_is_followed() {
        let clock = Clocks::at(0, 0);
        let (mut watch, _) = watch(&clock, 0);
        let mut drift = 0;
        for hour in 1..100_u64 {
            drift += 40_000;
            let elapsed = hour * 3_700_000;
            let wall = i64::try_from(elapsed).unwrap() + drift;
            clock.set(wall, elapsed);
            assert_eq!(watch.read(&clock), (Timestamp::from_millis(wall), None));
        }
    }

    #[test]
    fn an_operator_may_accept_the_new_time() {
        let clock = Clocks::at(0, 0);
        let (mut watch, accepted) = watch(&clock, 0);
        clock.set(10_000_000, 1);
        assert!(watch.read(&clock).1.is_some());
        accepted.store(true, Ordering::Release);
        assert_eq!(watch.read(&clock), (Timestamp::from_millis(10_000_000), None));
    }

    #[test]
    fn a_clock_that_was_put_back_between_two_runs_is_noticed() {
        let clock = Clocks::at(1_000, 5);
        let (mut watch, _) = watch(&clock, 10_000_000);
        assert_eq!(watch.read(&clock).1, Some(1_000 - 10_000_000));
    }
}
