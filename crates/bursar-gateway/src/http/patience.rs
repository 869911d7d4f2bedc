//! How often an upstream is asked after a spend, and how long nothing is given back because it does not have it: the
//! request may still be on its way there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::id::HoldId;
use tokio::time::Instant;

/// The most spends that are remembered; with more, patience begins anew for all.
const MOST: usize = 100_000;
/// How long it takes at least from one look-up of a spend to the next.
const BETWEEN: Duration = Duration::from_secs(15);

/// When each spend was looked up, by this process.
pub(super) struct Patience {
    lasts: Duration,
    looked: Mutex<HashMap<HoldId, Looked>>,
}

struct Looked {
    first: Instant,
    last: Instant,
    /// Whether the upstream said that it has none, when it was asked last.
    is_absent: bool,
}

impl Patience {
    pub(super) fn new(lasts: Duration) -> Self {
        Self { lasts, looked: Mutex::default() }
    }

    /// Whether a spend may be looked up now; if so, it is taken to be.
    pub(super) fn may_look(&self, hold: HoldId) -> bool {
        let (mut looked, now) = (self.lock(), Instant::now());
        if let Some(before) = looked.get_mut(&hold) {
            let is_time = now.duration_since(before.last) >= BETWEEN;
            if is_time {
                (before.last, before.is_absent) = (now, false);
            }
            return is_time;
        }
        if looked.len() >= MOST {
            looked.clear();
        }
        looked.insert(hold, Looked { first: now, last: now, is_absent: false });
        true
    }

    /// Notes that the upstream says that it has none.
    pub(super) fn note_absence(&self, hold: HoldId) {
        if let Some(looked) = self.lock().get_mut(&hold) {
            looked.is_absent = true;
        }
    }

    /// Whether the upstream said so when it was asked last, and whether that was long enough after it was asked first.
    pub(super) fn is_absent(&self, hold: HoldId) -> bool {
        self.lock()
            .get(&hold)
            .is_some_and(|looked| looked.is_absent && looked.last.duration_since(looked.first) >= self.lasts)
    }

    /// Whether it was looked up first so long ago that what is not there now will not come.
    pub(super) fn is_over(&self, hold: HoldId) -> bool {
        self.lock().get(&hold).is_some_and(|looked| looked.first.elapsed() >= self.lasts)
    }

    pub(super) fn forget(&self, hold: HoldId) {
        self.lock().remove(&hold);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HoldId, Looked>> {
        // A map is sound at every moment.
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
