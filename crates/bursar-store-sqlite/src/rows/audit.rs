//! The audit chain: links and the events they cover.

use bursar_core::audit::{Actor, Event, Link};
use bursar_core::id::{TokenId, UserId};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, Transaction, params};

use super::position;
use crate::page::at_most;
use crate::sql::{Columns, Repeated, execute, many, one, single};

const EVENTS: &str = "audit_events";
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

pub(crate) fn insert_event(
    writes: &mut Repeated<'_>,
    link: u64,
    place: usize,
    event: &Event,
) -> Result<(), StoreError> {
    let (actor, ids) = match &event.actor {
        Actor::System => (SYSTEM, None),
        Actor::Operator => (OPERATOR, None),
        Actor::Anonymous => (ANONYMOUS, None),
        Actor::Token { user, token } => (TOKEN, Some((user.as_bytes(), token.as_bytes()))),
    };
    let data = serde_json::to_string(&event.data).map_err(|problem| StoreError::Unavailable(problem.to_string()))?;
    writes.execute(
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

/// The number of the last archived link.
pub(crate) fn base(connection: &Connection) -> Result<u64, StoreError> {
    Ok(position::base(connection)?.map_or(0, |base| base.value.number))
}

/// Events of archived links that one batch lets go of, at most; but always those of one link.
const EVENTS_AT_ONCE: i64 = 1024;

/// Lets go of the oldest links up to the base, a few of them; false if there are none left.
pub(crate) fn let_go_of_archived(connection: &Connection) -> Result<bool, StoreError> {
    let base = base(connection)?;
    let oldest = "SELECT coalesce(max(CASE WHEN total <= ?2 THEN number END), min(number)) FROM (
                      SELECT number, sum(events) OVER (ORDER BY number) AS total FROM (
                          SELECT number, events FROM audit_links WHERE number <= ?1 ORDER BY number LIMIT 256))";
    let last: Option<i64> = one(connection, "audit_links", oldest, params![base, EVENTS_AT_ONCE], single)?.flatten();
    let Some(last) = last else { return Ok(false) };
    execute(connection, "DELETE FROM audit_events WHERE link <= ?1", params![last])?;
    execute(connection, "DELETE FROM audit_links WHERE number <= ?1", params![last])?;
    Ok(true)
}

/// What an order of links reads, one query for each direction.
const FORWARD: &str = "SELECT number, previous, events, hash FROM audit_links WHERE number >= ?1 AND number > ?3 ORDER BY number LIMIT ?2";
const BACKWARD: &str = "SELECT number, previous, events, hash FROM audit_links WHERE number < ?1 AND number > ?3 ORDER BY number DESC LIMIT ?2";

fn links(connection: &Connection, query: &'static str, number: u64, limit: usize) -> Result<Vec<Link>, StoreError> {
    // No link has a number beyond what SQLite counts to.
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let base = base(connection)?;
    many(connection, "audit_links", query, params![number, at_most(limit), base], |columns| {
        Ok(Link { number: columns.get()?, previous: columns.get()?, events: columns.get()?, hash: columns.get()? })
    })
}

/// Links with the events they cover, in one view of the store.
pub(crate) fn covered(view: &Transaction<'_>, from: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
    with_events(view, links(view, FORWARD, from, limit)?)
}

/// The same backwards, of the links before a number.
pub(crate) fn covered_before(
    view: &Transaction<'_>,
    before: u64,
    limit: usize,
) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
    with_events(view, links(view, BACKWARD, before, limit)?)
}

fn with_events(view: &Transaction<'_>, links: Vec<Link>) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
    links.into_iter().map(|link| Ok((link, events(view, link.number)?))).collect()
}

fn events(connection: &Connection, link: u64) -> Result<Vec<Event>, StoreError> {
    let query = "SELECT place, time, actor, actor_user, actor_token, action, subject, data
                 FROM audit_events WHERE link = ?1 ORDER BY place";
    let mut places = 0..;
    many(connection, EVENTS, query, params![link], |columns| {
        // The place is the one column that no hash covers.
        match places.next() == Some(columns.get::<i64>()?) {
            true => read_event(columns),
            false => Err(columns.problem("is not the next place")),
        }
    })
}

/// The newest events, the newest first, each with the number of its link.
pub(crate) fn newest(connection: &Connection, limit: usize) -> Result<Vec<(u64, Event)>, StoreError> {
    let query = "SELECT link, time, actor, actor_user, actor_token, action, subject, data
                 FROM audit_events WHERE link > ?2 ORDER BY link DESC, place DESC LIMIT ?1";
    let base = base(connection)?;
    many(connection, EVENTS, query, params![at_most(limit), base], |columns| Ok((columns.get()?, read_event(columns)?)))
}

/// The number of the first link or event that the chain from link 1 to `last` does not reach.
pub(crate) fn stray(connection: &Connection, last: u64) -> Result<Option<i64>, StoreError> {
    let query = "SELECT min(stray) FROM (
                     SELECT min(number) AS stray FROM audit_links WHERE number < 1
                     UNION ALL SELECT min(link) FROM audit_events WHERE link < 1
                     UNION ALL SELECT min(link) FROM audit_events WHERE link > ?1)";
    Ok(one(connection, EVENTS, query, params![last], single)?.flatten())
}

fn read_event(columns: &mut Columns<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        time: Timestamp::from_millis(columns.get()?),
        actor: read_actor(columns)?,
        action: columns.get()?,
        subject: columns.get()?,
        data: columns.parse(|text| serde_json::from_str(text))?,
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
