//! How many spends are on their way at once: a slow rail keeps what it is given, and those who ask leave. So each token has
//! so many turns, and all of them together have more; whoever has none waits, and holds nothing meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::id::TokenId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of one token.
const OF_TOKEN: usize = 64;
/// Of all.
const OF_ALL: usize = 512;
/// How many tokens are remembered before those without a spend on its way are forgotten.
const REMEMBERED: usize = 1024;

/// A spend's turn, until it is dropped.
pub(crate) type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

pub(crate) struct Turns {
    all: Arc<Semaphore>,
    tokens: Mutex<BTreeMap<TokenId, Arc<Semaphore>>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(OF_ALL)), tokens: Mutex::new(BTreeMap::new()) }
    }

    /// Waits for a turn of a token; nothing comes if the server ends.
    pub(crate) async fn take(&self, token: TokenId) -> Option<Arc<Turn>> {
        let of_token = self.of(token).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Arc::new((of_token, of_all)))
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
            taken.push(turns.take(token(1)).await.unwrap());
        }
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, turns.take(token(1))).await.is_err());
        assert!(turns.take(token(2)).await.is_some());
        taken.pop();
        assert!(turns.take(token(1)).await.is_some());
    }

    #[tokio::test]
    async fn tokens_without_a_spend_on_its_way_are_forgotten() {
        let turns = Turns::new();
        let kept = turns.take(token(9999)).await;
        for number in 0..5000 {
            turns.take(token(number)).await.unwrap();
        }
        let tokens = turns.tokens.lock().unwrap();
        assert!(tokens.len() <= REMEMBERED && tokens.contains_key(&token(9999)));
        drop(kept);
    }
}
