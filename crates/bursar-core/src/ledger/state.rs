//! The records a batch works on: loaded by the store before, written by the store after.

use std::collections::HashMap;
use std::sync::Arc;

use crate::account::{Invitation, Membership, Organisation, User, Wallet, WalletRole};
use crate::audit::Head;
use crate::destination::DestinationId;
use crate::hold::{Hold, SpendKey};
use crate::id::{FactorId, HoldId, InvitationId, OrganisationId, TokenId, UserId, WalletId};
use crate::ledger::document::{Credential, Document, DocumentKey};
use crate::ledger::history::HistoryKey;
use crate::limit::{Budget, BudgetKey, History, LimitSet, Subject};
use crate::token::{Token, Uses};

/// Counts the changes of a record, from 1; 0 is a record that does not exist.
pub type Version = u64;

/// A record as it was read: what it says, and which version said it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned<T> {
    /// The version read.
    pub version: Version,
    /// The record.
    pub value: T,
}

macro_rules! records {
    ($($(#[$doc:meta])* $variant:ident($key:ty => $value:ty) $table:ident),* $(,)?) => {
        /// Names a record.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Key { $($(#[$doc])* $variant($key)),* }

        /// A record.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Record { $($(#[$doc])* $variant($key, $value)),* }

        impl Record {
            /// The record's key.
            pub fn key(&self) -> Key {
                match self { $(Self::$variant(key, _) => Key::$variant(key.clone())),* }
            }
        }

        /// A table for each kind of record, so that a look-up neither copies its key nor hashes more than it.
        #[derive(Default, Debug)]
        struct Tables { $($table: Table<$key, $value>),* }

        impl Tables {
            fn len(&self) -> usize {
                [$(self.$table.len()),*].iter().sum()
            }

            fn clear(&mut self) {
                $(self.$table.clear());*
            }

            fn contains(&self, key: &Key) -> bool {
                match key { $(Key::$variant(key) => self.$table.contains_key(key)),* }
            }

            /// The version of a record that is there, 0 of one that is not; nothing if it was not loaded.
            fn version(&self, key: &Key) -> Option<Version> {
                match key { $(Key::$variant(key) => self.$table.get(key).map(Slot::seen)),* }
            }

            fn load(&mut self, key: Key, found: Option<Versioned<Record>>) {
                let version = found.as_ref().map_or(0, |found| found.version);
                match (key, found.map(|found| found.value)) {
                    $((Key::$variant(key), Some(Record::$variant(_, value))) => {
                        self.$table.insert(key, Slot::found(version, Some(value)));
                    })*
                    $((Key::$variant(key), _) => {
                        self.$table.insert(key, Slot::found(version, None));
                    })*
                }
            }

            /// Writes a record; says whether it is the first change since the changes were taken.
            fn put(&mut self, record: Record) -> bool {
                match record {
                    $(Record::$variant(key, value) => self.$table.entry(key).or_default().change(Some(value))),*
                }
            }

            /// Removes a record; says whether it is the first change since the changes were taken.
            fn delete(&mut self, key: &Key) -> bool {
                match key {
                    $(Key::$variant(key) => self.$table.entry(key.clone()).or_default().change(None)),*
                }
            }

            fn forget(&mut self, key: &Key) {
                match key { $(Key::$variant(key) => { self.$table.remove(key); }),* }
            }

            /// A record as it is to be written, which counts as unchanged from now on.
            fn take(&mut self, key: &Key) -> Option<(Version, Option<Record>)> {
                match key {
                    $(Key::$variant(key) => {
                        let slot = self.$table.get_mut(key)?;
                        slot.is_changed = false;
                        let record = slot.value.as_ref().map(|value| Record::$variant(key.clone(), value.clone()));
                        Some((slot.version, record))
                    }),*
                }
            }
        }

        impl State {
            $($(#[$doc])*
            ///
            /// # Errors
            /// The record was not loaded.
            pub fn $table(&self, key: &$key) -> Result<Option<&$value>, NotLoaded> {
                match self.tables.$table.get(key) {
                    Some(slot) => Ok(slot.value.as_ref()),
                    None => Err(NotLoaded(Key::$variant(key.clone()))),
                }
            })*
        }
    };
}

records! {
    /// A user's account.
    User(UserId => User) user,
    /// An organisation.
    Organisation(OrganisationId => Organisation) organisation,
    /// A user's place in an organisation.
    Membership((OrganisationId, UserId) => Membership) membership,
    /// A place in an organisation that is offered to somebody.
    Invitation(InvitationId => Invitation) invitation,
    /// What a user logs in with.
    Credential(FactorId => Credential) credential,
    /// A user's settings, keychains, templates and attempts.
    Document(DocumentKey => Document) document,
    /// A wallet.
    Wallet(WalletId => Wallet) wallet,
    /// What a user may do with a wallet.
    Role((WalletId, UserId) => WalletRole) role,
    /// A token.
    Token(TokenId => Token) token,
    /// A token's secrets: one, or two during a rotation.
    Secrets(TokenId => Vec<TokenSecret>) secrets,
    /// When and from where a token was used; noted now and then, never waited for.
    Uses(TokenId => Uses) uses,
    /// All rules of a subject.
    Limits(Subject => LimitSet) limits,
    /// A budget.
    Budget(BudgetKey => Budget) budget,
    /// The destinations a subject has paid, as long as their number is limited, and by how many spends each.
    Paid(Subject => Vec<(DestinationId, u64)>) paid,
    /// What was spent before a budget was counted: read, never written, and good for one command only.
    History(HistoryKey => History) history,
    /// A spend.
    Hold(HoldId => Arc<Hold>) hold,
    /// The spend a key names.
    SpendKey(SpendKey => HoldId) spend_key,
    /// The last link of the audit chain that is archived: the store keeps what follows it.
    AuditBase(() => Head) audit_base,
}

/// One of a token's secrets, as it is kept at rest (SECURITY.md).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenSecret {
    /// `HMAC(pepper, sha256(token))`: finds the token without being a credential.
    pub lookup: [u8; 32],
    /// The HMAC key, sealed.
    pub sealed: Vec<u8>,
    /// The first instant at which this secret is no longer valid, if that is before the token's end.
    pub ends: Option<crate::time::Timestamp>,
    /// When it was first used; kept while a rotation needs to know.
    pub used: Option<crate::time::Timestamp>,
}

/// A record was asked for that the batch had not loaded: a fault of the program, never of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotLoaded(pub Key);

/// The working set of a batch.
#[derive(Default, Debug)]
pub struct State {
    tables: Tables,
    changed: Vec<Key>,
    histories: Vec<Key>,
}

type Table<K, V> = HashMap<K, Slot<V>, foldhash::fast::RandomState>;

#[derive(Debug)]
struct Slot<V> {
    version: Version,
    value: Option<V>,
    is_changed: bool,
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self::found(0, None)
    }
}

impl<V> Slot<V> {
    const fn found(version: Version, value: Option<V>) -> Self {
        Self { version, value, is_changed: false }
    }

    const fn seen(&self) -> Version {
        if self.value.is_some() { self.version } else { 0 }
    }

    fn change(&mut self, value: Option<V>) -> bool {
        self.value = value;
        self.touch()
    }

    const fn touch(&mut self) -> bool {
        self.version = self.version.saturating_add(1);
        !std::mem::replace(&mut self.is_changed, true)
    }
}

/// What a batch changes about one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which record.
    pub key: Key,
    /// Its version afterwards.
    pub version: Version,
    /// What it says afterwards; nothing if it is gone.
    pub record: Option<Record>,
}

