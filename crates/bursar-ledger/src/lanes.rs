//! The bounded queues in front of the engine. Settlements have a lane of their own, so that holds can
//! never keep money counted that is settled already.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::ledger::{Outcome, Request};
use tokio::sync::oneshot;

use crate::LedgerError;

/// How long settlements wait for a hold to ride with, when nothing else is to be written and one is likely to come.
const SETTLES_WAIT: Duration = Duration::from_millis(2);

/// A command and where its answer goes.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Outcome, LedgerError>>,
}

pub(crate) struct Lanes {
    bound: usize,
    queues: Mutex<Queues>,
    arrived: Condvar,
}

/// How many commands wait in each lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Captures, releases and the like.
    pub settles: usize,
    /// Everything else.
    pub others: usize,
}

#[derive(Default)]
struct Queues {
    settles: VecDeque<Job>,
    others: VecDeque<Job>,
    is_closed: bool,
    /// Whether the last batch was of settlements alone: what came while it was written tells whether others spend.
    went_alone: bool,
    /// Whether a hold is likely to come soon that waits for nothing which is to be written now.
    expects_holds: bool,
}

impl Lanes {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, queues: Mutex::default(), arrived: Condvar::new() }
    }

    pub(crate) fn put(&self, job: Job, settles: bool) -> Result<(), LedgerError> {
        let mut queues = self.lock();
        if queues.is_closed {
            return Err(LedgerError::Closed);
        }
        let lane = if settles { &mut queues.settles } else { &mut queues.others };
        if lane.len() >= self.bound {
            return Err(LedgerError::Full);
        }
        lane.push_back(job);
        drop(queues);
        self.arrived.notify_one();
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// The next batch, settlements first; waits until there is one. Settlements alone wait a little for a
    /// hold to ride with: a commit of their own in front of the next hold would double its latency. Not where nobody else
    /// spends: then who would hold next waits for just this settlement. An empty one if nothing came within `patience`; nothing, once the lanes are closed and empty.
    pub(crate) fn take(&self, bound: usize, patience: Duration) -> Option<Vec<Job>> {
        let idle = |queues: &mut Queues| queues.is_idle() && !queues.is_closed;
        let mut queues = self.lock();
        if std::mem::take(&mut queues.went_alone) {
            queues.expects_holds = !queues.others.is_empty();
        }
        let waited = self.arrived.wait_timeout_while(queues, patience, idle);
        let mut queues = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queues.is_idle() {
            return (!queues.is_closed).then(Vec::new);
        }
        if queues.others.is_empty() && queues.expects_holds && !queues.is_closed {
            let alone =
                |queues: &mut Queues| queues.others.is_empty() && queues.settles.len() < bound && !queues.is_closed;
            let waited = self.arrived.wait_timeout_while(queues, SETTLES_WAIT, alone);
            queues = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let settles = queues.settles.len().min(bound);
        let others = queues.others.len().min(bound);
        queues.went_alone = others == 0;
        let mut jobs: Vec<Job> = queues.settles.drain(..settles).collect();
        jobs.extend(queues.others.drain(..others));
        Some(jobs)
    }

    pub(crate) fn waiting(&self) -> Waiting {
        let queues = self.lock();
        Waiting { settles: queues.settles.len(), others: queues.others.len() }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // The queues are sound at every moment, so a panic elsewhere does not spoil them.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn is_idle(&self) -> bool {
        self.settles.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::audit::Actor;
    use bursar_core::id::TokenId;
    use bursar_core::ledger::Command;

    use super::*;

    fn put(lanes: &Lanes, settles: bool) {
        let command = Command::Revoke { token: TokenId::from_bytes([1; 16]) };
        let (answer, _) = oneshot::channel();
        assert_eq!(lanes.put(Job { request: Request { actor: Actor::System, command }, answer }, settles), Ok(()));
    }

    fn take(lanes: &Lanes) -> (usize, bool) {
        let jobs = lanes.take(64, Duration::ZERO).map_or(0, |jobs| jobs.len());
        (jobs, lanes.lock().expects_holds)
    }

    #[test]
    fn a_settlement_waits_for_a_hold_only_while_others_come_when_one_is_written() {
        let lanes = Lanes::new(64);
        put(&lanes, true);
        assert_eq!(take(&lanes), (1, false), "nobody has spent yet");
        put(&lanes, true);
        assert_eq!(take(&lanes), (1, false), "nobody came while that was written");
        put(&lanes, false);
        assert_eq!(take(&lanes), (1, true), "somebody did");
        put(&lanes, true);
        put(&lanes, false);
        assert_eq!(take(&lanes), (2, true), "they ride together");
        put(&lanes, true);
        assert_eq!(take(&lanes), (1, true), "it waited, and nobody came");
        put(&lanes, true);
        assert_eq!(take(&lanes), (1, false));
    }
}
