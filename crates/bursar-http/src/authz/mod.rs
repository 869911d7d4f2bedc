//! Other proxies ask whether a request may pass: nginx (`auth_request`), Traefik and Caddy (`forwardAuth`), Envoy
//! (`ext_authz` over HTTP).
//!
//! What a request means, rules of the configuration say. An answer has no body: its status is 200, 401 or 403, and its
//! headers say the rest. Nothing will tell what came of a request, so a spend that passes counts as captured.

mod asked;
mod refusal;
mod rules;
mod values;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use bursar_core::hold::Recipient;
use bursar_service::allow::{AskedSpend, Purse};
use bursar_service::authenticate::{Presented, Principal, Signing};
use bursar_service::breakers::Place;
use bursar_service::error::ServiceError;
use bursar_service::holding::Held;
use bursar_wire::header as names;
use bursar_wire::json::FieldError;

use self::asked::{Asked, Asker, single};
use self::refusal::{Denied, Kind};
use self::rules::{Meaning, Rule, Spend};
use self::values::Given;
use crate::budget;
use crate::failure::Failure;
use crate::pipeline::{Surface, Target};

pub use self::rules::{Does, NewRule, NewSpend, Rules};
pub use self::values::BodyKind;

/// The code in the audit log of a spend whose body did not come as it has to.
const UNREADABLE: &str = "body_unreadable";

/// What Envoy puts in front of the path that it was asked for.
const ENVOY: &str = "/authz/envoy";

/// Where proxies ask. Every method is taken: some ask with the one that they were asked by.
const QUESTIONS: [(&str, Asker); 5] = [
    ("/authz/nginx", Asker::Nginx),
    ("/authz/forward", Asker::Forward),
    (ENVOY, Asker::Envoy),
    ("/authz/envoy/", Asker::Envoy),
    ("/authz/envoy/{*path}", Asker::Envoy),
];

/// What may pass.
struct Passed {
    caller: Principal,
    spend: Option<Held>,
}

/// Adds the routes at which proxies ask.
pub(crate) fn mount(mut router: Router, surface: &Surface) -> Router {
    for (path, asker) in QUESTIONS {
        let surface = surface.clone();
        let counted = surface.traffic.route("any", path);
        let handler = move |info: ConnectInfo<SocketAddr>, request: Request| async move {
            let (parts, body) = request.into_parts();
            let decided = surface.decide(asker, info.0.ip(), &parts, body).await;
            counted.answered(surface.answer_proxy(decided))
        };
        router = router.route(path, any(handler));
    }
    router
}

impl Surface {
    async fn decide(&self, asker: Asker, peer: IpAddr, parts: &Parts, body: Body) -> Result<Passed, Denied> {
        let target = parts.extensions.get::<Target>().map_or("", |target| target.0.as_str());
        let target = if asker == Asker::Envoy { target.strip_prefix(ENVOY).unwrap_or_default() } else { target };
        let from = (peer, self.settings.trusted_proxies.as_slice());
        let asked = Asked::read(asker, (&parts.method, target), &parts.headers, from)?;
        let caller = self.caller(&parts.headers, &asked).await?;
        let unknown = || Denied::new(Kind::NotAllowed, "no_rule", "no rule says what this request means");
        let rule: &Rule = self.settings.authz.find(&asked).ok_or_else(unknown)?;
        let denied = |error: ServiceError| Denied::of(error.into(), self.bursar.now(), self.bursar.decimals());
        match &rule.meaning {
            Meaning::Read { scope, wallet } => {
                self.bursar.allow_read(&caller, *scope, *wallet).map_err(denied)?;
                Ok(Passed { caller, spend: None })
            }
            Meaning::Spend(spend) => {
                let read = self.read_spend(asker, &asked, spend, &parts.headers, body).await;
                let wanted = match read {
                    Ok(wanted) => wanted,
                    Err(unread) => return Err(self.noted(&caller, spend, unread).await),
                };
                let allowed = self.bursar.allow_spend(&caller, wanted).await;
                let allowed = allowed.map_err(|error| denied(in_words_of(spend, error)))?;
                if allowed.before && !spend.repeats_pass {
                    let reason = "a request with this key has passed already; another one needs a new key";
                    let denied = Denied::new(Kind::NotAllowed, "already_allowed", reason);
                    return Err(Denied { spend: Some(allowed.hold.id.to_string()), ..denied });
                }
                Ok(Passed { caller, spend: Some(allowed) })
            }
        }
    }

