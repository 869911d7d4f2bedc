//! Users' documents.

use bursar_core::id::UserId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Version, Versioned};
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{NameBound, at_most};
use crate::rows::Found;
use crate::sql::{Columns, execute, many, one};

const TABLE: &str = "documents";

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Document>, StoreError> {
    Ok(Versioned { version: columns.get()?, value: Document { title: columns.get()?, body: columns.get()? } })
}

pub(crate) fn load(connection: &Connection, key: &DocumentKey) -> Found<Document> {
    let query = "SELECT version, title, body FROM documents WHERE user = ?1 AND kind = ?2 AND name = ?3";
    one(connection, TABLE, query, params![key.user.as_bytes(), key.kind.as_str(), key.name], read)
}

pub(crate) fn of_user(
    connection: &Connection,
    user: UserId,
    kind: DocumentKind,
    page: &Page<String>,
) -> Result<Vec<(DocumentKey, Versioned<Document>)>, StoreError> {
    let query = if page.newest_first {
        "SELECT version, title, body, name FROM documents
         WHERE user = ?1 AND kind = ?2 AND name < ?3 ORDER BY name DESC LIMIT ?4"
    } else {
        "SELECT version, title, body, name FROM documents
         WHERE user = ?1 AND kind = ?2 AND name >= ?3 ORDER BY name LIMIT ?4"
    };
    let bound = NameBound::new(page.after.as_deref(), page.newest_first);
    let params = params![user.as_bytes(), kind.as_str(), bound, at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| {
        let document = read(columns)?;
        Ok((DocumentKey { user, kind, name: columns.get()? }, document))
    })
}

pub(crate) fn store(
    connection: &Connection,
    key: &DocumentKey,
    version: Version,
    document: &Document,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO documents (user, kind, name, version, title, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (user, kind, name) DO UPDATE SET
             version = excluded.version, title = excluded.title, body = excluded.body",
        params![key.user.as_bytes(), key.kind.as_str(), key.name, version, document.title, document.body],
    )
}

pub(crate) fn delete(connection: &Connection, key: &DocumentKey) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM documents WHERE user = ?1 AND kind = ?2 AND name = ?3",
        params![key.user.as_bytes(), key.kind.as_str(), key.name],
    )
}
