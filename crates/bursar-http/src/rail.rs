//! Rails in their own protocols: a client of a node speaks to Bursar as it would to the node, with its token.
//!
//! What is sent on is made from what was understood, never the client's own bytes, and no credential of the client's is
//! in it. What is refused is told as the protocol tells failures, with the reason where clients show it.

use axum::http::{StatusCode, header};
use bursar_core::refusal::Refusal;
use bursar_rails::Forbidden;
use bursar_rails::forbidden::Why;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Calls;
use bursar_service::Bursar;
use bursar_service::error::ServiceError;
use bursar_service::proxy::{Beside, Called, NoResult};
use bursar_service::rail::CallError;
use bursar_service::wallets::WalletView;
use bursar_wire::header as names;
use bursar_wire::json::FieldError;

use crate::call::{Call, Reply};
use crate::failure::{Failure, Shown};
use crate::operations::Traffic;
use crate::problem;
use crate::routes::RAIL_PREFIX;

/// Codes of JSON-RPC 2.0, and of Ethereum's nodes (EIP-1474).
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;
const TRANSACTION_REJECTED: i64 = -32003;
/// What Bitcoin's nodes say of a wallet that they do not have.
const WALLET_NOT_FOUND: i64 = -18;

/// The path at which the rail of a wallet is spoken to in its own way, if it is.
pub(crate) fn path(view: &WalletView) -> Option<String> {
    view.spoken.has_address().then(|| format!("{RAIL_PREFIX}{}", view.wallet.rail))
}

pub(crate) async fn call(call: Call) -> Result<Reply, Failure> {
    call_wallet(call, None).await
}

/// Calls that mean one wallet, which is named behind the rail as nodes of Bitcoin have it; or all that the caller sees.
pub(crate) async fn call_wallet(call: Call, wallet: Option<&str>) -> Result<Reply, Failure> {
    let rail = call.parameter("rail")?;
    // Read as it is by us, and perhaps otherwise by whoever unpacks it.
    if call.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let problem = "must be left out: a packed body is not read".to_owned();
        return Err(FieldError { field: "Content-Encoding".to_owned(), problem }.into());
    }
    let calls = match Calls::read(&call.body) {
        Ok(calls) => calls,
        Err(refusal) => {
            // That there is no such rail says more than how one speaks to it.
            call.bursar.check_rail(call.principal()?, rail).await?;
            return Reply::json_text(StatusCode::OK, unread(&call.body, refusal, &call.traffic, &call.bursar));
        }
    };
    let beside = Beside { key: call.idempotency_key()?, otp: call.header(names::OTP).map(str::to_owned) };
    let Called { results, is_read, reports } =
        call.bursar.call_rail(call.principal()?, rail, wallet, &calls, beside).await?;
    let Answers { text, retry_after } = answers(&calls, results, &call.traffic, &call.bursar);
    let mut reply = Reply::json_text(StatusCode::OK, text)?.with_limits(&reports, call.bursar.now());
    reply.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    Ok(Reply { is_read, ..reply })
}

/// Whether a method begins or ends a subscription, by its name.
pub(crate) fn is_about_subscriptions(method: &str) -> bool {
    matches!(method, "eth_subscribe" | "eth_unsubscribe")
}

/// What a client is told of its calls.
pub(crate) struct Answers {
    pub(crate) text: String,
    /// Seconds after which all that may be asked for again may be.
    retry_after: Option<u64>,
}

/// A call that is refused, as it is told.
struct Told {
    error: Json,
    /// The stable code, if the refusal is ours.
    code: Option<String>,
    retry_after: Option<u64>,
}

/// What a client is told whose calls cannot be read.
pub(crate) fn unread(asked: &[u8], refusal: Forbidden, traffic: &Traffic, bursar: &Bursar) -> String {
    let number = if Json::read(asked).is_ok() { INVALID_REQUEST } else { PARSE_ERROR };
    let told = refused(number, Failure::NotForTokens(refusal), bursar);
    traffic.refused(told.code.as_deref().unwrap_or_default());
    answer(true, &Json::Null, Err(told.error)).to_string()
}

