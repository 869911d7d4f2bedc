//! Coins that a spend is to be made of: nobody else's plan takes them meanwhile.
//!
//! They are kept in this process only. Should two processes sign for one coin, the chain takes one of both, and the other
//! is given back when that is final.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use bursar_core::id::HoldId;

/// How long a plan keeps its coins: it is held and signed within moments, or refused.
const PLANNED: Duration = Duration::from_secs(20);
/// How long a signed spend keeps them after it was last looked at.
const SIGNED: Duration = Duration::from_secs(600);

/// The coins of spends that are under way.
#[derive(Default)]
pub(super) struct Reserved(Mutex<HashMap<OutPoint, Keeper>>);

#[derive(Clone, Copy)]
struct Keeper {
    hold: HoldId,
    until: Instant,
}

impl Reserved {
    /// Whether a spend that is under way has a coin.
    pub(super) fn has(&self, coin: &OutPoint, now: Instant) -> bool {
        self.lock().get(coin).is_some_and(|keeper| keeper.until > now)
    }

    /// Keeps coins for a plan.
    pub(super) fn plan(&self, hold: HoldId, coins: impl Iterator<Item = OutPoint>, now: Instant) {
        let mut kept = self.lock();
        kept.retain(|_, keeper| keeper.until > now);
        kept.extend(coins.map(|coin| (coin, Keeper { hold, until: now + PLANNED })));
    }

    /// Keeps coins for a spend that is signed; `false` if another has one of them.
    pub(super) fn sign(&self, hold: HoldId, coins: impl Iterator<Item = OutPoint> + Clone, now: Instant) -> bool {
        self.sign_instead(hold, None, coins, now)
    }

    /// The same for a spend that may take the coins of one that it replaces.
    pub(super) fn sign_instead(
        &self,
        hold: HoldId,
        of: Option<HoldId>,
        coins: impl Iterator<Item = OutPoint> + Clone,
        now: Instant,
    ) -> bool {
        let mut kept = self.lock();
        let is_its = |keeper: &Keeper| keeper.hold == hold || Some(keeper.hold) == of;
        let is_others = |coin| kept.get(&coin).is_some_and(|keeper| !is_its(keeper) && keeper.until > now);
        if coins.clone().any(is_others) {
            return false;
        }
        kept.extend(coins.map(|coin| (coin, Keeper { hold, until: now + SIGNED })));
        true
    }

    /// Lets go of the coins of a spend that is over.
    pub(super) fn release(&self, hold: HoldId) {
        self.lock().retain(|_, keeper| keeper.hold != hold);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OutPoint, Keeper>> {
        // A map is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_is_in_one_spend_at_a_time_and_free_again_when_nobody_went_on() {
        let (reserved, coin, start) = (Reserved::default(), OutPoint::null(), Instant::now());
        let (one, other) = (HoldId::from_bytes([1; 16]), HoldId::from_bytes([2; 16]));
        let coins = || [coin].into_iter();
        reserved.plan(one, coins(), start);
        assert!(reserved.has(&coin, start));
        assert!(!reserved.sign(other, coins(), start));
        let later = start + PLANNED;
        assert!(!reserved.has(&coin, later));
        assert!(reserved.sign(other, coins(), later));
        assert!(!reserved.sign(one, coins(), later));
        reserved.release(one);
        assert!(reserved.has(&coin, later), "not its own to let go of");
        reserved.release(other);
        assert!(reserved.sign(one, coins(), later));
    }
}
