//! Reads of what is committed, each over one connection that cannot write.

use bursar_core::account::{Invitation, MemberRole, Membership, User, Wallet, WalletRole};
use bursar_core::audit::{Event, Head, Link};
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, SpendKey};
use bursar_core::id::{HoldId, InvitationId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::conservation::Difference;
use bursar_core::ledger::{Credential, Document, DocumentKey, DocumentKind, Key, State, TokenSecret, Versioned};
use bursar_core::limit::{Budget, BudgetKey, LimitSet, Subject, Usage};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Token, Uses};
use bursar_store::{Compared, CountedOrganisation, Page, Reader, StoreError, TokenBySecret, WalletOfUser};
use rusqlite::{Connection, Transaction};

use crate::conservation;
use crate::rows::{
    self, Found, audit, budget, credential, document, hold, invitation, limits, membership, organisation, position,
    role, secrets, spend_key, spends, token, user, uses, wallet,
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
    fn time(&mut self) -> Result<Timestamp, StoreError> {
        position::time(&self.connection)
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        rows::load_all(&*self.view()?, keys, |_| false, state)
    }

    fn token_by_secret(&mut self, lookup: &[u8; 32]) -> Result<Option<TokenBySecret>, StoreError> {
        token::by_secret(&self.connection, lookup)
    }

    fn token(&mut self, id: TokenId) -> Found<Token> {
        token::load(&self.connection, id)
    }

    fn secrets(&mut self, id: TokenId) -> Found<Vec<TokenSecret>> {
        secrets::load(&*self.view()?, id)
    }

    fn uses(&mut self, id: TokenId) -> Result<Option<Uses>, StoreError> {
        Ok(uses::load(&*self.view()?, id)?.map(|found| found.value))
    }

    fn access_tokens(&mut self, user: UserId, now: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError> {
        token::access_tokens(&self.connection, user, now, page)
    }

    fn ended_tokens(&mut self, user: UserId, now: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError> {
        token::ended(&self.connection, user, now, page)
    }

    fn ending(
        &mut self,
        after: (Timestamp, TokenId),
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Token>, StoreError> {
        token::ending(&self.connection, after, until, limit)
    }

    fn ended_before(&mut self, time: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError> {
        token::ended_before(&self.connection, time, page)
    }

    fn sessions(
        &mut self,
        user: UserId,
        since: Timestamp,
        now: Timestamp,
        page: Page<TokenId>,
    ) -> Result<Vec<Token>, StoreError> {
        token::sessions(&self.connection, user, since, now, page)
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

    fn organisations(&mut self, page: Page<OrganisationId>) -> Result<Vec<CountedOrganisation>, StoreError> {
        organisation::all(&self.connection, page)
    }

    fn memberships(&mut self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        membership::of_user(&self.connection, user)
    }

    fn user_by_address(&mut self, address: &str) -> Found<User> {
        user::by_address(&self.connection, address)
    }

    fn members(
        &mut self,
        organisation: OrganisationId,
        role: Option<MemberRole>,
        page: Page<UserId>,
    ) -> Result<Vec<(MemberRole, User)>, StoreError> {
        membership::of_organisation(&self.connection, organisation, role, page)
    }

    fn invitations(
        &mut self,
        organisation: OrganisationId,
        page: Page<InvitationId>,
    ) -> Result<Vec<Invitation>, StoreError> {
        invitation::of_organisation(&self.connection, organisation, page)
    }

    fn wallet_members(&mut self, wallet: WalletId, page: Page<UserId>) -> Result<Vec<(WalletRole, User)>, StoreError> {
        role::of_wallet(&self.connection, wallet, page)
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

    fn wallets_on(&mut self, rail: &str, behind: &str, limit: usize) -> Result<Vec<Versioned<Wallet>>, StoreError> {
        wallet::on_rail(&self.connection, rail, behind, limit)
    }

    fn wallets(
        &mut self,
        user: UserId,
        coin: Option<&Coin>,
        page: Page<WalletId>,
    ) -> Result<Vec<WalletOfUser>, StoreError> {
        wallet::of_user(&self.connection, user, coin, page)
    }

    fn limits(&mut self, subject: Subject) -> Result<Versioned<LimitSet>, StoreError> {
        let found = limits::load(&*self.view()?, subject)?;
        Ok(found.unwrap_or(Versioned { version: 0, value: LimitSet::default() }))
    }

    fn budgets(&mut self, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError> {
        budget::of_subject(&self.connection, subject)
    }

    fn budget_keys(&mut self, subject: Subject, limit: usize) -> Result<Vec<BudgetKey>, StoreError> {
        budget::keys_of_subject(&self.connection, subject, limit)
    }

    fn hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        Ok(hold::load(&self.connection, id)?.map(|found| found.value))
    }

    fn hold_by_key(&mut self, key: &SpendKey) -> Result<Option<HoldId>, StoreError> {
        Ok(spend_key::load(&self.connection, key)?.map(|found| found.value))
    }

    fn spends(&mut self, wallet: WalletId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        spends::of_wallet(&self.connection, wallet, &page)
    }

    fn spends_of_token(&mut self, token: TokenId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        spends::of_token(&self.connection, token, &page)
    }

    fn usage_of_token(
        &mut self,
        token: TokenId,
        since: Timestamp,
        bucket: Span,
    ) -> Result<Vec<(Timestamp, Coin, Usage)>, StoreError> {
        spends::usage_of_token(&self.connection, token, since, bucket)
    }

    fn unsettled(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        spends::unsettled(&self.connection, &page)
    }

    fn unresolved(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
        spends::unresolved(&self.connection, &page)
    }

    fn settled_before(&mut self, time: Timestamp, limit: usize) -> Result<Vec<HoldId>, StoreError> {
        spends::settled_before(&self.connection, time, limit)
    }

    fn audit_base(&mut self) -> Result<Head, StoreError> {
        Ok(position::base(&self.connection)?.map(|base| base.value).unwrap_or_default())
    }

    fn audit(&mut self, from_link: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
        audit::covered(&self.view()?, from_link, limit)
    }

    fn audit_before(&mut self, link: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
        audit::covered_before(&self.view()?, link, limit)
    }

    fn conservation(&mut self, all: bool) -> Result<Compared, StoreError> {
        conservation::check(&*self.view()?, all)
    }

    fn conservation_of_token(&mut self, token: TokenId) -> Result<Vec<Difference>, StoreError> {
        conservation::check_token(&*self.view()?, token)
    }
}
