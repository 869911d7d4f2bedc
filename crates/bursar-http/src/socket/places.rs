//! How many WebSockets there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::id::TokenId;

/// How many WebSockets one token has at once.
const PER_TOKEN: usize = 16;
/// How many there are at once.
const IN_ALL: usize = 1024;

/// The WebSockets that are open. Copies count together.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<TokenId, usize>>>);

/// The place of one WebSocket; free again when it is dropped.
pub(crate) struct Place {
    places: Places,
    token: TokenId,
}

impl Places {
    /// A place for a WebSocket of this token; nothing if it has its share, or all are taken.
    pub(crate) fn take(&self, token: TokenId) -> Option<Place> {
        let mut open = self.lock();
        let (own, all) = (open.get(&token).copied().unwrap_or_default(), open.values().sum::<usize>());
        if own >= PER_TOKEN || all >= IN_ALL {
            return None;
        }
        open.insert(token, own.saturating_add(1));
        Some(Place { places: self.clone(), token })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.lock();
        let left = open.get(&self.token).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            open.remove(&self.token);
        } else {
            open.insert(self.token, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> TokenId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenId::from_bytes(bytes)
    }

    #[test]
    fn a_token_has_its_share_of_sockets_and_all_have_theirs() {
        let places = Places::default();
        let own: Vec<_> = (0..PER_TOKEN).map(|_| places.take(token(0)).unwrap()).collect();
        assert!(places.take(token(0)).is_none());
        let others: Vec<_> = (PER_TOKEN..IN_ALL).map(|number| places.take(token(number)).unwrap()).collect();
        assert!(places.take(token(IN_ALL)).is_none());
        drop(own);
        assert!(places.take(token(0)).is_some());
        drop(others);
        assert!(places.lock().is_empty());
    }
}
