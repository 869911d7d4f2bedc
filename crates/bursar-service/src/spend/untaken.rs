//! What the store did not take at the end of a spend: it is given again, until it is taken.
//!
//! What must never happen here: that a settlement is given before what has to be known ahead of it. The words of a rail that
//! cannot be asked again are nowhere else than here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Outcome, Request};
use bursar_ledger::{Ledger, LedgerError};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::in_flight::Carried;

/// How long to wait before it is given again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long it takes from one round of the last tries to the next.
const BETWEEN_LAST: Duration = Duration::from_millis(100);

/// All outcomes that were not taken.
#[derive(Clone, Default)]
pub(crate) struct Outcomes {
    now: Arc<Notify>,
    /// That of each spend, in words.
    left: Arc<Mutex<BTreeMap<HoldId, String>>>,
}

/// One of them, until this is dropped.
struct Left {
    all: Outcomes,
    spend: HoldId,
}

impl Outcomes {
    /// Gives all of them without waiting any longer, until each is taken.
    pub(crate) async fn give_now(&self) {
        while !self.lock().is_empty() {
            self.now.notify_waiters();
            sleep(BETWEEN_LAST).await;
        }
    }

    /// Those that are left: what is lost with this process.
    pub(crate) fn left(&self) -> Vec<(HoldId, String)> {
        self.lock().iter().map(|(spend, words)| (*spend, words.clone())).collect()
    }

    fn keep(&self, spend: HoldId, words: String) -> Left {
        self.lock().insert(spend, words);
        Left { all: self.clone(), spend }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HoldId, String>> {
        // A map is sound at every moment.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.all.lock().remove(&self.spend);
    }
}

/// Commands about one spend that were not taken, in their order.
pub(super) struct Untaken {
    spend: HoldId,
    commands: Vec<Request>,
}

impl Untaken {
    pub(super) const fn none(spend: HoldId) -> Self {
        Self { spend, commands: Vec::new() }
    }

    pub(super) const fn is_none(&self) -> bool {
        self.commands.is_empty()
    }

    /// Keeps a command that the ledger did not take.
    pub(super) fn keep(&mut self, command: Request, error: &LedgerError) {
        tracing::warn!(spend = %self.spend, %error, "the outcome of a spend was not taken; it is given again until it is");
        self.commands.push(command);
    }

    /// Gives them again, in a task of its own, for as long as there is a ledger. Until they are taken the spend is in flight, so that
    /// nobody's word settles it otherwise. Each is an outcome of a hold that is on the disk, so there are never more of these than
    /// requests were under way when the store failed. `afterwards` is done once the spend is settled, which it may be already.
    pub(super) fn give_again(
        self,
        ledger: &Arc<Ledger>,
        outcomes: &Outcomes,
        carried: Carried,
        mut is_settled: bool,
        afterwards: Option<impl Future<Output = ()> + Send + 'static>,
    ) {
        let (ledger, now) = (Arc::downgrade(ledger), Arc::clone(&outcomes.now));
        let left = outcomes.keep(self.spend, self.in_words());
        tokio::spawn(async move {
            let _until_taken = (carried, left);
            for command in &self.commands {
                let Some(outcome) = give(&ledger, &now, command).await else { return };
                is_settled |= matches!(outcome, Outcome::Settled { .. });
            }
            tracing::info!(spend = %self.spend, "the outcome of a spend is taken now");
            if let Some(afterwards) = afterwards.filter(|_| is_settled) {
                afterwards.await;
            }
        });
    }

    /// What would be lost with them.
    fn in_words(&self) -> String {
        let words = self.commands.iter().filter_map(|request| match &request.command {
            Command::Capture { amount, fee, reference, .. } => {
                Some(format!("captured {amount} with a fee of {fee}, as {reference}"))
            }
            Command::Release { reason, .. } => Some(format!("released: {reason}")),
            Command::Expire { reason, .. } => Some(reason.clone()),
            Command::Lock { token, .. } => Some(format!("more moved than was held: lock token {token}")),
            _ => None,
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// Gives a command until it is taken; nothing if it never will be.
async fn give(ledger: &Weak<Ledger>, now: &Notify, command: &Request) -> Option<Outcome> {
    let mut pause = FIRST_PAUSE;
    loop {
        // Whether it is time, or all are given now.
        let _is_time = timeout(pause, now.notified()).await;
        match ledger.upgrade()?.submit(command.clone()).await {
            Ok(outcome) => return Some(outcome),
            Err(LedgerError::Closed) => return None,
            Err(error @ LedgerError::Violated(_)) => {
                tracing::error!(?command, %error, "the outcome of a spend cannot be taken; it stays held");
                return None;
            }
            Err(_) => pause = pause.saturating_mul(2).min(LONGEST_PAUSE),
        }
    }
}
