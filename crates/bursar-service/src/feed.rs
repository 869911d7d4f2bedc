//! What a rail tells one client of, over a connection that stays.

use std::time::Duration;

use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Call;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::rail::CallError;

/// How many events wait for their client.
pub const MOST_EVENTS: usize = 256;
/// How many subscriptions one client has at once.
pub const MOST_SUBSCRIPTIONS: usize = 32;
/// How long a rail may take to answer that it subscribed, and how many such questions wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const MOST_ORDERS: usize = 8;

/// Something that happened, and that a client asked to be told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What the client's subscription is called.
    pub subscription: Box<str>,
    /// What happened.
    pub result: Json,
}

/// A call that begins or ends a subscription.
#[derive(Debug)]
pub struct Order {
    /// The call, as it was understood.
    pub call: Call,
    /// Who waits for its result.
    pub answer: oneshot::Sender<Result<Json, CallError>>,
}

/// A client's end of its subscriptions. They end when it is dropped.
#[derive(Debug)]
pub struct Feed {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<Event>,
}

/// The rail's end of the same.
#[derive(Debug)]
pub struct FeedSource {
    /// What the client wants; nothing more once it is gone.
    pub orders: mpsc::Receiver<Order>,
    /// Where events go. One that does not fit ends the feed: nothing is left out in silence.
    pub events: mpsc::Sender<Event>,
}

impl Feed {
    /// Both ends of a new feed.
    pub fn new() -> (Self, FeedSource) {
        let (orders, wanted) = mpsc::channel(MOST_ORDERS);
        let (told, events) = mpsc::channel(MOST_EVENTS);
        (Self { orders, events }, FeedSource { orders: wanted, events: told })
    }

    /// Begins or ends a subscription.
    ///
    /// # Errors
    /// The rail refuses, or does not answer.
    pub async fn ask(&self, call: &Call) -> Result<Json, CallError> {
        let gone = || CallError::Unavailable("the connection for subscriptions broke".to_owned());
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.orders.send(Order { call: call.clone(), answer }).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        };
        let late = || CallError::Unavailable(format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
        timeout(ANSWER_WITHIN, asked).await.map_err(|_| late())?
    }

    /// The next event; nothing once the rail tells no more.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
