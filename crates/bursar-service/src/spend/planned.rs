//! What a rail keeps ready for a spend that is planned: given up unless the spend is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::id::HoldId;

use crate::rail::Rail;

/// A plan, from before its rail is asked for it. Whatever becomes of the request, and if its client goes away, the rail keeps
/// nothing for what is not held.
pub(crate) struct Planned {
    rail: Arc<dyn Rail>,
    hold: HoldId,
    is_held: AtomicBool,
}

impl Planned {
    /// A plan for a spend that is to be held as `hold`.
    pub(crate) fn by(rail: &Arc<dyn Rail>, hold: HoldId) -> Self {
        Self { rail: Arc::clone(rail), hold, is_held: AtomicBool::new(false) }
    }

    /// Leaves what is kept to the send, if it is this spend that is held now.
    pub(super) fn held(&self, hold: HoldId) {
        if hold == self.hold {
            self.is_held.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Planned {
    fn drop(&mut self) {
        if !*self.is_held.get_mut() {
            self.rail.give_up(self.hold);
        }
    }
}
