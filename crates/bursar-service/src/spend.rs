//! Spending: hold, send, settle, in this order and never another (design §4).

use std::sync::Arc;

use bursar_core::account::Wallet;
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, HoldState, Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, UserId, WalletId};
use bursar_core::ledger::{Command, HoldRequest, Key, Outcome, Request, Settler};
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_ledger::Ledger;
use bursar_rails::jsonrpc::Call;
use bursar_store::StoreError;
use sha2::{Digest, Sha256};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::follow::UnderWaySpends;
use crate::known::KnownWallet;
use crate::memory::RailMemory;
use crate::rail::{Built, Decoded, Permit, Plan, Rail, SendOutcome, Wanted};
use crate::refused::Attempt;
use crate::rotate::MOST_ATTEMPTS;
use crate::step_up::Action;

/// 2^192 base units.
const SUM_BOUND: Amount = Amount::power_of_two(192);

/// A spend as a client asks for it.
#[derive(Clone, Debug)]
pub struct SpendRequest {
    /// The coin named in the path.
    pub coin: Coin,
    /// From which wallet.
    pub wallet: WalletId,
    /// What is to be sent.
    pub what: What,
    /// The client's own name for the spend.
    pub sequence_id: Option<String>,
    /// A comment to keep with it.
    pub comment: Option<String>,
    /// A one-time password: an unlock for this spend alone.
    pub otp: Option<String>,
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub enum What {
    /// So much to each of these.
    Recipients(Vec<Recipient>),
    /// The transaction that was built before, and the recipients the client believes are in it.
    Transaction {
        /// Its bytes.
        bytes: Vec<u8>,
        /// What the client claims.
        claimed: Option<Vec<Recipient>>,
    },
    /// What a call in the rail's own protocol asks.
    Call {
        /// The call.
        call: Call,
        /// What it means.
        wanted: Box<Wanted>,
        /// The client's own name for the spend, if it gave one beside the call.
        key: Option<String>,
    },
}

/// A spend that went through, now or before.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The spend; captured.
    pub hold: Hold,
    /// What the rail calls it.
    pub reference: String,
    /// What the approval is called that it waits for where it was sent; there is no reference yet then.
    pub approval: Option<String>,
    /// Its transaction, as far as it is known: signed, or as it was built before.
    pub transaction: Vec<u8>,
    /// What each limit it fell under said; how the token's own stand, if it was asked for again.
    pub reports: Vec<LimitReport>,
    /// Whether it went through before.
    pub before: bool,
}

impl Bursar {
    /// Makes a transaction without sending it. Needs the scope to spend, but neither limit nor unlock.
    ///
    /// # Errors
    /// The caller may not spend from this wallet, or the rail cannot make it.
    pub async fn build(
        &self,
        principal: &Principal,
        coin: &Coin,
        wallet: WalletId,
        recipients: &[Recipient],
    ) -> Result<Built, ServiceError> {
        let (wallet, _) = self.wallet_for(principal, wallet, WalletAction::Spend)?;
        if wallet.coin != *coin {
            return Err(Refusal::WrongCoin { holds: wallet.coin.clone() }.into());
        }
        let rail = self.rail(&wallet.rail)?;
        rail.payees(coin, recipients)?;
        Ok(rail.build(&wallet.reference, coin, recipients, self.random.bytes()).await?)
    }

    /// Spends: reserves the budget, sends, settles.
    ///
    /// # Errors
    /// Refused with the reason, or sent with an outcome that is not known: then it stays held.
    pub async fn spend(&self, principal: &Principal, request: SpendRequest) -> Result<Sent, ServiceError> {
        let attempt = Attempt { token: principal.token().id, coin: request.coin.clone(), wallet: Some(request.wallet) };
        let prepared = self.prepare(principal, request).await;
        let (work, mut hold) = self.noting_refusal(principal, &attempt, prepared).await?;
        // On a task of its own: a client that goes away leaves no spend half done.
        let pending = ServiceError::OutcomePending { hold: hold.id };
        for _ in 0..MOST_ATTEMPTS {
            match tokio::spawn(work.clone().run(hold.clone())).await.unwrap_or(Err(pending.clone()))? {
                Some(sent) if sent.before => {
                    let reports = self.standing_of_token(hold.token, &*self.limits_of(hold.token)?).await?;
                    return Ok(Sent { reports, ..sent });
                }
                Some(sent) => return Ok(sent),
                None => {
                    let presented = self.still_presented(hold.token, principal.lookup);
                    hold.read = vec![self.noting_refusal(principal, &attempt, presented).await?];
                }
            }
        }
        Err(ServiceError::Busy)
    }

