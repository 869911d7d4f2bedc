//! Tokens, their owners and limits, and wallets in memory. Entries are dropped when the ledger changes what they say, before
//! that change is answered; the ledger decides on its own records anyway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::account::{User, Wallet, WalletRole};
use bursar_core::id::{TokenId, UserId, WalletId};
use bursar_core::ledger::{Change, Key, Version};
use bursar_core::limit::{Budget, BudgetKey, LimitSet, Subject};
use bursar_core::time::Timestamp;
use bursar_core::token::{Token, Uses};
use bursar_ledger::Observer;
use bursar_store::WalletOfUser;
use bursar_wire::signature::SigningKey;
use bursar_wire::token_text::BearerHash;
use quick_cache::sync::Cache;

/// How many tokens and how many owners are kept.
const KEPT: usize = 100_000;
/// How many wallets, and how many roles in them, are kept.
const KEPT_WALLETS: usize = 10_000;
/// Of how many users all wallets are kept, and of how many wallets at most each.
const KEPT_LISTS: usize = 1000;
const LONGEST_LIST: usize = 500;
/// Of how many tokens the limits are kept, and where they were used from.
const KEPT_LIMITS: usize = 10_000;

/// A token with what it takes to verify and sign for it.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) token: Token,
    /// The version of the token's record that was read; a rotation counts it on, too.
    pub(crate) version: Version,
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

impl KnownSecret {
    /// Whether whoever presents it now is the token.
    pub(crate) fn counts_at(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }
}

/// A token's rules and what counts under them: what it takes to say how its limits stand at any time.
#[derive(Debug)]
pub(crate) struct KnownLimits {
    pub(crate) rules: LimitSet,
    pub(crate) version: Version,
    pub(crate) budgets: Vec<(BudgetKey, Budget)>,
}

pub(crate) struct Known {
    /// Which token a secret belongs to; that never changes, whether the secret still counts is the token's matter.
    by_hash: Cache<[u8; 32], TokenId>,
    tokens: Cache<TokenId, Arc<KnownToken>>,
    owners: Cache<UserId, Arc<User>>,
    wallets: Cache<WalletId, Arc<Wallet>>,
    /// What users may do with wallets that there are; none if they have no part in them.
    roles: Cache<(WalletId, UserId), Option<WalletRole>>,
    /// All wallets in which a user has a part, in the order of their ids.
    lists: Cache<UserId, Arc<[WalletOfUser]>>,
    limits: Cache<TokenId, Arc<KnownLimits>>,
    /// Where tokens were used from, as far as it is written.
    uses: Cache<TokenId, Arc<Uses>>,
    /// Counts batches; see [`Known::keep`].
    generation: Mutex<u64>,
}

