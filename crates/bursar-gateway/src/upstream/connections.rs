//! Connections to one service, each driven by the request that has it: no task of its own, none that wakes another.
//!
//! What must never happen here: that a request is sent twice. Only one that a connection gave back untouched, since its other
//! side had closed it, goes over another.

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

use super::NoAnswer;
use crate::tls;

/// How long a connection may take to be made, with its TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection waits for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// How much of a head, or of an answer that nobody takes yet, waits here, in bytes.
const BUFFER: usize = 64 << 10;

type Driver = http1::Connection<MaybeHttpsStream<TokioIo<TcpStream>>, Full<Bytes>>;

/// The connections to one service.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    connector: HttpsConnector<HttpConnector>,
    to: Uri,
    most_idle: usize,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The longest idle first.
    waiting: Vec<(Instant, Connection)>,
    is_looked_after: bool,
}

/// One connection, with no request on it or one.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Nothing once it has ended.
    driver: Option<Box<Driver>>,
}

impl Connections {
    /// To a service at a URL; so many of them wait for the next request.
    pub(super) fn new(connector: HttpsConnector<HttpConnector>, to: Uri, most_idle: usize) -> Self {
        Self(Arc::new(Shared { connector, to, most_idle, idle: Mutex::default() }))
    }

    /// Sends a request, once, and gives the head of its answer.
    ///
    /// # Errors
    /// No answer began.
    pub(super) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Coming>, NoAnswer> {
        loop {
            let waiting = self.waiting();
            let is_new = waiting.is_none();
            let mut connection = match waiting {
                Some(waiting) => waiting,
                None => self.connect().await?,
            };
            match connection.send(request).await {
                Ok(response) => return Ok(response.map(|body| self.coming(body, connection))),
                Err(mut failed) => match failed.take_message() {
                    Some(untouched) if !is_new => request = untouched,
                    Some(_) => return Err(unreached()),
                    None => return Err(lost(failed.error())),
                },
            }
        }
    }

    /// Whether somebody is there: a connection is made, and asked nothing.
    ///
    /// # Errors
    /// Nobody is, or nobody who is believed.
    pub(super) async fn reach(&self) -> Result<(), NoAnswer> {
        self.connect().await.map(drop)
    }