    /// Reads a request and finds what it takes to hold and send it.
    async fn prepare(
        &self,
        principal: &Principal,
        request: SpendRequest,
    ) -> Result<(HoldAndSend, HoldRequest), ServiceError> {
        let (wallet, _) = self.wallet_for(principal, request.wallet, WalletAction::Spend)?;
        let rail = self.rail(&wallet.rail)?;
        let now = self.clock.now();
        let id = HoldId::time_ordered(now, self.random.bytes());
        let mut key = request.sequence_id.map(|name| SpendKey::Sequence(wallet.id, name));
        let (payees, fee, instruction, transaction) = match request.what {
            What::Recipients(recipients) => {
                // Before the rail is asked: what cannot be paid, or may not, costs it nothing.
                let payees = rail.payees(&request.coin, &recipients)?;
                check_sum(&payees, Amount::ZERO)?;
                // The sandbox looks nothing up for its plan, so there is none to spare it.
                let known = if rail.is_sandbox() { None } else { self.planned(key.as_ref())? };
                let Plan { fee, instruction } = match known {
                    Some((plan, _)) => plan,
                    None => rail.plan(&wallet.reference, &request.coin, &recipients, id).await?,
                };
                (payees, fee, instruction, Vec::new())
            }
            What::Transaction { bytes, claimed } => {
                let decoded = rail.decode(&bytes)?;
                check_claim(&decoded, &wallet.reference, &request.coin, claimed.as_deref())?;
                (rail.payees(&request.coin, &decoded.recipients)?, decoded.fee, bytes.clone(), bytes)
            }
            What::Call { call, wanted, key: named } => {
                if !wanted.recipients.is_empty() {
                    check_sum(&rail.payees(&request.coin, &wanted.recipients)?, Amount::ZERO)?;
                }
                let protocol = rail.protocol().ok_or(ServiceError::NotFound("rail"))?;
                // A rail's name begins with what no client's has.
                let by_rail = wanted.name.map(|name| SpendKey::Sequence(wallet.id, format!("\0{name}")));
                key = by_rail.or_else(|| named.map(|named| SpendKey::Client(principal.token().id, named)));
                let (Plan { fee, instruction }, told) = match self.planned(key.as_ref())? {
                    Some(plan) => plan,
                    None => protocol.plan_call(&wallet.reference, &call, id).await?,
                };
                let recipients = if wanted.recipients.is_empty() { told } else { wanted.recipients };
                (rail.payees(&request.coin, &recipients)?, fee, instruction, wanted.meaning)
            }
        };
        check_sum(&payees, fee)?;
        let fee_coin = rail.fee_coin(&request.coin);
        let mut hold = HoldRequest {
            id,
            token: principal.token().id,
            address: principal.address,
            wallet: Some(wallet.id),
            organisation: None,
            meaning: meaning(&request.coin, Some(wallet.id), &payees, &transaction),
            fee_ceiling: Some(rail.fees_at_most(&fee_coin)),
            fee_coin,
            coin: request.coin,
            payees,
            fee,
            key,
            instruction,
            comment: request.comment,
            stepped_up: self.ignores_limits(),
            holder: None,
            patience: self.policy.spend_deadline,
            read: vec![(Key::Token(principal.token().id), principal.known.version)],
        };
        // A repeat has used up its code already: its key leads to the first outcome, without proof.
        if request.otp.is_some() && !self.is_known(&hold)? {
            let action = Action::Spend(wallet.id);
            let _shown = self.prove_step_up(principal, action, request.otp.as_deref()).await?;
            hold.stepped_up = true;
        }
        let work = HoldAndSend {
            ledger: Arc::clone(&self.ledger),
            memory: self.memory(&wallet.rail),
            rail: Arc::clone(rail),
            wallet,
            actor: principal.actor(),
            under_way: self.under_way.clone(),
        };
        Ok((work, hold))
    }

