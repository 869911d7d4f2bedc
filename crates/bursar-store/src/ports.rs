//! What Bursar asks of a store.

use std::collections::BTreeSet;

use bursar_core::account::{Invitation, MemberRole, Membership, Organisation, User, Wallet, WalletRole};
use bursar_core::audit::{Event, Head, Link};
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, SpendKey};
use bursar_core::id::{HoldId, InvitationId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::conservation::Difference;
use bursar_core::ledger::{
    Change, Credential, Document, DocumentKey, DocumentKind, Key, State, TokenSecret, Version, Versioned,
};
use bursar_core::limit::{Budget, BudgetKey, LimitSet, Subject, Usage};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Token, Uses};

use crate::StoreError;

/// What came of comparing spends with budgets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Where budgets do not say what their spends say.
    pub differences: Vec<Difference>,
    /// Rows that are no records, as far as there are not too many. What they were is missing in the comparison.
    pub unreadable: Vec<StoreError>,
    /// Whose spends are among them, as far as that can still be read.
    pub uncounted: BTreeSet<Subject>,
}

impl Compared {
    /// The most rows that are told of.
    const MOST_UNREADABLE: usize = 16;

    /// What was read, or nothing of a row that is no record, which is noted.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn readable<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Err(error @ StoreError::Inconsistent { .. }) => {
                if self.unreadable.len() < Self::MOST_UNREADABLE {
                    self.unreadable.push(error);
                }
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// The differences, where every row was a record.
    ///
    /// # Errors
    /// The first row that is none.
    pub fn of_records(self) -> Result<Vec<Difference>, StoreError> {
        self.unreadable.into_iter().next().map_or(Ok(self.differences), Err)
    }
}

/// A place to keep everything.
pub trait Store: Send + Sync {
    /// The way to write; there is one, and whoever has it is the only writer.
    ///
    /// # Errors
    /// The database cannot be opened for writing, or is being written by somebody else.
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError>;

    /// A way to read what is committed; any number of them may be used at once.
    ///
    /// # Errors
    /// The database cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

/// Where the store stands: from here the next batch goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The last committed ledger time.
    pub time: Timestamp,
    /// The end of the audit chain.
    pub head: Head,
}

/// What one transaction writes.
#[derive(Debug)]
pub struct Batch {
    /// Ledger time of the batch.
    pub time: Timestamp,
    /// The records that changed, each once.
    pub changes: Vec<Change>,
    /// The audit events, in order.
    pub events: Vec<Event>,
    /// The link that covers them; none if there is no event.
    pub link: Option<Link>,
}

/// Loads and writes for the one engine that decides.
pub trait Writer: Send {
    /// Where the store stands.
    ///
    /// # Errors
    /// The store does not answer.
    fn position(&mut self) -> Result<Position, StoreError>;

    /// Loads the named records into the state; what does not exist is loaded as absent. A past
    /// ([`Key::History`]) is added up from the spends that are kept and the totals of those that are not; it
    /// always exists, and cannot be written.
    ///
    /// # Errors
    /// The store does not answer, or holds a row that is no record.
    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError>;

    /// Writes a batch in one transaction; when it returns, the batch is on the disk.
    ///
    /// Once a [`Key::AuditBase`] is written, nobody reads the links up to it any more; the store lets go of them a
    /// few at a time, with the batches that come.
    ///
    /// # Errors
    /// Nothing of the batch was written.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;
}

/// A part of a longer list: at most `limit` entries, those after (or, newest first, before) a known one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page<Id> {
    /// At most so many.
    pub limit: usize,
    /// The last entry of the page before.
    pub after: Option<Id>,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
}

/// A token found by one of its secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenBySecret {
    /// The token.
    pub token: Token,
    /// The secret that found it.
    pub secret: TokenSecret,
}

/// An organisation, and how many belong to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountedOrganisation {
    /// The organisation.
    pub organisation: Organisation,
    /// Its members.
    pub members: u64,
    /// Its wallets.
    pub wallets: u64,
}

/// A wallet as one user sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WalletOfUser {
    /// The wallet.
    pub wallet: Wallet,
    /// Its version.
    pub version: Version,
    /// What the user may do with it; none if they have no part in it.
    pub role: Option<WalletRole>,
}

/// Reads of committed records. Point reads are single index look-ups; lists are bounded by their page.
pub trait Reader: Send {
    /// The last committed ledger time. Unlike a wall clock's, it never leaps.
    ///
    /// # Errors
    /// The store does not answer.
    fn time(&mut self) -> Result<Timestamp, StoreError>;

    /// Loads the named records into the state, as a writer does, all of one moment: for decisions that are
    /// thrown away.
    ///
    /// # Errors
    /// The store does not answer, as with every method here, or holds a row that is no record.
    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError>;

