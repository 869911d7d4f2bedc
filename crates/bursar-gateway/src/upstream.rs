//! Connections to the services behind rails: pooled, bounded in time and size, never redirected.
//!
//! What must never happen here: that a request is sent twice, that an answer of any length is read, and that a failure
//! tells the upstream's address or its credentials. Whoever asks is told whether the request can have arrived.

mod carry;
mod connections;
mod redaction;
mod standing;

pub(crate) use carry::Opened;
pub(crate) use standing::is_refusal;

use std::sync::Arc;
use std::time::Duration;

use bursar_core::secret::Secret;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::connections::{Coming, Connections};
use self::redaction::Redaction;
use self::standing::Standing;
use crate::tls::Trust;

/// How many connections wait.
const MOST_IDLE: usize = 64;

/// From which length on an answer is long, in bytes, and how many of these are read at once.
const LONG: usize = 1 << 20;
const LONG_AT_ONCE: usize = 4;

/// A service behind a rail.
#[derive(Clone)]
pub struct Upstream {
    connections: Connections,
    uri: Uri,
    /// What a request names in its first line, and in its `Host`.
    target: PathAndQuery,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    within: Duration,
    most: usize,
    /// Whose turn it is to read a long answer.
    long: Arc<Semaphore>,
    standing: Standing,
    /// What of it no answer shows that is carried.
    redaction: Redaction,
}

/// An answer that came in full.
#[derive(Debug)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// No byte of the request left: nothing can have happened.
    NotSent(String),
    /// The request may have arrived, and may have been carried out.
    Lost(String),
    /// The same, and an answer came that is longer than so many bytes, the most that is read.
    TooLong(usize),
}

impl NoAnswer {
    /// What happened, for people.
    pub fn reason(self) -> String {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) => reason,
            Self::TooLong(most) => format!("its answer is longer than {most} bytes"),
        }
    }
}