    /// The plan of the spend that a key stands for already, and who gets how much by it. It is not planned anew: what it
    /// takes may have changed since, and its outcome has not.
    fn planned(&self, key: Option<&SpendKey>) -> Result<Option<(Plan, Vec<Recipient>)>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let known = self.reads.look_up(|reader| match reader.hold_by_key(key)? {
            Some(id) => reader.hold(id),
            None => Ok(None),
        })?;
        let recipient = |payee: Payee| Recipient { address: payee.address, amount: payee.amount };
        Ok(known.map(|hold| {
            let recipients = hold.payees.into_iter().map(recipient).collect();
            (Plan { fee: hold.cost.fee, instruction: hold.instruction }, recipients)
        }))
    }

    /// Whether one of the request's names stands for a spend already.
    fn is_known(&self, request: &HoldRequest) -> Result<bool, StoreError> {
        self.reads.look_up(|reader| {
            request.names().iter().try_fold(false, |known, name| Ok(known || reader.hold_by_key(name)?.is_some()))
        })
    }

    /// A wallet on which the caller may do this, checked on what is known now; the ledger checks again.
    pub(crate) fn wallet_for(
        &self,
        principal: &Principal,
        wallet: WalletId,
        action: WalletAction,
    ) -> Result<KnownWallet, ServiceError> {
        let (wallet, role) = self.wallet_of(wallet, principal.user())?.ok_or(Refusal::WalletUnknown)?;
        let need = Need::Wallet { action, wallet: &wallet, role };
        authorize(principal.token(), &principal.owner, principal.address, need, self.clock.now())?;
        Ok((wallet, role))
    }

    /// A wallet and what a user may do with it.
    pub(crate) fn wallet_of(&self, wallet: WalletId, user: UserId) -> Result<Option<KnownWallet>, StoreError> {
        if let Some(known) = self.known.wallet(wallet, user) {
            return Ok(Some(known));
        }
        let read_at = self.known.generation();
        let found = self.reads.look_up(|reader| reader.wallet(wallet, user))?;
        Ok(found.map(|found| (self.known.keep_wallet(found.wallet, user, found.role, read_at), found.role)))
    }
}

/// One spend on its way: held, sent, settled.
#[derive(Clone)]
struct HoldAndSend {
    ledger: Arc<Ledger>,
    rail: Arc<dyn Rail>,
    memory: RailMemory,
    wallet: Arc<Wallet>,
    actor: Actor,
    under_way: UnderWaySpends,
}

impl HoldAndSend {
    /// Holds and sends; nothing, if what the request was decided on has changed.
    async fn run(self, request: HoldRequest) -> Result<Option<Sent>, ServiceError> {
        let id = request.id;
        let command = Command::Hold(Box::new(request));
        let outcome = self.ledger.submit(Request { actor: self.actor, command }).await?;
        if matches!(outcome, Outcome::Known { .. } | Outcome::Refused(_)) {
            self.rail.give_up(id);
        }
        match outcome {
            Outcome::Held { hold, reports } => self.send(*hold, reports).await.map(Some),
            Outcome::Known { hold, same: true } => self.known(*hold).await.map(Some),
            Outcome::Known { hold, same: false } => Err(ServiceError::DuplicateSpend { hold: hold.id }),
            Outcome::Conflict(_) => Ok(None),
            Outcome::Refused(refusal) => Err(refusal.into()),
            other => Err(ServiceError::Unavailable(format!("the ledger answered a hold with {other:?}"))),
        }
    }

