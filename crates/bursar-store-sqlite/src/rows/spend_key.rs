//! What names a spend, so that asking twice is spending once.

use bursar_core::hold::SpendKey;
use bursar_core::id::{HoldId, TokenId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{Columns, execute, one};

const SEQUENCE: &str = "sequence";
const TRANSACTION: &str = "transaction";
const CLIENT: &str = "client";

/// Whose name it is, its kind, and its text or hash.
pub(super) fn columns(key: &SpendKey) -> (&[u8; 16], &'static str, &[u8]) {
    match key {
        SpendKey::Sequence(wallet, text) => (wallet.as_bytes(), SEQUENCE, text.as_bytes()),
        SpendKey::Transaction(wallet, hash) => (wallet.as_bytes(), TRANSACTION, hash),
        SpendKey::Client(token, text) => (token.as_bytes(), CLIENT, text.as_bytes()),
    }
}

/// The columns kind and key, of a spend of this token, from this wallet if from any.
pub(super) fn read(
    token: TokenId,
    wallet: Option<WalletId>,
    columns: &mut Columns<'_>,
) -> Result<Option<SpendKey>, StoreError> {
    let kind: Option<String> = columns.get()?;
    let key: Option<Vec<u8>> = columns.get()?;
    let Some((kind, key)) = kind.zip(key) else {
        return Ok(None);
    };
    match kind.as_str() {
        SEQUENCE => String::from_utf8(key).ok().zip(wallet).map(|(text, wallet)| SpendKey::Sequence(wallet, text)),
        TRANSACTION => key.try_into().ok().zip(wallet).map(|(hash, wallet)| SpendKey::Transaction(wallet, hash)),
        CLIENT => String::from_utf8(key).ok().map(|text| SpendKey::Client(token, text)),
        _ => None,
    }
    .map(Some)
    .ok_or_else(|| columns.problem("does not fit its kind"))
}

pub(crate) fn load(connection: &Connection, key: &SpendKey) -> Found<HoldId> {
    let (owner, kind, bytes) = columns(key);
    let query = "SELECT version, hold FROM spend_keys WHERE owner = ?1 AND kind = ?2 AND key = ?3";
    one(connection, "spend_keys", query, params![owner, kind, bytes], |columns| {
        Ok(Versioned { version: columns.get()?, value: HoldId::from_bytes(columns.get()?) })
    })
}

pub(crate) fn store(connection: &Connection, key: &SpendKey, version: Version, hold: HoldId) -> Result<(), StoreError> {
    let (owner, kind, bytes) = columns(key);
    execute(
        connection,
        "INSERT INTO spend_keys (owner, kind, key, version, hold) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (owner, kind, key) DO UPDATE SET version = excluded.version, hold = excluded.hold",
        params![owner, kind, bytes, version, hold.as_bytes()],
    )
}

pub(crate) fn delete(connection: &Connection, key: &SpendKey) -> Result<(), StoreError> {
    let (owner, kind, bytes) = columns(key);
    execute(
        connection,
        "DELETE FROM spend_keys WHERE owner = ?1 AND kind = ?2 AND key = ?3",
        params![owner, kind, bytes],
    )
}
