//! Counting what the pipeline answers.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// What the pipeline answered. Copies count together.
#[derive(Clone, Default, Debug)]
pub(crate) struct Traffic {
    pub(super) requests: Family<Request, Counter>,
    pub(super) refusals: Family<[(&'static str, String); 1], Counter>,
}

/// Labels of an answered request: the route as the table has it, never the path as it was sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub(super) struct Request {
    method: &'static str,
    route: Arc<String>,
    status: &'static str,
}

/// Counts the answers of one route.
#[derive(Clone)]
pub(crate) struct Counted {
    requests: Family<Request, Counter>,
    method: &'static str,
    route: Arc<String>,
}

impl Traffic {
    pub(crate) fn route(&self, method: &'static str, path: &str) -> Counted {
        Counted { requests: self.requests.clone(), method, route: Arc::new(path.to_owned()) }
    }

    /// Of requests that fit no route.
    pub(crate) fn elsewhere(&self) -> Counted {
        self.route("any", "none")
    }

    /// Counts an answer that is no success, by its stable code.
    pub(crate) fn refused(&self, code: &str) {
        self.refusals.get_or_create(&[("code", code.to_owned())]).inc();
    }
}

impl Counted {
    pub(crate) fn answered(&self, response: Response) -> Response {
        let status = class(response.status());
        let labels = Request { method: self.method, route: Arc::clone(&self.route), status };
        self.requests.get_or_create(&labels).inc();
        response
    }
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => "1xx",
    }
}
