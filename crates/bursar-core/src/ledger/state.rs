//! The records a batch works on: loaded by the store before, written by the store after.

use std::collections::HashMap;

use crate::account::{Membership, Organisation, User, Wallet, WalletRole};
use crate::destination::DestinationId;
use crate::hold::{Hold, SpendKey};
use crate::id::{FactorId, HoldId, OrganisationId, TokenId, UserId, WalletId};
use crate::ledger::document::{Credential, Document, DocumentKey};
use crate::ledger::history::HistoryKey;
use crate::limit::{Budget, BudgetKey, History, LimitSet, Subject};
use crate::token::{LastUse, Token};

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
    ($($(#[$doc:meta])* $variant:ident($key:ty => $value:ty) $getter:ident),* $(,)?) => {
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

        impl State {
            $($(#[$doc])*
            ///
            /// # Errors
            /// The record was not loaded.
            pub fn $getter(&self, key: &$key) -> Result<Option<&$value>, NotLoaded> {
                match self.slot(Key::$variant(key.clone()))? {
                    Some(Record::$variant(_, value)) => Ok(Some(value)),
                    _ => Ok(None),
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
    /// When a token was last used; noted now and then, never waited for.
    LastUse(TokenId => LastUse) last_use,
    /// All rules of a subject.
    Limits(Subject => LimitSet) limits,
    /// A budget.
    Budget(BudgetKey => Budget) budget,
    /// The destinations a subject has paid, as long as their number is limited.
    Paid(Subject => Vec<DestinationId>) paid,
    /// What was spent before a budget was counted: read, never written, and good for one command only.
    History(HistoryKey => History) history,
    /// A spend.
    Hold(HoldId => Hold) hold,
    /// The spend a key names.
    SpendKey(SpendKey => HoldId) spend_key,
}

/// One of a token's secrets, as it is kept at rest (design §7).
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
    slots: HashMap<Key, Slot>,
    changed: Vec<Key>,
    histories: Vec<Key>,
}

#[derive(Debug)]
struct Slot {
    version: Version,
    record: Option<Record>,
    is_changed: bool,
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
        self.slots.contains_key(key)
    }

    /// How many records are loaded.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is loaded.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes in what the store found: a record and its version, or nothing and version 0.
    pub fn load(&mut self, key: Key, found: Option<Versioned<Record>>) {
        let (version, record) = found.map_or((0, None), |found| (found.version, Some(found.value)));
        if matches!(key, Key::History(_)) {
            self.histories.push(key.clone());
        }
        self.slots.insert(key, Slot { version, record, is_changed: false });
    }

    /// The version of a record; 0 if there is none, also if it was there before.
    ///
    /// # Errors
    /// The record was not loaded.
    pub fn version(&self, key: &Key) -> Result<Version, NotLoaded> {
        let slot = self.slots.get(key).ok_or_else(|| NotLoaded(key.clone()))?;
        Ok(if slot.record.is_some() { slot.version } else { 0 })
    }

    /// Writes a record.
    pub fn put(&mut self, record: Record) {
        self.change(record.key(), Some(record));
    }

    /// Removes a record.
    pub fn delete(&mut self, key: Key) {
        self.change(key, None);
    }

    /// What changed since the last call, each record once, as the batch leaves it.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let slots = &mut self.slots;
        self.changed
            .drain(..)
            .filter_map(|key| {
                let slot = slots.get_mut(&key)?;
                slot.is_changed = false;
                Some(Change { key, version: slot.version, record: slot.record.clone() })
            })
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
        let name = Key::Budget(key.clone());
        let Some(slot) = self.slots.get_mut(&name) else { return Err(NotLoaded(name)) };
        let record = slot.record.get_or_insert_with(|| Record::Budget(key.clone(), Budget::default()));
        if let Record::Budget(_, budget) = record {
            change(budget);
        }
        slot.version = slot.version.saturating_add(1);
        if !slot.is_changed {
            slot.is_changed = true;
            self.changed.push(name);
        }
        Ok(())
    }

    /// Forgets what was read of the past: the next command changes it.
    pub(super) fn forget_history(&mut self) {
        for key in self.histories.drain(..) {
            self.slots.remove(&key);
        }
    }

    fn change(&mut self, key: Key, record: Option<Record>) {
        let slot = self.slots.entry(key.clone()).or_insert(Slot { version: 0, record: None, is_changed: false });
        slot.version = slot.version.saturating_add(1);
        slot.record = record;
        if !slot.is_changed {
            slot.is_changed = true;
            self.changed.push(key);
        }
    }

    fn slot(&self, key: Key) -> Result<Option<&Record>, NotLoaded> {
        match self.slots.get(&key) {
            Some(slot) => Ok(slot.record.as_ref()),
            None => Err(NotLoaded(key)),
        }
    }
}
