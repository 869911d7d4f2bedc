//! One's own sessions.

use bursar_core::id::TokenId;
use bursar_service::sessions::SessionView;
use bursar_wire::{requests, shapes};
use serde_json::{Value, json};

use super::organisations::{MOST, USUAL};
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<TokenId>(USUAL, MOST)?;
    let (found, next) = call.bursar.sessions(call.principal()?, page).await?;
    let shown = |view: &SessionView| {
        shapes::native_session(&view.token, view.last_used.map(|used| (used.at, used.from)), view.is_this)
    };
    let shown: Vec<Value> = found.iter().map(shown).collect();
    Reply::ok(json!({"sessions": shown, "next": next.map(|next| next.to_string())}))
}

pub(crate) async fn end(call: Call) -> Result<Reply, Failure> {
    call.bursar.end_session(call.principal()?, call.id("session")?).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn end_all(call: Call) -> Result<Reply, Failure> {
    let request = requests::RevokeSessions::read(&call.json_or_nothing()?)?;
    call.bursar.end_all_sessions(call.principal()?, request.keep_this).await?;
    Reply::ok(json!({}))
}
