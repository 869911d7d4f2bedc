//! Rails of plain HTTP: a client speaks to Bursar as it would to the upstream, with its token in place of a credential.
//!
//! The upstream's answer goes back with its status and body, and with few of its headers. What Bursar refuses is told as
//! a problem, whose code the upstream's answers do not have.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use bursar_rails::exchange::{Answered, Asked};
use bursar_service::authenticate::Mode;
use bursar_service::error::ServiceError;
use bursar_service::exchange::Exchanged;
use bursar_service::flow::{Begun, Kept};
use bursar_wire::header as names;
use percent_encoding::percent_decode_str;

use crate::call::{Call, Reply};
use crate::exchange_live;
use crate::failure::Failure;
use crate::rail;
use crate::routes::RAIL_PREFIX;

/// Behind this, clients of Bitcoin's nodes name the wallet that they mean.
const WALLET: &str = "/wallet/";
/// Headers of an answer that go back.
const BACK: [&str; 3] = ["request-id", "retry-after", "x-request-id"];

pub(crate) async fn call(call: Call) -> Result<Reply, Failure> {
    let rail = call.parameter("rail")?;
    // The path as it came, for its escapes; the rail's name is written one way only.
    let (path, query) = match call.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (call.target.as_str(), None),
    };
    let path = path.strip_prefix(RAIL_PREFIX).and_then(|path| path.strip_prefix(rail));
    let path = path.filter(|path| path.starts_with('/')).ok_or(ServiceError::NotFound("rail"))?;
    if let Some(wallet) = path.strip_prefix(WALLET).filter(|_| !call.bursar.exchanges(rail) && call.method == "POST") {
        let wallet =
            percent_decode_str(wallet).decode_utf8().map_err(|_| ServiceError::NotFound("wallet"))?.into_owned();
        return rail::call_wallet(call, Some(&wallet)).await;
    }
    let headers: Vec<(&str, &[u8])> =
        call.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let asked = Asked { method: call.method.as_str(), path, query, headers: &headers, body: &call.body };
    let otp = call.header(names::OTP).map(str::to_owned);
    let principal = call.principal()?;
    // A signature covers the whole of an answer, so whoever signs is answered once all of it is there.
    let live = (principal.mode == Mode::Raw).then(|| Box::new(call.staying.clone()) as Kept);
    let way_out = call.staying.as_ref().map(|staying| staying.way_out.clone());
    let now = call.bursar.now();
    match call.bursar.exchange(principal, rail, &asked, otp, live).await? {
        Exchanged::Whole { answered, reports, is_read } => {
            let (status, headers) = (status(&answered)?, back(&answered));
            let reply = Reply::passed_on(status, headers, answered.body).with_limits(&reports, now);
            Ok(Reply { is_read, ..reply })
        }
        Exchanged::Flowing { begun: Begun { answered, reports, rest }, taken } => {
            let (status, mut headers, is_read) = (status(&answered)?, back(&answered), taken.is_read());
            let length = header::CONTENT_LENGTH.as_str();
            headers.extend(answered.header(length).map(|bytes| ("content-length", bytes.to_owned())));
            // nginx gathers answers unless it is told not to.
            headers.push(("x-accel-buffering", "no".to_owned()));
            let body = exchange_live::body(Arc::clone(&call.bursar), principal.clone(), taken, rest, way_out);
            let reply = Reply::flowing(status, headers, body).with_limits(&reports, now);
            Ok(Reply { is_read, ..reply })
        }
    }
}

fn status(answered: &Answered) -> Result<StatusCode, Failure> {
    let unreadable = |_| ServiceError::RailUnavailable("its answer has no status".to_owned()).into();
    StatusCode::from_u16(answered.status).map_err(unreadable)
}

/// The headers that go back.
fn back(answered: &Answered) -> Vec<(&'static str, String)> {
    let kind = answered.header("content-type").unwrap_or_default();
    let mut headers = vec![(header::CONTENT_TYPE.as_str(), harmless(kind).to_owned())];
    headers.extend(BACK.iter().filter_map(|name| Some((*name, answered.header(name)?.to_owned()))));
    headers
}

/// A content type that no browser runs: the pages of this server have the same origin.
fn harmless(kind: &str) -> &str {
    let media_type = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_harmless =
        matches!(media_type.as_str(), "application/json" | "text/event-stream" | "text/plain" | "text/csv")
            || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    if is_harmless { kind } else { "application/octet-stream" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_browser_runs_goes_back_as_what_it_is() {
        for kind in ["application/json; charset=utf-8", "text/event-stream", "application/problem+json"] {
            assert_eq!(harmless(kind), kind);
        }
        for kind in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/javascript",
            "",
            "application/json\t,text/html",
        ] {
            assert_eq!(harmless(kind), "application/octet-stream", "{kind}");
        }
    }
}
