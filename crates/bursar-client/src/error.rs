//! Why there is no result.

use std::fmt;

use serde_json::{Map, Value};

/// Why there is no result.
#[derive(Debug)]
pub enum ClientError {
    /// No answer came. What was asked may have been done.
    Unreachable {
        /// Where the server was looked for.
        url: String,
        /// What was in the way.
        problem: String,
    },
    /// An answer came that cannot be understood. What was asked may have been done.
    Unreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// The server said no.
    Declined(Box<Declined>),
}

/// What a server said no with.
#[derive(Clone, Debug)]
pub struct Declined {
    status: u16,
    body: Value,
}

/// What kind of no it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The token, password or one-time password does not count.
    Unauthenticated,
    /// It was decided against: a limit, an unlock, a scope, a lock.
    Refused,
    /// Anything else.
    Other,
}

impl ClientError {
    /// Whether what was asked may have been done, or may still be: only the same again, under the same name, is safe then.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unreadable { .. } => true,
            Self::Declined(declined) => declined.is_unknown(),
        }
    }

    pub(crate) fn unreachable(url: &str, problem: impl Into<String>) -> Self {
        Self::Unreachable { url: url.to_owned(), problem: problem.into() }
    }

    pub(crate) fn unreadable(problem: impl Into<String>) -> Self {
        Self::Unreadable { problem: problem.into() }
    }
}

impl Declined {
    /// Reads what a server said: in BitGo's form, or as a problem (RFC 9457), which becomes the same.
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body: as_bitgo_says(body) }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The whole answer, in BitGo's form.
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// What kind of no it is.
    pub fn kind(&self) -> Kind {
        let says = |name| self.body.get(name) == Some(&Value::Bool(true));
        match self.status {
            401 if says("needsUnlock") => Kind::Refused,
            // An address that is not allowed is told from a token that is not known.
            401 if matches!(self.code(), Some("ip_not_allowed" | "unlocked_longer")) => Kind::Refused,
            401 => Kind::Unauthenticated,
            403 | 423 => Kind::Refused,
            _ => Kind::Other,
        }
    }

    /// Whether the server, or whoever stands before it, does not know what became of it.
    fn is_unknown(&self) -> bool {
        match self.code() {
            Some("outcome_pending") => true,
            // Nothing was sent on.
            Some("rail_unavailable") => false,
            _ => self.status >= 500,
        }
    }

    /// The stable code of the reason, such as `limit_exceeded`.
    pub fn code(&self) -> Option<&str> {
        self.context_text("code")
    }

    /// Why, and what would help.
    pub fn reason(&self) -> Option<&str> {
        self.context_text("reason")
    }

    /// The error's text.
    pub fn message(&self) -> &str {
        self.body.get("error").and_then(Value::as_str).unwrap_or("the server did not say why")
    }

    /// Until when it is so, if the reason ends by itself.
    pub fn until(&self) -> Option<&str> {
        self.context_text("until")
    }

    /// The figures of the reason.
    pub fn context(&self) -> Option<&Map<String, Value>> {
        self.body.get("context")?.as_object()
    }

    fn context_text(&self, name: &str) -> Option<&str> {
        self.context()?.get(name)?.as_str()
    }
}

/// A problem in BitGo's form: what explains it goes back into `context`.
fn as_bitgo_says(body: Value) -> Value {
    let is_problem = body.get("detail").is_some_and(Value::is_string) && body.get("error").is_none();
    let Value::Object(mut fields) = body else { return body };
    if !is_problem {
        return Value::Object(fields);
    }
    let mut shown = Map::new();
    for (problem, bitgo) in [("detail", "error"), ("title", "name"), ("requestId", "requestId")] {
        shown.extend(fields.remove(problem).map(|value| (bitgo.to_owned(), value)));
    }
    for flag in ["needsOTP", "needsUnlock"] {
        shown.extend(fields.remove(flag).map(|value| (flag.to_owned(), value)));
    }
    let context = fields.into_iter().filter(|(name, _)| name != "type" && name != "status").collect();
    shown.insert("context".to_owned(), Value::Object(context));
    Value::Object(shown)
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, problem } => write!(f, "no answer from {url}: {problem}"),
            Self::Unreadable { problem } => write!(f, "the answer cannot be understood: {problem}"),
            Self::Declined(declined) => f.write_str(declined.message()),
        }
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(status: u16, body: Value) -> Kind {
        Declined::new(status, body).kind()
    }

    #[test]
    fn a_limit_is_told_from_an_unknown_token() {
        assert_eq!(kind(401, json!({"error": "needs unlock", "needsUnlock": true})), Kind::Refused);
        assert_eq!(kind(401, json!({"error": "unauthorized"})), Kind::Unauthenticated);
        let longer = json!({"error": "Session already unlocked longer", "context": {"code": "unlocked_longer"}});
        assert_eq!(kind(401, longer), Kind::Refused);
        assert_eq!(kind(403, json!({})), Kind::Refused);
        assert_eq!(kind(500, Value::Null), Kind::Other);
    }

    #[test]
    fn a_problem_says_what_the_wire_of_bitgo_does() {
        let problem = json!({
            "type": "urn:bursar:problem:limit_exceeded", "title": "NeedsUnlock", "status": 401,
            "detail": "the limit leaves 3", "requestId": "r", "code": "limit_exceeded", "remaining": "3",
            "fitsAt": "then", "needsOTP": true, "needsUnlock": true,
        });
        let declined = Declined::new(401, problem);
        assert_eq!((declined.kind(), declined.code()), (Kind::Refused, Some("limit_exceeded")));
        assert_eq!((declined.message(), declined.reason()), ("the limit leaves 3", None));
        let shown = json!({
            "error": "the limit leaves 3", "name": "NeedsUnlock", "requestId": "r",
            "needsOTP": true, "needsUnlock": true,
            "context": {"code": "limit_exceeded", "remaining": "3", "fitsAt": "then"},
        });
        assert_eq!(declined.body(), &shown);
    }

    #[test]
    fn what_nobody_knows_the_outcome_of_is_told_from_what_was_decided_against() {
        let declined = |status, body| ClientError::Declined(Box::new(Declined::new(status, body))).may_be_done();
        let coded = |code: &str| json!({"error": "no", "context": {"code": code}});
        assert!(declined(409, coded("outcome_pending")) && declined(502, Value::Null) && declined(504, coded("x")));
        assert!(!declined(403, coded("limit_exceeded")) && !declined(503, coded("rail_unavailable")));
        assert!(ClientError::unreachable("http://x", "cut off").may_be_done());
        assert!(ClientError::unreadable("no JSON").may_be_done());
    }

    #[test]
    fn a_no_without_words_is_still_told() {
        let declined = Declined::new(502, Value::Null);
        assert_eq!(declined.message(), "the server did not say why");
        assert_eq!((declined.code(), declined.reason()), (None, None));
    }
}
