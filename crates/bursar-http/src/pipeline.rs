//! The way every request takes: address, body, authentication, authority, handler, signature.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use bursar_core::token::TokenKind;
use bursar_service::Bursar;
use bursar_service::authenticate::{Mode, Presented, Principal, Signer, Signing};
use bursar_service::error::ServiceError;
use bursar_wire::header as names;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use tower::ServiceExt as _;

use crate::Settings;
use crate::address;
use crate::authz;
use crate::basic;
use crate::body::Bodies;
use crate::budget;
use crate::call::{Call, Reply};
use crate::closing::Closing;
use crate::connections::Staying;
use crate::failure::{Failure, Shown};
use crate::framing::Fault;
use crate::oauth;
use crate::operations::Traffic;
use crate::problem;
use crate::rail_host;
use crate::routes::{self, Access, ROUTES, Route, UPSTREAM};
use crate::sending::{ClientsRoom, OfRead};
use crate::socket::{Places, Upgrade};
use crate::web::{self, Files};

/// The code of a request that presents nothing.
const NO_TOKEN: &str = "token_missing";
/// The longest id of a request that is echoed.
const LONGEST_REQUEST_ID: usize = 128;

/// The headers that prove who asks for what.
const SIGNED_WITH: [&str; 6] = [
    names::AUTHORIZATION,
    names::HMAC,
    names::V4_SIGNATURE,
    names::V4_TIMESTAMP,
    names::V4_REQUEST_ID,
    names::V4_CONTENT_HASH,
];

/// The parts of the path; a part that is no UTF-8 names nothing.
type Parameters = Result<RawPathParams, RawPathParamsRejection>;

/// How failures are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As BitGo does.
    BitGo,
    /// As RFC 9457 has it.
    Problem,
    /// The same on a rail, whose clients are told how to present a token.
    Rail(Scheme),
    /// The same on a rail of plain HTTP, with the `error` that clients of such APIs look for.
    Exchange,
    /// The same, with the `error` of OAuth beside it.
    OAuth,
}

/// How the clients of a rail present a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

/// What every request is answered with. Every one of them has a copy.
#[derive(Clone)]
pub(crate) struct Surface(Arc<Parts>);

/// What a surface has.
pub(crate) struct Parts {
    pub(crate) bursar: Arc<Bursar>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) traffic: Traffic,
    pub(crate) sockets: Places,
    pub(crate) bodies: Bodies,
    pub(crate) files: Files,
}

impl Deref for Surface {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Builds the router from the tables of routes and pages, and from nothing else.
pub(crate) fn router(bursar: Arc<Bursar>, settings: Settings, traffic: Traffic) -> Router {
    let bodies = Bodies::new(settings.body_limit);
    let (sockets, files) = (Places::default(), Files::default());
    let parts = Parts { bursar, settings: Arc::new(settings), traffic, sockets, bodies, files };
    let surface = Surface(Arc::new(parts));
    let mut router = Router::new();
    for route in ROUTES {
        let filter = MethodFilter::try_from(route.method()).unwrap_or(MethodFilter::TRACE);
        for path in route.paths() {
            let surface = surface.clone();
            let counted = surface.traffic.route(route.method, &path);
            let handler = move |info: ConnectInfo<SocketAddr>, parameters: Parameters, request: Request| async move {
                let parameters = parameters.map(|found| {
                    found.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
                });
                counted.answered(match parameters {
                    Ok(parameters) => surface.run(route, info.0, parameters, request).await,
                    Err(_) => surface.refuse(Failure::NoSuchRoute, info.0, request).await,
                })
            };
            router = router.route(&path, on(filter, handler));
        }
    }
    router = authz::mount(web::mount(router, &surface), &surface);
    let counted = surface.traffic.elsewhere();
    let (elsewhere, counted_elsewhere) = (surface.clone(), counted.clone());
    let settings = Arc::clone(&surface.settings);
    let other_method = surface;
    let routed = router
        .fallback(move |info: ConnectInfo<SocketAddr>, request: Request| async move {
            counted_elsewhere.answered(elsewhere.upstream(Failure::NoSuchRoute, info.0, request).await)
        })
        .method_not_allowed_fallback(move |info: ConnectInfo<SocketAddr>, request: Request| async move {
            counted.answered(other_method.upstream(Failure::MethodNotAllowed, info.0, request).await)
        });
    // Around the router, not in it: what it does must be done before a route is chosen.
    Router::new().fallback_service(routed.map_request(move |request| normal_target(&settings, request)))
}

/// A trailing slash in the client's root yields a doubled one in front of every path (WC §1.1). Routing
/// forgives it; the signature is checked over what was sent. What comes to a host of a rail's own is as if it had come
/// to the rail's usual address.
fn normal_target(settings: &Settings, mut request: Request) -> Request {
    let mut target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let mut routed = None;
    if target.starts_with("//") {
        routed = Some(format!("/{}", target.trim_start_matches('/')));
    }
    if let Some(usual) = rail_host::usual_target(&settings.rail_hosts, &request, routed.as_ref().unwrap_or(&target)) {
        target.clone_from(&usual);
        routed = Some(usual);
    }
    if let Some(Ok(uri)) = routed.map(|routed| routed.parse::<Uri>()) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(Target(target));
    request
}

/// The request target as it was received.
#[derive(Clone)]
pub(crate) struct Target(pub(crate) String);

/// What the pipeline knows of a request apart from its handler's business.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) address: std::net::IpAddr,
    pub(crate) upgrade: Option<Upgrade>,
    pub(crate) staying: Option<Staying>,
}

