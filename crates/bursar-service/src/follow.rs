//! Following spends that a rail has until they are final: a chain takes its time, and tells only who asks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::id::HoldId;
use bursar_core::ledger::Key;

use crate::Bursar;
use crate::error::ServiceError;

/// How many are asked after in one round; the others have their turn in the next.
const AT_ONCE: usize = 64;

/// The spends to ask after. Every one of them is a hold that is not settled; after a restart the first sweep finds them.
#[derive(Clone, Default)]
pub(crate) struct UnderWaySpends(Arc<Mutex<Turns>>);

#[derive(Default)]
struct Turns {
    holds: BTreeSet<HoldId>,
    last: Option<HoldId>,
}

impl UnderWaySpends {
    pub(crate) fn add(&self, hold: HoldId) {
        self.lock().holds.insert(hold);
    }

    pub(crate) fn contains(&self, hold: HoldId) -> bool {
        self.lock().holds.contains(&hold)
    }

    fn remove(&self, hold: HoldId) {
        self.lock().holds.remove(&hold);
    }

    /// Those whose turn it is.
    fn next(&self) -> Vec<HoldId> {
        let mut turns = self.lock();
        let after = turns.last.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let next: Vec<_> = turns.holds.range((after, std::ops::Bound::Unbounded)).take(AT_ONCE).copied().collect();
        // Beyond the last one the first has its turn.
        turns.last = next.last().copied().filter(|_| next.len() == AT_ONCE);
        next
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        // A set is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bursar {
    /// Asks rails after some of the spends they have, and settles those that are final. Tells how many were.
    ///
    /// # Errors
    /// The store does not answer, or the ledger is closed.
    pub async fn follow(&self) -> Result<usize, ServiceError> {
        let mut settled = 0;
        for id in self.under_way.next() {
            // Its request has it noted a moment before it is over: it has its turn in the next round.
            if self.in_flight.contains(id) {
                continue;
            }
            let (_, hold) = self.stored(&Key::Hold(id), |state| Ok(state.hold(&id)?.cloned()))?;
            let Some(hold) = hold.filter(|hold| hold.state.is_held()) else {
                self.under_way.remove(id);
                continue;
            };
            let mut swept = crate::sweep::Swept::default();
            match self.settle(&hold).await {
                Ok(count) => *count(&mut swept) += 1,
                Err(error @ ServiceError::StoreUnavailable(_)) => return Err(error),
                // It keeps nobody else from their turn.
                Err(error) => tracing::error!(spend = %id, %error, "a spend under way could not be settled"),
            }
            if swept.captured + swept.released > 0 {
                self.under_way.remove(id);
                settled += 1;
            }
        }
        Ok(settled)
    }
}
