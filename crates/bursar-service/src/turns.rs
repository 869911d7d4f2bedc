//! How many spends are on their way at once: a slow rail keeps what it is given, and those who ask leave. So each token has
//! so many turns, its user with all of theirs twice as many, and each rail has more; whoever has none waits, and holds nothing
//! meanwhile. No rail waits for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::id::{TokenId, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::each::Each;

/// Of one token.
const OF_TOKEN: usize = 64;
/// Of all tokens of one user.
const OF_USER: usize = 128;
/// Of one rail.
const OF_RAIL: usize = 512;

/// Of one token, whose spends are being planned: a wallet plans one after the other, and others wait behind them.
const PLANS: usize = 8;

/// A spend's turn, until it is dropped.
pub(crate) type Turn = [OwnedSemaphorePermit; 3];

pub(crate) struct Turns {
    /// There are as many as are configured.
    rails: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    tokens: Each<TokenId>,
    users: Each<UserId>,
    plans: Each<TokenId>,
    trials: Each<UserId>,
    edits: Each<UserId>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            rails: Mutex::default(),
            tokens: Each::new(OF_TOKEN),
            users: Each::new(OF_USER),
            plans: Each::new(PLANS),
            trials: Each::new(1),
            edits: Each::new(1),
        }
    }

    /// Waits for a turn of a user's token at a rail; nothing comes if the server ends.
    pub(crate) async fn take(&self, (user, token): (UserId, TokenId), rail: &str) -> Option<Arc<Turn>> {
        let of_token = self.tokens.of(token).acquire_owned().await.ok()?;
        let of_user = self.users.of(user).acquire_owned().await.ok()?;
        let of_rail = self.at(rail).acquire_owned().await.ok()?;
        Some(Arc::new([of_token, of_user, of_rail]))
    }

    /// Waits until fewer spends of a token are being planned, for one that has its turn.
    pub(crate) async fn take_plan(&self, token: TokenId) -> Option<OwnedSemaphorePermit> {
        self.plans.of(token).acquire_owned().await.ok()
    }

    /// Waits for a user's turn to ask a rail what a spend would cost that nobody holds. Whoever may look may ask, so each
    /// user asks once at a time: a wallet's spends wait for no more than that.
    pub(crate) async fn take_trial(&self, user: UserId) -> Option<OwnedSemaphorePermit> {
        self.trials.of(user).acquire_owned().await.ok()
    }

    /// Waits for a user's turn to edit rules: an edit may have to read the past, and all others wait meanwhile.
    pub(crate) async fn take_edit(&self, user: UserId) -> Option<OwnedSemaphorePermit> {
        self.edits.of(user).acquire_owned().await.ok()
    }

    fn at(&self, rail: &str) -> Arc<Semaphore> {
        let mut rails = self.rails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = rails.get(rail) {
            return Arc::clone(turns);
        }
        Arc::clone(rails.entry(rail.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(OF_RAIL))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of a user who has no other.
    fn token(number: u16) -> (UserId, TokenId) {
        token_of(number, number)
    }

    fn token_of(user: u16, token: u16) -> (UserId, TokenId) {
        let bytes = |number: u16| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        (UserId::from_bytes(bytes(user)), TokenId::from_bytes(bytes(token)))
    }

    #[tokio::test]
    async fn one_token_waits_for_its_own_spends_and_no_other_does() {
        let turns = Turns::new();
        let mut taken = Vec::new();
        for _ in 0..OF_TOKEN {
            taken.push(turns.take(token(1), "slow").await.unwrap());
        }
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, turns.take(token(1), "slow")).await.is_err());
        assert!(turns.take(token(2), "slow").await.is_some());
        taken.pop();
        assert!(turns.take(token(1), "slow").await.is_some());
    }

    #[tokio::test]
    async fn a_user_with_many_tokens_leaves_turns_to_others() {
        let turns = Turns::new();
        let mut taken = Vec::new();
        for number in 0..OF_USER {
            taken.push(turns.take(token_of(1, u16::try_from(number).unwrap()), "slow").await.unwrap());
        }
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, turns.take(token_of(1, 9999), "slow")).await.is_err());
        assert!(turns.take(token_of(2, 8888), "slow").await.is_some());
    }

    #[tokio::test]
    async fn a_token_has_some_of_its_spends_planned_at_once_and_others_wait_behind_no_more() {
        let (turns, soon) = (Turns::new(), std::time::Duration::from_millis(20));
        let [(_, one), (_, other)] = [token(1), token(2)];
        let mut planning = Vec::new();
        for _ in 0..PLANS {
            planning.push(turns.take_plan(one).await.unwrap());
        }
        assert!(tokio::time::timeout(soon, turns.take_plan(one)).await.is_err());
        assert!(turns.take_plan(other).await.is_some());
        planning.pop();
        assert!(turns.take_plan(one).await.is_some());
    }

    #[tokio::test]
    async fn a_user_tries_one_spend_at_a_time_and_others_try_theirs() {
        let (turns, soon) = (Turns::new(), std::time::Duration::from_millis(20));
        let [(one, _), (other, _)] = [token(1), token(2)];
        let own = turns.take_trial(one).await.unwrap();
        assert!(tokio::time::timeout(soon, turns.take_trial(one)).await.is_err());
        assert!(turns.take_trial(other).await.is_some());
        drop(own);
        assert!(turns.take_trial(one).await.is_some());
    }

    #[tokio::test]
    async fn a_rail_that_is_slow_keeps_no_other_waiting() {
        let turns = Turns::new();
        let mut taken = Vec::new();
        for number in 0..OF_RAIL {
            taken.push(turns.take(token(u16::try_from(number).unwrap()), "slow").await.unwrap());
        }
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, turns.take(token(9999), "slow")).await.is_err());
        assert!(turns.take(token(9999), "quick").await.is_some());
    }
}
