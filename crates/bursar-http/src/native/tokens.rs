//! One's tokens: making, listing, locking, unlocking and ending them.

use bursar_core::id::TokenId;
use bursar_service::breakers::Paused;
use bursar_service::issue::TokenState;
use bursar_service::unlock::UnlockRequest;
use bursar_wire::requests::{TokensQuery, Unlock};
use bursar_wire::shapes;
use serde_json::{Value, json};

use super::limits::reports;
use crate::bitgo::{tokens, view};
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<TokenId>(50, 200)?;
    let TokensQuery { ended } = TokensQuery::read(&call.query)?;
    let (states, next) = match ended {
        false => call.bursar.access_tokens(call.principal()?, page).await?,
        true => call.bursar.ended_tokens(call.principal()?, page).await?,
    };
    let list: Vec<Value> = states.iter().map(|state| shown(&call, state)).collect();
    Reply::ok(json!({"tokens": list, "next": next.map(|next| next.to_string())}))
}

/// The body is that of BitGo's route: what fits one fits the other.
pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let reply = tokens::create(call).await?;
    Reply::created(reply.body)
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.access_token(call.principal()?, call.id("token")?).await?;
    Reply::ok(shown(&call, &state))
}

pub(crate) async fn lock(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.lock_token(call.principal()?, call.id("token")?).await?;
    Reply::ok(shown(&call, &state))
}

pub(crate) async fn unlock(call: Call) -> Result<Reply, Failure> {
    let Unlock { otp, duration, resume, keep_limits } = Unlock::read(&call.json()?)?;
    let request = UnlockRequest { otp, duration, resume, keep_limits };
    let state = call.bursar.unlock_token(call.principal()?, call.id("token")?, request).await?;
    Reply::ok(shown(&call, &state))
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.revoke(call.principal()?, call.id("token")?).await?;
    Reply::ok(shown(&call, &state))
}

/// A token as `/self` has it, and whether it is over.
pub(super) fn shown(call: &Call, state: &TokenState) -> Value {
    let mut shown = shapes::session(&view(&call.bursar, state));
    let seen = state.uses.places().iter().map(|used| json!({"time": used.at.to_string(), "ip": used.from.to_string()}));
    shown.insert("seenFrom".to_owned(), seen.collect());
    shown.insert("limits".to_owned(), reports(&state.standing, call.bursar.now(), call.bursar.decimals()));
    if !state.pauses.is_empty() {
        shown.insert("pauses".to_owned(), state.pauses.iter().map(paused).collect());
    }
    if state.token.expires_soon_at(call.bursar.now()) {
        shown.insert("expiresSoon".to_owned(), true.into());
    }
    if let Some((_, ends)) = &state.old_secret {
        shown.insert("oldEnds".to_owned(), ends.to_string().into());
    }
    if let Some(revoked) = state.token.revoked {
        shown.insert("revoked".to_owned(), revoked.to_string().into());
    }
    shown.into()
}

fn paused(paused: &Paused) -> Value {
    let Paused { rail, doing, pause, code } = paused;
    json!({
        "rail": rail, "doing": doing.name(), "failures": pause.failures, "lastCode": code,
        "since": pause.since.to_string(), "until": pause.until.to_string(),
    })
}
