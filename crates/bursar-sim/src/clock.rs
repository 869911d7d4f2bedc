//! The wall clock of the simulated machine: it goes when it is told to, also backwards.

use std::sync::atomic::{AtomicI64, Ordering};

use bursar_core::ambient::Clock;
use bursar_core::time::{Span, Timestamp};

#[derive(Debug)]
pub(crate) struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    pub(crate) fn pass(&self, span: Span) {
        self.set(self.now().plus(span));
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}