    async fn connect(&self) -> Result<Connection, NoAnswer> {
        let connecting = self.0.connector.clone().oneshot(self.0.to.clone());
        let stream = timeout(CONNECT_WITHIN, connecting).await.map_err(|_| unreached())?.map_err(|error| {
            let error: &(dyn Error + 'static) = &*error;
            tls::problem(error).map_or_else(unreached, NoAnswer::NotSent)
        })?;
        let (sender, driver) =
            http1::Builder::new().max_buf_size(BUFFER).handshake(stream).await.map_err(|_| unreached())?;
        Ok(Connection { sender, driver: Some(Box::new(driver)) })
    }

    fn coming(&self, body: Incoming, connection: Connection) -> Coming {
        let mut coming = Coming { body, connection: Some(connection), home: self.clone() };
        if coming.body.is_end_stream() {
            coming.go_home();
        }
        coming
    }

    /// The connection that has waited least, if one is still good.
    fn waiting(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.0.lock().waiting.pop()?;
            if since.elapsed() < IDLE && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Closes those that wait: what came over one of them was no answer to what was asked over it, so nobody knows what
    /// comes over it next.
    pub(super) fn close_waiting(&self) {
        self.0.lock().waiting.clear();
    }

    /// Keeps a connection for the next request.
    fn keep(&self, mut connection: Connection) {
        if self.0.most_idle == 0 || !connection.is_ready() {
            return;
        }
        let mut idle = self.0.lock();
        if idle.waiting.len() >= self.0.most_idle {
            return;
        }
        idle.waiting.push((Instant::now(), connection));
        if !idle.is_looked_after {
            idle.is_looked_after = true;
            tokio::spawn(look_after(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody used, until none waits.
async fn look_after(connections: Weak<Shared>) {
    loop {
        sleep(IDLE).await;
        let Some(connections) = connections.upgrade() else { return };
        let mut idle = connections.lock();
        idle.waiting.retain_mut(|(since, connection)| since.elapsed() < IDLE && connection.is_ready());
        if idle.waiting.is_empty() {
            idle.is_looked_after = false;
            return;
        }
    }
}

fn unreached() -> NoAnswer {
    NoAnswer::NotSent("it cannot be reached".to_owned())
}

fn lost(error: &hyper::Error) -> NoAnswer {
    tracing::debug!(%error, "an upstream did not answer");
    let problem = tls::problem(error);
    NoAnswer::Lost(problem.unwrap_or_else(|| "the connection broke before an answer came".to_owned()))
}

impl Connection {
    /// Whether another request may go over it: its other side has not closed it, and owes nothing.
    fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Reads and writes what can be; whoever waits on the connection is woken when there is more.
    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(&mut **driver).poll(context).is_ready()
        {
            self.driver = None;
        }
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        // The answer comes by the driver alone, in this task: that wakes it, and to be woken by both is to do all twice.
        // So the answer wakes nobody, and must not be put off by the runtime either. The driver must: whatever a service
        // sends without end, others have their turn, and the time for an answer runs out.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        std::future::poll_fn(|context| {
            self.drive(context);
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }
}

/// The body of an answer, on its way.
pub(super) struct Coming {
    body: Incoming,
    /// Nothing once the body has come in full.
    connection: Option<Connection>,
    home: Connections,
}

impl Coming {
    fn go_home(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.home.keep(connection);
        }
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let mut frame = Pin::new(&mut this.body).poll_frame(context);
        if frame.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(context);
            frame = Pin::new(&mut this.body).poll_frame(context);
        }
        let frame = ready!(frame);
        if frame.is_none() || this.body.is_end_stream() {
            this.go_home();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bursar_core::secret::Secret;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use crate::tls::Trust;
    use crate::upstream::{NoAnswer, Upstream};

    const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
    const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]";

    /// A service that answers so many requests of each connection with this and closes it then; and how many there were.
    async fn service(answer: String, requests: usize) -> (String, &'static AtomicUsize) {
        let accepted: &'static AtomicUsize = Box::leak(Box::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/path", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, answer.clone(), requests));
            }
        });
        (url, accepted)
    }

    async fn serve(mut socket: TcpStream, answer: String, requests: usize) {
        for _ in 0..requests {
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") {
                let mut more = [0; 1024];
                match socket.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => read.extend_from_slice(&more[..count]),
                }
            }
            if socket.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn at(url: &str) -> Upstream {
        Upstream::new(&Secret::new(url.to_owned()), WITHIN, 8 << 20).unwrap()
    }

    #[tokio::test]
    async fn one_connection_carries_one_request_after_another() {
        let (url, accepted) = service(PLAIN.to_owned(), usize::MAX).await;
        let upstream = at(&url);
        for _ in 0..20 {
            assert_eq!(&*upstream.get().await.unwrap().body, b"[]");
        }
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
        let both = tokio::join!(upstream.get(), upstream.get());
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(accepted.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn where_every_request_has_a_connection_of_its_own_none_is_kept() {
        let (url, accepted) = service(PLAIN.to_owned(), usize::MAX).await;
        let upstream = Upstream::apart(&Secret::new(url), WITHIN, 1000, &Trust::public().unwrap()).unwrap();
        for _ in 0..3 {
            upstream.get().await.unwrap();
        }
        assert_eq!(accepted.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_costs_no_request() {
        let (url, accepted) = service(PLAIN.to_owned(), 1).await;
        let upstream = at(&url);
        for _ in 0..5 {
            assert_eq!(&*upstream.get().await.unwrap().body, b"[]");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(accepted.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn a_long_answer_comes_whole_and_leaves_its_connection_for_the_next() {
        let long = "x".repeat(4 << 20);
        for answer in [
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}", long.len()),
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len()),
        ] {
            let (url, accepted) = service(answer, usize::MAX).await;
            let upstream = at(&url);
            for _ in 0..3 {
                assert_eq!(upstream.get().await.unwrap().body.len(), long.len());
            }
            assert_eq!(accepted.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn a_connection_whose_answer_nobody_waited_for_is_not_used_again() {
        // It says that it is longer than what comes, so that whoever reads it waits.
        let (url, accepted) = service("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n[]".to_owned(), 1).await;
        let upstream = at(&url).hurried(std::time::Duration::from_millis(100));
        for count in 1..4 {
            assert!(matches!(upstream.get().await, Err(NoAnswer::Lost(_))));
            assert_eq!(accepted.load(Ordering::SeqCst), count);
        }
    }

    #[tokio::test]
    async fn interim_answers_without_end_hold_up_nobody_and_are_given_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut socket, _) = listener.accept().unwrap();
            // What comes before the request is no answer to it.
            assert!(socket.read(&mut [0; 1024]).unwrap() > 0);
            let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(4096);
            while socket.write_all(&flood).is_ok() {}
        });
        let upstream = at(&url).hurried(std::time::Duration::from_millis(300));
        let begun = std::time::Instant::now();
        let answered = tokio::time::timeout(WITHIN, upstream.get()).await.expect("the time for an answer runs out");
        assert!(matches!(answered, Err(NoAnswer::Lost(_))), "{answered:?}");
        assert!(begun.elapsed() < WITHIN);
    }

    #[tokio::test]
    async fn many_requests_at_once_get_each_its_own_answer() {
        let (url, _) = service(PLAIN.to_owned(), 7).await;
        let upstream = at(&url);
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let upstream = upstream.clone();
            all.spawn(async move {
                let mut answered = 0;
                for _ in 0..20 {
                    // Its other side closes it at any moment: a request that went out just then is lost, and said to be.
                    answered += usize::from(upstream.get().await.is_ok());
                }
                answered
            });
        }
        let answered: usize = all.join_all().await.into_iter().sum();
        assert!(answered > 3000, "{answered}");
    }
}
