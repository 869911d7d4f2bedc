//! What is told where no route has a say: before one is found, or once it has answered. Unsigned, as nobody is known here.

use axum::body::Body;
use axum::response::Response;
use bursar_wire::error::ErrorBody;
use bursar_wire::header as names;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use crate::{pipeline, problem};

/// Why there is no place for a request or its answer.
pub(crate) struct Busy {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
    /// Seconds after which asking again makes sense.
    pub(crate) after: u64,
}

impl Busy {
    /// The answer in the form of its path, under the id that the request has, or one of its own.
    pub(crate) fn answer(&self, tells_problems: bool, request_id: Option<HeaderValue>) -> Response {
        let id = request_id.unwrap_or_else(|| {
            HeaderValue::from_str(&pipeline::new_request_id()).unwrap_or(HeaderValue::from_static("-"))
        });
        let body = ErrorBody::new("Busy", self.text, id.to_str().unwrap_or_default()).with_context("code", self.code);
        let (content, bytes) = match tells_problems {
            true => {
                let mut told = problem::problem(503, body.to_value());
                // Which rail it is for is not looked for here, and some rails' clients look for this.
                told["error"] = problem::error_of_api(&told);
                (problem::CONTENT_TYPE, told.to_string().into_bytes())
            }
            false => ("application/json; charset=utf-8", body.to_bytes()),
        };
        let mut busy = Response::new(Body::from(bytes));
        *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = busy.headers_mut();
        headers.insert(RETRY_AFTER, self.after.into());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(names::REQUEST_ID, id);
        busy
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::routes::tells_problems;

    #[tokio::test]
    async fn who_is_turned_away_reads_why_in_the_form_of_the_route() {
        let busy = Busy { code: "too_many_under_way", text: "ask again soon", after: 1 };
        for (path, said, content) in [
            (
                "/bursar/v1/self",
                json!({
                    "code": "too_many_under_way", "detail": "ask again soon",
                    "error": {"message": "ask again soon", "type": "bursar_refusal", "code": "too_many_under_way"},
                }),
                problem::CONTENT_TYPE,
            ),
            ("/api/v2/user/me", json!({"error": "ask again soon", "name": "Busy"}), "application/json; charset=utf-8"),
        ] {
            let answer = busy.answer(tells_problems(path), Some(HeaderValue::from_static("r1")));
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()[RETRY_AFTER], "1");
            assert_eq!(answer.headers()[CONTENT_TYPE], content);
            let body: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
            assert_eq!(body["requestId"], "r1");
            for (name, value) in said.as_object().unwrap() {
                assert_eq!(&body[name], value);
            }
        }
    }
}
