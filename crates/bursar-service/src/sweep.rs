//! Making up for what was interrupted: spends that nobody settled are taken to their rail (P4).

use std::sync::Arc;

use bursar_core::amount::Amount;
use bursar_core::audit::{Actor, reason_in_units};
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Outcome, Request, Settler};
use bursar_store::{Page, StoreError};

use crate::Bursar;
use crate::allow::reference_of;
use crate::error::ServiceError;
use crate::exceeded::Exceeded;
use crate::rail::{Asking, Rail, SendOutcome};
use crate::spend::{captured, captured_of_none};

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

/// A rail with its name.
pub(crate) type NamedRail<'a> = (&'a String, &'a Arc<dyn Rail>);

/// The figure of a sweep in which a spend is counted.
pub(crate) type Count = fn(&mut Swept) -> &mut usize;

/// What a sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Spends whose money had moved.
    pub captured: usize,
    /// Spends whose money had not moved.
    pub released: usize,
    /// Spends that a rail has and that are not final yet.
    pub under_way: usize,
    /// Spends of which still nobody knows.
    pub unresolved: usize,
    /// Spends that could not be settled, as the log tells; they stay held, and the next sweep looks at them again.
    pub failed: usize,
}

impl Bursar {
    /// Asks rails what became of unsettled spends, and settles those they know of. One that cannot be settled
    /// keeps no other from it.
    ///
    /// # Errors
    /// The store does not answer, or the ledger is closed.
    pub async fn sweep(&self, overdue: Overdue) -> Result<Swept, ServiceError> {
        self.sweep_breakers();
        let mut swept = Swept::default();
        let mut after: Option<HoldId> = None;
        loop {
            let holds = self.next_unsettled(&mut after).await?;
            if holds.is_empty() {
                return Ok(swept);
            }
            for hold in holds {
                let is_past = hold.deadline <= self.clock.now() || matches!(hold.state, HoldState::Unresolved { .. });
                // Whoever moves the money themselves is not done because this server was started again.
                let is_ours = hold.holder.is_none() && !hold.captures_itself;
                if overdue == Overdue::All && is_ours && self.is_elsewhere(&hold)? {
                    self.under_way.add(hold.id);
                    swept.under_way += 1;
                    continue;
                }
                if is_past || (overdue == Overdue::All && hold.holder.is_none()) {
                    match self.settle(&hold).await {
                        Ok(count) => *count(&mut swept) += 1,
                        Err(error) if concerns_all(&error) => return Err(error),
                        Err(error) => {
                            tracing::error!(spend = %hold.id, %error, "a spend could not be settled; it stays held");
                            swept.failed += 1;
                        }
                    }
                }
            }
        }
    }

    /// The next spends that nobody settled, by their ids; none once all were seen.
    pub(crate) async fn next_unsettled(&self, after: &mut Option<HoldId>) -> Result<Vec<Hold>, StoreError> {
        let page = Page { limit: AT_ONCE, after: *after, newest_first: false };
        let holds = self.reads.run(move |reader| reader.unsettled(page)).await?;
        *after = holds.last().map(|last| last.id);
        Ok(holds)
    }

    /// Whether a spend is on a rail that may take its time to say what became of it. It counts until then, so nobody
    /// has to wait for that before the first request.
    fn is_elsewhere(&self, hold: &Hold) -> Result<bool, ServiceError> {
        Ok(self.rail_of(hold)?.is_some_and(|(_, rail)| !rail.is_sandbox()))
    }

    /// Settles a spend as its rail says, and tells among which it is to be counted.
    pub(crate) async fn settle(&self, hold: &Hold) -> Result<Count, ServiceError> {
        let outcome = self.became_of(hold, Asking::ByItself).await?;
        self.settle_by(hold, outcome).await
    }

