//! What the upstream answers to a send, or to the question what became of one. Whoever reads it has verified its
//! signature: what is not signed says nothing.

use bursar_core::text::is_hidden;

use crate::bitgo::request::{self, Requested};
use crate::bitgo::transfer::{self, Expected, Standing};
use crate::json::Json;

/// The longest words of the upstream's that are told on, in characters.
const LONGEST_WORDS: usize = 300;

/// A signed answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
    /// The id that the request had, which a refusal repeats: so an older refusal is not taken for this one.
    pub request: &'a str,
}

/// What a send came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sending {
    /// There is a transfer, and it stands so.
    Transfer(Standing),
    /// It waits upstream for an approval of this id.
    Awaiting {
        /// The approval's id.
        approval: String,
    },
    /// There is a transaction request, and it stands so.
    Requested(Requested),
    /// It is certain that nothing was done: why, in the upstream's words.
    Refused {
        /// Why.
        reason: String,
        /// Whether it is the upstream's token that needs an unlock.
        is_locked: bool,
    },
    /// The upstream has a spend of this name: what became of that one is to be asked.
    Known,
    /// Whatever was asked may have been done.
    Unknown {
        /// What was answered.
        reason: String,
    },
}

/// Reads the answer to a send.
pub fn read(answer: &Answer<'_>, expected: &Expected<'_>) -> Sending {
    let unknown = |reason: String| Sending::Unknown { reason };
    let Ok(body) = Json::read(answer.body) else {
        return unknown(format!("the upstream answered {} with what cannot be read", answer.status));
    };
    match answer.status {
        200 => {
            let Some(shown) = body.get("transfer") else {
                return unknown("the upstream answered without a transfer".to_owned());
            };
            // What it is called while it is on its way stands beside the transfer.
            match transfer::read(shown, expected) {
                Ok(standing) => Sending::Transfer(standing),
                Err(problem) => unknown(problem),
            }
        }
        202 => awaiting(&body),
        400..=499 => refusal(answer, &body),
        status => unknown(format!("the upstream answered {status}: {}", words(&body))),
    }
}

/// Reads the answer to what is asked for as a transaction request.
pub fn read_request(answer: &Answer<'_>, expected: &Expected<'_>) -> Sending {
    if !(200..=202).contains(&answer.status) {
        return read(answer, expected);
    }
    let read = Json::read(answer.body).map_err(|refusal| refusal.detail);
    match read.and_then(|shown| request::read(&shown, expected)) {
        Ok(requested) => Sending::Requested(requested),
        Err(reason) => Sending::Unknown { reason },
    }
}

/// An answer that only says that somebody has to approve is not tied to the spend by its name; it is held all the same.
fn awaiting(body: &Json) -> Sending {
    let approval = body.get("pendingApproval").and_then(|approval| approval.get("id")).and_then(Json::as_text);
    match approval.filter(|id| !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        Some(id) => Sending::Awaiting { approval: id.to_owned() },
        None => Sending::Unknown { reason: "the upstream answered 202 without a pending approval".to_owned() },
    }
}

fn refusal(answer: &Answer<'_>, body: &Json) -> Sending {
    let text = |name: &str| body.get(name).and_then(Json::as_text);
    let unknown = |problem: &str| Sending::Unknown { reason: format!("the upstream answered {problem}") };
    if text("requestId") != Some(answer.request) {
        return unknown("with a refusal of another request");
    }
    // What names a spend was held upstream, or is another spend's name: only the transfer tells.
    let names_a_spend = body.get("context").is_some_and(|context| context.get("spend").is_some());
    if names_a_spend || text("name") == Some("DuplicateSequenceIdError") || answer.status == 409 {
        return Sending::Known;
    }
    match answer.status {
        400 | 401 | 403 | 404 | 405 | 413 | 422 | 423 => {
            let is_locked = body.get("needsUnlock") == Some(&Json::Bool(true));
            Sending::Refused { reason: words(body), is_locked }
        }
        status => unknown(&format!("{status}: {}", words(body))),
    }
}

/// Whether it is certain that the upstream has no spend of this name now: Bursar's own words for that.
pub fn is_absent(answer: &Answer<'_>) -> bool {
    let Ok(body) = Json::read(answer.body) else { return false };
    let context = |name: &str| body.get("context").and_then(|context| context.get(name)).and_then(Json::as_text);
    answer.status == 404
        && body.get("requestId").and_then(Json::as_text) == Some(answer.request)
        && (context("code"), context("kind")) == (Some("not_found"), Some("transfer"))
}

