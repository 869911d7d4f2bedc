//! Pages that say why there is nothing to see, and what to do.

use axum::http::StatusCode;
use bursar_core::decimals::Decimals;
use bursar_core::time::Timestamp;
use bursar_service::error::ServiceError;
use maud::html;

use super::answer::Answer;
use super::layout::{Frame, Section};
use super::words;
use crate::failure::{Failure, Shown, TOO_MANY_FILES};

/// The page of a failure; where a form came from and where it arrived, if these are two places.
pub(crate) fn page(
    frame: &Frame,
    failure: Failure,
    two_places: Option<(String, String)>,
    request_id: &str,
    now: Timestamp,
) -> Answer {
    let sentence = words::sentence(&match &failure {
        Failure::Service(ServiceError::Refused(refusal)) => words::refused(refusal),
        Failure::Service(error) => error.to_string(),
        Failure::NoSuchRoute => "there is no such page, or it is not yours to see".to_owned(),
        Failure::FormNotOurs => {
            "the form did not come from a page of this session; load the page again and send it once more".to_owned()
        }
        Failure::TooManyFiles => TOO_MANY_FILES.to_owned(),
        _ => String::new(),
    });
    let is_strange = matches!(failure, Failure::FormNotOurs);
    let Shown { status, body, retry_after, .. } = failure.show(request_id, now, &Decimals::default());
    let title = title(status);
    // What is at fault on our side is for the log, not for the page.
    let is_ours = status.is_server_error();
    let markup = html! {
        section class="trouble" {
            p class="status" { (status.as_u16()) }
            h1 { (title) }
            @if is_ours {
                p { "Something does not work on this server. Nothing was done. Try again in a moment." }
            } @else if sentence.is_empty() {
                p { "The request cannot be answered as it is (" code { (body.code().unwrap_or("unknown")) } ")." }
            } @else {
                p { (words::marked(&sentence)) }
            }
            @if is_strange {
                @if let Some((from, host)) = two_places {
                    p class="small muted" {
                        "The browser sent it from a page of " code { (from) } ", and it arrived for " code { (host) }
                        ". If both are this server, a proxy before it changes " code { "Host" }
                        ": it has to pass that on as it came, with the port (in nginx " code { "$http_host" } ")."
                    }
                } @else {
                    p class="small muted" {
                        "Browsers keep the cookies that this needs only under HTTPS, or under the name " code { "localhost" } "."
                    }
                }
            }
            p { a class="button" href="/" { "Go to the start" } }
            p class="small muted" { "If you ask for help, say this number: " code { (request_id) } }
        }
    };
    let code = body.code().unwrap_or_default();
    Answer::failed(status, code, frame.document(title, Section::None, &[], markup)).after(retry_after)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        StatusCode::CONFLICT => "It changed in the meantime",
        status if status.is_server_error() => "Something does not work",
        _ => "That did not work",
    }
}
