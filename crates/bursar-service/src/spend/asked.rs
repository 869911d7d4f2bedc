//! What a request to spend comes to: first what it shows by itself, and then what its rail says to that.
//!
//! Before the rail is asked, all is refused that the request alone shows: what cannot be paid, or may not, costs it nothing.

use std::sync::{Arc, Mutex};

use bursar_core::account::Wallet;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, WalletId};
use bursar_core::ledger::{Key, Version};
use bursar_core::scope::WalletAction;
use bursar_rails::dialect::Order;
use bursar_rails::exchange::{Charge, Outgoing};
use bursar_rails::jsonrpc::Call;

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

/// What it comes to, as far as the request shows it.
pub(super) struct Asked {
    /// Who gets how much; nobody if only the plan can tell.
    pub(super) payees: Vec<Payee>,
    pub(super) plan: Planning,
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

/// Where the plan of a spend comes from.
pub(super) enum Planning {
    /// It is there: nobody is asked.
    Done(Plan),
    /// It is that of the spend which has the same name, and good for a repeat of that spend alone.
    Repeat(Plan, Named),
    /// The rail is asked for one that pays these.
    Payment(Vec<Recipient>),
    /// The same of an order.
    Order(Arc<Order>),
    /// The same of a call in the rail's own protocol.
    Call(Call),
}

impl Planning {
    /// What the spend is known by already, if it was asked for before.
    pub(super) fn instruction(&self) -> &[u8] {
        match self {
            Self::Done(plan) | Self::Repeat(plan, _) => &plan.instruction,
            Self::Order(order) => &order.instruction,
            Self::Payment(_) | Self::Call(_) => &[],
        }
    }
}

/// That a name stands for a spend, as the ledger is to find it when it decides.
///
/// A spend that is refused meanwhile frees its name. Then its plan is nobody's: whoever is held under that name next may pay
/// another sum to others.
pub(super) type Named = (Key, Version);

/// What is known of a spend that was asked for before.
pub(super) struct Repeated {
    pub(super) plan: Plan,
    recipients: Vec<Recipient>,
    pub(super) name: Named,
}

impl Repeated {
    fn planning(self) -> Planning {
        Planning::Repeat(self.plan, self.name)
    }
}

impl Asked {
    fn new(payees: Vec<Payee>, plan: Planning, bytes: Vec<u8>, key: Option<SpendKey>) -> Self {
        Self { payees, plan, bytes, key, charge: None, flow: Arc::default(), payer: None }
    }
}

impl Asks<'_> {
    /// Reads what is to be sent; `key` is the client's own name for it.
    pub(super) fn read(&self, bursar: &Bursar, what: What, key: Option<SpendKey>) -> Result<Asked, ServiceError> {
        match what {
            What::Recipients(recipients) => self.payment(bursar, recipients, key),
            What::Transaction { bytes, claimed } => self.transaction(bytes, claimed.as_deref(), key),
            What::Exchange { charge, flow } => self.exchange(charge, flow),
            What::Order(order) => self.order(bursar, order, key),
            What::Call { call, wanted, payer, key: named } => {
                let by_rail = wanted.name.as_ref().map(|name| SpendKey::Sequence(self.wallet.id, SpendKey::own(name)));
                let by_client = || named.map(|named| SpendKey::Client(self.principal.token().id, named));
                let key = by_rail.or_else(by_client);
                self.call(bursar, call, *wanted, payer, key)
            }
        }
    }

    /// What the spend takes, and who gets how much if that is not known yet.
    pub(super) async fn plan(
        &self,
        bursar: &Bursar,
        planning: Planning,
        knows_payees: bool,
    ) -> Result<(Plan, Option<Vec<Payee>>), ServiceError> {
        let reference = &self.wallet.reference;
        match planning {
            Planning::Done(plan) | Planning::Repeat(plan, _) => Ok((plan, None)),
            Planning::Payment(recipients) => {
                Ok((self.rail.plan(reference, self.coin, &recipients, self.id).await?, None))
            }
            Planning::Order(order) => {
                let dialect = self.rail.dialect().ok_or(ServiceError::NotFound("rail"))?;
                Ok((dialect.plan_order(reference, &order, self.id).await?, None))
            }
            Planning::Call(call) => {
                let protocol = self.rail.protocol().ok_or(ServiceError::NotFound("rail"))?;
                let memory = bursar.memory(&self.wallet.rail);
                let written = |error| as_written(error, protocol, &call);
                let (plan, told) = protocol.plan_call(reference, &call, self.id, &memory).await.map_err(written)?;
                let payees = (!knows_payees).then(|| self.rail.payees(self.coin, &told).map_err(written));
                Ok((plan, payees.transpose()?))
            }
        }
    }

