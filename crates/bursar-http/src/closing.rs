//! The end of a server, as what outlives a request hears of it.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::abrupt::Abruptly;
use crate::connections::Seat;

/// Tells that the server closes, and keeps it waiting until this is dropped. Every request has a copy.
#[derive(Clone)]
pub(crate) struct Closing(Arc<Connection>);

/// What a connection knows of its end.
struct Connection {
    stopped: watch::Receiver<bool>,
    _alive: mpsc::Sender<Infallible>,
    abruptly: Abruptly,
    /// It is kept until the connection is over, whatever has become of it.
    _seat: Seat,
}

impl Closing {
    pub(crate) fn new(stopped: watch::Receiver<bool>, alive: mpsc::Sender<Infallible>, seat: Seat) -> Self {
        Self(Arc::new(Connection { stopped, _alive: alive, abruptly: Abruptly::default(), _seat: seat }))
    }

    /// How the connection ends that this is of.
    pub(crate) fn abruptly(&self) -> &Abruptly {
        &self.0.abruptly
    }

    /// Whether the server closes.
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.stopped.borrow()
    }

    /// Is over when the server closes.
    pub(crate) async fn begun(&self) {
        // If the sender is gone, everything is over as well.
        self.0.stopped.clone().wait_for(|stopped| *stopped).await.ok();
    }
}
