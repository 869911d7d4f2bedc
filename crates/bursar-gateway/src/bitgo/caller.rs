//! Signed questions to the upstream, and answers that are believed only with its signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bursar_core::ambient::Clock;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_rails::json::Json;
use bursar_wire::header;
use bursar_wire::signature::{AuthVersion, Request, Response, SigningKey, v4, window};
use bursar_wire::token_text::BearerHash;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use crate::tls::Trust;
use crate::upstream::{Answered, NoAnswer, Upstream, is_refusal};

/// How long the upstream may take.
const WITHIN: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// How a token begins whose holder signs, and is answered with signatures.
const SIGNS: &str = "v2x";
/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 256;

/// How requests are signed, and answers verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Versions 2 and 3: the hash of the token is shown.
    Hmac(AuthVersion),
    /// Version 4: the public id of the token is shown, and an answer is bound to its request.
    V4 {
        /// The token's id.
        token_id: String,
    },
}

/// Who asks the upstream.
pub(super) struct Caller {
    upstream: Upstream,
    key: SigningKey,
    bearer: HeaderValue,
    scheme: Scheme,
    clock: Arc<dyn Clock>,
    /// How many requests there were: two never have the same id.
    count: AtomicU64,
    /// When the upstream last did what it was asked, in Unix milliseconds.
    well: AtomicI64,
}

/// A question.
pub(super) struct Question<'a> {
    /// The method.
    pub(super) method: Method,
    /// The names of the path.
    pub(super) path: &'a [&'a str],
    /// What is asked in the query.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The body, if there is one.
    pub(super) body: Option<&'a Json>,
    /// What the request is called.
    pub(super) request: &'a str,
    /// When it is signed: the upstream takes nothing that was signed long ago.
    pub(super) at: Timestamp,
}

/// An answer whose signature is the upstream's.
pub(super) struct Heard {
    /// Its status.
    pub(super) status: u16,
    /// Its body.
    pub(super) body: Bytes,
    /// When it was signed, by the upstream's clock.
    pub(super) at: Timestamp,
}

impl Caller {
    pub(super) fn new(
        url: &str,
        token: &Secret<String>,
        scheme: Scheme,
        clock: Arc<dyn Clock>,
        trust: &Trust,
    ) -> Result<Self, String> {
        let parsed = url::Url::parse(url).map_err(|_| "`url` is no URL".to_owned())?;
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.query().is_some() {
            return Err("`url` has a user, a password or a query in it; the token alone is shown".to_owned());
        }
        let upstream = Upstream::trusting(&Secret::new(url.to_owned()), WITHIN, LONGEST_ANSWER, trust)
            .map_err(|problem| format!("`url` {problem}"))?;
        let text = token.expose();
        let is_plain = text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain || !text.starts_with(SIGNS) {
            return Err(format!("`token_file` has no token that signs: it begins with `{SIGNS}`"));
        }
        let shown = match &scheme {
            Scheme::Hmac(_) => BearerHash::of(text).to_hex().expose().to_string(),
            Scheme::V4 { token_id } => token_id.clone(),
        };
        let bearer = Secret::new(format!("Bearer {shown}"));
        let mut bearer =
            HeaderValue::from_str(bearer.expose()).map_err(|_| "`token_file` cannot be sent".to_owned())?;
        bearer.set_sensitive(true);
        let key = SigningKey::from_token_text(text);
        Ok(Self { upstream, key, bearer, scheme, clock, count: AtomicU64::new(0), well: AtomicI64::new(0) })
    }

    /// The same, with less patience.
    #[cfg(test)]
    pub(super) fn hurried(self, within: Duration) -> Self {
        Self { upstream: self.upstream.hurried(within), ..self }
    }

