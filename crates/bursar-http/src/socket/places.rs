//! How many WebSockets there may be.

use bursar_core::id::{TokenId, UserId};

use crate::shares::{Share, Shares};

/// How many WebSockets one token has at once.
const PER_TOKEN: usize = 16;
/// How many there are at once. No user has more than are left.
const IN_ALL: usize = 1024;

/// The WebSockets that are open. Copies count together.
#[derive(Clone, Default)]
pub(crate) struct Places {
    tokens: Shares<TokenId>,
    users: Shares<UserId>,
}

/// The place of one WebSocket; free again when it is dropped.
pub(crate) type Place = (Share<TokenId>, Share<UserId>);

impl Places {
    /// A place for a WebSocket of a user's token; nothing if either has its share, or all are taken.
    pub(crate) fn take(&self, user: UserId, token: TokenId) -> Option<Place> {
        let of_token = self.tokens.take(token, |own, _| own < PER_TOKEN)?;
        let of_user = self.users.take(user, |own, all| own.saturating_add(all) < IN_ALL)?;
        Some((of_token, of_user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: usize) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    /// As many as a user gets with ever new tokens.
    fn greedy(places: &Places, user: usize) -> Vec<Place> {
        let token = |number: usize| TokenId::from_bytes(bytes((user << 32) + number));
        (0..).map_while(|number| places.take(UserId::from_bytes(bytes(user)), token(number))).collect()
    }

    #[test]
    fn a_token_has_its_share_of_sockets() {
        let places = Places::default();
        let (user, token) = (UserId::from_bytes(bytes(1)), TokenId::from_bytes(bytes(1)));
        let own: Vec<_> = (0..PER_TOKEN).map(|_| places.take(user, token).unwrap()).collect();
        assert!(places.take(user, token).is_none());
        assert!(places.take(user, TokenId::from_bytes(bytes(2))).is_some());
        drop(own);
        assert!(places.take(user, token).is_some());
        assert!(places.tokens.is_empty() && places.users.is_empty());
    }

    #[test]
    fn a_user_with_many_tokens_leaves_as_many_sockets_to_others() {
        let places = Places::default();
        let first = greedy(&places, 1);
        let second = greedy(&places, 2);
        assert_eq!((first.len(), second.len()), (IN_ALL / 2, IN_ALL / 4));
        drop((first, second));
        assert!(places.tokens.is_empty() && places.users.is_empty());
    }
}