    /// Settles a spend by what its rail said of it.
    pub(crate) async fn settle_by(&self, hold: &Hold, outcome: SendOutcome) -> Result<Count, ServiceError> {
        let (command, count): (_, Count) = match outcome {
            SendOutcome::Done { reference, fee } => {
                let amount = captured(hold, fee);
                let capture = Command::Capture { hold: hold.id, amount, fee, reference, by: Settler::Rail };
                (capture, |swept| &mut swept.captured)
            }
            SendOutcome::Charged { reference, amount } => {
                let capture =
                    Command::Capture { hold: hold.id, amount, fee: Amount::ZERO, reference, by: Settler::Rail };
                (capture, |swept| &mut swept.captured)
            }
            SendOutcome::Sent { .. } | SendOutcome::Unseen { .. } | SendOutcome::Awaiting { .. } => {
                self.under_way.add(hold.id);
                return Ok(|swept| &mut swept.under_way);
            }
            SendOutcome::Reverted { reference, fee } => {
                let amount = captured_of_none(hold, fee);
                let capture = Command::Capture { hold: hold.id, amount, fee, reference, by: Settler::Rail };
                (capture, |swept| &mut swept.captured)
            }
            SendOutcome::Refused { reason } | SendOutcome::NotSent { reason } => {
                (Command::Release { hold: hold.id, reason, by: Settler::Rail }, |swept| &mut swept.released)
            }
            SendOutcome::Exceeded { moved, reason } => {
                // Also if it was unlocked meanwhile: first somebody decides what became of the spend.
                let Request { actor, command } = self.alarms.raise(hold, moved, &reason);
                self.command(actor, command).await?;
                if hold.state != HoldState::Open {
                    return Ok(|swept| &mut swept.unresolved);
                }
                let expire = Command::Expire { hold: hold.id, overdue: hold.holder.is_some(), reason };
                (expire, |swept| &mut swept.unresolved)
            }
            SendOutcome::Unknown { reason } => {
                if hold.state != HoldState::Open {
                    return Ok(|swept| &mut swept.unresolved);
                }
                tracing::warn!(spend = %hold.id, reason, "the outcome of a spend is not known; it stays held");
                let expire = Command::Expire { hold: hold.id, overdue: hold.holder.is_some(), reason };
                (expire, |swept| &mut swept.unresolved)
            }
        };
        let is_final = !matches!(command, Command::Expire { .. });
        match self.command(Actor::System, command).await? {
            Outcome::Settled { .. } => {
                if is_final {
                    self.let_go(hold).await;
                }
                Ok(count)
            }
            other => Err(ServiceError::Unavailable(format!("the ledger answered a settlement with {other:?}"))),
        }
    }

    /// Has the rail forget a spend that is settled. What stays costs some bytes, and nothing else.
    async fn let_go(&self, hold: &Hold) {
        let Ok(Some((name, rail))) = self.rail_of(hold) else { return };
        if let Err(error) = rail.forget(hold.id, &self.memory(name)).await {
            tracing::debug!(spend = %hold.id, %error, "what a rail remembers of a spend stays");
        }
    }

    pub(crate) fn rail_of(&self, hold: &Hold) -> Result<Option<NamedRail<'_>>, ServiceError> {
        Ok(self.rail_name_of(hold)?.and_then(|name| self.rails.get_key_value(&name)))
    }

    /// The name of the rail that carries a spend out, whether or not it is in the configuration.
    pub(crate) fn rail_name_of(&self, hold: &Hold) -> Result<Option<String>, ServiceError> {
        let Some(wallet) = hold.wallet else { return Ok(None) };
        let found = self.reads.look_up(|reader| reader.wallet(wallet, hold.user))?;
        Ok(found.map(|found| found.wallet.rail))
    }

    /// What a rail told of a spend that is not settled, if it was more than is held: also one that is gone from the
    /// configuration since.
    pub(crate) fn exceeded(&self, hold: &Hold) -> Result<Option<Exceeded>, ServiceError> {
        let Some(name) = self.rail_name_of(hold)? else { return Ok(None) };
        let told = Exceeded::read(&self.memory(&name), hold)?;
        Ok(told.map(|told| Exceeded { reason: reason_in_units(&told.reason, self.decimals()), ..told }))
    }

    /// What became of a spend that nobody settled, as its rail knows it.
    pub(crate) async fn became_of(&self, hold: &Hold, asking: Asking) -> Result<SendOutcome, ServiceError> {
        let unknown = |reason: &str| Ok(SendOutcome::Unknown { reason: reason.to_owned() });
        if self.in_flight.contains(hold.id) {
            return unknown("its request is still being carried out");
        }
        if hold.captures_itself {
            return Ok(SendOutcome::Done { reference: reference_of(hold), fee: hold.cost.fee });
        }
        if hold.holder.is_some() {
            return unknown("the service that holds it has not settled it");
        }
        if hold.wallet.is_none() {
            return unknown("it is in no wallet that a rail knows");
        }
        match self.rail_of(hold)? {
            Some((name, rail)) => {
                let memory = self.memory(name);
                let outcome = match asking {
                    Asking::ByItself => rail.reconcile(hold, &memory).await,
                    Asking::ByHand => rail.reconcile_now(hold, &memory).await,
                };
                Ok(outcome.plain(self.decimals()))
            }
            // INVARIANT: what a rail told, it told, whether or not anybody can ask it again.
            None => match self.exceeded(hold)? {
                Some(told) => Ok(told.into()),
                None => unknown("its rail is not configured"),
            },
        }
    }
}

/// Whether an error is none of this spend's: then every other would meet it, too.
const fn concerns_all(error: &ServiceError) -> bool {
    matches!(error, ServiceError::StoreUnavailable(_))
}
