//! How often a key may come: a token bucket per key, in memory, bounded in keys.
//!
//! This keeps floods away and is gone after a restart; what must hold over restarts, how often a code
//! may be guessed, is [`crate::attempts`]. A bucket per account alone lets anybody shut its owner out:
//! use the address, or account and address together, as the key. Off in the test environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bursar_core::time::{Span, Timestamp};

/// So many at once, refilled evenly over a window: at most twice as many in any one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    burst: u32,
    window: Span,
}

impl Rate {
    /// Logins (WC §7.4).
    pub const LOGIN: Self = Self::seconds(15, 300);
    /// Requests with a second factor, as published (WC §7.4).
    pub const SECOND_FACTOR: Self = Self::seconds(15, 3);
    /// Mails that one source or one user has sent.
    pub const MAIL: Self = Self::seconds(20, 600);

    /// `burst` per `window`; none if either is nothing.
    pub const fn new(burst: u32, window: Span) -> Option<Self> {
        if burst == 0 || window.as_millis() == 0 { None } else { Some(Self { burst, window }) }
    }

    const fn seconds(burst: u32, seconds: u64) -> Self {
        Self { burst, window: Span::from_seconds(seconds) }
    }

    /// How many may come at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// How long an empty bucket takes to fill.
    pub const fn window(self) -> Span {
        self.window
    }

    /// The time one takes to be refilled, rounded up to the millisecond.
    fn interval(self) -> Span {
        Span::from_millis(self.window.as_millis().div_ceil(u64::from(self.burst)))
    }

    fn times(self, count: u32) -> Span {
        Span::from_millis(self.interval().as_millis().saturating_mul(u64::from(count)))
    }
}

/// The bucket is empty: come again after this time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryAfter(pub Span);

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many requests, try again in {} s", self.0.as_seconds_ceil())
    }
}

impl std::error::Error for RetryAfter {}

/// The buckets of one rate, a bucket for each key.
///
/// A bucket is one instant: when it will be full again (the generic cell rate algorithm, which is a
/// token bucket without a timer). A full bucket need not be remembered.
#[derive(Clone, Debug)]
pub struct RateLimiter<K> {
    rate: Rate,
    capacity: usize,
    full_at: BTreeMap<K, Timestamp>,
    by_time: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord + Clone> RateLimiter<K> {
    /// Buckets for at most `capacity` keys.
    ///
    /// When more keys than that are being used up, the bucket nearest to full is forgotten: whoever has
    /// many addresses wins a little for the least used of them.
    pub const fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, capacity, full_at: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// [`RetryAfter`] if it is empty; nothing is taken then.
    pub fn take(&mut self, key: &K, now: Timestamp) -> Result<(), RetryAfter> {
        self.forget_full(now);
        // After a step back of the clock no bucket waits longer than an empty one would.
        let latest = now.plus(self.rate.times(self.rate.burst));
        let full_at = self.full_at.get(key).copied().unwrap_or(now).clamp(now, latest);
        let room = self.rate.times(self.rate.burst.saturating_sub(1));
        let missing = full_at.since(now.plus(room));
        if missing > Span::ZERO {
            return Err(RetryAfter(missing));
        }
        self.remember(key, full_at.plus(self.rate.interval()));
        Ok(())
    }

    /// Keys remembered now.
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether every bucket is full.
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    fn remember(&mut self, key: &K, full_at: Timestamp) {
        if let Some(before) = self.full_at.insert(key.clone(), full_at) {
            self.by_time.remove(&(before, key.clone()));
        }
        self.by_time.insert((full_at, key.clone()));
        while self.full_at.len() > self.capacity {
            let Some((_, nearest_to_full)) = self.by_time.pop_first() else {
                break;
            };
            self.full_at.remove(&nearest_to_full);
        }
    }

    fn forget_full(&mut self, now: Timestamp) {
        while self.by_time.first().is_some_and(|(full_at, _)| *full_at <= now) {
            if let Some((_, key)) = self.by_time.pop_first() {
                self.full_at.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn later(ms: u64) -> Timestamp {
        NOW.plus(Span::from_millis(ms))
    }

    #[test]
    fn a_burst_passes_then_one_for_each_interval() {
        let mut logins = RateLimiter::new(Rate::LOGIN, 100);
        for _ in 0..15 {
            assert_eq!(logins.take(&"a", NOW), Ok(()));
        }
        assert_eq!(logins.take(&"a", NOW), Err(RetryAfter(Span::from_seconds(20))));
        assert_eq!(logins.take(&"b", NOW), Ok(()));
        assert_eq!(logins.take(&"a", later(19_999)), Err(RetryAfter(Span::from_millis(1))));
        assert_eq!(logins.take(&"a", later(20_000)), Ok(()));
        assert_eq!(logins.take(&"a", later(20_000)), Err(RetryAfter(Span::from_seconds(20))));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let mut logins = RateLimiter::new(Rate::LOGIN, 100);
        assert_eq!(logins.take(&1, NOW), Ok(()));
        assert_eq!(logins.take(&2, later(20_000)), Ok(()));
        assert_eq!(logins.len(), 1);
    }

    #[test]
    fn many_new_keys_do_not_free_the_one_that_was_stopped() {
        let mut logins = RateLimiter::new(Rate::LOGIN, 4);
        for _ in 0..15 {
            assert_eq!(logins.take(&0, NOW), Ok(()));
        }
        for key in 1..1000 {
            assert_eq!(logins.take(&key, NOW), Ok(()));
            assert!(logins.len() <= 4);
        }
        assert!(logins.take(&0, NOW).is_err());
    }

    #[test]
    fn a_clock_that_steps_back_stops_nobody_for_longer_than_a_window() {
        let mut logins = RateLimiter::new(Rate::LOGIN, 4);
        for _ in 0..15 {
            assert_eq!(logins.take(&0, NOW), Ok(()));
        }
        let before = NOW.minus(Span::from_seconds(86_400));
        let RetryAfter(wait) = logins.take(&0, before).unwrap_err();
        assert_eq!(wait, Span::from_seconds(20));
    }

    #[test]
    fn a_rate_of_nothing_cannot_be_made() {
        assert_eq!(Rate::new(0, Span::from_seconds(1)), None);
        assert_eq!(Rate::new(1, Span::ZERO), None);
        assert_eq!(Rate::new(15, Span::from_seconds(300)), Some(Rate::LOGIN));
    }

    proptest! {
        #[test]
        fn no_key_gets_more_than_a_burst_and_its_refill(calls in prop::collection::vec((0..3_u8, 0..30_000_u64), 1..300)) {
            let mut limiter = RateLimiter::new(Rate::LOGIN, 16);
            let (mut ms, mut passed) = (0, Vec::new());
            for (key, wait) in calls {
                ms += wait;
                match limiter.take(&key, later(ms)) {
                    Ok(()) => passed.push((key, ms)),
                    // The wait told is enough and not a millisecond too long.
                    Err(RetryAfter(wait)) => {
                        prop_assert_eq!(limiter.clone().take(&key, later(ms + wait.as_millis())), Ok(()));
                        prop_assert!(limiter.clone().take(&key, later(ms + wait.as_millis() - 1)).is_err());
                    }
                }
            }
            for (key, start) in &passed {
                let window = passed.iter().filter(|(other, at)| other == key && (*start..start + 300_000).contains(at)).count();
                prop_assert!(window <= 30, "{}", window);
            }
        }
    }
}
