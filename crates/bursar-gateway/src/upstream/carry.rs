//! One request of plain HTTP, and its answer with the headers that are passed on: all of it, or while it comes. What it
//! quotes of the credential is taken out here, before anybody reads it.

use std::time::Duration;

use bursar_rails::exchange::{Answered, Outgoing};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Frame};
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Coming;
use super::redaction::Redacting;
use super::{NoAnswer, Upstream, all_of};

/// Headers of an answer that are passed on.
const PASSED_ON: [&str; 4] = ["content-type", "request-id", "retry-after", "x-request-id"];

/// How much of an answer is looked for before it goes on in pieces, in bytes.
const LONGEST_AT_ONCE: usize = 64 << 10;

/// An answer whose body comes.
pub(crate) struct Opened {
    head: Answered,
    body: Coming,
    place: Upstream,
    asked: Instant,
    redacting: Redacting,
    is_over: bool,
    /// What has come already and was not given yet.
    come: Vec<u8>,
}

impl Upstream {
    /// Sends a request to a place under its URL, once, with these headers besides.
    ///
    /// # Errors
    /// No answer came in time or in full, or it cannot be sent.
    pub async fn carry(&self, outgoing: &Outgoing, besides: &HeaderMap) -> Result<Answered, NoAnswer> {
        self.open(outgoing, besides).await?.whole().await
    }

    /// The same, but the body is still to be read.
    ///
    /// # Errors
    /// No answer began in time, or it cannot be sent.
    pub(crate) async fn open(&self, outgoing: &Outgoing, besides: &HeaderMap) -> Result<Opened, NoAnswer> {
        let unsendable = |_| NoAnswer::NotSent("the request cannot be sent".to_owned());
        // What is sent is below the URL: a query of its own would come to stand in the middle.
        let target = format!("{}{}", self.target().trim_end_matches('/'), outgoing.target);
        let target = PathAndQuery::try_from(target).map_err(|_| unsendable(()))?;
        let mut request = Request::new(Full::from(outgoing.body.clone()));
        *request.method_mut() = Method::from_bytes(outgoing.method.as_bytes()).map_err(|_| unsendable(()))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("bursar"));
        for (name, value) in &outgoing.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(()))?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| unsendable(()))?);
        }
        for (name, value) in besides {
            headers.insert(name, value.clone());
        }
        let (place, asked) = (self.clone(), Instant::now());
        let (parts, body) = match timeout(place.within, place.begin(request, target)).await {
            Ok(begun) => begun?.into_parts(),
            Err(_) => return Err(place.late()),
        };
        if parts.status.is_informational() {
            return Err(NoAnswer::Lost("its answer has a status that ends no answer".to_owned()));
        }
        if parts.headers.contains_key(CONTENT_ENCODING) {
            return Err(NoAnswer::Lost("its answer is packed, which nobody asked for".to_owned()));
        }
        let passed_on = PASSED_ON.iter().filter_map(|name| {
            let value = parts.headers.get(*name)?.to_str().ok()?;
            Some(((*name).into(), place.redaction.text(value).into()))
        });
        let head = Answered { status: parts.status.as_u16(), headers: passed_on.collect(), body: Vec::new() };
        let redacting = place.redaction.begin();
        Ok(Opened { head, body, place, asked, redacting, is_over: false, come: Vec::new() })
    }
}

impl Opened {
    /// The answer without its body.
    pub(crate) const fn head(&self) -> &Answered {
        &self.head
    }

    /// All of it, in the time that an answer may take.
    pub(crate) async fn whole(self) -> Result<Answered, NoAnswer> {
        let Self { head, body, place, asked, .. } = self;
        let read = all_of(body, place.most, &place.long);
        let body = match asked.checked_add(place.within) {
            Some(end) => timeout_at(end, read).await.map_err(|_| place.late())??,
            None => read.await?,
        };
        Ok(Answered { body: place.redaction.bytes(&body), ..head })
    }

    /// All of it, if that has come already and is short; whoever it is for then needs not wait for pieces.
    pub(crate) fn at_once(&mut self) -> Result<Option<Answered>, NoAnswer> {
        let mut come = Vec::new();
        while come.len() < LONGEST_AT_ONCE {
            // What is dropped here has taken nothing from the body that it did not give.
            match self.piece(Duration::MAX).now_or_never() {
                Some(Ok(Some(piece))) => come.extend_from_slice(&piece),
                Some(Ok(None)) => return Ok(Some(Answered { body: come, ..self.head.clone() })),
                Some(Err(problem)) => return Err(problem),
                None => break,
            }
        }
        self.come = come;
        Ok(None)
    }

    /// How many bytes the body has, if that is known and nothing of it can change.
    pub(crate) fn length(&self) -> Option<u64> {
        let left = self.body.size_hint().exact().filter(|_| self.place.redaction.is_empty())?;
        left.checked_add(u64::try_from(self.come.len()).ok()?)
    }

    /// The next piece of it; nothing at its end.
    pub(crate) async fn piece(&mut self, longest: Duration) -> Result<Option<Bytes>, NoAnswer> {
        if !self.come.is_empty() {
            return Ok(Some(std::mem::take(&mut self.come).into()));
        }
        let left = longest.saturating_sub(self.asked.elapsed()).min(self.place.within);
        while !self.is_over {
            let frame = match timeout(left, self.body.frame()).await {
                Ok(Some(Ok(frame))) => Some(frame),
                Ok(None) => None,
                Ok(Some(Err(_))) => return Err(NoAnswer::Lost("its answer broke off".to_owned())),
                Err(_) => return Err(NoAnswer::Lost("its answer stopped in the middle".to_owned())),
            };
            self.is_over = frame.is_none();
            // Trailers say nothing that is passed on.
            let piece = match frame.map(Frame::into_data) {
                Some(Ok(piece)) => self.redacting.push(&piece),
                Some(Err(_)) => continue,
                None => self.redacting.end(),
            };
            // What may be the beginning of a credential waits for what comes after it.
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
        }
        Ok(None)
    }

    /// The longest of it that is kept, in bytes.
    pub(crate) const fn most(&self) -> usize {
        self.place.most
    }
}
