//! The audit chain: links and the events they cover.

use bursar_core::audit::{Actor, Event, Link};
use bursar_core::id::{TokenId, UserId};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::page::at_most;
use crate::sql::{Columns, execute, many};

const SYSTEM: &str = "system";
const OPERATOR: &str = "operator";
const ANONYMOUS: &str = "anonymous";
const TOKEN: &str = "token";

pub(crate) fn insert_link(connection: &Connection, link: &Link) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO audit_links (number, previous, events, hash) VALUES (?1, ?2, ?3, ?4)",
        params![link.number, link.previous, link.events, link.hash],
    )
}

pub(crate) fn insert_event(connection: &Connection, link: u64, place: usize, event: &Event) -> Result<(), StoreError> {
    let (actor, ids) = match &event.actor {
        Actor::System => (SYSTEM, None),
        Actor::Operator => (OPERATOR, None),
        Actor::Anonymous => (ANONYMOUS, None),
        Actor::Token { user, token } => (TOKEN, Some((user.as_bytes(), token.as_bytes()))),
    };
    let data = serde_json::to_string(&event.data).map_err(|problem| StoreError::Unavailable(problem.to_string()))?;
    execute(
        connection,
        "INSERT INTO audit_events (link, place, time, actor, actor_user, actor_token, action, subject, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            link,
            place,
            event.time.as_millis(),
            actor,
            ids.map(|(user, _)| user),
            ids.map(|(_, token)| token),
            event.action,
            event.subject,
            data,
        ],
    )
}

pub(crate) fn links(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Link>, StoreError> {
    let query = "SELECT number, previous, events, hash FROM audit_links WHERE number >= ?1 ORDER BY number LIMIT ?2";
    // No link has a number beyond what SQLite counts to.
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    many(connection, "audit_links", query, params![from, at_most(limit)], |columns| {
        Ok(Link { number: columns.get()?, previous: columns.get()?, events: columns.get()?, hash: columns.get()? })
    })
}

pub(crate) fn events(connection: &Connection, link: u64) -> Result<Vec<Event>, StoreError> {
    let query = "SELECT time, actor, actor_user, actor_token, action, subject, data
                 FROM audit_events WHERE link = ?1 ORDER BY place";
    many(connection, "audit_events", query, params![link], |columns| {
        Ok(Event {
            time: Timestamp::from_millis(columns.get()?),
            actor: read_actor(columns)?,
            action: columns.get()?,
            subject: columns.get()?,
            data: columns.parse(|text| serde_json::from_str(text))?,
        })
    })
}

fn read_actor(columns: &mut Columns<'_>) -> Result<Actor, StoreError> {
    let name: String = columns.get()?;
    let (user, token) = (columns.get::<Option<_>>()?, columns.get::<Option<_>>()?);
    match (name.as_str(), user, token) {
        (SYSTEM, None, None) => Ok(Actor::System),
        (OPERATOR, None, None) => Ok(Actor::Operator),
        (ANONYMOUS, None, None) => Ok(Actor::Anonymous),
        (TOKEN, Some(user), Some(token)) => {
            Ok(Actor::Token { user: UserId::from_bytes(user), token: TokenId::from_bytes(token) })
        }
        _ => Err(columns.problem("is no actor")),
    }
}
