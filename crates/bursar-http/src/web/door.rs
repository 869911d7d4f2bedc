//! The way every request for a page takes: body, session, audience, form check, handler, headers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use bursar_core::ledger::CredentialKind;
use bursar_service::authenticate::{Presented, Principal, Signing, Unauthenticated};
use bursar_service::error::ServiceError;
use bursar_wire::header as names;

use super::answer::{Answer, is_local};
use super::csrf::{self, Binding};
use super::fields::Fields;
use super::handover::Handover;
use super::layout::Frame;
use super::visit::Visit;
use super::{Answering, Audience, PAGES, Page, cookie, trouble};
use crate::address::is_among;
use crate::failure::Failure;
use crate::pipeline::{Received, Surface};

/// How many characters the secret of a visit has: 32 bytes in hex.
const VISIT_LENGTH: usize = 64;

/// Puts every page of the table onto the router.
pub(crate) fn mount(mut router: Router, surface: &Surface) -> Router {
    let handover = Arc::new(Handover::new());
    for page in PAGES {
        let method = Method::from_bytes(page.method.as_bytes()).unwrap_or(Method::TRACE);
        let filter = MethodFilter::try_from(method).unwrap_or(MethodFilter::TRACE);
        let counted = surface.traffic.route(page.method, page.path);
        let (surface, handover) = (surface.clone(), Arc::clone(&handover));
        let handler = move |info: ConnectInfo<SocketAddr>,
                            parameters: Result<RawPathParams, RawPathParamsRejection>,
                            request: Request| async move {
            let parameters = parameters
                .map(|found| found.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>());
            let door = Door { surface, handover };
            counted.answered(door.run(page, parameters.unwrap_or_default(), info.0, request).await)
        };
        router = router.route(page.path, on(filter, handler));
    }
    router
}