impl Form {
    /// What a 401 says of how to present a token (RFC 9110 and 6750); with `invalid_token`, if the one that came is no good.
    const fn challenge(self, is_bad_token: bool) -> Option<&'static str> {
        match (self, is_bad_token) {
            (Self::BitGo | Self::Problem, _) => None,
            (Self::Rail(Scheme::Basic), _) => Some("Basic realm=\"bursar\", charset=\"UTF-8\""),
            (Self::Rail(Scheme::Bearer) | Self::Exchange | Self::OAuth, false) => Some("Bearer realm=\"bursar\""),
            (Self::Rail(Scheme::Bearer) | Self::Exchange | Self::OAuth, true) => {
                Some("Bearer realm=\"bursar\", error=\"invalid_token\"")
            }
        }
    }
}

impl Surface {
    /// How failures are told at this path, if it is a rail's.
    fn form_at(&self, path: &str) -> Option<Form> {
        let rail = rail_of(path)?;
        // Where there is no such rail, nobody knows what its client is.
        Some(match self.bursar.asks_for_password(rail) {
            None => Form::Exchange,
            Some(true) => Form::Rail(Scheme::Basic),
            Some(false) => Form::Rail(Scheme::Bearer),
        })
    }

    async fn run(
        self,
        route: &'static Route,
        peer: SocketAddr,
        parameters: Vec<(String, String)>,
        request: Request,
    ) -> Response {
        let request_id = self.request_id(request.headers());
        let of_rail = self.form_at(request.uri().path());
        let (reply, signer) = match self.receive(peer, request).await {
            Ok(received) => self.answer(route, parameters, received).await,
            Err(failure) => (Err(failure), None),
        };
        let form = match route.tells_problems() {
            true if route.is_oauth() => Form::OAuth,
            true => of_rail.unwrap_or(Form::Problem),
            false => Form::BitGo,
        };
        self.respond(reply, signer, &request_id, form)
    }

    /// Where no route is for a request, a rail may have one.
    async fn upstream(self, failure: Failure, peer: SocketAddr, request: Request) -> Response {
        match self.bursar.route(request.method().as_str(), request.uri().path()) {
            Some(_) => self.run(&UPSTREAM, peer, Vec::new(), request).await,
            None => self.refuse(failure, peer, request).await,
        }
    }

    async fn refuse(self, failure: Failure, peer: SocketAddr, request: Request) -> Response {
        let request_id = self.request_id(request.headers());
        if matches!(failure, Failure::NoSuchRoute) && web::wants_page(&request) {
            return web::no_such_page(&self, peer, request).await;
        }
        // What is under our own prefix speaks our own form, also where there is no route.
        let path = request.uri().path();
        let form = match self.form_at(path) {
            Some(form) => form,
            None if path.starts_with(routes::OWN) => Form::Problem,
            None => Form::BitGo,
        };
        let received = match self.receive(peer, request).await {
            Ok(received) => received,
            Err(failure) => return self.respond(Err(failure), None, &request_id, form),
        };
        let (caller, signer) = self.authenticate(&received).await;
        let failure = caller.err().unwrap_or(failure);
        self.respond(Err(failure), signer, &request_id, form)
    }

    async fn answer(
        &self,
        route: &'static Route,
        parameters: Vec<(String, String)>,
        received: Received,
    ) -> (Result<Reply, Failure>, Option<Signer>) {
        let (caller, signer) = self.authenticate(&received).await;
        let caller = match caller.and_then(|caller| admit(route, caller, &received)) {
            Ok(caller) => caller,
            Err(failure) => return (Err(failure), signer),
        };
        let query = received.target.split_once('?').map_or("", |(_, query)| query).to_owned();
        let call = Call {
            bursar: Arc::clone(&self.bursar),
            settings: Arc::clone(&self.settings),
            caller,
            address: received.address,
            headers: received.headers,
            parameters,
            query,
            method: received.method,
            target: received.target,
            body: received.body,
            upgrade: received.upgrade,
            staying: received.staying,
            sockets: self.sockets.clone(),
            traffic: self.traffic.clone(),
        };
        ((route.handler)(call).await, signer)
    }

