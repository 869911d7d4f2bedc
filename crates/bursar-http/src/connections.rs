//! Accepting connections, so many and no more, each with a time in which it has to say what it wants: who
//! sends a byte a minute does not hold a place for ever.
//!
//! HTTP/1.1 and HTTP/2 (with prior knowledge) come in by the same door. A connection that asks for nothing is told to
//! go, whichever it speaks, and each request under way counts against one bound for all connections. Of connections and
//! of requests no client has more than are left for the others, but for proxies that speak for many.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

use crate::abrupt::Abrupt;
use crate::address::{self, is_among};
use crate::busy::Busy;
use crate::closing::Closing;
use crate::framing::{self, Fault, Framing, Observed, Whole};
use crate::routes::tells_problems;
use crate::sending::Room;
use crate::shares::{Share, Shares};
use crate::taken::Taken;

/// How long to wait after the machine could not accept a connection, for want of descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a request of HTTP/1.1, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

/// How many requests of one HTTP/2 connection are under way at once.
const STREAMS: u32 = 64;
/// The longest head of a request of HTTP/2, unpacked, in bytes.
const HEADER_LIST: u32 = 32 << 10;
/// The longest frame of HTTP/2, in bytes.
const FRAME: u32 = 16 << 10;
/// How much of one body, and of all bodies of a connection, may be on its way unread, in bytes.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// How much of an answer waits for its reader, in bytes.
const SEND_BUFFER: usize = 64 << 10;
/// How many requests may be taken back before they were looked at, and after errors of the client's, until it has to go.
const PENDING_RESETS: usize = 20;
const ERROR_RESETS: usize = 64;
/// How often a connection of HTTP/2 is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(20);

/// How long things may take, and how many of them there may be.
#[derive(Clone, Copy)]
struct Bounds {
    /// The head of a request of HTTP/1.1, and a connection that asks for nothing.
    idle: Duration,
    /// Taking the last answers, once a connection was told to go.
    leaving: Duration,
    /// Connections that are served at once; further ones wait to be accepted.
    connections: usize,
    /// Requests under way at once, whatever number of them comes over one connection; further ones wait.
    requests: usize,
}

/// How many connections are served at once, and how many requests: further ones wait.
pub const MOST_CONNECTIONS: usize = 4096;

const BOUNDS: Bounds = Bounds {
    idle: Duration::from_secs(30),
    leaving: Duration::from_secs(120),
    connections: MOST_CONNECTIONS,
    requests: MOST_CONNECTIONS,
};

/// What all connections share.
struct Common {
    router: Router,
    bounds: Bounds,
    requests: Arc<Semaphore>,
    of_clients: Shares<IpAddr>,
    room: Room,
    /// Proxies that are believed when they say for whom they ask.
    proxies: Vec<IpNet>,
}

impl Common {
    /// Whose share a request is; nobody's if a proxy speaks for itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let client = address::client(peer, headers, &self.proxies);
        (!is_among(client, &self.proxies)).then_some(client)
    }

    /// A place for a request, and its client's share; nothing if the client has its share under way.
    async fn place(&self, client: Option<IpAddr>) -> Option<Place> {
        let left = self.requests.available_permits().saturating_sub(1);
        let share = match client {
            Some(client) => Some(self.of_clients.take_of_client(client, left)?),
            None => None,
        };
        // The semaphore is never closed.
        let permit = Arc::clone(&self.requests).acquire_owned().await.ok();
        Some(Place { _permit: permit, _share: share })
    }
}

/// A connection's place among all, and its client's share.
pub(crate) type Seat = (OwnedSemaphorePermit, Option<Share<IpAddr>>);

/// A request's place among those under way.
struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    _share: Option<Share<IpAddr>>,
}

/// Serves until `shutdown`, then lets the requests under way finish and waits until WebSockets are closed. Connections
/// from `proxies` are those of many clients, whose addresses they tell.
///
/// # Errors
/// None at present; the listener's own errors pass or are waited out.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Vec<IpNet>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_at_most(MOST_CONNECTIONS, listener, router, proxies, shutdown).await
}

/// The same with so many connections and requests at once.
///
/// # Errors
/// As [`serve`].
pub async fn serve_at_most(
    most: usize,
    listener: TcpListener,
    router: Router,
    proxies: Vec<IpNet>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_within(listener, router, proxies, shutdown, Bounds { connections: most, requests: most, ..BOUNDS }).await
}

async fn serve_within(
    listener: TcpListener,
    router: Router,
    proxies: Vec<IpNet>,
    shutdown: impl Future<Output = ()> + Send + 'static,
    bounds: Bounds,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let shares = Shares::default();
    let common = Arc::new(Common {
        router,
        bounds,
        requests: Arc::new(Semaphore::new(bounds.requests)),
        of_clients: Shares::default(),
        room: Room::new(),
        proxies,
    });
    let (stop, stopped) = watch::channel(false);
    let (alive, mut over) = mpsc::channel::<Infallible>(1);
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed; without a place nothing is accepted.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, (stream, peer)) = tokio::select! {
            () = &mut shutdown => break,
            (place, accepted) = accepted => match accepted {
                Ok(accepted) => (place, accepted),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Ok(place) = place else { break };
        let mut share = None;
        if !is_among(peer.ip(), &common.proxies) {
            share = shares.take_of_client(peer.ip(), places.available_permits());
            if share.is_none() {
                tracing::debug!(%peer, "a connection was closed: its client has its share of them");
                continue;
            }
        }
        let closing = Closing::new(stopped.clone(), alive.clone(), (place, share));
        tokio::spawn(connection(stream, peer, Arc::clone(&common), closing));
    }
    drop(listener);
    stop.send_replace(true);
    drop(alive);
    // Nobody sends anything: it is over when nobody could.
    while over.recv().await.is_some() {}
    Ok(())
}

