//! One spend on its way. What must never happen here: that something is sent that is not held.

use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::account::Wallet;
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::decimals::Decimals;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, HoldRequest, Outcome, Request, Settler};
use bursar_core::limit::LimitReport;
use bursar_ledger::{Ledger, LedgerError};
use bursar_rails::exchange::Charge;

use super::two_wallets::PayersRequest;
use super::untaken::{Outcomes, Untaken};
use super::{Planned, Sent, captured, captured_of_none, unexpected};
use crate::error::ServiceError;
use crate::exceeded::Alarms;
use crate::flow::Flow;
use crate::follow::UnderWaySpends;
use crate::in_flight::InFlight;
use crate::memory::RailMemory;
use crate::rail::{Permit, Rail, SendOutcome};

/// One spend on its way: held, sent, settled.
#[derive(Clone)]
pub(super) struct HoldAndSend {
    pub(super) ledger: Arc<Ledger>,
    pub(super) rail: Arc<dyn Rail>,
    /// What the rail keeps for it until it is held.
    pub(super) planned: Arc<Planned>,
    /// The request that is sent, on rails of plain HTTP.
    pub(super) charge: Option<Arc<Charge>>,
    /// The way for its answer, for whoever takes it while it comes.
    pub(super) flow: Arc<Mutex<Option<Flow>>>,
    pub(super) memory: RailMemory,
    pub(super) wallet: Arc<Wallet>,
    /// The half that another wallet pays, if one does.
    pub(super) payer: Option<Arc<PayersRequest>>,
    pub(super) actor: Actor,
    pub(super) under_way: UnderWaySpends,
    pub(super) in_flight: InFlight,
    pub(super) outcomes: Outcomes,
    pub(super) alarms: Alarms,
    pub(super) decimals: Arc<Decimals>,
}

