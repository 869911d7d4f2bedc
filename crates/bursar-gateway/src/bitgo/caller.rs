//! Signed questions to the upstream, and answers that are believed only with its signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bursar_core::ambient::Clock;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_rails::json::Json;
use bursar_wire::header;
use bursar_wire::signature::{AuthVersion, Request, Response, SigningKey, window};
use bursar_wire::token_text::BearerHash;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::tls::Trust;
use crate::upstream::{Answered, NoAnswer, Upstream};

/// How long the upstream may take.
const WITHIN: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// How a token begins whose holder signs, and is answered with signatures.
const SIGNS: &str = "v2x";
/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 256;

/// Who asks the upstream.
pub(super) struct Caller {
    upstream: Upstream,
    key: SigningKey,
    bearer: HeaderValue,
    version: AuthVersion,
    clock: Arc<dyn Clock>,
    /// When the upstream last did what it was asked, in Unix milliseconds.
    well: AtomicI64,
}

/// A question.
pub(super) struct Question<'a> {
    /// The method.
    pub(super) method: Method,
    /// The names of the path.
    pub(super) path: &'a [&'a str],
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
        version: AuthVersion,
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
        let hash = BearerHash::of(text).to_hex();
        let bearer = Secret::new(format!("Bearer {}", hash.expose()));
        let mut bearer =
            HeaderValue::from_str(bearer.expose()).map_err(|_| "`token_file` cannot be sent".to_owned())?;
        bearer.set_sensitive(true);
        let key = SigningKey::from_token_text(text);
        Ok(Self { upstream, key, bearer, version, clock, well: AtomicI64::new(0) })
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
        let Question { method, path, body, request, at } = question;
        let place = self.upstream.under(path).map_err(NoAnswer::NotSent)?;
        let body = body.map(Json::to_string).unwrap_or_default();
        let (target, timestamp) = (place.target(), at.as_millis().to_string());
        let version = self.version;
        let subject =
            Request { version, method: method.as_str(), timestamp: &timestamp, target, body: body.as_bytes() };
        let signature = self.key.sign(&subject);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.bearer.clone());
        for (name, value) in [
            (header::AUTH_VERSION, version.as_header()),
            (header::AUTH_TIMESTAMP, &timestamp),
            (header::HMAC, signature.as_str()),
            (header::REQUEST_ID, request),
        ] {
            let value =
                HeaderValue::from_str(value).map_err(|_| NoAnswer::NotSent(format!("`{name}` is no header")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answered = place.call(method.clone(), headers, body).await?;
        let heard = self.believed(answered, method.as_str(), target).map_err(NoAnswer::Lost)?;
        if (200..300).contains(&heard.status) {
            self.well.store(self.now().as_millis(), Ordering::Relaxed);
        }
        Ok(heard)
    }

    /// Only what is signed by the upstream, and lately, was said by it.
    fn believed(&self, answered: Answered, method: &str, target: &str) -> Result<Heard, String> {
        let Answered { status, headers, body } = answered;
        let status = status.as_u16();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(timestamp), Some(signature)) = (text(header::TIMESTAMP), text(header::HMAC)) else {
            return Err(format!("it answered {status} without a signature"));
        };
        let subject = Response { version: self.version, method, timestamp, target, status, body: &body };
        if self.key.verify(&subject, signature).is_err() {
            return Err(format!("it answered {status} with a signature that is not its own"));
        }
        let at = window::read_millis(timestamp).map_err(|_| format!("it answered {status} at no time"))?;
        let now = self.now();
        window::check(at, now)
            .map_err(|_| format!("it answered {status} at {at} by its clock, and here it is {now}"))?;
        Ok(Heard { status, body, at })
    }
}
