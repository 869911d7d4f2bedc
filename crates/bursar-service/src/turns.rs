//! How many spends are on their way at once: a slow rail keeps what it is given, and those who ask leave. So each token has
//! so many turns, and each rail has more; whoever has none waits, and holds nothing meanwhile. No rail waits for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::id::TokenId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of one token.
const OF_TOKEN: usize = 64;
/// Of one rail.
const OF_RAIL: usize = 512;
/// How many tokens are remembered before those without a spend on its way are forgotten.
const REMEMBERED: usize = 1024;

/// A spend's turn, until it is dropped.
pub(crate) type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

pub(crate) struct Turns {
    /// There are as many as are configured.
    rails: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    tokens: Mutex<BTreeMap<TokenId, Arc<Semaphore>>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { rails: Mutex::default(), tokens: Mutex::default() }
    }

    /// Waits for a turn of a token at a rail; nothing comes if the server ends.
    pub(crate) async fn take(&self, token: TokenId, rail: &str) -> Option<Arc<Turn>> {
        let of_token = self.of(token).acquire_owned().await.ok()?;
        let of_rail = self.at(rail).acquire_owned().await.ok()?;
        Some(Arc::new((of_token, of_rail)))
    }

    fn at(&self, rail: &str) -> Arc<Semaphore> {
        let mut rails = self.rails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = rails.get(rail) {
            return Arc::clone(turns);
        }
        Arc::clone(rails.entry(rail.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(OF_RAIL))))
    }

    fn of(&self, token: TokenId) -> Arc<Semaphore> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= REMEMBERED {
            tokens.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(tokens.entry(token).or_insert_with(|| Arc::new(Semaphore::new(OF_TOKEN))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u16) -> TokenId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        TokenId::from_bytes(bytes)
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

    #[tokio::test]
    async fn tokens_without_a_spend_on_its_way_are_forgotten() {
        let turns = Turns::new();
        let kept = turns.take(token(9999), "quick").await;
        for number in 0..5000 {
            turns.take(token(number), "quick").await.unwrap();
        }
        let tokens = turns.tokens.lock().unwrap();
        assert!(tokens.len() <= REMEMBERED && tokens.contains_key(&token(9999)));
        drop(kept);
    }
}