    pub(crate) async fn receive(&self, peer: SocketAddr, request: Request) -> Result<Received, Failure> {
        let (mut parts, body) = request.into_parts();
        // Before anything of it is believed.
        if let Some(fault) = parts.extensions.remove::<Fault>() {
            return Err(Failure::Misframed(fault));
        }
        let upgrade = parts.extensions.remove::<OnUpgrade>().zip(parts.extensions.remove::<Closing>());
        let upgrade = upgrade.zip(parts.extensions.remove::<ClientsRoom>());
        let upgrade = upgrade.map(|((begun, closing), room)| Upgrade { begun, closing, room });
        let staying = parts.extensions.remove::<Staying>();
        let address = address::client(peer.ip(), &parts.headers, &self.settings.trusted_proxies);
        let body = self.bodies.read(address, &parts.headers, body, self.settings.body_limit).await?;
        let target = parts.extensions.get::<Target>().map_or_else(String::new, |target| target.0.clone());
        Ok(Received { method: parts.method, target, headers: parts.headers, body, address, upgrade, staying })
    }

    async fn authenticate(&self, received: &Received) -> (Result<Option<Principal>, Failure>, Option<Signer>) {
        let text = |name: &str| received.headers.get(name).and_then(|value| value.to_str().ok());
        // A header that is there but unreadable must not count as absent.
        let is_readable = |name: &str| {
            let mut values = received.headers.get_all(name).iter();
            // Of two, nobody can say which one counts.
            values.next().is_none_or(|value| value.to_str().is_ok()) && values.next().is_none()
        };
        if !SIGNED_WITH.into_iter().all(is_readable) {
            return (Err(malformed()), None);
        }
        let signing = if let Some(signature) = text(names::V4_SIGNATURE) {
            Signing::V4 {
                signature,
                timestamp: text(names::V4_TIMESTAMP),
                request_id: text(names::V4_REQUEST_ID),
                content: text(names::V4_CONTENT_HASH),
            }
        } else if let Some(hmac) = text(names::HMAC) {
            Signing::Hmac { hmac, timestamp: text(names::AUTH_TIMESTAMP), version: text(names::AUTH_VERSION) }
        } else {
            Signing::None
        };
        // Clients of nodes and of OAuth know a user and a password: the password is the token.
        let takes_password =
            [routes::RAIL_PREFIX, routes::OAUTH_PREFIX].iter().any(|it| received.target.starts_with(it));
        let basic = text(names::AUTHORIZATION).filter(|_| takes_password).and_then(basic::token);
        // A client of an API has its key where that API takes it, and knows no other place.
        let own_header = rail_of(&received.target).and_then(|rail| self.bursar.credential_header(rail));
        let own_header = own_header.filter(|_| !received.headers.contains_key(names::AUTHORIZATION));
        if own_header.is_some_and(|name| !is_readable(name)) {
            return (Err(malformed()), None);
        }
        let own = own_header.and_then(text).map(|token| format!("Bearer {token}"));
        let presented = Presented {
            authorization: basic.as_deref().or(own.as_deref()).or(text(names::AUTHORIZATION)),
            signing,
            method: received.method.as_str(),
            target: &received.target,
            body: &received.body,
            address: received.address,
        };
        let found = self.bursar.authenticate(presented).await;
        (found.principal.map_err(Failure::Unauthenticated), found.signer)
    }

