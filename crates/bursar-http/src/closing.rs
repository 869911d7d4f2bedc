//! The end of a server, as what outlives a request hears of it.

use std::convert::Infallible;

use tokio::sync::{mpsc, watch};

use crate::abrupt::Abruptly;

/// Tells that the server closes, and keeps it waiting until this is dropped.
#[derive(Clone)]
pub(crate) struct Closing {
    stopped: watch::Receiver<bool>,
    _alive: mpsc::Sender<Infallible>,
    /// How the connection ends that this is of.
    pub(crate) abruptly: Abruptly,
}

impl Closing {
    pub(crate) fn new(stopped: watch::Receiver<bool>, alive: mpsc::Sender<Infallible>) -> Self {
        Self { stopped, _alive: alive, abruptly: Abruptly::default() }
    }

    /// Is over when the server closes.
    pub(crate) async fn begun(&self) {
        // If the sender is gone, everything is over as well.
        self.stopped.clone().wait_for(|stopped| *stopped).await.ok();
    }
}
