//! The engine without queues and threads, for whoever wants to know what happens when: the simulator.

use std::fmt;

use bursar_core::ledger::{Outcome, Request};
use tokio::sync::oneshot;

use crate::lanes::Job;
use crate::{Engine, LedgerError};

impl Engine {
    /// Runs one batch on this thread and returns what each caller is answered, in the order of the requests.
    pub fn run_batch(&mut self, requests: Vec<Request>) -> Vec<Result<Outcome, LedgerError>> {
        let (jobs, receivers): (Vec<Job>, Vec<oneshot::Receiver<_>>) = requests
            .into_iter()
            .map(|request| {
                let (answer, receiver) = oneshot::channel();
                (Job { request, answer }, receiver)
            })
            .unzip();
        self.run(jobs);
        // The engine answers every job it takes; an answer that is missing means that it is gone.
        receivers.into_iter().map(|mut receiver| receiver.try_recv().unwrap_or(Err(LedgerError::Closed))).collect()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}