impl Upstream {
    /// A service at a URL, `http` or `https`; a user and password in it become basic authentication.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn new(url: &Secret<String>, within: Duration, most: usize) -> Result<Self, String> {
        let trust = Trust::public().map_err(|_| "cannot be reached by TLS".to_owned())?;
        Self::trusting(url, within, most, &trust)
    }

    /// The same, believed by this and no other trust.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn trusting(url: &Secret<String>, within: Duration, most: usize, trust: &Trust) -> Result<Self, String> {
        Self::keeping(MOST_IDLE, url, within, most, trust)
    }

    /// The same, but every request has a connection of its own: nothing that comes late, or twice, is another's answer.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn apart(url: &Secret<String>, within: Duration, most: usize, trust: &Trust) -> Result<Self, String> {
        Self::keeping(0, url, within, most, trust)
    }

    fn keeping(
        most_idle: usize,
        url: &Secret<String>,
        within: Duration,
        most: usize,
        trust: &Trust,
    ) -> Result<Self, String> {
        let problem = || "is no http or https URL".to_owned();
        let Locator { uri, authorization } = Locator::read(url, ["http", "https"]).ok_or_else(problem)??;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config((*trust.config()).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connections = Connections::new(tls, uri.clone(), most_idle);
        let host = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()).ok_or_else(problem)?;
        let long = Arc::new(Semaphore::new(LONG_AT_ONCE));
        let (target, standing) = (target_of(&uri), Standing::default());
        let redaction = Redaction::of(authorization.iter());
        Ok(Self { connections, uri, target, host, authorization, within, most, long, standing, redaction })
    }

    /// What lies under it, by the names of the path; the connections are shared.
    ///
    /// # Errors
    /// A name is empty, or means another place in a path.
    pub fn under(&self, names: &[&str]) -> Result<Self, String> {
        let problem = || "is no place under the URL".to_owned();
        if names.iter().any(|name| matches!(*name, "" | "." | "..")) {
            return Err(problem());
        }
        let mut url = url::Url::parse(&self.uri.to_string()).map_err(|_| problem())?;
        url.path_segments_mut().map_err(|()| problem())?.pop_if_empty().extend(names);
        self.at(&url).ok_or_else(problem)
    }

    /// The same place, asked a question; the connections are shared.
    ///
    /// # Errors
    /// It cannot be asked in a URL.
    pub fn asking(&self, question: &[(&str, &str)]) -> Result<Self, String> {
        let problem = || "takes no question".to_owned();
        let mut url = url::Url::parse(&self.uri.to_string()).map_err(|_| problem())?;
        url.query_pairs_mut().extend_pairs(question);
        self.at(&url).ok_or_else(problem)
    }

    /// Another place of the same service.
    fn at(&self, url: &url::Url) -> Option<Self> {
        let uri: Uri = url.as_str().parse().ok()?;
        Some(Self { target: target_of(&uri), uri, ..self.clone() })
    }

    /// Posts JSON to it, once.
    ///
    /// # Errors
    /// No answer came in time or in full.
    pub async fn post(&self, body: String) -> Result<Answered, NoAnswer> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.ask(request).await
    }

    /// Gets what it shows, once.
    ///
    /// # Errors
    /// No answer came in time or in full.
    pub async fn get(&self) -> Result<Answered, NoAnswer> {
        self.ask(Request::new(Full::default())).await
    }

    /// Asks it once, with headers of one's own.
    ///
    /// # Errors
    /// No answer came in time or in full.
    pub async fn call(&self, method: Method, headers: HeaderMap, body: String) -> Result<Answered, NoAnswer> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        self.ask(request).await
    }

    /// Whether somebody who is believed is there; nothing is asked.
    ///
    /// # Errors
    /// Nobody is.
    pub async fn reach(&self) -> Result<(), NoAnswer> {
        self.connections.reach().await
    }

    /// The same, with less patience.
    #[cfg(test)]
    pub(crate) fn hurried(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// The same, whose word on the credential counts as the word of another.
    pub(crate) fn speaking_for(self, other: &Self) -> Self {
        Self { standing: other.standing.clone(), ..self }
    }

    /// The same, which is shown these headers besides: answers that are carried quote none of them.
    pub(crate) fn redacting(self, credential: &HeaderMap) -> Self {
        let redaction = Redaction::of(self.authorization.iter().chain(credential.values()));
        Self { redaction, ..self }
    }

    /// Notes what an answer says of the credential.
    pub(crate) fn note(&self, status: StatusCode) {
        self.standing.note(self.uri.host().unwrap_or_default(), status);
    }

    /// Lets go of the connections that are kept for further requests.
    pub(crate) fn close_waiting(&self) {
        self.connections.close_waiting();
    }

    /// Whether it refused whoever asked it last.
    pub(crate) fn refuses_credential(&self) -> bool {
        self.standing.is_refused()
    }

    /// What a request to it names in its first line: path and query.
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answered, NoAnswer> {
        match timeout(self.within, self.exchange(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(self.late()),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answered, NoAnswer> {
        let (parts, body) = self.begin(request, self.target.clone()).await?.into_parts();
        let body = all_of(body, self.most, &self.long).await?;
        Ok(Answered { status: parts.status, headers: parts.headers, body })
    }

    /// The head of an answer, whose body comes.
    async fn begin(
        &self,
        mut request: Request<Full<Bytes>>,
        target: PathAndQuery,
    ) -> Result<Response<Coming>, NoAnswer> {
        *request.uri_mut() = Uri::from(target);
        request.headers_mut().insert(HOST, self.host.clone());
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.connections.send(request).await
    }

    fn late(&self) -> NoAnswer {
        NoAnswer::Lost(format!("no answer within {} s", self.within.as_secs()))
    }
}

/// What a request to a place names in its first line.
fn target_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// Reads a body to its end. One that turns out to be long waits for its turn, so that many of them are not in memory at once.
async fn all_of(body: Coming, most: usize, long: &Semaphore) -> Result<Bytes, NoAnswer> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > most) {
        return Err(NoAnswer::TooLong(most));
    }
    let mut body = Limited::new(body, most);
    let (mut whole, mut rest, mut turn) = (Bytes::new(), Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => NoAnswer::TooLong(most),
            false => NoAnswer::Lost("its answer broke off".to_owned()),
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        if turn.is_none() && whole.len().saturating_add(rest.len()).saturating_add(piece.len()) > LONG {
            turn = long.acquire().await.ok();
        }
        // One piece is taken as it came; of many small ones each would keep memory of its own.
        if whole.is_empty() && rest.is_empty() {
            whole = piece;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut whole));
            rest.extend_from_slice(&piece);
        }
    }
    Ok(if rest.is_empty() { whole } else { rest.into() })
}

