//! A spend whose money is one wallet's and whose fee another's: two holds, each of one wallet, and one signature (ADR 27).
//!
//! The payer's wallet is held first, with the amount and no fee; the sender's second, with the fee alone. Only when both
//! are held is there a permit, and from then on the rail settles each by what became of the one transaction. What must
//! never happen here: that one half is given back while the other may still be signed.

use std::sync::Arc;

use bursar_core::account::Wallet;
use bursar_core::amount::Amount;
use bursar_core::hold::{Hold, Payee, SpendKey};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, HoldRequest, Outcome, Request, Settler};

use super::asked::Named;
use super::on_its_way::HoldAndSend;
use super::{Sent, meaning, unexpected};
use crate::Bursar;
use crate::error::ServiceError;
use crate::rail::{PayersHalf, Protocol, SendOutcome};

/// What another wallet pays, before it is held.
pub(super) struct Half {
    id: HoldId,
    wallet: Arc<Wallet>,
    payees: Vec<Payee>,
    key: Option<SpendKey>,
    instruction: Vec<u8>,
    /// The spend whose instruction this is, if it was asked for before.
    repeats: Option<Named>,
}

/// The same, as it asks for its hold.
pub(super) struct PayersRequest {
    wallet: Arc<Wallet>,
    request: HoldRequest,
}

impl Bursar {
    /// The half that this wallet pays of a spend with this name.
    pub(super) fn half_of(
        &self,
        wallet: Arc<Wallet>,
        payees: Vec<Payee>,
        whole: Option<&SpendKey>,
        (protocol, sender): (&dyn Protocol, &str),
    ) -> Result<Half, ServiceError> {
        let key = whole.map(|whole| match whole {
            SpendKey::Client(token, name) => SpendKey::Client(*token, SpendKey::own(&format!("payer/{name}"))),
            SpendKey::Sequence(_, name) => {
                SpendKey::Sequence(wallet.id, SpendKey::own(&format!("payer/{sender}/{name}")))
            }
            SpendKey::Transaction(_, hash) => SpendKey::Transaction(wallet.id, *hash),
        });
        let id = HoldId::time_ordered(self.clock.now(), self.random.bytes());
        // Of a repeat the first instruction: it is one of the names of the spend.
        let (instruction, repeats) = match self.planned(key.as_ref())? {
            Some(known) => (known.plan.instruction, Some(known.name)),
            None => (protocol.payers_half(id), None),
        };
        Ok(Half { id, wallet, payees, key, instruction, repeats })
    }
}

impl Half {
    /// Makes it a request beside that of the sender's half. Each names the other for whoever looks.
    pub(super) fn beside(self, senders: &mut HoldRequest) -> PayersRequest {
        let Self { id, wallet, payees, key, instruction, repeats } = self;
        senders.read.extend(repeats);
        let whole = [senders.wallet.as_ref().map_or(&[][..], |wallet| wallet.as_bytes()), &senders.meaning].concat();
        let request = HoldRequest {
            id,
            wallet: Some(wallet.id),
            meaning: meaning(&senders.coin, Some(wallet.id), &payees, &whole),
            payees,
            fee: Amount::ZERO,
            key,
            instruction,
            comment: Some(format!("the fee is paid by another wallet: spend {}", senders.id)),
            ..senders.clone()
        };
        senders.comment = Some(format!("the fee alone; the amount is another wallet's: spend {id}"));
        PayersRequest { wallet, request }
    }
}

impl PayersRequest {
    /// What is asked of the ledger.
    pub(super) const fn request(&self) -> &HoldRequest {
        &self.request
    }
}

impl HoldAndSend {
    /// Holds both and sends; nothing, if what the request was decided on has changed.
    pub(super) async fn run_of_two(
        self,
        half: &PayersRequest,
        request: HoldRequest,
    ) -> Result<Option<Sent>, ServiceError> {
        let _carried = self.in_flight.enter(half.request.id);
        let first = HoldRequest { read: request.read.clone(), ..half.request.clone() };
        let payers = match self.hold(first).await? {
            Outcome::Held { hold, .. } => hold,
            Outcome::Known { hold, same: true } => return self.known_by(&hold, &request).await.map(Some),
            Outcome::Known { hold, same: false } => return Err(ServiceError::DuplicateSpend { hold: hold.id }),
            Outcome::Conflict(_) => return Ok(None),
            Outcome::Refused(refusal) => return Err(refusal.into()),
            other => return Err(unexpected(&other)),
        };
        let second = match self.hold(request).await {
            Ok(Outcome::Held { hold, reports }) => return self.send(hold, Some(payers), reports).await.map(Some),
            second => second,
        };
        // INVARIANT: who has no permit signs nothing, and only a second hold that is granted here makes one.
        self.give_back(&payers, "the wallet that was to pay the fee is not held".to_owned()).await;
        match second? {
            Outcome::Known { hold, same: true } => self.known(Arc::unwrap_or_clone(hold)).await.map(Some),
            Outcome::Known { hold, same: false } => Err(ServiceError::DuplicateSpend { hold: hold.id }),
            // The first hold has used its id up.
            Outcome::Conflict(_) => Err(ServiceError::Busy),
            Outcome::Refused(refusal) => Err(refusal.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// The payer's half for the permit.
    pub(super) fn payers_half(&self, held: Option<Arc<Hold>>) -> Option<PayersHalf> {
        let half = self.payer.as_ref()?;
        held.map(|hold| PayersHalf::of_granted(hold, half.wallet.reference.clone()))
    }

    /// Goes on with the payer's half when the sender's was sent, or was not.
    pub(super) async fn go_on_with(&self, payers: &Hold, sent: &SendOutcome) {
        match sent {
            // The rail's word is about the transaction, of which there is one.
            SendOutcome::Refused { reason } | SendOutcome::NotSent { reason } => {
                self.give_back(payers, reason.clone()).await;
            }
            // What became of it the rail says of each by itself: it is asked a moment from now.
            _ => self.under_way.add(payers.id),
        }
    }

    /// The outcome of a spend whose payer's half is held already: by who asked before, or asks at the same time. Nothing is
    /// held for this request, and so nothing is sent for it.
    async fn known_by(self, payers: &Hold, request: &HoldRequest) -> Result<Sent, ServiceError> {
        let known = self.memory.reads.look_up(|reader| {
            let id = request.key.as_ref().map(|key| reader.hold_by_key(key)).transpose()?.flatten();
            id.map(|id| reader.hold(id)).transpose().map(Option::flatten)
        })?;
        match known {
            Some(hold) if hold.meaning == request.meaning => self.known(hold).await,
            Some(hold) => Err(ServiceError::DuplicateSpend { hold: hold.id }),
            None => Err(ServiceError::OutcomePending { hold: payers.id }),
        }
    }

    /// Gives back what is not signed and will not be. What the ledger does not take, the sweep makes up for.
    async fn give_back(&self, payers: &Hold, reason: String) {
        let command = Command::Release { hold: payers.id, reason, by: Settler::Rail };
        if let Err(error) = self.ledger.submit(Request { actor: self.actor, command }).await {
            tracing::warn!(spend = %payers.id, %error, "the payer's half stays held; the sweep will make up for it");
        }
    }
}
