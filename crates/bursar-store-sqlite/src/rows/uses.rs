//! When and from where tokens were used.

use std::net::IpAddr;

use bursar_core::id::TokenId;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_core::token::{LastUse, Uses};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{execute, one};

pub(crate) fn load(connection: &Connection, token: TokenId) -> Found<Uses> {
    let query = "SELECT version, places FROM token_uses WHERE token = ?1";
    one(connection, "token_uses", query, params![token.as_bytes()], |columns| {
        let version: Version = columns.get()?;
        let places: Vec<(i64, IpAddr)> = columns.parse(|text| serde_json::from_str(text))?;
        let uses = places.into_iter().map(|(at, from)| LastUse { at: Timestamp::from_millis(at), from });
        Ok(Versioned { version, value: uses.collect() })
    })
}

pub(crate) fn store(connection: &Connection, token: TokenId, version: Version, uses: &Uses) -> Result<(), StoreError> {
    let places: Vec<_> = uses.places().iter().map(|used| (used.at.as_millis(), used.from)).collect();
    let places = serde_json::to_string(&places).map_err(|problem| StoreError::Unavailable(problem.to_string()))?;
    execute(
        connection,
        "INSERT INTO token_uses (token, version, places) VALUES (?1, ?2, ?3)
         ON CONFLICT (token) DO UPDATE SET version = excluded.version, places = excluded.places",
        params![token.as_bytes(), version, places],
    )
}

pub(crate) fn delete(connection: &Connection, token: TokenId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM token_uses WHERE token = ?1", params![token.as_bytes()])
}