/// A wallet, and what one user may do with it.
pub(crate) type KnownWallet = (Arc<Wallet>, Option<WalletRole>);

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            by_hash: Cache::new(KEPT),
            tokens: Cache::new(KEPT),
            owners: Cache::new(KEPT),
            wallets: Cache::new(KEPT_WALLETS),
            roles: Cache::new(KEPT_WALLETS),
            lists: Cache::new(KEPT_LISTS),
            limits: Cache::new(KEPT_LIMITS),
            uses: Cache::new(KEPT_LIMITS),
            generation: Mutex::new(0),
        }
    }

    /// To be asked for before reading what is then kept.
    pub(crate) fn generation(&self) -> u64 {
        *self.lock()
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

    /// A wallet and what a user may do with it.
    pub(crate) fn wallet(&self, id: WalletId, user: UserId) -> Option<KnownWallet> {
        self.wallets.get(&id).zip(self.roles.get(&(id, user)))
    }

    /// All wallets in which a user has a part.
    pub(crate) fn wallets(&self, user: UserId) -> Option<Arc<[WalletOfUser]>> {
        self.lists.get(&user)
    }

    pub(crate) fn limits(&self, id: TokenId) -> Option<Arc<KnownLimits>> {
        self.limits.get(&id)
    }

    /// Where a token was used from.
    pub(crate) fn uses(&self, id: TokenId) -> Option<Arc<Uses>> {
        self.uses.get(&id)
    }

    pub(crate) fn keep_uses(&self, token: TokenId, uses: Uses, read_at: u64) -> Arc<Uses> {
        let uses = Arc::new(uses);
        self.keep(read_at, || self.uses.insert(token, Arc::clone(&uses)));
        uses
    }

    pub(crate) fn keep_token(&self, token: KnownToken, read_at: u64) -> Arc<KnownToken> {
        let token = Arc::new(token);
        self.keep(read_at, || {
            for secret in &token.secrets {
                self.by_hash.insert(*secret.hash.expose(), token.token.id);
            }
            self.tokens.insert(token.token.id, Arc::clone(&token));
        });
        token
    }

    pub(crate) fn keep_owner(&self, owner: User, read_at: u64) -> Arc<User> {
        let owner = Arc::new(owner);
        self.keep(read_at, || self.owners.insert(owner.id, Arc::clone(&owner)));
        owner
    }

    pub(crate) fn keep_wallet(
        &self,
        wallet: Wallet,
        user: UserId,
        role: Option<WalletRole>,
        read_at: u64,
    ) -> Arc<Wallet> {
        let wallet = Arc::new(wallet);
        self.keep(read_at, || {
            self.roles.insert((wallet.id, user), role);
            self.wallets.insert(wallet.id, Arc::clone(&wallet));
        });
        wallet
    }

    pub(crate) fn keep_wallets(&self, user: UserId, all: Vec<WalletOfUser>, read_at: u64) -> Arc<[WalletOfUser]> {
        let all: Arc<[_]> = all.into();
        if all.len() <= LONGEST_LIST {
            self.keep(read_at, || self.lists.insert(user, Arc::clone(&all)));
        }
        all
    }

    pub(crate) fn keep_limits(&self, token: TokenId, limits: KnownLimits, read_at: u64) -> Arc<KnownLimits> {
        let limits = Arc::new(limits);
        self.keep(read_at, || self.limits.insert(token, Arc::clone(&limits)));
        limits
    }

    /// Keeps what was read, unless a batch was committed since: then it may be old. The lock lets no batch be
    /// answered in between.
    fn keep(&self, read_at: u64, keep: impl FnOnce()) {
        let generation = self.lock();
        if *generation == read_at {
            keep();
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A number is sound at every moment.
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Known {
    fn committed(&self, changes: &[Change]) {
        let mut generation = self.lock();
        *generation = generation.wrapping_add(1);
        for change in changes {
            match &change.key {
                Key::Token(id) | Key::Secrets(id) => {
                    self.tokens.remove(id);
                }
                Key::User(id) => {
                    self.owners.remove(id);
                }
                Key::Wallet(id) => {
                    self.wallets.remove(id);
                    // It may be in the list of anybody; wallets change seldom.
                    self.lists.clear();
                }
                Key::Role(id) => {
                    self.roles.remove(id);
                    self.lists.remove(&id.1);
                }
                Key::Uses(id) => {
                    self.uses.remove(id);
                }
                Key::Limits(Subject::Token(id)) | Key::Budget(BudgetKey { subject: Subject::Token(id), .. }) => {
                    self.limits.remove(id);
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

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;
    use bursar_core::coin::{Asset, Coin};
    use bursar_core::id::OrganisationId;
    use bursar_core::ledger::Record;
    use bursar_core::limit::Usage;

    use super::*;

    const TOKEN: TokenId = TokenId::from_bytes([1; 16]);

    fn limits(spent: u128) -> KnownLimits {
        let key = BudgetKey { subject: Subject::Token(TOKEN), asset: Asset::parse("tbtc").unwrap(), destination: None };
        let budget = Budget { captured: Usage::one(Amount::new(spent)), ..Budget::default() };
        KnownLimits { rules: LimitSet::default(), version: 1, budgets: vec![(key, budget)] }
    }

    fn spent(known: &KnownLimits) -> Change {
        let (key, budget) = known.budgets[0].clone();
        Change { key: Key::Budget(key.clone()), version: 2, record: Some(Record::Budget(key, budget)) }
    }

    #[test]
    fn a_spend_drops_what_was_kept_of_its_tokens_limits() {
        let known = Known::new();
        let kept = known.keep_limits(TOKEN, limits(1), known.generation());
        assert!(known.limits(TOKEN).is_some());
        known.committed(&[spent(&kept)]);
        assert!(known.limits(TOKEN).is_none());
    }

    #[test]
    fn what_was_read_before_a_commit_is_not_kept_after_it() {
        let known = Known::new();
        let read_at = known.generation();
        known.committed(&[]);
        known.keep_limits(TOKEN, limits(1), read_at);
        assert!(known.limits(TOKEN).is_none());
    }

    #[test]
    fn a_wallet_is_known_only_with_the_role_that_is_asked_for() {
        let known = Known::new();
        let (id, user, other) =
            (WalletId::from_bytes([2; 16]), UserId::from_bytes([3; 16]), UserId::from_bytes([4; 16]));
        let wallet = Wallet {
            id,
            coin: Coin::parse("tbtc").unwrap(),
            label: String::new(),
            organisation: OrganisationId::from_bytes([5; 16]),
            rail: "sandbox".to_owned(),
            reference: String::new(),
            freeze: None,
            created: Timestamp::default(),
        };
        known.keep_wallet(wallet, user, None, known.generation());
        assert!(known.wallet(id, user).is_some_and(|(_, role)| role.is_none()));
        assert!(known.wallet(id, other).is_none());
        known.committed(&[Change { key: Key::Role((id, user)), version: 2, record: None }]);
        assert!(known.wallet(id, user).is_none());
    }

    #[test]
    fn the_wallets_of_a_user_are_read_again_once_a_role_or_a_wallet_changed() {
        let known = Known::new();
        let (wallet, user, other) =
            (WalletId::from_bytes([2; 16]), UserId::from_bytes([3; 16]), UserId::from_bytes([4; 16]));
        for (key, others_too) in [(Key::Role((wallet, user)), false), (Key::Wallet(wallet), true)] {
            for user in [user, other] {
                known.keep_wallets(user, Vec::new(), known.generation());
            }
            known.committed(&[Change { key, version: 2, record: None }]);
            assert!(known.wallets(user).is_none());
            assert_eq!(known.wallets(other).is_none(), others_too);
        }
    }
}