    /// The token that has a secret with this look-up key.
    ///
    /// # Errors
    /// The store does not answer.
    fn token_by_secret(&mut self, lookup: &[u8; 32]) -> Result<Option<TokenBySecret>, StoreError>;

    /// A token by its id.
    ///
    /// # Errors
    /// The store does not answer.
    fn token(&mut self, id: TokenId) -> Result<Option<Versioned<Token>>, StoreError>;

    /// A token's secrets.
    ///
    /// # Errors
    /// The store does not answer.
    fn secrets(&mut self, id: TokenId) -> Result<Option<Versioned<Vec<TokenSecret>>>, StoreError>;

    /// When and from where a token was used, as far as that was noted.
    ///
    /// # Errors
    /// The store does not answer.
    fn uses(&mut self, id: TokenId) -> Result<Option<Uses>, StoreError>;

    /// A user's access tokens that are neither revoked nor expired at `now`, by creation.
    ///
    /// # Errors
    /// The store does not answer.
    fn access_tokens(&mut self, user: UserId, now: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError>;

    /// A user's access tokens that are revoked or expired at `now` and not forgotten yet, by id, which is by creation.
    ///
    /// # Errors
    /// The store does not answer.
    fn ended_tokens(&mut self, user: UserId, now: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError>;

    /// Access tokens and credentials of services that are not revoked, by their end and then by id: those behind `after` that
    /// end at `until` or earlier, at most `limit`.
    ///
    /// # Errors
    /// The store does not answer.
    fn ending(&mut self, after: (Timestamp, TokenId), until: Timestamp, limit: usize)
    -> Result<Vec<Token>, StoreError>;

    /// Tokens and sessions that ended before an instant and of which no spend is kept any more, by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn ended_before(&mut self, time: Timestamp, page: Page<TokenId>) -> Result<Vec<Token>, StoreError>;

    /// A user's sessions that were made at `since` or later and are neither revoked nor expired at `now`, by id,
    /// which is by creation.
    ///
    /// # Errors
    /// The store does not answer.
    fn sessions(
        &mut self,
        user: UserId,
        since: Timestamp,
        now: Timestamp,
        page: Page<TokenId>,
    ) -> Result<Vec<Token>, StoreError>;

    /// How many access tokens and extensible sessions of the user live at `now`.
    ///
    /// # Errors
    /// The store does not answer.
    fn count_long_lived(&mut self, user: UserId, now: Timestamp) -> Result<u64, StoreError>;

    /// A user by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn user(&mut self, id: UserId) -> Result<Option<Versioned<User>>, StoreError>;

    /// A user by name, which is lower-case.
    ///
    /// # Errors
    /// The store does not answer.
    fn user_by_name(&mut self, username: &str) -> Result<Option<Versioned<User>>, StoreError>;

    /// All users, by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn users(&mut self, page: Page<UserId>) -> Result<Vec<User>, StoreError>;

    /// All organisations, by id, with how many belong to each.
    ///
    /// # Errors
    /// The store does not answer.
    fn organisations(&mut self, page: Page<OrganisationId>) -> Result<Vec<CountedOrganisation>, StoreError>;

    /// A user's places in organisations, at most a thousand.
    ///
    /// # Errors
    /// The store does not answer.
    fn memberships(&mut self, user: UserId) -> Result<Vec<Membership>, StoreError>;

    /// The user whose verified e-mail address this is; it is in lower case.
    ///
    /// # Errors
    /// The store does not answer.
    fn user_by_address(&mut self, address: &str) -> Result<Option<Versioned<User>>, StoreError>;

    /// An organisation's members with their accounts, by user, of one role or of all.
    ///
    /// # Errors
    /// The store does not answer.
    fn members(
        &mut self,
        organisation: OrganisationId,
        role: Option<MemberRole>,
        page: Page<UserId>,
    ) -> Result<Vec<(MemberRole, User)>, StoreError>;

    /// An organisation's invitations, by id, which is by time; those that are over among them.
    ///
    /// # Errors
    /// The store does not answer.
    fn invitations(
        &mut self,
        organisation: OrganisationId,
        page: Page<InvitationId>,
    ) -> Result<Vec<Invitation>, StoreError>;

    /// Who may do what with a wallet, by user.
    ///
    /// # Errors
    /// The store does not answer.
    fn wallet_members(&mut self, wallet: WalletId, page: Page<UserId>) -> Result<Vec<(WalletRole, User)>, StoreError>;

    /// What a user logs in with.
    ///
    /// # Errors
    /// The store does not answer.
    fn credentials(&mut self, user: UserId) -> Result<Vec<Versioned<Credential>>, StoreError>;

    /// One of a user's documents.
    ///
    /// # Errors
    /// The store does not answer.
    fn document(&mut self, key: &DocumentKey) -> Result<Option<Versioned<Document>>, StoreError>;

    /// A user's documents of one kind, by name.
    ///
    /// # Errors
    /// The store does not answer.
    fn documents(
        &mut self,
        user: UserId,
        kind: DocumentKind,
        page: &Page<String>,
    ) -> Result<Vec<(DocumentKey, Versioned<Document>)>, StoreError>;

    /// A wallet and what the user may do with it.
    ///
    /// # Errors
    /// The store does not answer.
    fn wallet(&mut self, id: WalletId, user: UserId) -> Result<Option<WalletOfUser>, StoreError>;

    /// The wallets on a rail, by what the rail calls them, behind a name and at most so many.
    ///
    /// # Errors
    /// The store does not answer.
    fn wallets_on(&mut self, rail: &str, behind: &str, limit: usize) -> Result<Vec<Versioned<Wallet>>, StoreError>;

    /// The wallets a user has a role in, of one coin or of all, by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn wallets(
        &mut self,
        user: UserId,
        coin: Option<&Coin>,
        page: Page<WalletId>,
    ) -> Result<Vec<WalletOfUser>, StoreError>;

    /// A subject's rules and their version; none at version 0 if there never were any.
    ///
    /// # Errors
    /// The store does not answer.
    fn limits(&mut self, subject: Subject) -> Result<Versioned<LimitSet>, StoreError>;

    /// A subject's budgets, those of single destinations aside.
    ///
    /// # Errors
    /// The store does not answer.
    fn budgets(&mut self, subject: Subject) -> Result<Vec<(BudgetKey, Budget)>, StoreError>;

    /// The names of a subject's budgets, those of single destinations among them.
    ///
    /// # Errors
    /// The store does not answer.
    fn budget_keys(&mut self, subject: Subject, limit: usize) -> Result<Vec<BudgetKey>, StoreError>;

    /// A spend.
    ///
    /// # Errors
    /// The store does not answer.
    fn hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError>;

    /// The spend a key names.
    ///
    /// # Errors
    /// The store does not answer.
    fn hold_by_key(&mut self, key: &SpendKey) -> Result<Option<HoldId>, StoreError>;

    /// A wallet's spends, by id, which is by time.
    ///
    /// # Errors
    /// The store does not answer.
    fn spends(&mut self, wallet: WalletId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError>;

    /// A token's spends, by id, which is by time.
    ///
    /// # Errors
    /// The store does not answer.
    fn spends_of_token(&mut self, token: TokenId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError>;

    /// What a token captured since then, by the bucket of time it was captured in and by coin, oldest first;
    /// buckets begin at multiples of their length. Spends made under an unlock count too.
    ///
    /// A picture for people, never a figure to decide on: what was captured more than a day after it was
    /// held may be missing, and of a token with very many spends only the latest buckets are shown.
    ///
    /// # Errors
    /// The store does not answer.
    fn usage_of_token(
        &mut self,
        token: TokenId,
        since: Timestamp,
        bucket: Span,
    ) -> Result<Vec<(Timestamp, Coin, Usage)>, StoreError>;

    /// Spends that are open or unresolved, by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn unsettled(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError>;

    /// Spends of which nobody knows whether the money moved, by id.
    ///
    /// # Errors
    /// The store does not answer.
    fn unresolved(&mut self, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError>;

    /// The oldest spends that were settled before an instant, by id. An id is never younger than the
    /// settlement, so this looks at no spend that was held after that instant.
    ///
    /// # Errors
    /// The store does not answer.
    fn settled_before(&mut self, time: Timestamp, limit: usize) -> Result<Vec<HoldId>, StoreError>;

    /// The last link of the chain that is archived, after which the store's begins; the default if nothing is.
    ///
    /// # Errors
    /// The store does not answer.
    fn audit_base(&mut self) -> Result<Head, StoreError>;

    /// Audit events with the number of the link that covers each, from a link's number on; none that is archived.
    ///
    /// # Errors
    /// The store does not answer.
    fn audit(&mut self, from_link: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError>;

    /// The links before this number that are not archived, newest first, with the events each covers.
    ///
    /// # Errors
    /// The store does not answer.
    fn audit_before(&mut self, link: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError>;

    /// Whether nothing is lost and nothing invented (I8): where budgets do not say what their spends say.
    ///
    /// What is held is compared always, what was captured only if `all` spends are added up, which takes as
    /// long as there is history. Memory grows with budgets, not with spends. A row that is no record hides no other.
    ///
    /// # Errors
    /// The store does not answer.
    fn conservation(&mut self, all: bool) -> Result<Compared, StoreError>;

    /// The same for the budgets of one token, from all of its spends.
    ///
    /// # Errors
    /// The store does not answer.
    fn conservation_of_token(&mut self, token: TokenId) -> Result<Vec<Difference>, StoreError>;
}
