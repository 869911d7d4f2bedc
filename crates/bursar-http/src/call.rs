//! A request on its way through the pipeline, and the reply it gets.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode};
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::limit::LimitReport;
use bursar_core::time::Timestamp;
use bursar_service::Bursar;
use bursar_service::Page;
use bursar_service::authenticate::Principal;
use bursar_wire::header::IDEMPOTENCY_KEY;
use bursar_wire::json::{FieldError, Json};
use bursar_wire::requests::ListQuery;
use bursar_wire::requests::in_base_units;
use serde_json::{Map, Value};

use crate::Settings;
use crate::budget;
use crate::connections::Staying;
use crate::failure::Failure;
use crate::operations::Traffic;
use crate::socket::{Places, Upgrade};

/// The longest name that a client may give to what it asks for.
pub(crate) const LONGEST_KEY: usize = 255;

/// A request whose presenter is known and may use the route.
pub(crate) struct Call {
    pub(crate) bursar: Arc<Bursar>,
    pub(crate) settings: Arc<Settings>,
    /// None on public routes only.
    pub(crate) caller: Option<Principal>,
    pub(crate) address: IpAddr,
    pub(crate) headers: HeaderMap,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) method: Method,
    /// Path and query as they were received.
    pub(crate) target: String,
    pub(crate) query: String,
    pub(crate) body: Bytes,
    /// What the connection may become, if the client asks for it.
    pub(crate) upgrade: Option<Upgrade>,
    /// What keeps the request under way while its answer comes.
    pub(crate) staying: Option<Staying>,
    /// The WebSockets that there are.
    pub(crate) sockets: Places,
    /// What counts refusals that are told within an answer.
    pub(crate) traffic: Traffic,
}

/// What a handler answers.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// The body as it is written already, in JSON or in what a header says; instead of the other.
    pub(crate) written: Option<Bytes>,
    /// The body while it comes from another server; instead of both. It is never signed.
    pub(crate) flowing: Option<Body>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether nothing was done, whatever the method says.
    pub(crate) is_read: bool,
}

impl Reply {
    /// A success.
    pub(crate) fn ok(body: impl Into<Value>) -> Result<Self, Failure> {
        Ok(Self::of(StatusCode::OK, body.into()))
    }

    /// A success that made something.
    pub(crate) fn created(body: impl Into<Value>) -> Result<Self, Failure> {
        Ok(Self::of(StatusCode::CREATED, body.into()))
    }

    /// It is taken and will be seen to; what comes of it is told elsewhere.
    pub(crate) fn accepted() -> Result<Self, Failure> {
        Ok(Self::of(StatusCode::ACCEPTED, Value::Object(Map::new())))
    }

    /// It is taken, and waits for somebody's approval.
    pub(crate) fn pending(body: impl Into<Value>) -> Result<Self, Failure> {
        Ok(Self::of(StatusCode::ACCEPTED, body.into()))
    }

    const fn of(status: StatusCode, body: Value) -> Self {
        Self { status, body, written: None, flowing: None, headers: Vec::new(), is_read: false }
    }

    /// The same with what is left of the caller's limits in its headers.
    pub(crate) fn with_limits(mut self, reports: &[LimitReport], now: Timestamp) -> Self {
        self.headers.extend(budget::headers(reports, now));
        self
    }

    /// An answer that is JSON already: of another's making, whose numbers are kept as they were written, or the same for all.
    pub(crate) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Result<Self, Failure> {
        Ok(Self { status, written: Some(text.into()), ..Self::default() })
    }

    /// The answer of another server.
    pub(crate) fn passed_on(status: StatusCode, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status, written: Some(body.into()), headers, ..Self::default() }
    }

    /// The answer of another server, whose body comes.
    pub(crate) fn flowing(status: StatusCode, headers: Vec<(&'static str, String)>, body: Body) -> Self {
        Self { status, flowing: Some(body), headers, ..Self::default() }
    }

    /// The bytes of the body.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.written.unwrap_or_else(|| self.body.to_string().into())
    }

    /// A success that wraps one value under a name.
    pub(crate) fn named(name: &str, value: impl Into<Value>) -> Result<Self, Failure> {
        let mut body = Map::new();
        body.insert(name.to_owned(), value.into());
        Self::ok(body)
    }
}

impl Call {
    /// Who calls. The route table lets nobody else come here.
    pub(crate) fn principal(&self) -> Result<&Principal, Failure> {
        self.caller.as_ref().ok_or(Failure::NoToken)
    }

    /// The body as JSON; a body that is missing is no JSON.
    pub(crate) fn json(&self) -> Result<Json, Failure> {
        Json::parse(&self.body).map_err(|error| {
            Failure::from(FieldError { field: "body".to_owned(), problem: format!("is not valid JSON: {error}") })
        })
    }

    /// The body as JSON, in which limits are in units that every reader knows.
    pub(crate) fn json_with_limits(&self) -> Result<Json, Failure> {
        Ok(in_base_units(self.json()?, self.bursar.decimals())?)
    }

    /// The body as JSON, where saying nothing is as good as saying `{}`.
    pub(crate) fn json_or_nothing(&self) -> Result<Json, Failure> {
        if self.body.is_empty() { Ok(Json::Object(Vec::new())) } else { self.json() }
    }

    pub(crate) fn parameter(&self, name: &str) -> Result<&str, Failure> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).ok_or(Failure::NoSuchRoute)
    }

    pub(crate) fn id<Id: FromStr>(&self, name: &'static str) -> Result<Id, Failure> {
        self.parameter(name)?.parse().map_err(|_| Failure::BadId(name))
    }

    pub(crate) fn wallet(&self) -> Result<WalletId, Failure> {
        self.parameter("wallet")?.parse().map_err(|_| Failure::BadWalletId)
    }

    pub(crate) fn coin(&self) -> Result<Coin, Failure> {
        Coin::parse(self.parameter("coin")?)
            .map_err(|error| Failure::from(FieldError { field: "coin".to_owned(), problem: error.to_string() }))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The client's name for what it asks for: the same again is the same thing.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, Failure> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let (Some(value), more) = (values.next(), values.next()) else { return Ok(None) };
        let text = value.to_str().ok().filter(|_| more.is_none());
        let is_sound =
            |text: &&str| (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        text.filter(is_sound).map(|text| Some(text.to_owned())).ok_or_else(|| {
            let problem = format!("must be one header of 1 to {LONGEST_KEY} printable characters without spaces");
            FieldError { field: "Idempotency-Key".to_owned(), problem }.into()
        })
    }

    pub(crate) fn page<Id: FromStr>(&self, usual: usize, most: usize) -> Result<Page<Id>, Failure> {
        let query: ListQuery<Id> = ListQuery::read(&self.query, usual, most)?;
        Ok(Page { limit: query.limit, after: query.previous, newest_first: query.newest_first })
    }
}