/// The upstream's words, for people.
pub fn words(body: &Json) -> String {
    let text = |name: &str| body.get(name).and_then(Json::as_text);
    let said = text("error").or_else(|| text("message")).unwrap_or("it gave no reason");
    let code = body.get("context").and_then(|context| context.get("code")).and_then(Json::as_text);
    let plain: String = said.chars().filter(|sign| !is_hidden(*sign)).take(LONGEST_WORDS).collect();
    match code.filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
        Some(code) => format!("{plain} ({code})"),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;
    use proptest::prelude::*;

    use super::*;
    use crate::bitgo::transfer::tests::{expecting, transfer};

    fn sending(status: u16, body: &str) -> Sending {
        expecting(|expected| read(&Answer { status, body: body.as_bytes(), request: "r1" }, expected))
    }

    fn is_unknown(status: u16, body: &str) -> bool {
        matches!(sending(status, body), Sending::Unknown { .. })
    }

    #[test]
    fn a_transfer_counts_as_it_stands() {
        let body = format!(r#"{{"txid":"0xab","transfer":{}}}"#, transfer("confirmed", r#""0xab""#, "-1003", r#""3""#));
        let done = Standing::Done { reference: "0xab".to_owned(), fee: Amount::new(3) };
        assert_eq!(sending(200, &body), Sending::Transfer(done));
        assert!(is_unknown(200, r#"{"txid":"0xab"}"#) && is_unknown(200, "{") && is_unknown(201, &body));
    }

    #[test]
    fn a_pending_approval_is_told_by_its_id() {
        let awaiting = Sending::Awaiting { approval: "5f".to_owned() };
        assert_eq!(sending(202, r#"{"pendingApproval":{"id":"5f","state":"pending"}}"#), awaiting);
        assert!(is_unknown(202, r#"{"pendingApproval":{}}"#) && is_unknown(202, "{}"));
    }

    #[test]
    fn a_locked_token_upstream_is_told_apart_from_other_refusals() {
        let locked = |status| {
            let body =
                r#"{"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{},"needsUnlock":true}"#;
            matches!(sending(status, body), Sending::Refused { is_locked: true, .. })
        };
        assert!(locked(401) && locked(400));
        let plain = r#"{"error":"insufficient funds","requestId":"r1","context":{"code":"invalid_field"}}"#;
        let reason = "insufficient funds (invalid_field)".to_owned();
        assert_eq!(sending(400, plain), Sending::Refused { reason, is_locked: false });
    }

    #[test]
    fn what_leaves_a_doubt_is_no_refusal() {
        let refused = r#"{"error":"no","requestId":"r1"}"#;
        for status in [408, 425, 429, 499, 500, 502, 503, 504, 301, 100] {
            assert!(is_unknown(status, refused), "{status}");
        }
        assert!(is_unknown(400, r#"{"error":"no","requestId":"r2"}"#), "another request's");
        assert!(is_unknown(400, r#"{"error":"no"}"#) && is_unknown(400, "<html>"));
        for known in [
            (400, r#"{"name":"DuplicateSequenceIdError","requestId":"r1"}"#),
            (400, r#"{"name":"TransactionRefused","requestId":"r1","context":{"spend":"00"}}"#),
            (409, refused),
        ] {
            assert_eq!(sending(known.0, known.1), Sending::Known);
        }
    }

    #[test]
    fn only_bursars_own_words_say_that_there_is_no_such_spend() {
        let absent = |status, body: &str| is_absent(&Answer { status, body: body.as_bytes(), request: "r1" });
        let body = r#"{"requestId":"r1","context":{"code":"not_found","kind":"transfer"}}"#;
        assert!(absent(404, body) && !absent(400, body));
        for (from, to) in [("r1", "r2"), ("not_found", "no_such_route"), ("transfer", "wallet")] {
            assert!(!absent(404, &body.replace(from, to)), "{to}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_success_or_a_refusal_by_chance(status: u16, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let answer = Answer { status, body: &bytes, request: "r1" };
            let read = expecting(|expected| read(&answer, expected));
            let is_unknown = matches!(read, Sending::Unknown { .. });
            prop_assert!(is_unknown && !is_absent(&answer));
        }
    }
}
