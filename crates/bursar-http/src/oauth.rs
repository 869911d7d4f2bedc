//! What a service asks about a token that somebody showed it (RFC 7662), and ending a token by its text (RFC 7009).
//!
//! Bodies are forms; failures are told as problems that carry OAuth's `error` beside ours.

use axum::http::{StatusCode, header};
use bursar_core::limit::{LimitReport, Subject};
use bursar_service::issue::TokenState;
use bursar_wire::json::FieldError;
use bursar_wire::shapes;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

/// The fields of a request. What kind of token it is need not be said, and is not believed.
const FIELDS: [&str; 2] = ["token", "token_type_hint"];

pub(crate) async fn introspect(call: Call) -> Result<Reply, Failure> {
    let text = token(&call)?;
    match call.bursar.introspect(call.principal()?, &text).await? {
        None => Reply::ok(json!({"active": false})),
        Some(state) => Reply::ok(shown(&call, &state)),
    }
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Failure> {
    let text = token(&call)?;
    call.bursar.revoke_shown(call.principal()?, &text).await?;
    Reply::ok(json!({}))
}

/// A living token. Of limits, a service sees what is left of the token's own, and not those of others.
fn shown(call: &Call, state: &TokenState) -> Value {
    let (token, now) = (&state.token, call.bursar.now());
    let own = |report: &&LimitReport| matches!(report.subject, Subject::Token(_));
    let report = |report| shapes::limit_report(report, now, call.bursar.decimals());
    let limits: Vec<Value> = state.standing.iter().filter(own).map(report).collect();
    let scopes: Vec<String> = token.grant.scopes.iter().map(|scope| scope.to_string()).collect();
    json!({
        "active": true,
        "scope": scopes.join(" "),
        "client_id": token.id.to_string(),
        "sub": token.user.to_string(),
        "token_type": "Bearer",
        "iat": token.created.as_seconds(),
        "exp": token.expires.as_seconds(),
        "bursar": {"limits": limits, "locked": token.locked.is_some(), "unlocked": token.unlocked_at(now).is_some()},
    })
}

/// What OAuth calls a failure of this status (RFC 6749 §5.2).
pub(crate) fn error(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "invalid_client",
        403 | 404 => "unauthorized_client",
        400..500 => "invalid_request",
        _ => "temporarily_unavailable",
    }
}

fn token(call: &Call) -> Result<String, Failure> {
    let invalid =
        |field: &str, problem: &str| Failure::from(FieldError { field: field.to_owned(), problem: problem.to_owned() });
    let content = call.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    if !content.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("Content-Type", "must be `application/x-www-form-urlencoded`"));
    }
    let mut token = None;
    for (name, text) in form_urlencoded::parse(&call.body) {
        if !FIELDS.contains(&&*name) {
            // What clients add for others of their servers changes nothing here.
            continue;
        }
        if name == "token" && token.replace(text.into_owned()).is_some() {
            return Err(invalid("token", "is there more than once"));
        }
    }
    token.filter(|text| !text.is_empty()).ok_or_else(|| invalid("token", "is missing"))
}