async fn connection(stream: TcpStream, peer: SocketAddr, common: Arc<Common>, closing: Closing) {
    let bounds = common.bounds;
    // Answers are small and complete; waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection keeps its delay");
    }
    let framing = Arc::new(Framing::new());
    let stream = Abrupt::new(stream, closing.abruptly().clone());
    let io = TokioIo::new(Observed::new(stream, Arc::clone(&framing)));
    let under_way = Arc::new(Requests::new());
    let seen = Arc::clone(&under_way);
    let of_requests = closing.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(of_requests.clone());
        let client = common.client(peer.ip(), request.headers());
        let room = common.room.of(client);
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(room.clone());
        }
        let closing = of_requests.clone();
        let counted = UnderWay::new(&under_way);
        let (common, framing) = (Arc::clone(&common), Arc::clone(&framing));
        async move {
            let place = common.place(client).await;
            let tells_problems = tells_problems(request.uri().path());
            let Some(place) = place else { return Ok::<_, Infallible>(TOO_MANY.answer(tells_problems, None)) };
            // Before HTTP/1.1 the end of a connection is that of an answer, too.
            let tells_ends = request.version() >= Version::HTTP_11;
            let place = Arc::new(place);
            let staying =
                Staying { _counted: Arc::new((Arc::clone(&place), counted)), way_out: WayOut { closing, tells_ends } };
            request.extensions_mut().insert(staying.clone());
            let (is_safe, request_version) = (request.method().is_safe(), request.version());
            let answered = answer(request, common.router.clone(), &framing).await;
            let has_one_answer = request_version <= Version::HTTP_11;
            let answered = room.keep(is_safe, tells_problems, answered);
            Ok(if has_one_answer { answered } else { answered.map(|body| Taken::keeping(place, body)) })
        }
    });
    let builder = builder(bounds);
    // Thousands wait for their next request: what they need only while they speak is not kept twice.
    let mut served = Box::pin(builder.serve_connection_with_upgrades(io, service));
    let mut is_leaving = false;
    let mut end = None;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                return;
            }
            () = closing.begun(), if !is_leaving => {
                served.as_mut().graceful_shutdown();
                is_leaving = true;
            }
            () = seen.none_for(bounds.idle), if !is_leaving => {
                served.as_mut().graceful_shutdown();
                is_leaving = true;
                end = Instant::now().checked_add(bounds.leaving);
            }
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                tracing::debug!(%peer, "a connection did not go when it was told to");
                return;
            }
        }
    }
}

fn builder(bounds: Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.idle).max_buf_size(LONGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST)
        .max_frame_size(FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME);
    builder
}

/// What a client is told that has its share of all requests under way.
const TOO_MANY: Busy = Busy {
    code: "too_many_under_way",
    text: "too many requests of this client are under way; ask again soon",
    after: 1,
};

/// Answers one request, and says whether another may follow it on the same connection.
async fn answer(request: Request<Incoming>, router: Router, framing: &Framing) -> Response {
    let is_version_1 = request.version() <= Version::HTTP_11;
    let fault = if is_version_1 { framing.head(request.headers()).err() } else { None };
    let whole = Whole::default();
    let mut request = request.map(|body| Body::new(whole.watch(body)));
    let fault = fault.or_else(|| framing::one_host(&mut request).err());
    let is_faulty = fault.is_some();
    if let Some(fault) = fault {
        request.extensions_mut().insert::<Fault>(fault);
    }
    let mut response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let stays = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if is_version_1 && !stays && (is_faulty || !framing.next(whole.is_read())) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The requests of one connection. Nobody is woken for any of them: who wants to know looks now and then.
struct Requests {
    since: Instant,
    under_way: AtomicUsize,
    /// When the last one was over, in milliseconds after `since`.
    over: AtomicU64,
}

impl Requests {
    fn new() -> Self {
        Self { since: Instant::now(), under_way: AtomicUsize::new(0), over: AtomicU64::new(0) }
    }

    /// Is over when no request was under way for so long.
    async fn none_for(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let end = match self.under_way.load(Ordering::Acquire) {
                0 => self
                    .since
                    .checked_add(time.saturating_add(Duration::from_millis(self.over.load(Ordering::Acquire)))),
                _ => now.checked_add(time),
            };
            match end {
                Some(end) if end > now => sleep_until(end).await,
                _ => return,
            }
        }
    }
}

/// Keeps a request under way after its answer has begun, for as long as this is.
#[derive(Clone)]
pub(crate) struct Staying {
    _counted: Arc<(Arc<Place>, UnderWay)>,
    pub(crate) way_out: WayOut,
}

/// How an answer ends before all of it was there.
#[derive(Clone)]
pub(crate) struct WayOut {
    closing: Closing,
    /// Whether its client knows by the answer that it broke off.
    tells_ends: bool,
}

impl WayOut {
    /// Whether the server closes.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.has_begun()
    }

    /// The answer breaks off, and what else has to for its client to know.
    pub(crate) fn break_off(&self) {
        if !self.tells_ends {
            self.closing.abruptly().end();
        }
    }
}

/// A request under way.
struct UnderWay(Arc<Requests>);

impl UnderWay {
    fn new(all: &Arc<Requests>) -> Self {
        all.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(all))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let over = self.0.since.elapsed().as_millis();
        self.0.over.store(u64::try_from(over).unwrap_or(u64::MAX), Ordering::Release);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
