//! That more moved of a spend than is held, as its rail told: kept among the rail's notes until the spend is settled. There it
//! counts also when that rail is gone from the configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::hold::{Cost, Hold};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Request};
use bursar_core::token::LockedBy;

use crate::rail::{Memory, NewNote, Note, RailError, SendOutcome};

/// Of how many spends it is known what the log was told; of those beyond it is told again.
const MOST_TOLD: usize = 1024;

/// More than is held, as a rail told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// How much moved, at the least.
    pub moved: Amount,
    /// What the rail said.
    pub reason: String,
}

impl Exceeded {
    /// What was told of a spend that is not settled, if it was more than is held.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn read(memory: &dyn Memory, hold: &Hold) -> Result<Option<Self>, RailError> {
        Ok(memory.read(&name(hold.id))?.map(|note| Self::told_by(&note, &hold.cost)))
    }

    /// Keeps it with the settlement of its spend.
    pub fn keep_with_outcome(&self, memory: &dyn Memory, hold: HoldId) {
        memory.write_with_outcome(&name(hold), self.body());
    }

    /// The same of a look-up, which settles nothing that it could be written with.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn keep(&self, memory: &dyn Memory, hold: &Hold) -> Result<(), RailError> {
        let name = name(hold.id);
        let before = memory.read(&name)?;
        if before.as_ref().is_some_and(|note| Self::told_by(note, &hold.cost).moved >= self.moved) {
            // The most that was told stands until it is taken back.
            return Ok(());
        }
        let version = before.map_or(0, |note| note.version);
        memory.write(vec![NewNote { name, version, body: Some(self.body()) }]).await.map(drop)
    }

    /// Lets go of what was told of a spend.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn forget(memory: &dyn Memory, hold: HoldId) -> Result<(), RailError> {
        let name = name(hold);
        let Some(note) = memory.read(&name)? else { return Ok(()) };
        memory.write(vec![NewNote { name, version: note.version, body: None }]).await.map(drop)
    }

    fn body(&self) -> Vec<u8> {
        format!("{} {}", self.moved, self.reason).into_bytes()
    }

    /// What [`Exceeded::body`] wrote; notes of older versions have the reason alone.
    fn told_by(note: &Note, held: &Cost) -> Self {
        let text = String::from_utf8_lossy(&note.body);
        let told = text.split_once(' ').and_then(|(moved, reason)| Some((Amount::parse(moved).ok()?, reason)));
        match told {
            Some((moved, reason)) => Self { moved: at_least(moved, held), reason: reason.to_owned() },
            None => Self { moved: at_least(Amount::MAX, held), reason: text.into_owned() },
        }
    }
}

impl From<Exceeded> for SendOutcome {
    fn from(Exceeded { moved, reason }: Exceeded) -> Self {
        Self::Exceeded { moved, reason }
    }
}

/// How much moved at the least where a rail tells that it was so much, and more than was held: what no coin has is no amount,
/// and nobody could settle by it.
pub fn at_least(told: Amount, held: &Cost) -> Amount {
    if told < Cost::BOUND { told } else { held.amount.saturating_add(Amount::new(1)) }
}

fn name(hold: HoldId) -> String {
    format!("exceeded/{hold}")
}

/// What the log was told of spends of which more moved than was held.
#[derive(Clone, Default)]
pub(crate) struct Alarms(Arc<Mutex<BTreeMap<HoldId, Amount>>>);

impl Alarms {
    /// Stops a token of whose spend more moved than was held: what its limits say of it is not so. The log is told once of each
    /// amount, however often its rail is asked.
    pub(crate) fn raise(&self, hold: &Hold, moved: Amount, problem: &str) -> Request {
        if self.is_new(hold.id, moved) {
            tracing::error!(
                alarm = "moved_above_hold",
                spend = %hold.id,
                token = %hold.token,
                problem,
                "more moved than was held; the spend stays held and its token is locked"
            );
        }
        Request { actor: Actor::System, command: Command::Lock { token: hold.token, by: LockedBy::Rail } }
    }

    fn is_new(&self, hold: HoldId, moved: Amount) -> bool {
        // A map is sound at every moment.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.insert(hold, moved) != Some(moved);
        if told.len() > MOST_TOLD {
            told.pop_first();
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Coin;

    use super::*;

    #[test]
    fn what_was_told_is_read_again_and_at_the_least_more_than_was_held_where_it_is_no_amount() {
        let coin = Coin::parse("usd").unwrap();
        let held = Cost { coin: coin.clone(), amount: Amount::new(400), fee_coin: coin, fee: Amount::ZERO };
        let read = |body: &[u8]| Exceeded::told_by(&Note { version: 1, body: body.to_vec() }, &held);
        let told = |moved, reason: &str| Exceeded { moved: Amount::new(moved), reason: reason.to_owned() };
        assert_eq!(read(&told(501, "5.01 usd moved").body()), told(501, "5.01 usd moved"));
        // As it was written before it had a number.
        assert_eq!(read(b"an answer says that 5.01 usd moved"), told(401, "an answer says that 5.01 usd moved"));
        assert_eq!(read(b""), told(401, ""));
        let most = Cost::BOUND.checked_sub(Amount::new(1)).unwrap();
        for (moved, at_least) in [(most, most), (Cost::BOUND, Amount::new(401)), (Amount::MAX, Amount::new(401))] {
            let kept = Exceeded { moved, reason: "so much".to_owned() };
            assert_eq!(read(&kept.body()), Exceeded { moved: at_least, ..kept });
        }
    }

    #[test]
    fn the_log_is_told_once_of_each_amount() {
        let (alarms, hold) = (Alarms::default(), HoldId::from_bytes([1; 16]));
        let is_new = |moved| alarms.is_new(hold, Amount::new(moved));
        assert_eq!([5, 5, 6, 6, 5].map(is_new), [true, false, true, false, true]);
        for other in 0..=MOST_TOLD {
            let mut id = [2; 16];
            id[..8].copy_from_slice(&(other as u64 | 1 << 63).to_be_bytes());
            assert!(alarms.is_new(HoldId::from_bytes(id), Amount::ZERO));
        }
        assert!(alarms.0.lock().unwrap().len() <= MOST_TOLD);
    }
}
