//! Subscriptions of one client, over a WebSocket to the node that is this client's alone.
//!
//! What must never happen here: that a client is told of what it did not subscribe to, and that an event is left out in
//! silence: a client that does not keep up loses its connection, and knows it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bursar_rails::evm::subscription;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Params};
use bursar_service::feed::{Event, FeedSource, MOST_SUBSCRIPTIONS, Order};
use bursar_service::rail::CallError;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::quote;
use crate::live::Socket;
use crate::node::{self, NodeError};

/// How often a silent node is asked whether it is still there, and how long it may be silent.
const PING_EVERY: Duration = Duration::from_secs(20);
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How long the node may take to read what is sent to it.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to say which chain it is on.
const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// Codes of Ethereum's nodes: a limit is reached (EIP-1474), and what geth says of a subscription that is none.
const LIMIT_EXCEEDED: i64 = -32005;
const SERVER_ERROR: i64 = -32000;

type Answer = oneshot::Sender<Result<Json, CallError>>;

/// What the node was asked and did not answer yet.
struct Asked {
    subscribes: bool,
    answer: Answer,
}

struct Subscriptions {
    socket: Socket,
    own: HashSet<Box<str>>,
    asked: HashMap<u64, Asked>,
    number: u64,
}

/// The feed is over, for this reason.
struct Over(&'static str);

/// Asks the node on the other side which chain it is on: it may be another than the one that is asked by POST.
pub(super) async fn check(socket: &mut Socket, chain: u64) -> Result<(), String> {
    let call = Call {
        is_version_2: true,
        id: Json::Number("0".into()),
        method: "eth_chainId".into(),
        params: Params::List(Vec::new()),
    };
    let asked = async {
        let gone = || "the node at `ws_url` does not answer".to_owned();
        socket.send(Message::Text(call.to_json().to_string().into())).await.map_err(|_| gone())?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let said = Json::read(text.as_bytes()).map_err(|_| gone())?;
                    let found = node::result(said).map_err(NodeError::reason)?;
                    return quote::number::<u64>(&found).map_err(|_| gone());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Err(gone()),
            }
        }
    };
    let late = |_| "the node at `ws_url` does not answer in time".to_owned();
    match timeout(CHECK_WITHIN, asked).await.map_err(late)?? {
        found if found == chain => Ok(()),
        found => Err(format!("the node at `ws_url` is on chain {found}, and the rail is said to be on {chain}")),
    }
}

/// Serves a client until it goes, or the node does.
pub(super) async fn run(socket: Socket, source: FeedSource) {
    let FeedSource { mut orders, events } = source;
    let mut subscriptions = Subscriptions { socket, own: HashSet::new(), asked: HashMap::new(), number: 0 };
    let mut pings = interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let ended = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => subscriptions.carry_out(order).await,
                None => Err(Over("the client is gone")),
            },
            message = subscriptions.socket.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => match subscriptions.read(text.as_bytes()) {
                        Some(event) => events.try_send(event).map_err(|_| Over("the client does not keep up")),
                        None => Ok(()),
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(_)) => Err(Over("the node says what it should not")),
                    Some(Err(_)) | None => Err(Over("the node is gone")),
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENT_FOR {
                    Err(Over("the node is silent"))
                } else {
                    subscriptions.send(Message::Ping(Vec::new().into())).await
                }
            }
        };
        if let Err(Over(reason)) = ended {
            tracing::debug!(reason, "subscriptions of a client ended");
            return;
        }
    }
}

impl Subscriptions {
    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(WRITE_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over("the node reads nothing")),
        }
    }

    async fn carry_out(&mut self, Order { call, answer }: Order) -> Result<(), Over> {
        let subscribes = &*call.method == "eth_subscribe";
        let refusal = if subscribes {
            let beginning = self.asked.values().filter(|asked| asked.subscribes).count();
            let most = format!("a connection has {MOST_SUBSCRIPTIONS} subscriptions at most; end one first");
            (self.own.len().saturating_add(beginning) >= MOST_SUBSCRIPTIONS).then_some((LIMIT_EXCEEDED, most))
        } else {
            // From here on nothing of it is told, whatever the node does about it.
            let is_own = named(&call).is_some_and(|name| self.own.remove(name));
            (!is_own).then(|| (SERVER_ERROR, "subscription not found".to_owned()))
        };
        if let Some((code, message)) = refusal {
            // Who asked may be gone.
            let _ = answer.send(Err(CallError::Refused { code, message, data: None }));
            return Ok(());
        }
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        self.asked.insert(number, Asked { subscribes, answer });
        // Names of calls are ours: those of the client are no business of the node's.
        let call = Call { is_version_2: true, id: Json::Number(number.to_string().into()), ..call };
        self.send(Message::Text(call.to_json().to_string().into())).await
    }

    /// Reads what the node says: an answer goes to who waits for it, an event of a subscription is given back.
    fn read(&mut self, text: &[u8]) -> Option<Event> {
        let said = Json::read(text).ok()?;
        if let Some(Json::Number(number)) = said.get("id") {
            let Asked { subscribes, answer } = self.asked.remove(&number.parse().ok()?)?;
            let mut result = node::result(said).map_err(|error| match error {
                NodeError::Refused { code, message, data } => CallError::Refused { code, message, data },
                NodeError::NotReached(reason) | NodeError::Lost(reason) => CallError::Unavailable(reason),
            });
            if subscribes && let Ok(name) = &result {
                match name.as_text().filter(|name| subscription::is_name(name)) {
                    Some(name) => {
                        self.own.insert(name.into());
                    }
                    None => {
                        result = Err(CallError::Unavailable("it names a subscription as nobody does".to_owned()));
                    }
                }
            }
            // Who asked may be gone.
            let _ = answer.send(result);
            return None;
        }
        let is_event = said.get("method").and_then(Json::as_text) == Some("eth_subscription");
        let params = said.get("params").filter(|_| is_event)?;
        let name = params.get("subscription").and_then(Json::as_text).filter(|name| self.own.contains(*name))?;
        Some(Event { subscription: name.into(), result: params.get("result")?.clone() })
    }
}

/// The subscription that a call ends.
fn named(call: &Call) -> Option<&str> {
    match &call.params {
        Params::List(params) => params.first().and_then(Json::as_text),
        Params::Named(_) => None,
    }
}