    /// Who sends the request, from where the proxy says.
    async fn caller(&self, headers: &HeaderMap, asked: &Asked) -> Result<Principal, Denied> {
        if headers.contains_key(names::HMAC) || headers.contains_key(names::V4_SIGNATURE) {
            let reason = "a proxy does not pass on all that was signed: show the token itself, as a bearer";
            return Err(Denied::new(Kind::Unauthenticated, "signed_request", reason));
        }
        let presented = Presented {
            authorization: single(headers, names::AUTHORIZATION)?,
            signing: Signing::None,
            method: &asked.method,
            target: &asked.target,
            body: b"",
            address: asked.client,
        };
        let found = self.bursar.authenticate(presented).await.principal.map_err(Failure::Unauthenticated);
        found
            .and_then(|caller| caller.ok_or(Failure::NoToken))
            .map_err(|failure| Denied::of(failure, self.bursar.now(), self.bursar.decimals()))
    }

    async fn read_spend(
        &self,
        asker: Asker,
        asked: &Asked,
        spend: &Spend,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<AskedSpend, Denied> {
        let fields = match spend.body {
            Some(kind) => Some(self.fields((asker, asked.client), kind, headers, body).await?),
            None => None,
        };
        wanted(spend, &Given { asked, headers, body: fields.as_deref() })
    }

    /// A spend that cannot be understood, once it is in the audit log as every refused one is.
    async fn noted(&self, caller: &Principal, spend: &Spend, denied: Denied) -> Denied {
        let Denied { kind: Kind::NotUnderstood, code, reason, .. } = &denied else { return denied };
        let code = if let Cow::Borrowed(code) = code { code } else { UNREADABLE };
        let place = match spend.purse {
            Purse::Wallet(wallet) => Place::Wallet(Some(wallet)),
            Purse::Organisation(_) => Place::Wallet(None),
        };
        match self.bursar.note_unread(caller, place, code, reason).await {
            Ok(()) => denied,
            Err(paused) => Denied::of(paused.into(), self.bursar.now(), self.bursar.decimals()),
        }
    }

    async fn fields(
        &self,
        (asker, client): (Asker, IpAddr),
        kind: BodyKind,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Vec<(String, String)>, Denied> {
        values::check_body(asker, headers)?;
        let read = self.bodies.read(client, headers, body, self.settings.body_limit).await;
        let body = read.map_err(|failure| Denied::of(failure, self.bursar.now(), self.bursar.decimals()))?;
        values::fields(kind, headers, &body)
    }

    fn answer_proxy(&self, decided: Result<Passed, Denied>) -> Response {
        let now = self.bursar.now();
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        let (status, reports) = match decided {
            Ok(Passed { caller, spend }) => {
                set("bursar-token-id", &caller.token().id.to_string());
                set("bursar-user-id", &caller.owner.id.to_string());
                let reports = spend.map(|allowed| {
                    set("bursar-spend-id", &allowed.hold.id.to_string());
                    if allowed.before {
                        set("bursar-spend-before", "true");
                    }
                    allowed.reports
                });
                (StatusCode::OK, reports.unwrap_or_default())
            }
            Err(denied) => {
                self.traffic.refused(&denied.code);
                set("bursar-refusal", &denied.code);
                set("bursar-refusal-kind", denied.kind.name());
                set("bursar-refusal-reason", &denied.reason);
                if let Some(spend) = &denied.spend {
                    set("bursar-spend-id", spend);
                }
                if let Some(seconds) = denied.retry_after {
                    set("retry-after", &seconds.to_string());
                }
                let status = match denied.kind {
                    Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
                    _ => StatusCode::FORBIDDEN,
                };
                if status == StatusCode::UNAUTHORIZED {
                    let error = if denied.has_token { ", error=\"invalid_token\"" } else { "" };
                    set("www-authenticate", &format!("Bearer realm=\"bursar\"{error}"));
                }
                (status, denied.reports)
            }
        };
        for (name, text) in budget::headers(&reports, now) {
            set(name, &text);
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// The refusal of a destination under the name that the rule has for it: whoever asks knows no other.
fn in_words_of(spend: &Spend, error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Invalid(FieldError { field, problem }) if field == "address" => {
            ServiceError::invalid(spend.destination.written(), problem)
        }
        other => other,
    }
}

/// The spend that a request asks for.
fn wanted(spend: &Spend, given: &Given<'_>) -> Result<AskedSpend, Denied> {
    let key = given.text(&spend.key, "key").map_err(|denied| match denied.code.as_ref() {
        "value_missing" => {
            Denied::unclear("key_missing", "a spend needs a key, and there is none where the rule looks")
        }
        _ => denied,
    })?;
    if !(1..=crate::call::LONGEST_KEY).contains(&key.len()) || key.contains(' ') {
        return Err(Denied::unclear("value_invalid", "the key is too long, or has spaces"));
    }
    let (amount, address) = (given.amount(&spend.amount, spend.unit)?, given.text(&spend.destination, "destination")?);
    let asked = given.asked;
    Ok(AskedSpend {
        purse: spend.purse,
        coin: spend.coin.clone(),
        recipient: Recipient { address, amount },
        key,
        request: format!("{} {} {}", asked.method, asked.host, asked.target).into_bytes(),
        settles: spend.settles,
    })
}
