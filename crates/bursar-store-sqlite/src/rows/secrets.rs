//! The secrets of a token, all together, with one version.

use bursar_core::id::TokenId;
use bursar_core::ledger::{TokenSecret, Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{Columns, execute, many, one, single};

const TABLE: &str = "token_secrets";

pub(crate) fn read(columns: &mut Columns<'_>) -> Result<TokenSecret, StoreError> {
    Ok(TokenSecret {
        lookup: columns.get()?,
        sealed: columns.get()?,
        ends: columns.get::<Option<i64>>()?.map(Timestamp::from_millis),
        used: columns.get::<Option<i64>>()?.map(Timestamp::from_millis),
    })
}

pub(crate) fn load(connection: &Connection, token: TokenId) -> Found<Vec<TokenSecret>> {
    let query = "SELECT version FROM secret_sets WHERE token = ?1";
    let Some(version) = one(connection, "secret_sets", query, params![token.as_bytes()], single)? else {
        return Ok(None);
    };
    let query = "SELECT lookup, sealed, ends, used FROM token_secrets WHERE token = ?1 ORDER BY place";
    Ok(Some(Versioned { version, value: many(connection, TABLE, query, params![token.as_bytes()], read)? }))
}

pub(crate) fn store(
    connection: &Connection,
    token: TokenId,
    version: Version,
    secrets: &[TokenSecret],
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO secret_sets (token, version) VALUES (?1, ?2)
         ON CONFLICT (token) DO UPDATE SET version = excluded.version",
        params![token.as_bytes(), version],
    )?;
    delete_secrets(connection, token)?;
    for (place, secret) in secrets.iter().enumerate() {
        execute(
            connection,
            "INSERT INTO token_secrets (token, place, lookup, sealed, ends, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                token.as_bytes(),
                place,
                secret.lookup,
                secret.sealed,
                secret.ends.map(Timestamp::as_millis),
                secret.used.map(Timestamp::as_millis),
            ],
        )?;
    }
    Ok(())
}

pub(crate) fn delete(connection: &Connection, token: TokenId) -> Result<(), StoreError> {
    delete_secrets(connection, token)?;
    execute(connection, "DELETE FROM secret_sets WHERE token = ?1", params![token.as_bytes()])
}

fn delete_secrets(connection: &Connection, token: TokenId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM token_secrets WHERE token = ?1", params![token.as_bytes()])
}