impl HoldAndSend {
    /// Holds and sends; nothing, if what the request was decided on has changed.
    pub(super) async fn run(self, request: HoldRequest) -> Result<Option<Sent>, ServiceError> {
        let _carried = self.in_flight.enter(request.id);
        if let Some(half) = self.payer.clone() {
            return self.run_of_two(&half, request).await;
        }
        match self.hold(request).await? {
            Outcome::Held { hold, reports } => self.send(hold, None, reports).await.map(Some),
            Outcome::Known { hold, same: true } => self.known(Arc::unwrap_or_clone(hold)).await.map(Some),
            Outcome::Known { hold, same: false } => Err(ServiceError::DuplicateSpend { hold: hold.id }),
            Outcome::Conflict(_) => Ok(None),
            Outcome::Refused(refusal) => Err(refusal.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for a hold; where there is none to send, the rail keeps nothing for it.
    pub(super) async fn hold(&self, request: HoldRequest) -> Result<Outcome, ServiceError> {
        let command = Command::Hold(Box::new(request));
        let outcome = self.ledger.submit(Request { actor: self.actor, command }).await?;
        if let Outcome::Held { hold, .. } = &outcome {
            self.planned.held(hold.id);
        }
        Ok(outcome)
    }

    /// The first outcome of a spend that was asked for again.
    pub(super) async fn known(self, hold: Hold) -> Result<Sent, ServiceError> {
        match &hold.state {
            HoldState::Captured { reference, .. } => {
                let reference = reference.clone();
                let transaction = if self.rail.is_sandbox() { hold.instruction.clone() } else { Vec::new() };
                Ok(Sent { hold, reference, approval: None, transaction, reports: Vec::new(), before: true })
            }
            HoldState::Open | HoldState::Unresolved { .. } => {
                let approval = self.rail.awaits(hold.id, &self.memory)?;
                let reference = match self.rail.sent(hold.id, &self.memory)? {
                    Some(reference) => reference,
                    None if approval.is_some() => String::new(),
                    None => return Err(ServiceError::OutcomePending { hold: hold.id }),
                };
                let transaction = self.rail.signed(hold.id, &self.memory)?.unwrap_or_default();
                Ok(Sent { hold, reference, approval, transaction, reports: Vec::new(), before: true })
            }
            HoldState::Released { reason, .. } => {
                Err(ServiceError::RailRefused { hold: hold.id, reason: reason.clone() })
            }
        }
    }

    pub(super) async fn send(
        self,
        hold: Arc<Hold>,
        payers: Option<Arc<Hold>>,
        reports: Vec<LimitReport>,
    ) -> Result<Sent, ServiceError> {
        let id = hold.id;
        let flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ending = flow.as_ref().map(Flow::ending);
        let flow = flow.map(|flow| flow.reporting(reports.clone()));
        let half = self.payers_half(payers.clone());
        let permit =
            Permit::of_granted(Arc::clone(&hold)).carrying(self.charge.clone()).flowing(flow).with_payers(half);
        let outcome = self.rail.send(&self.wallet.reference, permit, &self.memory).await.plain(&self.decimals);
        if let Some(payers) = &payers {
            self.go_on_with(payers, &outcome).await;
        }
        let mut alarm = None;
        let (command, sent) = match outcome {
            SendOutcome::Done { reference, fee } => {
                let (amount, transaction) = (captured(&hold, fee), hold.instruction.clone());
                went_through(hold, amount, fee, reference, transaction, reports)
            }
            SendOutcome::Charged { reference, amount } => {
                went_through(hold, amount, Amount::ZERO, reference, Vec::new(), reports)
            }
            SendOutcome::Sent { reference } | SendOutcome::Unseen { reference, .. } => {
                self.under_way.add(id);
                let transaction = self.rail.signed(id, &self.memory)?.unwrap_or_default();
                let hold = Arc::unwrap_or_clone(hold);
                return Ok(Sent { hold, reference, approval: None, transaction, reports, before: false });
            }
            SendOutcome::Awaiting { approval } => {
                self.under_way.add(id);
                let (reference, transaction, approval) = (String::new(), Vec::new(), Some(approval));
                let hold = Arc::unwrap_or_clone(hold);
                return Ok(Sent { hold, reference, approval, transaction, reports, before: false });
            }
            SendOutcome::Reverted { reference, fee } => {
                let amount = captured_of_none(&hold, fee);
                let reverted = ServiceError::RailRefused { hold: id, reason: format!("{reference} was reverted") };
                (Command::Capture { hold: id, amount, fee, reference, by: Settler::Rail }, Err(reverted))
            }
            SendOutcome::Refused { reason } => {
                let refused = ServiceError::RailRefused { hold: id, reason: reason.clone() };
                (Command::Release { hold: id, reason, by: Settler::Rail }, Err(refused))
            }
            SendOutcome::NotSent { reason } => {
                let unreachable = ServiceError::RailUnavailable(reason.clone());
                (Command::Release { hold: id, reason, by: Settler::Rail }, Err(unreachable))
            }
            SendOutcome::Exceeded { moved, reason } => {
                alarm = Some(self.alarms.raise(&hold, moved, &reason));
                (Command::Expire { hold: id, overdue: false, reason }, Err(ServiceError::OutcomePending { hold: id }))
            }
            SendOutcome::Unknown { reason } => {
                tracing::warn!(spend = %id, reason, "the outcome of a spend is not known");
                (Command::Expire { hold: id, overdue: false, reason }, Err(ServiceError::OutcomePending { hold: id }))
            }
        };
        self.settle(id, alarm, command).await;
        if let Some(ending) = ending {
            ending.tell().await;
        }
        sent
    }

    /// Settles. The hold is durable, so that a settlement may be lost with the process: the spend stays counted then and is
    /// reconciled (SECURITY.md, P4).
    async fn settle(&self, id: HoldId, alarm: Option<Request>, command: Command) {
        let settlement = Request { actor: self.actor, command };
        if self.rail.is_sandbox() {
            if let Err(error) = self.ledger.submit_and_go_on(settlement) {
                tracing::warn!(spend = %id, %error, "a settlement was not taken; the sweep will make up for it");
            }
            return;
        }
        let (notes, is_final) = (self.memory.take_waiting(), !matches!(settlement.command, Command::Expire { .. }));
        // Before it is answered, so that a repeat finds the outcome; and all in one lane, so that they are taken in this order.
        let (noted, locked, settled) = tokio::join!(
            self.before(notes.as_ref()),
            self.before(alarm.as_ref()),
            self.ledger.submit(settlement.clone())
        );
        let mut untaken = Untaken::none(id);
        for (command, given) in [(notes, noted), (alarm, locked)] {
            if let (Some(command), Err(error)) = (command, given) {
                untaken.keep(command, &error);
            }
        }
        let is_settled = matches!(settled, Ok(Outcome::Settled { .. }));
        if let Err(error) = settled {
            untaken.keep(settlement, &error);
        }
        let (rail, memory) = (Arc::clone(&self.rail), self.memory.clone());
        // Until then the rail's notes may be needed.
        let forget = async move {
            if let Err(error) = rail.forget(id, &memory).await {
                tracing::debug!(spend = %id, %error, "what a rail remembers of a spend stays");
            }
        };
        if !untaken.is_none() {
            let (carried, afterwards) = (self.in_flight.enter(id), is_final.then_some(forget));
            untaken.give_again(&self.ledger, &self.outcomes, carried, is_settled, afterwards);
        } else if is_settled && is_final {
            tokio::spawn(forget);
        }
    }

    /// Gives what is to be there when the settlement is.
    async fn before(&self, command: Option<&Request>) -> Result<(), LedgerError> {
        match command {
            Some(command) => self.ledger.submit_before_settlement(command.clone()).await.map(drop),
            None => Ok(()),
        }
    }
}

/// How a spend is settled that went through, and what is said of it.
fn went_through(
    hold: Arc<Hold>,
    amount: Amount,
    fee: Amount,
    reference: String,
    transaction: Vec<u8>,
    reports: Vec<LimitReport>,
) -> (Command, Result<Sent, ServiceError>) {
    let capture = Command::Capture { hold: hold.id, amount, fee, reference: reference.clone(), by: Settler::Rail };
    let state = HoldState::Captured { at: hold.created, amount, fee, reference: reference.clone() };
    let hold = Hold { state, ..Arc::unwrap_or_clone(hold) };
    (capture, Ok(Sent { hold, reference, approval: None, transaction, reports, before: false }))
}
