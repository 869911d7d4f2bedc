//! When and from where tokens were last used.

use std::net::IpAddr;

use bursar_core::id::TokenId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_core::token::LastUse;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, token: TokenId) -> Found<LastUse> {
    let query = "SELECT version, used_at, used_from FROM token_uses WHERE token = ?1";
    one(connection, "token_uses", query, params![token.as_bytes()], |columns| {
        let (version, at, from): (Version, i64, String) = (columns.get()?, columns.get()?, columns.get()?);
        let from: IpAddr = from.parse().map_err(|_| columns.problem("is no address"))?;
        Ok(Versioned { version, value: LastUse { at: Timestamp::from_millis(at), from } })
    })
}

pub(crate) fn store(
    connection: &Connection,
    token: TokenId,
    version: Version,
    used: LastUse,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO token_uses (token, version, used_at, used_from) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (token) DO UPDATE SET
             version = excluded.version, used_at = excluded.used_at, used_from = excluded.used_from",
        params![token.as_bytes(), version, used.at.as_millis(), used.from.to_string()],
    )
}

pub(crate) fn delete(connection: &Connection, token: TokenId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM token_uses WHERE token = ?1", params![token.as_bytes()])
}
