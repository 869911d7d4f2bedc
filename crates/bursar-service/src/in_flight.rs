//! Spends whose own request is carrying them out in this process. What must never happen here: that one is given back on
//! somebody's word while it may still be sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::id::HoldId;

/// The spends that are being carried out, and by how many parts of their request.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<HoldId, usize>>>);

/// One of them, until all of these are dropped: its request has an answer then that the ledger knows, or is gone.
pub(crate) struct Carried {
    all: InFlight,
    hold: HoldId,
}

impl InFlight {
    /// Notes that a spend is being carried out.
    pub(crate) fn enter(&self, hold: HoldId) -> Carried {
        let mut all = self.lock();
        let parts = all.entry(hold).or_default();
        *parts = parts.saturating_add(1);
        drop(all);
        Carried { all: self.clone(), hold }
    }

    pub(crate) fn contains(&self, hold: HoldId) -> bool {
        self.lock().contains_key(&hold)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HoldId, usize>> {
        // A map is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        let Some(parts) = all.get_mut(&self.hold) else { return };
        *parts = parts.saturating_sub(1);
        if *parts == 0 {
            all.remove(&self.hold);
        }
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
        let untaken = all.enter(hold);
        drop(carried);
        assert!(all.contains(hold), "the ledger does not know its outcome yet");
        drop(untaken);
        assert!(!all.contains(hold));
    }
}
