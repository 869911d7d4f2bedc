//! When and from where tokens were last used. Kept in memory: a note of use is not worth a commit.

use std::net::IpAddr;

use bursar_core::id::TokenId;
use bursar_core::time::Timestamp;
use quick_cache::sync::Cache;

/// How many tokens are remembered.
const REMEMBERED: usize = 100_000;

pub(crate) struct Seen(Cache<TokenId, (Timestamp, IpAddr)>);

impl Seen {
    pub(crate) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    pub(crate) fn note(&self, token: TokenId, now: Timestamp, address: IpAddr) {
        self.0.insert(token, (now, address));
    }

    pub(crate) fn last(&self, token: TokenId) -> Option<(Timestamp, IpAddr)> {
        self.0.get(&token)
    }
}
