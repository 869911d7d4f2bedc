//! Routes of BitGo's that Bursar does not serve itself, for wallets of rails that have them.

use axum::http::{Method, StatusCode};
use bursar_rails::dialect::{Does, Route};
use bursar_rails::exchange::{Answered, Asked};
use bursar_service::authenticate::Mode;
use bursar_service::dialect::Done;
use bursar_service::error::ServiceError;
use bursar_wire::header;

use super::spends;
use crate::call::{Call, Reply};
use crate::failure::Failure;

/// What a request can be.
const VERBS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// A request to a path that is none of Bursar's own.
pub(crate) async fn call(call: Call) -> Result<Reply, Failure> {
    let route = call.bursar.route(call.method.as_str(), path(&call)).ok_or(Failure::NoSuchRoute)?;
    carried_out(&call, route).await
}

/// The answer of a wallet's rail, where it has its own way with a route that Bursar serves; nothing if it has none.
pub(super) async fn instead(call: &Call) -> Option<Result<Reply, Failure>> {
    let (principal, wallet) = (call.principal().ok()?, call.wallet().ok()?);
    match call.bursar.route_of_wallet(principal, wallet, (call.method.as_str(), path(call))) {
        Ok(route) => Some(carried_out(call, route?).await),
        Err(error) => Some(Err(error.into())),
    }
}

async fn carried_out(call: &Call, route: Route) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    // A version 2 signature fits every verb: without a body nothing says which one was meant, unless the path has one alone.
    let is_other = |method: &&Method| **method != call.method;
    let has_others =
        || VERBS.iter().filter(is_other).any(|verb| call.bursar.route(verb.as_str(), path(call)).is_some());
    let is_ambiguous =
        call.method != Method::GET && call.body.is_empty() && (route.does != Does::Continue || has_others());
    if principal.mode == Mode::V2 && is_ambiguous {
        return Err(Failure::MethodNotSigned);
    }
    let query = call.target.split_once('?').map(|(_, query)| query).filter(|query| !query.is_empty());
    let asked = Asked { method: call.method.as_str(), path: path(call), query, headers: &[], body: &call.body };
    let otp = call.header(header::OTP).map(str::to_owned);
    match call.bursar.speak(principal, route, &asked, otp).await? {
        Done::Passed(answered) => passed(answered),
        Done::Sent(sent, None) => spends::reply(call, &sent),
        Done::Sent(sent, Some(shown)) => Ok(passed(shown)?.with_limits(&sent.reports, call.bursar.now())),
    }
}

/// The path as it came. A doubled slash in front is forgiven, as it is everywhere (WC §1.1).
fn path(call: &Call) -> &str {
    let path = call.target.split_once('?').map_or(call.target.as_str(), |(path, _)| path);
    let single = path.trim_start_matches('/');
    path.get(path.len() - single.len() - 1..).unwrap_or(path)
}

fn passed(answered: Answered) -> Result<Reply, Failure> {
    let unreadable = || ServiceError::RailUnavailable("its answer cannot be read".to_owned());
    let status = StatusCode::from_u16(answered.status).map_err(|_| unreadable())?;
    Reply::json_text(status, String::from_utf8(answered.body).map_err(|_| unreadable())?)
}