    /// The first outcome of a spend that was asked for again.
    async fn known(self, hold: Hold) -> Result<Sent, ServiceError> {
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

    async fn send(self, hold: Hold, reports: Vec<LimitReport>) -> Result<Sent, ServiceError> {
        let id = hold.id;
        let (command, sent) = match self
            .rail
            .send(&self.wallet.reference, Permit::of_granted(hold.clone()), &self.memory)
            .await
        {
            SendOutcome::Done { reference, fee } => {
                let amount = captured(&hold, fee);
                let state = HoldState::Captured { at: hold.created, amount, fee, reference: reference.clone() };
                let transaction = hold.instruction.clone();
                let hold = Hold { state, ..hold };
                let sent =
                    Sent { hold, reference: reference.clone(), approval: None, transaction, reports, before: false };
                (Command::Capture { hold: id, amount, fee, reference, by: Settler::Rail }, Ok(sent))
            }
            SendOutcome::Sent { reference } => {
                self.under_way.add(id);
                let transaction = self.rail.signed(id, &self.memory)?.unwrap_or_default();
                return Ok(Sent { hold, reference, approval: None, transaction, reports, before: false });
            }
            SendOutcome::Awaiting { approval } => {
                self.under_way.add(id);
                let (reference, transaction, approval) = (String::new(), Vec::new(), Some(approval));
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
            SendOutcome::Unknown { reason } => {
                tracing::warn!(spend = %id, reason, "the outcome of a spend is not known");
                (Command::Expire { hold: id, overdue: false }, Err(ServiceError::OutcomePending { hold: id }))
            }
        };
        // The hold is durable, so nobody has to wait for its settlement: should it be lost, the spend stays
        // counted and is reconciled (design §6).
        let request = Request { actor: self.actor, command };
        if self.rail.is_sandbox() {
            if let Err(error) = self.ledger.submit_and_go_on(request) {
                tracing::warn!(spend = %id, %error, "a settlement was not taken; the sweep will make up for it");
            }
        } else {
            self.settle_and_forget(id, request).await;
        }
        sent
    }

    /// Settles before it answers, so that a repeat finds the outcome, and lets the rail forget the spend once that is
    /// durable: until then its notes may be needed.
    async fn settle_and_forget(self, id: HoldId, request: Request) {
        let is_final = !matches!(request.command, Command::Expire { .. });
        match self.ledger.submit(request).await {
            Ok(Outcome::Settled { .. }) if is_final => {
                tokio::spawn(async move {
                    if let Err(error) = self.rail.forget(id, &self.memory).await {
                        tracing::debug!(spend = %id, ?error, "what a rail remembers of a spend stays");
                    }
                });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(spend = %id, %error, "a settlement was not taken; the sweep will make up for it");
            }
        }
    }
}

/// The same if the recipients got nothing.
pub(crate) fn captured_of_none(hold: &Hold, fee: Amount) -> Amount {
    if hold.cost.coin == hold.cost.fee_coin { fee } else { Amount::ZERO }
}

/// Refuses sums that no coin has: totals of many spends must always fit 256 bits, or one of them could
/// keep all others from being counted.
pub(crate) fn check_sum(payees: &[Payee], fee: Amount) -> Result<(), Refusal> {
    let sum = payees.iter().try_fold(fee, |sum, to| sum.checked_add(to.amount));
    match sum {
        Some(sum) if sum < SUM_BOUND => Ok(()),
        _ => Err(Refusal::AmountTooLarge),
    }
}

/// How much of the coin left: what the recipients got, and the real fee if it was paid in the same coin.
pub(crate) fn captured(hold: &Hold, fee: Amount) -> Amount {
    let cost = &hold.cost;
    if cost.coin == cost.fee_coin { cost.without_fee().saturating_add(fee) } else { cost.amount }
}

/// What a client claims must be what the transaction does: it is the transaction that is held and sent.
fn check_claim(
    decoded: &Decoded,
    reference: &str,
    coin: &Coin,
    claimed: Option<&[Recipient]>,
) -> Result<(), ServiceError> {
    if decoded.reference != reference {
        return Err(ServiceError::invalid("txHex", "is a transaction of another wallet"));
    }
    if decoded.coin != *coin {
        return Err(ServiceError::invalid("txHex", format!("is a transaction of {}", decoded.coin)));
    }
    match claimed {
        Some(claimed) if claimed != decoded.recipients => {
            Err(ServiceError::invalid("recipients", "are not those of the transaction in `txHex`"))
        }
        _ => Ok(()),
    }
}

/// Names what a spend means, so that a key cannot be used for two different ones. Not its bytes: the same
/// spend may be written in many ways.
pub(crate) fn meaning(coin: &Coin, wallet: Option<WalletId>, payees: &[Payee], transaction: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    };
    field(b"spend");
    field(coin.as_str().as_bytes());
    field(wallet.as_ref().map_or(&[], |wallet| &wallet.as_bytes()[..]));
    // Who is named first says nothing about who gets what.
    let mut payments: Vec<_> = payees.iter().map(|payee| (payee.destination.id(), payee.amount)).collect();
    payments.sort_unstable();
    for (destination, amount) in payments {
        field(destination.as_bytes());
        field(&amount.to_be_bytes());
    }
    field(transaction);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use bursar_core::destination::Destination;

    use super::*;

    #[test]
    fn the_order_of_recipients_means_nothing_and_who_gets_how_much_does() {
        let coin = Coin::parse("tbtc").expect("a ticker");
        let to = |number: u8, amount| Payee {
            address: number.to_string(),
            destination: Destination::new("bitcoin-testnet", &[number], None),
            amount: Amount::new(amount),
        };
        let meaning = |payees: &[Payee]| meaning(&coin, None, payees, &[]);
        let one = meaning(&[to(1, 5), to(2, 7)]);
        assert_eq!(meaning(&[to(2, 7), to(1, 5)]), one);
        assert_ne!(meaning(&[to(1, 7), to(2, 5)]), one);
        assert_ne!(meaning(&[to(1, 5), to(2, 7), to(2, 7)]), one);
    }
}
