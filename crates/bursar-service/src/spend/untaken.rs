//! What the store did not take at the end of a spend: it is given again, until it is taken.
//!
//! What must never happen here: that a settlement is given before what has to be known ahead of it. The words of a rail that
//! cannot be asked again are nowhere else than here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bursar_core::id::HoldId;
use bursar_core::ledger::{Outcome, Request};
use bursar_ledger::{Ledger, LedgerError};
use tokio::time::sleep;

use crate::in_flight::Carried;

/// How long to wait before it is given again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

    /// Gives them again, in a task of its own, for as long as there is a ledger. Each is an outcome of a hold that is on the disk, so
    /// there are never more of these than requests were under way when the store failed.
    /// Until then it is in flight, so that nobody's word settles it otherwise.
    pub(super) fn give_again(
        self,
        ledger: &Arc<Ledger>,
        carried: Carried,
        afterwards: Option<impl Future<Output = ()> + Send + 'static>,
    ) {
        let ledger = Arc::downgrade(ledger);
        tokio::spawn(async move {
            let _carried = carried;
            let mut is_settled = false;
            for command in self.commands {
                let Some(outcome) = give(&ledger, self.spend, command).await else { return };
                is_settled = matches!(outcome, Outcome::Settled { .. });
            }
            tracing::info!(spend = %self.spend, "the outcome of a spend is taken now");
            if let Some(afterwards) = afterwards.filter(|_| is_settled) {
                afterwards.await;
            }
        });
    }
}

/// Gives a command until it is taken; nothing if it never will be.
async fn give(ledger: &Weak<Ledger>, spend: HoldId, command: Request) -> Option<Outcome> {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        match ledger.upgrade()?.submit(command.clone()).await {
            Ok(outcome) => return Some(outcome),
            Err(LedgerError::Closed) => return None,
            Err(error @ LedgerError::Violated(_)) => {
                tracing::error!(%spend, %error, "the outcome of a spend cannot be taken; it stays held");
                return None;
            }
            Err(_) => pause = pause.saturating_mul(2).min(LONGEST_PAUSE),
        }
    }
}