/// Whether somebody who asks for what is not there would rather see a page than JSON.
pub(crate) fn wants_page(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_of_programs = ["/api/", "/bursar/"].iter().any(|prefix| request.uri().path().starts_with(prefix));
    request.method() == Method::GET && !is_of_programs && accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// The page that says that there is none, to whoever asked for it.
pub(crate) async fn no_such_page(surface: &Surface, peer: SocketAddr, request: Request) -> Response {
    let request_id = surface.request_id(request.headers());
    let is_https = is_https(surface, peer, request.headers());
    let mut frame = Frame::of_nobody(request.headers(), surface.settings.environment == "test");
    if let Ok(received) = surface.receive(peer, request).await
        && let Ok(comer) = comer(surface, &received).await
        && comer.person.is_some()
    {
        frame = frame.with(comer.person.as_ref(), &comer.binding, "/");
    }
    let answer = trouble::page(&frame, Failure::NoSuchRoute, None, &request_id, surface.bursar.now());
    finished(surface, answer, is_https, &request_id)
}

/// The answer with the name of its request; a refusal is counted as on every surface.
fn finished(surface: &Surface, answer: Answer, is_https: bool, request_id: &str) -> Response {
    if let Some(code) = answer.refusal() {
        surface.traffic.refused(code);
    }
    let mut response = answer.into_response(is_https);
    if let Ok(id) = request_id.parse() {
        response.headers_mut().insert(names::REQUEST_ID, id);
    }
    response
}

/// Where whoever has no second factor is led from what needs one.
const TO_FIRST_FACTOR: &str = "/security?needs=factor";

/// Whether a page is open to somebody who has still to set up a second factor: what they do that with, and what anybody sees.
fn opens_without_factor(page: &Page) -> bool {
    page.audience != Audience::Person || page.path == "/sign-out" || page.path.starts_with("/security")
}

struct Door {
    surface: Surface,
    handover: Arc<Handover>,
}

/// Who comes, as far as the cookies say.
struct Comer {
    person: Option<Principal>,
    binding: Binding,
    /// The secret of a visit that begins now.
    begun: Option<String>,
    /// Whether the browser has a session that is over.
    is_over: bool,
}

impl Comer {
    const fn nobody(binding: Binding) -> Self {
        Self { person: None, binding, begun: None, is_over: false }
    }
}

impl Door {
    async fn run(
        self,
        page: &'static Page,
        parameters: Vec<(String, String)>,
        peer: SocketAddr,
        request: Request,
    ) -> Response {
        let request_id = self.surface.request_id(request.headers());
        let is_https = is_https(&self.surface, peer, request.headers());
        let is_test = self.surface.settings.environment == "test";
        let mut frame = Frame::of_nobody(request.headers(), is_test);
        let two_places = csrf::two_places(request.headers());
        let answered = match self.surface.receive(peer, request).await {
            Ok(received) => self.answer(page, parameters, received, is_https, &mut frame).await,
            Err(failure) => Err(failure),
        };
        let now = self.surface.bursar.now();
        let answer = answered.unwrap_or_else(|failure| trouble::page(&frame, failure, two_places, &request_id, now));
        finished(&self.surface, answer, is_https, &request_id)
    }

    async fn answer(
        &self,
        page: &'static Page,
        parameters: Vec<(String, String)>,
        received: Received,
        is_https: bool,
        frame: &mut Frame,
    ) -> Answering {
        let query = Fields::read(received.target.split_once('?').map_or("", |(_, query)| query).as_bytes())?;
        let is_form = page.method == "POST";
        let form = if is_form { Fields::read(&received.body)? } else { Fields::default() };
        let comer = match page.audience {
            Audience::File => Comer::nobody(Binding::to("")),
            Audience::Everybody | Audience::Person => comer(&self.surface, &received).await?,
        };
        *frame = frame.clone().with(comer.person.as_ref(), &comer.binding, &received.target);
        if is_form && !(csrf::is_from_here(&received.headers) && comer.binding.is(form.text(csrf::FIELD))) {
            // A session that has just ended explains it better.
            return if comer.is_over { Ok(to_sign_in(page, &received.target)) } else { Err(Failure::FormNotOurs) };
        }
        if page.audience == Audience::Person && comer.person.is_none() {
            return Ok(to_sign_in(page, &received.target));
        }
        if comer.person.as_ref().is_some_and(Principal::is_enrolling) && !opens_without_factor(page) {
            return Ok(Answer::to(TO_FIRST_FACTOR));
        }
        // A look at the head of a page must not use up what the page shows once.
        if received.method == Method::HEAD {
            return Ok(Answer::page(maud::html! {}));
        }
        let visit = Visit {
            bursar: Arc::clone(&self.surface.bursar),
            handover: Arc::clone(&self.handover),
            files: self.surface.files.clone(),
            has_passkey: self.has_passkey(comer.person.as_ref()).await?,
            person: comer.person,
            address: received.address,
            is_https,
            headers: received.headers,
            target: received.target,
            parameters,
            query,
            form,
            binding: comer.binding,
        };
        let answer = match (page.handler)(visit).await {
            // Whoever has no second factor yet is led to where they set one up, not told off.
            Err(Failure::Service(ServiceError::SecondFactorRequired)) => Answer::to(TO_FIRST_FACTOR),
            answered => answered?,
        };
        Ok(match comer.begun {
            Some(secret) => answer.with_cookie(cookie::set(cookie::VISIT, &secret)),
            None => answer,
        })
    }
}

impl Door {
    /// Asked only where passkeys can be: elsewhere it costs no page a look into the store.
    async fn has_passkey(&self, person: Option<&Principal>) -> Result<bool, Failure> {
        let bursar = &self.surface.bursar;
        let Some(person) = person.filter(|_| bursar.policy().relying_party.is_some()) else { return Ok(false) };
        let list = bursar.factors(person).await?;
        Ok(list.factors.iter().any(|factor| factor.kind == CredentialKind::Passkey))
    }
}

async fn comer(surface: &Surface, received: &Received) -> Result<Comer, Failure> {
    let presented = cookie::read(&received.headers, cookie::SESSION);
    if let Some(text) = presented {
        let bearer = format!("Bearer {text}");
        let presented = Presented {
            authorization: Some(&bearer),
            signing: Signing::None,
            method: received.method.as_str(),
            target: &received.target,
            body: &received.body,
            address: received.address,
        };
        match surface.bursar.authenticate(presented).await.principal {
            // A token of software is no session, whoever put it into a cookie.
            Ok(Some(person)) if person.is_person() => {
                return Ok(Comer { person: Some(person), ..Comer::nobody(Binding::to(text)) });
            }
            Err(Unauthenticated::Unavailable(error)) => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    let is_over = presented.is_some();
    let known = cookie::read(&received.headers, cookie::VISIT).filter(|text| is_visit(text));
    Ok(match known {
        Some(text) => Comer { is_over, ..Comer::nobody(Binding::to(text)) },
        None => {
            let secret = surface.bursar.random_bytes::<32>();
            let text = base16ct::lower::encode_string(&secret);
            Comer { is_over, begun: Some(text.clone()), ..Comer::nobody(Binding::to(&text)) }
        }
    })
}

/// Whether the browser reached us by HTTPS: our own listener never speaks it, a proxy of ours may.
fn is_https(surface: &Surface, peer: SocketAddr, headers: &HeaderMap) -> bool {
    let is_proxy = is_among(peer.ip(), &surface.settings.trusted_proxies);
    let said = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    is_proxy && said == Some("https")
}

fn is_visit(text: &str) -> bool {
    text.len() == VISIT_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Leads to the sign-in page, and back afterwards where that makes sense.
fn to_sign_in(page: &Page, target: &str) -> Answer {
    let can_be_seen = PAGES.iter().any(|other| other.method == "GET" && other.path == page.path);
    let next = if can_be_seen && is_local(target) { target } else { "/" };
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    Answer::to(format!("/sign-in?{query}")).with_cookie(cookie::remove(cookie::SESSION))
}
