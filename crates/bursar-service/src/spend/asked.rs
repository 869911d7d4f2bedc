//! What a request to spend comes to, once it is read and its rail was asked: who gets how much, and what is sent.
//!
//! Before the rail is asked, all is refused that the request alone shows: what cannot be paid, or may not, costs it nothing.

use std::sync::{Arc, Mutex};

use bursar_core::account::Wallet;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, WalletId};
use bursar_core::scope::WalletAction;
use bursar_rails::dialect::Order;
use bursar_rails::exchange::{Charge, Outgoing};
use bursar_rails::jsonrpc::Call;
use bursar_store::StoreError;

use super::two_wallets::Half;
use super::{NOBODY_ELSE, What, check_sum};
use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::flow::Flow;
use crate::rail::{Decoded, Plan, Protocol, Rail, RailError, Wanted};

/// Who asks for a spend, and of what.
pub(super) struct Asks<'a> {
    pub(super) principal: &'a Principal,
    pub(super) wallet: &'a Wallet,
    pub(super) rail: &'a Arc<dyn Rail>,
    pub(super) coin: &'a Coin,
    pub(super) id: HoldId,
}

/// What it comes to.
pub(super) struct Asked {
    pub(super) payees: Vec<Payee>,
    pub(super) plan: Plan,
    /// What tells it from other spends that pay the same.
    pub(super) bytes: Vec<u8>,
    /// Its name, if it has one.
    pub(super) key: Option<SpendKey>,
    /// What is sent, where the rail is sent requests.
    pub(super) charge: Option<Arc<Charge>>,
    pub(super) flow: Arc<Mutex<Option<Flow>>>,
    /// What another wallet pays of it.
    pub(super) payer: Option<Half>,
}

impl Asked {
    fn new(payees: Vec<Payee>, plan: Plan, bytes: Vec<u8>, key: Option<SpendKey>) -> Self {
        Self { payees, plan, bytes, key, charge: None, flow: Arc::default(), payer: None }
    }
}