    /// Whether the upstream does not take the token.
    pub(super) fn is_refused(&self) -> bool {
        self.upstream.refuses_credential()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the upstream did what it was asked not longer ago than this.
    pub(super) fn was_well_within(&self, span: Span) -> bool {
        Timestamp::from_millis(self.well.load(Ordering::Relaxed)).plus(span) > self.now()
    }

    /// Asks once.
    ///
    /// # Errors
    /// There is no answer, or none with the upstream's signature: whatever was asked may have been done then.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Heard, NoAnswer> {
        let Question { method, path, query, body, request, at } = question;
        let place = self.upstream.under(path).map_err(NoAnswer::NotSent)?;
        let place = if query.is_empty() { place } else { place.asking(query).map_err(NoAnswer::NotSent)? };
        let body = body.map(Json::to_string).unwrap_or_default();
        let target = place.target();
        let named = format!("{request}-{}-{}", at.as_millis(), self.count.fetch_add(1, Ordering::Relaxed));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.bearer.clone());
        let mut signed = self.signed(method.as_str(), target, body.as_bytes(), (at, &named));
        signed.push((header::REQUEST_ID, request.to_owned()));
        for (name, value) in signed {
            let value =
                HeaderValue::from_str(&value).map_err(|_| NoAnswer::NotSent(format!("`{name}` is no header")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answered = place.call(method.clone(), headers, body).await?;
        let status = answered.status;
        let heard = self.believed(answered, method.as_str(), target, &named);
        // Who does not know the token cannot sign; what is signed knows it, whatever it says.
        place.note(if heard.is_ok() { StatusCode::OK } else { status });
        let heard = heard.map_err(|problem| match is_refusal(status) {
            true => NoAnswer::Lost(format!("{problem}: it does not take the token that the rail shows it")),
            false => NoAnswer::Lost(problem),
        })?;
        if (200..300).contains(&heard.status) {
            self.well.store(self.now().as_millis(), Ordering::Relaxed);
        }
        Ok(heard)
    }

    /// The headers that sign a request.
    fn signed(
        &self,
        method: &str,
        target: &str,
        body: &[u8],
        (at, named): (Timestamp, &str),
    ) -> Vec<(&'static str, String)> {
        match self.scheme {
            Scheme::Hmac(version) => {
                let timestamp = at.as_millis().to_string();
                let subject = Request { version, method, timestamp: &timestamp, target, body };
                let signature = self.key.sign(&subject).as_str().to_owned();
                vec![
                    (header::AUTH_VERSION, version.as_header().to_owned()),
                    (header::AUTH_TIMESTAMP, timestamp),
                    (header::HMAC, signature),
                ]
            }
            Scheme::V4 { .. } => {
                let (timestamp, content) = (at.as_seconds().to_string(), v4::ContentHash::of(body));
                let subject =
                    v4::Request { method, timestamp: &timestamp, target, content: &content, request_id: named };
                let signature = self.key.sign(&subject).as_str().to_owned();
                vec![
                    (header::V4_TIMESTAMP, timestamp),
                    (header::V4_CONTENT_HASH, content.as_str().to_owned()),
                    (header::V4_REQUEST_ID, named.to_owned()),
                    (header::V4_SIGNATURE, signature),
                ]
            }
        }
    }

    /// Only what is signed by the upstream, and lately, was said by it.
    fn believed(&self, answered: Answered, method: &str, target: &str, named: &str) -> Result<Heard, String> {
        let Answered { status, headers, body } = answered;
        let status = status.as_u16();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (when, proof) = match self.scheme {
            Scheme::Hmac(_) => (header::TIMESTAMP, header::HMAC),
            Scheme::V4 { .. } => (header::V4_TIMESTAMP, header::V4_SIGNATURE),
        };
        let (Some(timestamp), Some(signature)) = (text(when), text(proof)) else {
            return Err(format!("it answered {status} without a signature"));
        };
        let (verified, at) = match self.scheme {
            Scheme::Hmac(version) => {
                let subject = Response { version, method, timestamp, target, status, body: &body };
                (self.key.verify(&subject, signature), window::read_millis(timestamp))
            }
            Scheme::V4 { .. } => {
                let content = v4::ContentHash::of(&body);
                let subject = v4::Response { method, timestamp, target, status, content: &content, request_id: named };
                (self.key.verify(&subject, signature), window::read_seconds(timestamp))
            }
        };
        if verified.is_err() {
            return Err(format!("it answered {status} with a signature that is not its own"));
        }
        let at = at.map_err(|_| format!("it answered {status} at no time"))?;
        let now = self.now();
        window::check(at, now)
            .map_err(|_| format!("it answered {status} at {at} by its clock, and here it is {now}"))?;
        Ok(Heard { status, body, at })
    }
}
