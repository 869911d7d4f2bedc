//! One WebSocket: frames in, answers and events out, until either side or the token is at its end.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Calls;
use bursar_service::Bursar;
use bursar_service::authenticate::Principal;
use bursar_service::error::ServiceError;
use bursar_service::feed::{Event, Feed};
use futures_util::{Stream, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::outgoing::Outgoing;
use super::places::Place;
use crate::closing::Closing;
use crate::failure::Failure;
use crate::operations::Traffic;
use crate::rail;
use crate::sending::{ClientsRoom, NoRoom};

/// How long the connection may take to become a WebSocket.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// How often it is asked whether the token may still read, and how long that may take.
const CHECK_EVERY: Duration = Duration::from_millis(500);
const CHECK_WITHIN: Duration = Duration::from_secs(2);
/// How often a client is asked whether it is still there, and how long it may say nothing at all.
const PING_EVERY: Duration = Duration::from_secs(20);
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How long a client may take to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_millis(300);
/// What is kept ready for reading, in bytes.
const BUFFER: usize = 8 << 10;
/// The longest message, in bytes, unless bodies are shorter: sockets only read, and all of them may be in the middle of one.
const LONGEST: usize = 128 << 10;
/// The longest reason of a closing, in bytes (RFC 6455: 125 with its code).
const LONGEST_REASON: usize = 123;

/// A client that speaks to a rail over a WebSocket.
pub(super) struct Session {
    pub(super) bursar: Arc<Bursar>,
    pub(super) principal: Principal,
    pub(super) rail: String,
    /// Held for as long as this is.
    pub(super) place: Place,
    pub(super) room: ClientsRoom,
    pub(super) body_limit: usize,
    pub(super) traffic: Traffic,
}

/// Why a socket is closed.
struct End(CloseCode, String);

impl End {
    fn new(code: CloseCode, reason: &str) -> Self {
        Self(code, reason.to_owned())
    }

    /// Nobody is left to be told.
    fn gone() -> Self {
        Self::new(CloseCode::Normal, "")
    }

    fn of(failure: Failure, bursar: &Bursar) -> Self {
        let shown = failure.show("", bursar.now(), bursar.decimals());
        let code = if shown.status.is_server_error() { CloseCode::Again } else { CloseCode::Policy };
        Self::new(code, shown.body.code().unwrap_or("refused"))
    }

    fn frame(self) -> CloseFrame {
        let Self(code, mut reason) = self;
        // Reasons are codes of ours, which are short and ASCII.
        reason.truncate(LONGEST_REASON);
        CloseFrame { code, reason: reason.into() }
    }
}

/// What became of a frame.
struct Done {
    answer: String,
    feed: Option<Feed>,
    end: Option<End>,
}

type Carrying = Pin<Box<dyn Future<Output = Done> + Send>>;

impl Session {
    /// Serves until the client goes, the token may no more, or the server closes.
    pub(super) async fn run(mut self, begun: OnUpgrade, closing: Closing) {
        let Ok(Ok(upgraded)) = timeout(BEGIN_WITHIN, begun).await else { return };
        let longest = self.body_limit.min(LONGEST);
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let (sink, mut stream) = socket.split();
        let outgoing = Outgoing::new(sink);
        let end = self.serve(&outgoing, &mut stream, &closing).await;
        let is_told = outgoing.close(end.frame()).await;
        // A closing that meets unread bytes would be lost with them.
        let goodbye = async { while let Some(Ok(_)) = stream.next().await {} };
        if !is_told || timeout(GOODBYE_WITHIN, goodbye).await.is_err() {
            // INVARIANT: who does not read now reads nothing of this later, from the buffers of the machine.
            closing.abruptly().end();
        }
        drop(stream);
        drop(self.place);
    }

    async fn serve(
        &mut self,
        outgoing: &Outgoing,
        stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
        closing: &Closing,
    ) -> End {
        let mut checks = interval(CHECK_EVERY);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut feed: Option<Feed> = None;
        let mut carrying: Option<Carrying> = None;
        // While a subscription begins, the feed is with it, so that its name is told before its events.
        loop {
            let is_free = carrying.is_none();
            let stepped = tokio::select! {
                biased;
                () = closing.begun() => Err(End::new(CloseCode::Away, "server_stopping")),
                () = outgoing.broken() => Err(End::gone()),
                _ = checks.tick() => self.check().await,
                _ = pings.tick() => {
                    if is_free && outgoing.has_room() && heard.elapsed() > SILENT_FOR {
                        Err(End::new(CloseCode::Policy, "silent"))
                    } else {
                        outgoing.ping().map_err(|_| slow())
                    }
                }
                done = of_call(&mut carrying) => {
                    carrying = None;
                    heard = Instant::now();
                    feed = done.feed.or(feed);
                    match done.end {
                        Some(end) => Err(end),
                        None => match self.room.of_read(done.answer.len() as u64) {
                            Ok(room) => outgoing.answer(done.answer, room).map_err(|_| slow()),
                            Err(NoRoom) => Err(End::new(CloseCode::Again, "no_room_for_answer")),
                        },
                    }
                }
                event = of_feed(&mut feed) => match event {
                    Some(event) => outgoing.tell(told(&event)).map_err(|_| slow()),
                    // What ended is not begun again by us: the client knows best what it has missed.
                    None => Err(End::new(CloseCode::Again, "subscriptions_ended")),
                },
                message = stream.next(), if is_free && outgoing.has_room() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            self.take(text.as_bytes(), &mut feed).map(|begun| carrying = Some(begun))
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                            Err(End::new(CloseCode::Unsupported, "text_needed"))
                        }
                        Some(Ok(Message::Close(_))) | None => Err(End::gone()),
                        Some(Err(Error::Capacity(_))) => Err(End::new(CloseCode::Size, "body_too_long")),
                        Some(Err(Error::Utf8(_))) => Err(End::new(CloseCode::Invalid, "undecodable")),
                        Some(Err(_)) => Err(End::new(CloseCode::Protocol, "not_a_websocket")),
                    }
                }
            };
            if let Err(end) = stepped {
                return end;
            }
        }
    }

    /// Looks again at who this is, and whether it has still a part in the rail.
    async fn check(&mut self) -> Result<(), End> {
        let failed = |failure| End::of(failure, &self.bursar);
        self.principal =
            self.bursar.is_still_good(&self.principal).map_err(|why| failed(Failure::Unauthenticated(why)))?;
        let looked = timeout(CHECK_WITHIN, self.bursar.check_rail(&self.principal, &self.rail)).await;
        match looked {
            Ok(found) => found.map_err(|error| failed(Failure::Service(error))),
            Err(_) => Err(failed(Failure::Service(ServiceError::Busy))),
        }
    }

    /// Takes a frame, if its sender may still send one.
    fn take(&mut self, text: &[u8], feed: &mut Option<Feed>) -> Result<Carrying, End> {
        let again = self.bursar.is_still_good(&self.principal);
        self.principal = again.map_err(|why| End::of(Failure::Unauthenticated(why), &self.bursar))?;
        let calls = match Calls::read(text) {
            Ok(calls) => calls,
            Err(refusal) => {
                let answer = rail::unread(text, refusal, &self.traffic, &self.bursar);
                return Ok(Box::pin(async { Done { answer, feed: None, end: None } }));
            }
        };
        let subscribes = calls.as_slice().iter().any(|call| rail::is_about_subscriptions(&call.method));
        let mut feed = if subscribes { feed.take() } else { None };
        let (bursar, principal, rail) = (Arc::clone(&self.bursar), self.principal.clone(), self.rail.clone());
        let traffic = self.traffic.clone();
        Ok(Box::pin(async move {
            match bursar.call_rail_live(&principal, &rail, &calls, &mut feed).await {
                Ok(results) => {
                    let answer = rail::answers(&calls, results, &traffic, &bursar).text;
                    Done { answer, feed, end: None }
                }
                Err(error) => {
                    let end = Some(End::of(Failure::Service(error), &bursar));
                    Done { answer: String::new(), feed, end }
                }
            }
        }))
    }
}

fn slow() -> End {
    End::new(CloseCode::Policy, "too_slow")
}

async fn of_call(carrying: &mut Option<Carrying>) -> Done {
    match carrying {
        Some(carrying) => carrying.await,
        None => pending().await,
    }
}

async fn of_feed(feed: &mut Option<Feed>) -> Option<Event> {
    match feed {
        Some(feed) => feed.next().await,
        None => pending().await,
    }
}

/// An event as clients of nodes read it.
fn told(event: &Event) -> String {
    let text = |text: &str| Json::Text(text.into());
    let params = vec![("subscription".into(), text(&event.subscription)), ("result".into(), event.result.clone())];
    let entries = vec![
        ("jsonrpc".into(), text("2.0")),
        ("method".into(), text("eth_subscription")),
        ("params".into(), Json::Object(params)),
    ];
    Json::Object(entries).to_string()
}
