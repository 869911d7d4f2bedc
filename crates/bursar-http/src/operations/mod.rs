//! For those who run Bursar, on a listener of its own: is it alive, is it ready, what is it doing.
//!
//! There is no authentication here, so nothing here tells of a token, a person or a wallet, and nothing
//! changes anything. It must not be reachable from where clients are.

mod metrics;
mod traffic;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bursar_service::Bursar;
use serde_json::{Value, json};

pub(crate) use traffic::Traffic;

/// What is known about the running server beside its store.
#[derive(Debug)]
pub struct Operations {
    stage: Mutex<Stage>,
    traffic: Traffic,
}

/// How far the server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// What an earlier run left is being settled.
    Starting,
    /// It takes requests.
    Open,
    /// It finishes what is under way.
    Stopping,
}

impl Operations {
    /// Of a server that starts.
    #[expect(clippy::new_without_default, reason = "a server starts once")]
    pub fn new() -> Self {
        Self { stage: Mutex::new(Stage::Starting), traffic: Traffic::default() }
    }

    /// What an earlier run left is settled, and requests are taken.
    pub fn opened(&self) {
        self.set(Stage::Open);
    }

    /// No more requests are wanted.
    pub fn stopping(&self) {
        self.set(Stage::Stopping);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Why no request should be sent here now: stable codes with their explanation.
    fn reasons(&self, bursar: &Bursar) -> Vec<(&'static str, String)> {
        let stage = match *self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Starting => Some(("starting", "what an earlier run left is being settled".to_owned())),
            Stage::Open => None,
            Stage::Stopping => Some(("stopping", "the server was told to stop".to_owned())),
        };
        let store = bursar.store_problem().map(|problem| ("store_unavailable", problem));
        let ledger = bursar.ledger_problem().map(|problem| ("ledger_differs", problem));
        let clock = bursar.clock_problem().map(|problem| ("clock_jump", problem));
        stage.into_iter().chain(store).chain(ledger).chain(clock).collect()
    }
}

#[derive(Clone)]
struct Listener {
    bursar: Arc<Bursar>,
    operations: Arc<Operations>,
}

/// The router of the operations listener: `/healthz`, `/readyz`, `/metrics`.
pub fn router(bursar: Arc<Bursar>, operations: Arc<Operations>) -> axum::Router {
    axum::Router::new()
        .route("/healthz", get(async || answer(StatusCode::OK, &json!({"alive": true}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .with_state(Listener { bursar, operations })
}

async fn ready(State(Listener { bursar, operations }): State<Listener>) -> Response {
    let reasons = operations.reasons(&bursar);
    if reasons.is_empty() {
        return answer(StatusCode::OK, &json!({"ready": true}));
    }
    let reasons: Vec<Value> = reasons.into_iter().map(|(code, text)| json!({"code": code, "reason": text})).collect();
    answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "reasons": reasons}))
}

async fn measured(State(Listener { bursar, operations }): State<Listener>) -> Response {
    let is_ready = operations.reasons(&bursar).is_empty();
    let unsettled = bursar.unsettled().await.ok();
    match metrics::render(&bursar, operations.traffic(), is_ready, unsettled) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()})),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.to_string()).into_response()
}