/// Where a service is, and what it is told of us.
pub(crate) struct Locator {
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Locator {
    /// Takes a URL of one of these schemes apart; nothing if it is none.
    pub(crate) fn read(url: &Secret<String>, schemes: [&str; 2]) -> Option<Result<Self, String>> {
        let mut parsed = url::Url::parse(url.expose()).ok()?;
        if !schemes.contains(&parsed.scheme()) || !parsed.has_host() {
            return None;
        }
        let authorization = match credentials(&parsed) {
            Ok(authorization) => authorization,
            Err(problem) => return Some(Err(problem)),
        };
        parsed.set_username("").ok()?;
        parsed.set_password(None).ok()?;
        parsed.set_fragment(None);
        Some(Ok(Self { uri: parsed.as_str().parse().ok()?, authorization }))
    }
}

fn credentials(url: &url::Url) -> Result<Option<HeaderValue>, String> {
    use base64::Engine as _;
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let bytes = percent_encoding::percent_decode_str(text).decode_utf8();
        bytes.map(std::borrow::Cow::into_owned).map_err(|_| "has a user or password that is no UTF-8".to_owned())
    };
    let pair = format!("{}:{}", decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
    let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let mut value =
        HeaderValue::try_from(value).map_err(|_| "has a user or password that cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn at(url: &str, within: Duration) -> Upstream {
        Upstream::new(&Secret::new(url.to_owned()), within, 1000).unwrap()
    }

    /// Takes one connection, reads the request and writes this.
    async fn answering(answer: impl Into<Vec<u8>>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:p%40ss@{}/path", listener.local_addr().unwrap());
        let answer = answer.into();
        let task = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !(read.ends_with(b"{}") || read.starts_with(b"GET") && read.ends_with(b"\r\n\r\n")) {
                let mut more = [0; 1024];
                let count = socket.read(&mut more).await.unwrap();
                read.extend_from_slice(&more[..count]);
            }
            socket.write_all(&answer).await.unwrap();
            String::from_utf8(read).unwrap()
        });
        (url, task)
    }

    #[tokio::test]
    async fn credentials_of_the_url_become_a_header_and_nothing_else() {
        let (url, task) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await;
        let answered = at(&url, LONG).post("{}".to_owned()).await.unwrap();
        assert_eq!((answered.status, &*answered.body), (StatusCode::OK, &b"[]"[..]));
        let request = task.await.unwrap();
        assert!(request.starts_with("POST /path HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Basic dXNlcjpwQHNz\r\n"), "{request}");
        assert!(!request.contains("user:"), "{request}");
    }

    #[tokio::test]
    async fn a_name_in_a_path_is_one_name_and_leads_nowhere_else() {
        let (url, task) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await;
        let upstream = at(&url, LONG);
        for names in [&["wallet", ".."][..], &["."], &["", "coin"]] {
            assert!(upstream.under(names).is_err(), "{names:?}");
        }
        let answered = upstream
            .under(&["wallet", "../a b?c#d", "coin"])
            .unwrap()
            .asking(&[("a", "b&c"), ("d", "?")])
            .unwrap()
            .get()
            .await
            .unwrap();
        assert_eq!(answered.status, StatusCode::OK);
        let request = task.await.unwrap();
        assert!(
            request.starts_with("GET /path/wallet/..%2Fa%20b%3Fc%23d/coin?a=b%26c&d=%3F HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("authorization: Basic dXNlcjpwQHNz\r\n"), "{request}");
    }

    #[tokio::test]
    async fn whether_a_request_can_have_arrived_is_told() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = at(&format!("http://{nobody}"), LONG).post("{}".to_owned()).await.unwrap_err();
        assert!(matches!(refused, NoAnswer::NotSent(_)), "{refused:?}");
        for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n[]", b"HTTP/1.1 2", b"garbage\r\n\r\n"]
        {
            let (url, _task) = answering(answer).await;
            let lost = at(&url, LONG).post("{}".to_owned()).await.unwrap_err();
            assert!(matches!(lost, NoAnswer::Lost(_)), "{lost:?}");
        }
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let late = at(&url, Duration::from_millis(50)).post("{}".to_owned()).await.unwrap_err();
        assert!(matches!(late, NoAnswer::Lost(_)), "{late:?}");
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_not_read_and_a_redirect_not_followed() {
        let (url, _task) =
            answering(format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", "x".repeat(1001))).await;
        let long = at(&url, LONG).post("{}".to_owned()).await.unwrap_err();
        assert_eq!(long, NoAnswer::TooLong(1000));
        let moved = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let (url, _task) = answering(moved).await;
        assert_eq!(at(&url, LONG).post("{}".to_owned()).await.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
    }

    #[test]
    fn what_is_no_url_of_a_service_is_refused_without_showing_it() {
        for url in ["", "ftp://x", "http://", "unix:/x", "localhost:8545"] {
            let problem = Upstream::new(&Secret::new(url.to_owned()), LONG, 1).err().unwrap();
            assert_eq!(problem, "is no http or https URL", "{url}");
        }
    }
}