/// What a client is told of its calls. Refusals are counted: that the answer is a success in HTTP hides none.
pub(crate) fn answers(
    calls: &Calls,
    results: Vec<Result<Json, NoResult>>,
    traffic: &Traffic,
    bursar: &Bursar,
) -> Answers {
    let mut retry_after = None;
    let mut answers = calls.as_slice().iter().zip(results).map(|(asked, result)| {
        let result = result.map_err(|error| {
            let told = told(error, bursar);
            if let Some(code) = &told.code {
                traffic.refused(code);
            }
            retry_after = retry_after.max(told.retry_after);
            told.error
        });
        answer(asked.is_version_2, &asked.id, result)
    });
    let body = match calls {
        Calls::One(_) => answers.next().unwrap_or(Json::Null),
        Calls::Batch(_) => Json::List(answers.by_ref().collect()),
    };
    drop(answers);
    Answers { text: body.to_string(), retry_after }
}

/// What a client is told of one call.
fn answer(is_version_2: bool, id: &Json, result: Result<Json, Json>) -> Json {
    let mut entries: Vec<(Box<str>, Json)> = Vec::new();
    match (is_version_2, result) {
        (true, Ok(result)) => entries.push(("result".into(), result)),
        (true, Err(error)) => entries.push(("error".into(), error)),
        (false, Ok(result)) => entries.extend([("result".into(), result), ("error".into(), Json::Null)]),
        (false, Err(error)) => entries.extend([("result".into(), Json::Null), ("error".into(), error)]),
    }
    if is_version_2 {
        entries.insert(0, ("jsonrpc".into(), Json::Text("2.0".into())));
    }
    entries.push(("id".into(), id.clone()));
    Json::Object(entries)
}

fn told(error: NoResult, bursar: &Bursar) -> Told {
    match error {
        NoResult::Forbidden(refusal) => {
            let number = match refusal.why {
                Why::UnknownMethod | Why::UnknownRoute | Why::Withheld | Why::NotConfigured => METHOD_NOT_FOUND,
                Why::Undecodable => INVALID_PARAMS,
                Why::NotPriced | Why::WrongChain | Why::NotSupported | Why::TwoWallets | Why::SpendOverSocket => {
                    TRANSACTION_REJECTED
                }
            };
            refused(number, Failure::NotForTokens(refusal), bursar)
        }
        // What the rail answers by itself is its own.
        NoResult::Rail(CallError::Refused { code, message, data }) => {
            Told { error: failed(code, &message, data), code: None, retry_after: None }
        }
        NoResult::Rail(CallError::Unavailable(reason)) => {
            refused(INTERNAL_ERROR, ServiceError::RailUnavailable(reason).into(), bursar)
        }
        NoResult::NoSuchWallet(words) => {
            let unknown = ServiceError::from(Refusal::WalletUnknown);
            refused_saying(WALLET_NOT_FOUND, unknown.into(), Some(words), bursar)
        }
        NoResult::Service(error) => {
            let number = match &error {
                ServiceError::Unavailable(_)
                | ServiceError::RailUnavailable(_)
                | ServiceError::StoreUnavailable(_)
                | ServiceError::Busy => INTERNAL_ERROR,
                ServiceError::Invalid(_) => INVALID_PARAMS,
                _ => TRANSACTION_REJECTED,
            };
            refused(number, error.into(), bursar)
        }
    }
}

/// What was not carried out here, with everything that the native surface would tell, and what it says in a header.
fn refused(number: i64, failure: Failure, bursar: &Bursar) -> Told {
    refused_saying(number, failure, None, bursar)
}

/// The same, in words of its own.
fn refused_saying(number: i64, failure: Failure, words: Option<String>, bursar: &Bursar) -> Told {
    let Shown { status, body, retry_after, .. } = failure.show("", bursar.now(), bursar.decimals());
    let code = body.code().map(str::to_owned);
    let mut data = problem::problem(status.as_u16(), body.to_value());
    if let Some(data) = data.as_object_mut() {
        data.remove("requestId");
        if let Some(seconds) = retry_after {
            data.insert("retryAfter".to_owned(), seconds.into());
        }
        if let Some(words) = words {
            data.insert("detail".to_owned(), words.into());
        }
    }
    let detail = data.get("detail").and_then(serde_json::Value::as_str).unwrap_or("refused").to_owned();
    // Written by us a moment ago: it reads.
    let data = Json::read(data.to_string().as_bytes()).ok();
    Told { error: failed(number, &detail, data), code, retry_after }
}

fn failed(number: i64, message: &str, data: Option<Json>) -> Json {
    let mut entries: Vec<(Box<str>, Json)> =
        vec![("code".into(), Json::Number(number.to_string().into())), ("message".into(), Json::Text(message.into()))];
    entries.extend(data.map(|data| ("data".into(), data)));
    Json::Object(entries)
}
