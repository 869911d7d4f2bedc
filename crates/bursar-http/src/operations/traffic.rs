//! Counting what the pipeline answers.

use std::sync::{Arc, OnceLock};

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

/// Counts the answers of one route. Every request has a copy.
#[derive(Clone)]
pub(crate) struct Counted(Arc<OfRoute>);

struct OfRoute {
    requests: Family<Request, Counter>,
    method: &'static str,
    route: Arc<String>,
    /// Of each class of status, once there was one.
    by_class: [OnceLock<Counter>; 5],
}

impl Traffic {
    pub(crate) fn route(&self, method: &'static str, path: &str) -> Counted {
        let (requests, route) = (self.requests.clone(), Arc::new(path.to_owned()));
        Counted(Arc::new(OfRoute { requests, method, route, by_class: Default::default() }))
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
        let OfRoute { requests, method, route, by_class } = &*self.0;
        let (place, status) = class(response.status());
        let labels = || Request { method, route: Arc::clone(route), status };
        by_class[place].get_or_init(|| requests.get_or_create_owned(&labels())).inc();
        response
    }
}

/// The class of a status: its place among them, and what it is called.
const fn class(status: StatusCode) -> (usize, &'static str) {
    match status.as_u16() {
        200..300 => (1, "2xx"),
        300..400 => (2, "3xx"),
        400..500 => (3, "4xx"),
        500..600 => (4, "5xx"),
        _ => (0, "1xx"),
    }
}
