//! Spends whose own request is carrying them out in this process. What must never happen here: that one is given back on
//! somebody's word while it may still be sent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::id::HoldId;

/// The spends that are being carried out.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<HoldId>>>);

/// One of them, until this is dropped: its request has an answer then, or is gone.
pub(crate) struct Carried {
    all: InFlight,
    hold: HoldId,
}

impl InFlight {
    /// Notes that a spend is being carried out.
    pub(crate) fn enter(&self, hold: HoldId) -> Carried {
        self.lock().insert(hold);
        Carried { all: self.clone(), hold }
    }

    pub(crate) fn contains(&self, hold: HoldId) -> bool {
        self.lock().contains(&hold)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<HoldId>> {
        // A set is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.all.lock().remove(&self.hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spend_is_in_flight_until_its_request_is_over() {
        let (all, hold) = (InFlight::default(), HoldId::from_bytes([1; 16]));
        let carried = all.enter(hold);
        assert!(all.contains(hold) && !all.contains(HoldId::from_bytes([2; 16])));
        drop(carried);
        assert!(!all.contains(hold));
    }
}