impl Asks<'_> {
    /// Reads what is to be sent; `key` is the client's own name for it.
    pub(super) async fn read(&self, bursar: &Bursar, what: What, key: Option<SpendKey>) -> Result<Asked, ServiceError> {
        match what {
            What::Recipients(recipients) => self.payment(bursar, &recipients, key).await,
            What::Transaction { bytes, claimed } => self.transaction(bytes, claimed.as_deref(), key),
            What::Exchange { charge, flow } => self.exchange(charge, flow),
            What::Order(order) => self.order(bursar, &order, key).await,
            What::Call { call, wanted, payer, key: named } => {
                let by_rail = wanted.name.as_ref().map(|name| SpendKey::Sequence(self.wallet.id, SpendKey::own(name)));
                let by_client = || named.map(|named| SpendKey::Client(self.principal.token().id, named));
                let key = by_rail.or_else(by_client);
                self.call(bursar, &call, *wanted, payer, key).await
            }
        }
    }

    async fn payment(
        &self,
        bursar: &Bursar,
        recipients: &[Recipient],
        key: Option<SpendKey>,
    ) -> Result<Asked, ServiceError> {
        let payees = self.rail.payees(self.coin, recipients)?;
        check_sum(&payees, Amount::ZERO)?;
        // The sandbox looks nothing up for its plan, so there is none to spare it.
        let known = if self.rail.is_sandbox() { None } else { bursar.planned(key.as_ref())? };
        let plan = match known {
            Some((plan, _)) => plan,
            None => self.rail.plan(&self.wallet.reference, self.coin, recipients, self.id).await?,
        };
        Ok(Asked::new(payees, plan, Vec::new(), key))
    }

    fn transaction(
        &self,
        bytes: Vec<u8>,
        claimed: Option<&[Recipient]>,
        key: Option<SpendKey>,
    ) -> Result<Asked, ServiceError> {
        let decoded = self.rail.decode(&bytes)?;
        check_claim(&decoded, &self.wallet.reference, self.coin, claimed)?;
        let payees = self.rail.payees(self.coin, &decoded.recipients)?;
        let plan = Plan { fee: decoded.fee, instruction: bytes.clone() };
        Ok(Asked::new(payees, plan, bytes, key))
    }

    fn exchange(&self, charge: Arc<Charge>, flow: Arc<Mutex<Option<Flow>>>) -> Result<Asked, ServiceError> {
        let address = charge.destination.as_deref().unwrap_or(NOBODY_ELSE).to_owned();
        let payees = self.rail.payees(self.coin, &[Recipient { address, amount: charge.amount }])?;
        let key = SpendKey::Client(self.principal.token().id, charge.key.to_string());
        let plan = Plan { fee: Amount::ZERO, instruction: charge.instruction.clone() };
        let asked = Asked::new(payees, plan, meant_by(&charge.outgoing), Some(key));
        Ok(Asked { charge: Some(charge), flow, ..asked })
    }

    async fn order(&self, bursar: &Bursar, order: &Order, key: Option<SpendKey>) -> Result<Asked, ServiceError> {
        let payees = self.rail.payees(self.coin, &order.claimed)?;
        check_sum(&payees, Amount::ZERO)?;
        let dialect = self.rail.dialect().ok_or(ServiceError::NotFound("rail"))?;
        let plan = match bursar.planned(key.as_ref())? {
            Some((plan, _)) => plan,
            None => dialect.plan_order(&self.wallet.reference, order, self.id).await?,
        };
        Ok(Asked::new(payees, plan, order.instruction.clone(), key))
    }

    async fn call(
        &self,
        bursar: &Bursar,
        call: &Call,
        wanted: Wanted,
        payer: Option<WalletId>,
        key: Option<SpendKey>,
    ) -> Result<Asked, ServiceError> {
        let protocol = self.rail.protocol().ok_or(ServiceError::NotFound("rail"))?;
        let payees = |recipients: &[Recipient]| {
            self.rail.payees(self.coin, recipients).map_err(|error| as_written(error, protocol, call))
        };
        if !wanted.recipients.is_empty() {
            check_sum(&payees(&wanted.recipients)?, Amount::ZERO)?;
        }
        let (plan, told) = match bursar.planned(key.as_ref())? {
            Some(plan) => plan,
            None => {
                let memory = bursar.memory(&self.wallet.rail);
                let planned = protocol.plan_call(&self.wallet.reference, call, self.id, &memory).await;
                planned.map_err(|error| as_written(error, protocol, call))?
            }
        };
        let payer = match (wanted.payer, payer) {
            (Some(asked), Some(id)) => {
                let (wallet, _) = bursar.wallet_for(self.principal, id, WalletAction::Spend)?;
                let payees = payees(&asked.recipients)?;
                check_sum(&payees, Amount::ZERO)?;
                Some(bursar.half_of(wallet, payees, key.as_ref(), (protocol, &wanted.reference))?)
            }
            _ => None,
        };
        let recipients = if wanted.recipients.is_empty() { told } else { wanted.recipients };
        Ok(Asked { payer, ..Asked::new(payees(&recipients)?, plan, wanted.meaning, key) })
    }
}

impl Bursar {
    /// The plan of the spend that a key stands for already, and who gets how much by it. It is not planned anew: what it
    /// takes may have changed since, and its outcome has not.
    pub(super) fn planned(&self, key: Option<&SpendKey>) -> Result<Option<(Plan, Vec<Recipient>)>, StoreError> {
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

/// What is wrong with a spend, told of the parameter of the call that said it.
fn as_written(error: RailError, protocol: &dyn Protocol, call: &Call) -> RailError {
    match error {
        RailError::Invalid { field, problem } => RailError::Invalid { field: protocol.parameter(call, field), problem },
        error => error,
    }
}

/// All that a request says, so that two of them under one key are one spend only if they are the same.
fn meant_by(outgoing: &Outgoing) -> Vec<u8> {
    let Outgoing { method, target, headers, body } = outgoing;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    [format!("{method} {target}\n{headers}\n").as_bytes(), body].concat()
}