impl State {
    /// Whether the store was asked for this record.
    pub fn is_loaded(&self, key: &Key) -> bool {
        self.tables.contains(key)
    }

    /// How many records are loaded.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Forgets every record, and keeps the room they had for those to come.
    pub fn clear(&mut self) {
        self.tables.clear();
        self.changed.clear();
        self.histories.clear();
    }

    /// Whether nothing is loaded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what the store found: a record and its version, or nothing and version 0.
    pub fn load(&mut self, key: Key, found: Option<Versioned<Record>>) {
        if matches!(key, Key::History(_)) {
            self.histories.push(key.clone());
        }
        self.tables.load(key, found);
    }

    /// The version of a record; 0 if there is none, also if it was there before.
    ///
    /// # Errors
    /// The record was not loaded.
    pub fn version(&self, key: &Key) -> Result<Version, NotLoaded> {
        self.tables.version(key).ok_or_else(|| NotLoaded(key.clone()))
    }

    /// Writes a record.
    pub fn put(&mut self, record: Record) {
        let key = record.key();
        if self.tables.put(record) {
            self.changed.push(key);
        }
    }

    /// Removes a record.
    pub fn delete(&mut self, key: Key) {
        if self.tables.delete(&key) {
            self.changed.push(key);
        }
    }

    /// What changed since the last call, each record once, as the batch leaves it.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let tables = &mut self.tables;
        self.changed
            .drain(..)
            .filter_map(|key| tables.take(&key).map(|(version, record)| Change { key, version, record }))
            .collect()
    }

    /// Whether anything was changed since the last call of [`State::take_changes`]. Then the store does not
    /// know it yet, and no history may be read from it.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Changes a budget where it stands, or begins it.
    ///
    /// # Errors
    /// The record was not loaded.
    pub fn change_budget(&mut self, key: &BudgetKey, change: impl FnOnce(&mut Budget)) -> Result<(), NotLoaded> {
        let Some(slot) = self.tables.budget.get_mut(key) else { return Err(NotLoaded(Key::Budget(key.clone()))) };
        change(slot.value.get_or_insert_default());
        if slot.touch() {
            self.changed.push(Key::Budget(key.clone()));
        }
        Ok(())
    }

    /// Forgets what was read of the past: the next command changes it.
    pub(super) fn forget_history(&mut self) {
        for key in self.histories.drain(..) {
            self.tables.forget(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Record, State};
    use crate::fixtures::{USER, user};
    use crate::ledger::HistoryKey;
    use crate::limit::Subject;

    #[test]
    fn what_is_cleared_is_neither_known_nor_written() {
        let mut state = State::default();
        assert!(state.is_empty());
        state.load(Key::User(USER), None);
        assert_eq!((state.len(), state.is_empty(), state.is_changed()), (1, false, false));
        state.put(Record::User(USER, user(USER)));
        assert!(state.is_changed());
        state.clear();
        assert!(state.is_empty() && !state.is_changed() && !state.is_loaded(&Key::User(USER)));
        assert!(state.take_changes().is_empty());
    }

    #[test]
    fn what_was_written_is_no_change_any_more() {
        let mut state = State::default();
        state.load(Key::User(USER), None);
        state.put(Record::User(USER, user(USER)));
        assert_eq!(state.take_changes().len(), 1);
        assert!(!state.is_changed() && state.is_loaded(&Key::User(USER)));
    }

    #[test]
    fn a_past_is_good_for_one_command() {
        let mut state = State::default();
        let past = Key::History(HistoryKey::of_payees(Subject::User(USER)));
        state.load(past.clone(), None);
        state.load(Key::User(USER), None);
        state.forget_history();
        assert!(!state.is_loaded(&past) && state.is_loaded(&Key::User(USER)));
    }
}
