//! Events of the audit trail (docs/audit.md has the same fields, for the whole chain).

use bursar_core::audit::{Actor, Event};
use serde_json::{Map, Value, json};

/// An event and its place: the number of the link that covers it, and its place there.
pub fn trail_event(link: u64, place: usize, event: &Event) -> Value {
    let actor = match event.actor {
        Actor::System => json!({"kind": "system"}),
        Actor::Operator => json!({"kind": "operator"}),
        Actor::Anonymous => json!({"kind": "anonymous"}),
        Actor::Token { user, token } => json!({"kind": "token", "user": user.to_string(), "token": token.to_string()}),
    };
    // The order of the facts is part of what the chain covers, but nobody reads facts by their order.
    let data: Map<String, Value> =
        event.data.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "place": format!("{link}.{place}"),
        "link": link,
        "time": event.time.to_string(),
        "actor": actor,
        "action": event.action,
        "subject": event.subject,
        "data": data,
    })
}
