//! Failures of the native surface, as RFC 9457 has them: the same facts under other names.

use serde_json::{Map, Value, json};

/// The content type of a problem.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// A failure's body as a problem. What explains it stands beside the standard members.
pub(crate) fn problem(status: u16, body: Value) -> Value {
    let Value::Object(mut fields) = body else { return body };
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let (title, detail, request) = (take("name"), take("error"), take("requestId"));
    let context = match take("context") {
        Value::Object(context) => context,
        _ => Map::new(),
    };
    let code = context.get("code").and_then(Value::as_str).unwrap_or("unknown");
    let mut problem = Map::new();
    problem.insert("type".to_owned(), format!("urn:bursar:problem:{code}").into());
    problem.insert("title".to_owned(), title);
    problem.insert("status".to_owned(), status.into());
    // BitGo's clients read `needs unlock`; here the reason itself can stand in its place.
    problem.insert("detail".to_owned(), context.get("reason").cloned().unwrap_or(detail));
    problem.insert("requestId".to_owned(), request);
    problem.extend(context.into_iter().filter(|(name, _)| name != "reason"));
    problem.extend(fields);
    Value::Object(problem)
}

/// The `error` in which clients of Stripe, OpenAI and APIs like theirs look for what was wrong: without it the first take a
/// refusal for a success, and the second find no reason.
pub(crate) fn error_of_api(problem: &Value) -> Value {
    json!({"message": problem["detail"], "type": "bursar_refusal", "code": problem["code"]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_facts_when_it_is_told_as_a_problem() {
        let body = json!({
            "error": "needs unlock", "name": "NeedsUnlock", "requestId": "r",
            "context": {"code": "limit_exceeded", "reason": "the limit leaves 3", "remaining": "3"},
            "needsOTP": true, "needsUnlock": true,
        });
        assert_eq!(
            problem(401, body),
            json!({
                "type": "urn:bursar:problem:limit_exceeded", "title": "NeedsUnlock", "status": 401,
                "detail": "the limit leaves 3", "requestId": "r", "code": "limit_exceeded", "remaining": "3",
                "needsOTP": true, "needsUnlock": true,
            })
        );
    }
}
