//! Where a request ends, said once and no more: two readers of one connection that disagree about it let one request
//! hide in another.
//!
//! hyper takes `Transfer-Encoding` for the truth where a `Content-Length` stands beside it, removes the latter, and closes
//! the connection after the answer. So the head is read once more, by the parser that hyper uses, from the bytes that hyper
//! was given; what says its length twice is refused. That the bytes are those of this head is known as long as nothing
//! came after a request before it was answered; where that cannot be told, the connection ends with the answer.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use axum::http::{Request, Version};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of a connection is looked at for a head, in bytes: more than hyper takes for one.
const MOST_KEPT: usize = 96 << 10;
/// The most headers that are read; hyper takes fewer.
const MOST_HEADERS: usize = 256;
/// What a connection of HTTP/2 begins with, as far as nothing else does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Why it cannot be told where a request ends, or to whom it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Its length is said more than once.
    TwoLengths,
    /// Its host is said more than once, and not the same.
    TwoHosts,
    /// Its head cannot be found in what was received.
    Unreadable,
}

impl Fault {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TwoLengths => "two_lengths",
            Self::TwoHosts => "two_hosts",
            Self::Unreadable => "head_unreadable",
        }
    }

    /// What is wrong, for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::TwoLengths => {
                "the body says its length in more ways than one; send one Content-Length, or chunks alone"
            }
            Self::TwoHosts => "the request names two hosts, or a host in no form that is known; name one",
            Self::Unreadable => "the head of the request cannot be read in one way only",
        }
    }
}

/// What was received over one connection since its last request was done with.
pub(crate) struct Framing(Mutex<Received>);

struct Received {
    /// The first bytes of it, while its head is awaited.
    bytes: Vec<u8>,
    awaits_head: bool,
    /// How many bytes there were.
    count: u64,
    /// How many bytes the request has; unknown if it comes in chunks, or before its head was read.
    length: Option<u64>,
}

impl Framing {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Received { bytes: Vec::new(), awaits_head: true, count: 0, length: None }))
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, bytes: &[u8]) {
        let mut received = self.lock();
        received.count = received.count.saturating_add(bytes.len() as u64);
        if !received.awaits_head {
            return;
        }
        let room = MOST_KEPT.saturating_sub(received.bytes.len());
        received.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if received.bytes.starts_with(PREFACE) {
            received.awaits_head = false;
            received.bytes = Vec::new();
        }
    }

    /// Looks at the head of the request that hyper has just read as this.
    ///
    /// # Errors
    /// It says its length twice, or is not there.
    pub(crate) fn head(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let mut received = self.lock();
        received.awaits_head = false;
        let bytes = std::mem::take(&mut received.bytes);
        let mut found = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut found);
        let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) else { return Err(Fault::Unreadable) };
        let count = |name: &str| head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
        let (lengths, encodings) = (count(CONTENT_LENGTH.as_str()), count(TRANSFER_ENCODING.as_str()));
        if lengths + encodings > 1 {
            return Err(Fault::TwoLengths);
        }
        // hyper looks at the last coding alone; whoever is in front may look at the others (RFC 9112 §6.1).
        if headers.get(TRANSFER_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(Fault::TwoLengths);
        }
        // What we read and what hyper read are one request.
        if encodings != headers.get_all(TRANSFER_ENCODING).iter().count() {
            return Err(Fault::Unreadable);
        }
        let body = match headers.get(CONTENT_LENGTH) {
            Some(body) => body.to_str().ok().and_then(|body| body.parse().ok()),
            None => (encodings == 0).then_some(0),
        };
        received.length = body.and_then(|body: u64| body.checked_add(length as u64));
        Ok(())
    }

    /// Makes ready for the next request; `false` if it cannot be told where that begins.
    pub(crate) fn next(&self, is_read: bool) -> bool {
        let mut received = self.lock();
        let is_known = is_read && received.length == Some(received.count);
        if is_known {
            *received = Received { bytes: Vec::new(), awaits_head: true, count: 0, length: None };
        }
        is_known
    }
}

/// Checks that a request names one host, and says it where handlers look for it.
///
/// # Errors
/// It names two.
pub(crate) fn one_host<B>(request: &mut Request<B>) -> Result<(), Fault> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(Fault::TwoHosts);
    }
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    match host {
        Some(host) if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => Ok(()),
        Some(_) => Err(Fault::TwoHosts),
        None if authority.as_str().contains('@') || request.version() < Version::HTTP_2 => Err(Fault::TwoHosts),
        None => {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Fault::TwoHosts)?;
            request.headers_mut().insert(HOST, host);
            Ok(())
        }
    }
}

/// Whether a body was read to its end.
#[derive(Clone, Default)]
pub(crate) struct Whole(Arc<AtomicBool>);

impl Whole {
    /// The body, watched.
    pub(crate) fn watch(&self, body: Incoming) -> Watched {
        self.0.store(body.is_end_stream(), Ordering::Relaxed);
        Watched { body, whole: self.clone() }
    }

    pub(crate) fn is_read(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that says when it was read to its end.
pub(crate) struct Watched {
    body: Incoming,
    whole: Whole,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.whole.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose bytes are looked at as they are read.
pub(crate) struct Observed<S> {
    stream: S,
    framing: Arc<Framing>,
}

impl<S> Observed<S> {
    pub(crate) const fn new(stream: S, framing: Arc<Framing>) -> Self {
        Self { stream, framing }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.framing.receive(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
