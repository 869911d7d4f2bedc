//! The bounded queues in front of the engine. Settlements have a lane of their own, so that holds can
//! never keep money counted that is settled already.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::ledger::{Outcome, Request};
use tokio::sync::oneshot;

use crate::LedgerError;

/// A command and where its answer goes.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Outcome, LedgerError>>,
}

pub(crate) struct Lanes {
    bound: usize,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    settles: VecDeque<Job>,
    others: VecDeque<Job>,
    is_closed: bool,
}

impl Lanes {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, waiting: Mutex::default(), arrived: Condvar::new() }
    }

    pub(crate) fn put(&self, job: Job, settles: bool) -> Result<(), LedgerError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(LedgerError::Closed);
        }
        let lane = if settles { &mut waiting.settles } else { &mut waiting.others };
        if lane.len() >= self.bound {
            return Err(LedgerError::Full);
        }
        lane.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// The next batch, settlements first; waits until there is one. Settlements alone wait a little for a
    /// hold to ride with: a commit of their own in front of the next hold would double its latency.
    /// Nothing, once the lanes are closed and empty.
    pub(crate) fn take(&self, bound: usize, settle_wait: Duration) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.is_idle() {
            if waiting.is_closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.others.is_empty() && !waiting.is_closed {
            let alone = |waiting: &mut Waiting| {
                waiting.others.is_empty() && waiting.settles.len() < bound && !waiting.is_closed
            };
            let waited = self.arrived.wait_timeout_while(waiting, settle_wait, alone);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let settles = waiting.settles.len().min(bound);
        let others = waiting.others.len().min(bound);
        let mut jobs: Vec<Job> = waiting.settles.drain(..settles).collect();
        jobs.extend(waiting.others.drain(..others));
        Some(jobs)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The queues are sound at every moment, so a panic elsewhere does not spoil them.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.settles.is_empty() && self.others.is_empty()
    }
}
