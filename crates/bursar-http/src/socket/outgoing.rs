//! What waits to be sent over a WebSocket, and no more than that: who does not read is not waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{Sink, SinkExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::sending::Kept;

/// How many messages wait.
const MESSAGES: usize = 512;
/// How many bytes may wait before nothing is read of the client, and no event is taken any more.
const BYTES: usize = 4 << 20;
/// How long a client may take to take one message, and the last one.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const LAST_WITHIN: Duration = Duration::from_millis(300);

/// What is sent to a client, by a task of its own.
pub(super) struct Outgoing {
    messages: mpsc::Sender<(Message, Kept)>,
    waiting: Arc<AtomicUsize>,
    last: oneshot::Sender<CloseFrame>,
    task: JoinHandle<bool>,
}

/// The client does not keep up.
#[derive(Debug)]
pub(super) struct Slow;

impl Outgoing {
    pub(super) fn new(sink: impl Sink<Message> + Unpin + Send + 'static) -> Self {
        let (messages, queue) = mpsc::channel(MESSAGES);
        let (last, ending) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(write(sink, queue, ending, Arc::clone(&waiting)));
        Self { messages, waiting, last, task }
    }

    /// Whether another call may be taken: its answer, of whatever length, will have a place.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < BYTES && self.messages.capacity() > MESSAGES / 2
    }

    /// Is over when nothing can be sent any more.
    pub(super) async fn broken(&self) {
        self.messages.closed().await;
    }

    /// Sends the answer to a call for which there was room.
    /// It keeps its room until it has gone.
    pub(super) fn answer(&self, text: String, room: Kept) -> Result<(), Slow> {
        self.push(Message::Text(text.into()), room)
    }

    /// Sends an event, or says that too many wait.
    pub(super) fn tell(&self, text: String) -> Result<(), Slow> {
        if self.waiting.load(Ordering::Relaxed).saturating_add(text.len()) > BYTES {
            return Err(Slow);
        }
        self.push(Message::Text(text.into()), None)
    }

    pub(super) fn ping(&self) -> Result<(), Slow> {
        self.push(Message::Ping(Vec::new().into()), None)
    }

    fn push(&self, message: Message, room: Kept) -> Result<(), Slow> {
        let length = message.len();
        self.waiting.fetch_add(length, Ordering::Relaxed);
        self.messages.try_send((message, room)).map_err(|_| Slow)
    }

    /// Says why it is over, before whatever still waits; whether the client's machine took it.
    pub(super) async fn close(self, why: CloseFrame) -> bool {
        let Self { messages, last, task, .. } = self;
        // If the task is gone already, there is nobody to tell.
        let _ = last.send(why);
        drop(messages);
        task.await.unwrap_or(false)
    }
}

async fn write<S>(
    mut sink: S,
    mut queue: mpsc::Receiver<(Message, Kept)>,
    mut ending: oneshot::Receiver<CloseFrame>,
    waiting: Arc<AtomicUsize>,
) -> bool
where
    S: Sink<Message> + Unpin,
{
    let why = loop {
        let next = tokio::select! {
            biased;
            why = &mut ending => break why.ok(),
            next = queue.recv() => next,
        };
        let Some((message, _room)) = next else { break None };
        let length = message.len();
        let sent = tokio::select! {
            biased;
            why = &mut ending => break why.ok(),
            sent = timeout(WRITE_WITHIN, sink.send(message)) => sent,
        };
        waiting.fetch_sub(length, Ordering::Relaxed);
        if !matches!(sent, Ok(Ok(()))) {
            return false;
        }
    };
    // What was begun is ended first; a client that does not read hears nothing.
    matches!(timeout(LAST_WITHIN, sink.send(Message::Close(why))).await, Ok(Ok(())))
}
