//! The audit trail, newest first.

use bursar_service::names::Named;
use bursar_service::trail::{Place, Sought};
use bursar_wire::requests::TrailQuery;
use bursar_wire::shapes;
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

/// Events of one answer if nothing is said, and at most.
const EVENTS: (usize, usize) = (50, 200);

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let (usual, most) = EVENTS;
    let query = TrailQuery::read(&call.query, usual, most)?;
    let before = query.before.map(|(link, event)| Place { link, event });
    let limit = query.limit;
    let found = call.bursar.trail(call.principal()?, sought(query), before, limit).await?;
    let events = found.events.iter().map(|(place, event)| shapes::trail_event(place.link, place.event, event));
    let next = found.next.map(|place| format!("{}.{}", place.link, place.event));
    let named = found.events.iter().flat_map(|(_, event)| Named::in_event(event));
    let names = call.bursar.names(call.principal()?, named).await?;
    let names: Map<String, Value> = names.into_iter().map(|(one, name)| (one.to_string(), name.into())).collect();
    Reply::ok(
        json!({"events": events.collect::<Vec<_>>(), "names": names, "next": next, "archivedThrough": found.archived}),
    )
}

fn sought(query: TrailQuery) -> Sought {
    let TrailQuery { action, subject, user, token, since, until, before: _, limit: _ } = query;
    Sought { action, subject, user, token, since, until }
}
