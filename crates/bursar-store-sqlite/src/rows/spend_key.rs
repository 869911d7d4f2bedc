//! What names a spend, so that asking twice is spending once.
//!
//! One column tells whose name it is, of what kind, and the name: names of one wallet or token lie side by
//! side, and where its clients count up, so do the pages that are written.

use bursar_core::hold::SpendKey;
use bursar_core::id::{HoldId, TokenId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{Repeated, execute, one};

const SEQUENCE: u8 = 1;
const TRANSACTION: u8 = 2;
const CLIENT: u8 = 3;

pub(super) fn pack(key: &SpendKey) -> Vec<u8> {
    let (owner, kind, name) = match key {
        SpendKey::Sequence(wallet, text) => (wallet.as_bytes(), SEQUENCE, text.as_bytes()),
        SpendKey::Transaction(wallet, hash) => (wallet.as_bytes(), TRANSACTION, &hash[..]),
        SpendKey::Client(token, text) => (token.as_bytes(), CLIENT, text.as_bytes()),
    };
    [owner, &[kind][..], name].concat()
}

/// Nothing if these bytes are not what [`pack`] makes.
pub(super) fn unpack(packed: &[u8]) -> Option<SpendKey> {
    let (owner, rest) = packed.split_first_chunk()?;
    let (kind, name) = rest.split_first()?;
    let text = || str::from_utf8(name).ok().map(str::to_owned);
    Some(match *kind {
        SEQUENCE => SpendKey::Sequence(WalletId::from_bytes(*owner), text()?),
        TRANSACTION => SpendKey::Transaction(WalletId::from_bytes(*owner), name.try_into().ok()?),
        CLIENT => SpendKey::Client(TokenId::from_bytes(*owner), text()?),
        _ => return None,
    })
}

pub(crate) fn load(connection: &Connection, key: &SpendKey) -> Found<HoldId> {
    let query = "SELECT version, hold FROM spend_keys WHERE key = ?1";
    one(connection, "spend_keys", query, params![pack(key)], |columns| {
        Ok(Versioned { version: columns.get()?, value: HoldId::from_bytes(columns.get()?) })
    })
}

pub(crate) fn store(
    writes: &mut Repeated<'_>,
    key: &SpendKey,
    version: Version,
    hold: HoldId,
) -> Result<(), StoreError> {
    writes.execute(
        "INSERT INTO spend_keys (key, version, hold) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET version = excluded.version, hold = excluded.hold",
        params![pack(key), version, hold.as_bytes()],
    )
}

pub(crate) fn delete(connection: &Connection, key: &SpendKey) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM spend_keys WHERE key = ?1", params![pack(key)])
}