    fn payment(
        &self,
        bursar: &Bursar,
        recipients: Vec<Recipient>,
        key: Option<SpendKey>,
    ) -> Result<Asked, ServiceError> {
        let payees = self.rail.payees(self.coin, &recipients)?;
        check_sum(&payees, self.coin, (self.coin, Amount::ZERO))?;
        // The sandbox looks nothing up for its plan, so there is none to spare it.
        let known = if self.rail.is_sandbox() { None } else { bursar.planned(key.as_ref())? };
        let plan = known.map_or(Planning::Payment(recipients), Repeated::planning);
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
        Ok(Asked::new(payees, Planning::Done(plan), bytes, key))
    }

    fn exchange(&self, charge: Arc<Charge>, flow: Arc<Mutex<Option<Flow>>>) -> Result<Asked, ServiceError> {
        let address = charge.destination.as_deref().unwrap_or(NOBODY_ELSE).to_owned();
        let payees = self.rail.payees(self.coin, &[Recipient { address, amount: charge.amount }])?;
        let key = SpendKey::Client(self.principal.token().id, charge.key.to_string());
        let plan = Plan { fee: Amount::ZERO, instruction: charge.instruction.clone() };
        let asked = Asked::new(payees, Planning::Done(plan), meant_by(&charge.outgoing), Some(key));
        Ok(Asked { charge: Some(charge), flow, ..asked })
    }

    fn order(&self, bursar: &Bursar, order: Arc<Order>, key: Option<SpendKey>) -> Result<Asked, ServiceError> {
        let payees = self.rail.payees(self.coin, &order.claimed)?;
        check_sum(&payees, self.coin, (self.coin, Amount::ZERO))?;
        let (known, bytes) = (bursar.planned(key.as_ref())?, order.instruction.clone());
        let plan = known.map_or(Planning::Order(order), Repeated::planning);
        Ok(Asked::new(payees, plan, bytes, key))
    }

    fn call(
        &self,
        bursar: &Bursar,
        call: Call,
        wanted: Wanted,
        payer: Option<WalletId>,
        key: Option<SpendKey>,
    ) -> Result<Asked, ServiceError> {
        let protocol = self.rail.protocol().ok_or(ServiceError::NotFound("rail"))?;
        let payees = |recipients: &[Recipient]| {
            let payees = self.rail.payees(self.coin, recipients).map_err(|error| as_written(error, protocol, &call))?;
            check_sum(&payees, self.coin, (self.coin, Amount::ZERO))?;
            Ok::<_, ServiceError>(payees)
        };
        let known = bursar.planned(key.as_ref())?;
        let paid = match (&wanted.recipients[..], &known) {
            ([], None) => Vec::new(),
            ([], Some(known)) => payees(&known.recipients)?,
            (said, _) => payees(said)?,
        };
        let payer = match (wanted.payer, payer) {
            (Some(asked), Some(id)) => {
                let (wallet, _) = bursar.wallet_for(self.principal, id, WalletAction::Spend)?;
                let payees = payees(&asked.recipients)?;
                Some(bursar.half_of(wallet, payees, key.as_ref(), (protocol, &wanted.reference))?)
            }
            _ => None,
        };
        let plan = known.map_or(Planning::Call(call), Repeated::planning);
        Ok(Asked { payer, ..Asked::new(paid, plan, wanted.meaning, key) })
    }
}

impl Bursar {
    /// The plan of the spend that a key stands for already, and who gets how much by it. It is not planned anew: what it
    /// takes may have changed since, and its outcome has not.
    pub(super) fn planned(&self, key: Option<&SpendKey>) -> Result<Option<Repeated>, ServiceError> {
        let Some(key) = key else { return Ok(None) };
        let name = Key::SpendKey(key.clone());
        let (version, known) = self.stored(&name, |state| Ok(state.spend_key(key)?.copied()))?;
        let known = known.map(|id| self.reads.look_up(|reader| reader.hold(id))).transpose()?.flatten();
        let recipient = |payee: Payee| Recipient { address: payee.address, amount: payee.amount };
        Ok(known.map(|hold| Repeated {
            recipients: hold.payees.into_iter().map(recipient).collect(),
            plan: Plan { fee: hold.cost.fee, instruction: hold.instruction },
            name: (name, version),
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
