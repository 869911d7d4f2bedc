//! Reads of what is committed, each over one connection that cannot write.

use std::collections::{BTreeMap, HashMap};

use bursar_core::account::User;
use bursar_core::audit::{Event, Link};
use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, HoldState, SpendKey};
use bursar_core::id::{HoldId, TokenId, UserId, WalletId};
use bursar_core::ledger::conservation::{Conservation, Difference};
use bursar_core::ledger::{Credential, Document, DocumentKey, DocumentKind, Key, State, TokenSecret, Versioned};
use bursar_core::limit::{Budget, BudgetKey, LimitSet, Subject, Usage};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{LastUse, Token};
use bursar_store::{Page, Reader, StoreError, TokenBySecret, WalletOfUser};
use rusqlite::{Connection, Transaction};

use crate::rows::{
    self, Found, audit, budget, credential, document, hold, last_use, limits, secrets, spend_key, token, user, wallet,
};
use crate::sql::unavailable;

pub(crate) struct SqliteReader {
    connection: Connection,
}

impl SqliteReader {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// One view of the store for reads that take several statements.
    fn view(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.connection.transaction().map_err(unavailable)
    }
}

impl Reader for SqliteReader {
    fn token_by_secret(&mut self, lookup: &[u8; 32]) -> Result<Option<TokenBySecret>, StoreError> {
        token::by_secret(&self.connection, lookup)
    }

    fn token(&mut self, id: TokenId) -> Found<Token> {
        token::load(&self.connection, id)
    }

    fn secrets(&mut self, id: TokenId) -> Found<Vec<TokenSecret>> {
        secrets::load(&*self.view()?, id)
    }

    fn last_use(&mut self, id: TokenId) -> Result<Option<LastUse>, StoreError> {
        Ok(last_use::load(&*self.view()?, id)?.map(|found| found.value))
    }

    fn access_tokens(&mut self, user: UserId, now: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError> {
        token::access_tokens(&self.connection, user, now, page)
    }

    fn count_long_lived(&mut self, user: UserId, now: Timestamp) -> Result<u64, StoreError> {
        token::count_long_lived(&self.connection, user, now)
    }

    fn user(&mut self, id: UserId) -> Found<User> {
        user::load(&self.connection, id)
    }

    fn user_by_name(&mut self, username: &str) -> Found<User> {
        user::by_name(&self.connection, username)
    }

    fn users(&mut self, page: Page<UserId>) -> Result<Vec<User>, StoreError> {
        user::all(&self.connection, page)
    }

    fn credentials(&mut self, user: UserId) -> Result<Vec<Versioned<Credential>>, StoreError> {
        credential::of_user(&self.connection, user)
    }

    fn document(&mut self, key: &DocumentKey) -> Found<Document> {
        document::load(&self.connection, key)
    }

    fn documents(
        &mut self,
        user: UserId,
        kind: DocumentKind,
        page: &Page<String>,
    ) -> Result<Vec<(DocumentKey, Versioned<Document>)>, StoreError> {
        document::of_user(&self.connection, user, kind, page)
    }

    fn wallet(&mut self, id: WalletId, user: UserId) -> Result<Option<WalletOfUser>, StoreError> {
        wallet::seen_by(&self.connection, id, user)
    }

    fn wallets(
        &mut self,
        user: UserId,
        coin: Option<&Coin>,
        page: Page<WalletId>,
    ) -> Result<Vec<WalletOfUser>, StoreError> {
        wallet::of_user(&self.connection, user, coin, page)
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        let view = self.view()?;
        keys.iter().try_for_each(|key| {
            state.load(key.clone(), rows::load(&view, key)?);
            Ok(())
        })
    }

    fn limits(&mut self, subject: Subject) -> Result<Versioned<LimitSet>, StoreError> {
        let found = limits::load(&*self.view()?, subject)?;
        Ok(found.unwrap_or(Versioned { version: 0, value: LimitSet::default() }))
    }

    fn budgets(&mut self, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError> {
        budget::of_subject(&self.connection, subject)
    }

    fn hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        Ok(hold::load(&self.connection, id)?.map(|found| found.value))
    }

    fn hold_by_key(&mut self, key: &SpendKey) -> Result<Option<HoldId>, StoreError> {
        Ok(spend_key::load(&self.connection, key)?.map(|found| found.value))
    }

    fn spends(&mut self, wallet: WalletId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        hold::of_wallet(&self.connection, wallet, page)
    }

    fn unsettled(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        hold::unsettled(&self.connection, true, page)
    }

    fn unresolved(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        hold::unsettled(&self.connection, false, page)
    }

    fn spends_of_token(&mut self, token: TokenId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        hold::of_token(&self.connection, token, page)
    }

    fn settled_before(&mut self, before: Timestamp, limit: usize) -> Result<Vec<HoldId>, StoreError> {
        hold::settled_before(&self.connection, before, limit)
    }

    fn usage_of_token(
        &mut self,
        token: TokenId,
        since: Timestamp,
        bucket: Span,
    ) -> Result<Vec<(Timestamp, Coin, Usage)>, StoreError> {
        let mut buckets: BTreeMap<(Timestamp, Coin), Usage> = BTreeMap::new();
        let length = i64::try_from(bucket.as_millis()).unwrap_or(i64::MAX).max(1);
        hold::each_of_subject(&self.connection, Subject::Token(token), |hold| {
            let HoldState::Captured { at, .. } = hold.state else { return };
            if at < since {
                return;
            }
            let start = Timestamp::from_millis(at.as_millis().div_euclid(length).saturating_mul(length));
            for (coin, usage) in hold.captured().iter().flat_map(Cost::parts) {
                let sum = buckets.entry((start, coin.clone())).or_default();
                *sum = sum.saturating_add(usage);
            }
        })?;
        Ok(buckets.into_iter().map(|((start, coin), usage)| (start, coin, usage)).collect())
    }

    fn audit(&mut self, from_link: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
        audit::covered(&self.view()?, from_link, limit)
    }

    /// Streams over spends and budgets: those that hold something, which are few, or all.
    fn conservation(&mut self, all: bool) -> Result<Vec<Difference>, StoreError> {
        let view = self.view()?;
        let sets: HashMap<Subject, LimitSet> = limits::all(&view)?;
        let mut conservation = Conservation::default();
        hold::each_of_all(&view, all, |hold| conservation.add(&hold, |subject| sets.get(&subject)))?;
        let mut differences = Vec::new();
        budget::each_of_all(&view, all, |key, budget| differences.extend(conservation.compare(&key, &budget, all)))?;
        differences.extend(conservation.finish());
        Ok(differences)
    }
}