    fn respond(&self, reply: Result<Reply, Failure>, signer: Option<Signer>, request_id: &str, form: Form) -> Response {
        let now = self.bursar.now();
        let mut headers = HeaderMap::new();
        let mut content = "application/json; charset=utf-8";
        let (mut flowing, mut is_bad_token) = (None, false);
        // A refusal did nothing either.
        let is_read = reply.as_ref().map_or(true, |reply| reply.is_read);
        let (status, bytes) = match reply {
            Ok(mut reply) => {
                flowing = reply.flowing.take();
                reply.headers.iter().for_each(|(name, value)| set(&mut headers, name, value));
                (reply.status, reply.into_bytes())
            }
            Err(failure) => {
                let failure = if form == Form::BitGo { failure.in_dialect() } else { failure };
                for (name, value) in budget::headers(failure.reports(), now) {
                    set(&mut headers, name, &value);
                }
                let Shown { mut status, body, needs_token, retry_after } =
                    failure.show(request_id, now, self.bursar.decimals());
                if form == Form::Exchange && status == StatusCode::UNAUTHORIZED && !needs_token {
                    // Elsewhere 401 asks for an unlock, as BitGo's does; clients of APIs know it as that of a wrong key.
                    status = StatusCode::FORBIDDEN;
                }
                self.traffic.refused(body.code().unwrap_or_default());
                is_bad_token = needs_token && body.code() != Some(NO_TOKEN);
                if needs_token {
                    headers.insert(names::AUTH_REQUIRED, HeaderValue::from_static(names::AUTH_REQUIRED_VALUE));
                }
                if let Some(seconds) = retry_after {
                    headers.insert(header::RETRY_AFTER, seconds.into());
                }
                if form == Form::BitGo {
                    (status, body.to_bytes().into())
                } else {
                    content = problem::CONTENT_TYPE;
                    let mut told = problem::problem(status.as_u16(), body.to_value());
                    match form {
                        Form::OAuth => told["error"] = oauth::error(status).into(),
                        Form::Exchange => told["error"] = problem::error_of_api(&told),
                        _ => {}
                    }
                    (status, told.to_string().into())
                }
            }
        };
        if let Some(challenge) = form.challenge(is_bad_token).filter(|_| status == StatusCode::UNAUTHORIZED) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(signer) = signer {
            let signed = signer.sign(status.as_u16(), &bytes, now);
            set(&mut headers, signed.timestamp.0, &signed.timestamp.1);
            set(&mut headers, signed.signature.0, signed.signature.1.as_str());
        }
        set(&mut headers, names::REQUEST_ID, request_id);
        if status != StatusCode::SWITCHING_PROTOCOLS {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let mut response = Response::new(flowing.unwrap_or_else(|| Body::from(bytes)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        // Of a status that has no words of its own, as upstreams have some, none are made up.
        if status.canonical_reason().is_none() {
            response.extensions_mut().insert(ReasonPhrase::from_static(b""));
        }
        if is_read {
            response.extensions_mut().insert(OfRead);
        }
        response
    }

    pub(crate) fn request_id(&self, headers: &HeaderMap) -> String {
        let given = headers.get(names::REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_sound =
            |id: &&str| (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        given.filter(is_sound).map_or_else(new_request_id, str::to_owned)
    }
}

/// It need be no secret, only no other's.
pub(crate) fn new_request_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Whether the caller's kind of credential may use the route at all.
fn admit(route: &Route, caller: Option<Principal>, received: &Received) -> Result<Option<Principal>, Failure> {
    match (route.access, &caller) {
        (Access::Public, _) => return Ok(caller),
        (_, None) => return Err(Failure::NoToken),
        (Access::Person | Access::Enrolment, Some(principal)) if !principal.is_person() => {
            return Err(ServiceError::PersonOnly.into());
        }
        (Access::Service, Some(principal)) if principal.token().kind != TokenKind::Service => {
            return Err(ServiceError::ServiceOnly.into());
        }
        // Whoever has still to enrol a second factor may do that, see who they are, and leave.
        (Access::Person | Access::Token, Some(principal)) if principal.is_enrolling() => {
            return Err(ServiceError::SecondFactorRequired.into());
        }
        (Access::Own | Access::Enrolment | Access::Person | Access::Token | Access::Service, Some(_)) => {}
    }
    // A version 2 signature fits every verb: a GET caught on its way must not become something else. Our own routes ask it of
    // all, so that none becomes so by a route that is added.
    let may_be_read = route.is_native() || route.shares_its_path_with_a_read();
    let is_ambiguous = received.body.is_empty() && route.method != "GET" && may_be_read;
    // For the same reason a removal carries no body that another verb would read.
    if route.method == "DELETE" && !matches!(&received.body[..], b"" | b"{}") {
        return Err(Failure::BodyNotWanted);
    }
    if is_ambiguous && caller.as_ref().is_some_and(|principal| principal.mode == Mode::V2) {
        return Err(Failure::MethodNotSigned);
    }
    Ok(caller)
}

fn malformed() -> Failure {
    use bursar_service::authenticate::Unauthenticated;
    use bursar_wire::bearer::BearerError;
    Failure::Unauthenticated(Unauthenticated::Malformed(BearerError::NotOneWord))
}

/// The rail that a request speaks to in the rail's own way.
fn rail_of(target: &str) -> Option<&str> {
    target.strip_prefix(routes::RAIL_PREFIX)?.split(['/', '?']).next()
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
