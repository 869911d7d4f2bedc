//! The clocks of the simulated machine: one goes when it is told to, also backwards, the other only forward.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bursar_core::ambient::Clock;
use bursar_core::time::{Span, Timestamp};

#[derive(Debug)]
pub(crate) struct SimulatedClock {
    wall: AtomicI64,
    elapsed: AtomicU64,
    /// Whether there is a clock beside the wall clock by which a jump is noticed.
    is_watched: bool,
}

impl SimulatedClock {
    pub(crate) fn at(now: Timestamp, is_watched: bool) -> Self {
        Self { wall: AtomicI64::new(now.as_millis()), elapsed: AtomicU64::new(0), is_watched }
    }

    pub(crate) fn pass(&self, span: Span) {
        self.elapsed.fetch_add(span.as_millis(), Ordering::Relaxed);
        self.set(self.now().plus(span));
    }

    /// The wall clock jumps.
    pub(crate) fn set(&self, now: Timestamp) {
        self.wall.store(now.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Option<Span> {
        self.is_watched.then(|| Span::from_millis(self.elapsed.load(Ordering::Relaxed)))
    }
}
