//! What a spend takes, as it is kept with its hold: the very transaction, what its inputs are worth to the node, and which
//! of its outputs the node keeps.

use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::{Amount, ScriptBuf, Transaction, TxOut};
use bursar_core::hold::{Hold, Payee};
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::change::{Verdict, Verdicts};
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::payment::Payment;
use bursar_rails::bitcoin::transaction::{Coins, Raw};

/// The bytes of a hold's id, which keep two spends that ask for the same apart.
const ID_BYTES: usize = 16;
/// Said by the node of what it keeps.
const KEPT: Verdict = Verdict { is_mine: true, is_solvable: true, is_watch_only: false, is_change: true };

/// What is to be done with a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Errand {
    /// To sign and broadcast it.
    Send,
    /// To sign it and hand it out.
    Sign,
    /// To sign it as this partly signed transaction and hand it out.
    SignPsbt(String),
    /// To broadcast what is signed.
    Broadcast(Raw),
    /// To sign and broadcast it in the place of that of another spend, which pays this fee.
    Replace { hold: HoldId, fee: Amount },
}

/// What is to be done, as it was checked against what is held.
#[derive(Debug)]
pub(super) struct Step {
    /// What.
    pub(super) errand: Errand,
    /// What moves by it.
    pub(super) payment: Payment,
    /// The transaction without a signature.
    pub(super) unsigned: Raw,
    /// What its inputs are worth.
    pub(super) coins: Coins,
}

impl Errand {
    fn write(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Send => (0, Vec::new()),
            Self::Sign => (1, Vec::new()),
            Self::SignPsbt(psbt) => (2, psbt.clone().into_bytes()),
            Self::Broadcast(raw) => (3, raw.bytes().to_vec()),
            Self::Replace { hold, fee } => (4, [hold.as_bytes(), &fee.to_sat().to_be_bytes()[..]].concat()),
        }
    }

    fn read(kind: u8, rest: Vec<u8>) -> Option<Self> {
        match kind {
            0 if rest.is_empty() => Some(Self::Send),
            1 if rest.is_empty() => Some(Self::Sign),
            2 => Some(Self::SignPsbt(String::from_utf8(rest).ok()?)),
            3 => Some(Self::Broadcast(Raw::read(rest).ok()?)),
            4 => {
                let (hold, fee) = rest.split_first_chunk::<ID_BYTES>()?;
                let fee = Amount::from_sat(u64::from_be_bytes(fee.try_into().ok()?));
                Some(Self::Replace { hold: HoldId::from_bytes(*hold), fee })
            }
            _ => None,
        }
    }
}

/// The plan of a payment.
pub(super) fn write(hold: HoldId, payment: &Payment, coins: &[TxOut], errand: &Errand) -> Vec<u8> {
    let kept: Vec<Vec<u8>> = payment.change.iter().map(|change| change.script.to_bytes()).collect();
    let (kind, rest) = errand.write();
    let mut plan = hold.as_bytes().to_vec();
    plan.push(kind);
    plan.extend(serialize(&payment.unsigned));
    plan.extend(serialize(&coins.to_vec()));
    plan.extend(serialize(&kept));
    plan.extend(serialize(&rest));
    plan
}

/// Reads the plan of a hold, and checks it against what was held: nothing else is carried out.
pub(super) fn read(network: Network, hold: &Hold) -> Result<Step, String> {
    let problem = |problem: &str| format!("the plan of this spend {problem}");
    let split = hold.instruction.split_at_checked(ID_BYTES);
    let (id, rest) = split.ok_or_else(|| problem("breaks off"))?;
    if id != hold.id.as_bytes() {
        return Err(problem("is that of another"));
    }
    let parts = unpack(rest).ok_or_else(|| problem("cannot be read"))?;
    let unsigned = Raw::read(parts.unsigned).map_err(|refusal| refusal.detail)?;
    let spent = unsigned.transaction().input.iter().map(|input| input.previous_output);
    if parts.coins.len() != unsigned.transaction().input.len() {
        return Err(problem("does not say what its inputs are worth"));
    }
    let coins: Coins = spent.zip(parts.coins).collect();
    // Whoever is held as paid is paid, whatever else was said of the address.
    let is_paid = |script: &ScriptBuf| match network.payee_of(script) {
        Ok(payable) => hold.payees.iter().any(|payee| payee.destination == payable.destination),
        Err(_) => true,
    };
    let verdicts: Verdicts =
        parts.kept.into_iter().filter(|script| !is_paid(script)).map(|script| (script, KEPT)).collect();
    let payment = Payment::of_raw(network, unsigned.transaction(), &coins, &verdicts).map_err(|found| found.detail)?;
    let is_held = payment.coin == hold.cost.coin
        && payment.unsigned == unsigned.bytes()
        && payment.fee == hold.cost.fee
        && amounts(&payment.payees) == amounts(&hold.payees);
    if !is_held {
        return Err(problem("says something else than what is held"));
    }
    let errand = Errand::read(parts.kind, parts.rest).ok_or_else(|| problem("is none that is carried out here"))?;
    Ok(Step { errand, payment, unsigned, coins })
}

/// What inputs are worth, in their order.
pub(super) fn coins_of(transaction: &Transaction, coins: &Coins) -> Vec<TxOut> {
    transaction.input.iter().filter_map(|input| coins.get(&input.previous_output).cloned()).collect()
}

fn amounts(payees: &[Payee]) -> Vec<(bursar_core::destination::DestinationId, bursar_core::amount::Amount)> {
    let mut amounts: Vec<_> = payees.iter().map(|payee| (payee.destination.id(), payee.amount)).collect();
    amounts.sort_unstable();
    amounts
}

struct Parts {
    kind: u8,
    unsigned: Vec<u8>,
    coins: Vec<TxOut>,
    kept: Vec<ScriptBuf>,
    rest: Vec<u8>,
}

fn unpack(plan: &[u8]) -> Option<Parts> {
    let (kind, left) = plan.split_first()?;
    let (unsigned, read) = deserialize_partial::<Vec<u8>>(left).ok()?;
    let left = left.get(read..)?;
    let (coins, read) = deserialize_partial::<Vec<TxOut>>(left).ok()?;
    let left = left.get(read..)?;
    let (kept, read) = deserialize_partial::<Vec<Vec<u8>>>(left).ok()?;
    let left = left.get(read..)?;
    let (rest, read) = deserialize_partial::<Vec<u8>>(left).ok()?;
    let kept = kept.into_iter().map(ScriptBuf::from_bytes).collect();
    (read == left.len()).then_some(Parts { kind: *kind, unsigned, coins, kept, rest })
}
