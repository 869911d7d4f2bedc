//! Tokens and their owners in memory. Entries are dropped when the ledger changes what they say, before
//! that change is answered; the ledger decides on its own records anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bursar_core::account::User;
use bursar_core::id::{TokenId, UserId};
use bursar_core::ledger::{Change, Key};
use bursar_core::time::Timestamp;
use bursar_core::token::Token;
use bursar_ledger::Observer;
use bursar_wire::signature::SigningKey;
use bursar_wire::token_text::BearerHash;
use quick_cache::sync::Cache;

/// How many tokens and how many owners are kept.
const KEPT: usize = 100_000;

/// A token with what it takes to verify and sign for it.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) token: Token,
    pub(crate) secrets: Vec<KnownSecret>,
}

/// One of a token's secrets, opened.
pub(crate) struct KnownSecret {
    pub(crate) hash: BearerHash,
    pub(crate) key: SigningKey,
    pub(crate) lookup: [u8; 32],
    pub(crate) ends: Option<Timestamp>,
    /// Whether its first use is still to be noted: it came by a rotation.
    pub(crate) is_unused: bool,
}

pub(crate) struct Known {
    /// Which token a secret belongs to; that never changes, whether the secret still counts is the token's matter.
    by_hash: Cache<[u8; 32], TokenId>,
    tokens: Cache<TokenId, Arc<KnownToken>>,
    owners: Cache<UserId, Arc<User>>,
    /// Counts batches; see `keep`.
    generation: AtomicU64,
}

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            by_hash: Cache::new(KEPT),
            tokens: Cache::new(KEPT),
            owners: Cache::new(KEPT),
            generation: AtomicU64::new(0),
        }
    }

    /// To be asked for before reading what is then given to `keep_token` or `keep_owner`.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(crate) fn token_by_hash(&self, hash: &BearerHash) -> Option<Arc<KnownToken>> {
        self.token(self.by_hash.get(hash.expose())?)
    }

    pub(crate) fn token(&self, id: TokenId) -> Option<Arc<KnownToken>> {
        self.tokens.get(&id)
    }

    pub(crate) fn owner(&self, id: UserId) -> Option<Arc<User>> {
        self.owners.get(&id)
    }

    pub(crate) fn keep_token(&self, token: KnownToken, read_at: u64) -> Arc<KnownToken> {
        let token = Arc::new(token);
        let id = token.token.id;
        for secret in &token.secrets {
            self.by_hash.insert(*secret.hash.expose(), id);
        }
        self.tokens.insert(id, Arc::clone(&token));
        // A batch may have been committed between reading and keeping: then this may be old.
        if self.generation() != read_at {
            self.tokens.remove(&id);
        }
        token
    }

    pub(crate) fn keep_owner(&self, owner: User, read_at: u64) -> Arc<User> {
        let owner = Arc::new(owner);
        self.owners.insert(owner.id, Arc::clone(&owner));
        if self.generation() != read_at {
            self.owners.remove(&owner.id);
        }
        owner
    }
}

impl Observer for Known {
    fn committed(&self, changes: &[Change]) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for change in changes {
            match &change.key {
                Key::Token(id) | Key::Secrets(id) => {
                    self.tokens.remove(id);
                }
                Key::User(id) => {
                    self.owners.remove(id);
                }
                _ => {}
            }
        }
    }
}

impl std::fmt::Debug for KnownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownSecret(..)")
    }
}
