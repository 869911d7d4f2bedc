//! The engine without queues and threads, for whoever decides what happens when: the simulator.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::ambient::Clock;
use bursar_core::ledger::{Outcome, Request};
use bursar_store::{StoreError, Writer};
use tokio::sync::oneshot;

use crate::engine::{Engine, Seen};
use crate::lanes::Job;
use crate::{LedgerError, Observer, Settings};

/// The same engine as behind [`crate::Ledger`], on the thread that calls it.
pub struct Sequential {
    engine: Engine,
    clock_accepted: Arc<AtomicBool>,
}

impl Sequential {
    /// An engine that goes on from where the store stands.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn new(
        writer: Box<dyn Writer>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let clock_accepted = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Seen::new());
        let engine = Engine::new(writer, clock, observer, seen, settings, Arc::clone(&clock_accepted))?;
        Ok(Self { engine, clock_accepted })
    }

    /// Takes the wall clock's time for right, after it has jumped.
    pub fn accept_clock(&self) {
        self.clock_accepted.store(true, Ordering::Release);
    }

    /// Runs one batch and returns what each caller is answered, in the order of the requests.
    pub fn run(&mut self, requests: Vec<Request>) -> Vec<Result<Outcome, LedgerError>> {
        let (jobs, receivers): (Vec<Job>, Vec<oneshot::Receiver<_>>) = requests
            .into_iter()
            .map(|request| {
                let (answer, receiver) = oneshot::channel();
                (Job { request, answer }, receiver)
            })
            .unzip();
        self.engine.run(jobs);
        // The engine answers every job it takes; an answer that is missing means that it is gone.
        let answers = receivers.into_iter();
        answers.map(|mut answer| answer.try_recv().unwrap_or(Err(LedgerError::Closed))).collect()
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sequential")
    }
}
