//! Making up for what was interrupted: spends that nobody settled are taken to their rail (P4).

use bursar_core::audit::Actor;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Outcome, Settler};
use bursar_store::Page;

use crate::Bursar;
use crate::error::ServiceError;
use crate::rail::SendOutcome;
use crate::spend::captured;

/// Spends looked at in one read.
const AT_ONCE: usize = 256;

/// Which unsettled spends are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overdue {
    /// All: at the start, when no request can be under way.
    All,
    /// Those past their deadline, and those already unresolved.
    PastDeadline,
}

/// What a sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Spends whose money had moved.
    pub captured: usize,
    /// Spends whose money had not moved.
    pub released: usize,
    /// Spends of which still nobody knows.
    pub unresolved: usize,
}

impl Bursar {
    /// Asks rails what became of unsettled spends, and settles those they know of.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self, overdue: Overdue) -> Result<Swept, ServiceError> {
        let mut swept = Swept::default();
        let mut after: Option<HoldId> = None;
        loop {
            let page = Page { limit: AT_ONCE, after, newest_first: false };
            let holds = self.reads.run(move |reader| reader.unsettled(page)).await?;
            let Some(last) = holds.last() else { return Ok(swept) };
            after = Some(last.id);
            for hold in holds {
                let is_past = hold.deadline <= self.clock.now() || matches!(hold.state, HoldState::Unresolved { .. });
                // Whoever moves the money themselves is not done because this server was started again.
                if is_past || (overdue == Overdue::All && hold.holder.is_none()) {
                    self.settle(&hold, &mut swept).await?;
                }
            }
        }
    }

    async fn settle(&self, hold: &Hold, swept: &mut Swept) -> Result<(), ServiceError> {
        let command = match self.became_of(hold).await? {
            SendOutcome::Done { reference, fee } => {
                swept.captured += 1;
                Command::Capture { hold: hold.id, amount: captured(hold, fee), fee, reference, by: Settler::Rail }
            }
            SendOutcome::Refused { reason } => {
                swept.released += 1;
                Command::Release { hold: hold.id, reason, by: Settler::Rail }
            }
            SendOutcome::Unknown { reason } => {
                swept.unresolved += 1;
                if hold.state != HoldState::Open {
                    return Ok(());
                }
                tracing::warn!(spend = %hold.id, reason, "the outcome of a spend is not known; it stays held");
                Command::Expire { hold: hold.id, overdue: hold.holder.is_some() }
            }
        };
        match self.command(Actor::System, command).await? {
            Outcome::Settled { .. } => Ok(()),
            other => Err(ServiceError::Unavailable(format!("the ledger answered a settlement with {other:?}"))),
        }
    }

    async fn became_of(&self, hold: &Hold) -> Result<SendOutcome, ServiceError> {
        let unknown = |reason: &str| Ok(SendOutcome::Unknown { reason: reason.to_owned() });
        if hold.holder.is_some() {
            return unknown("the service that holds it has not settled it");
        }
        let Some(wallet) = hold.wallet else { return unknown("it is in no wallet that a rail knows") };
        let user = hold.user;
        let found = self.reads.look_up(|reader| reader.wallet(wallet, user))?;
        let rail = found.and_then(|found| self.rails.get(&found.wallet.rail));
        match rail {
            Some(rail) => Ok(rail.reconcile(hold).await),
            None => unknown("its rail is not configured"),
        }
    }
}
