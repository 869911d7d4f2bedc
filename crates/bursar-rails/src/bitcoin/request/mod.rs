//! What a call that spends asks for, read strictly: a parameter that is not understood is refused, never passed on.

mod build;
mod fees;
mod outputs;
mod send;
mod signing;

use bitcoin::{OutPoint, ScriptBuf, Txid};
use bursar_core::destination::Destination;

use super::amount;
use super::methods::{Build, Effect, Verb, effect};
use super::network::Network;
use super::transaction::{PartiallySigned, Raw};
use crate::json::Json;
use crate::jsonrpc::{Call, Calls};
use crate::{Forbidden, Operation, Why};

pub use fees::{FeeRate, Fees, Mode};

/// The most outputs that one transaction may have been asked for.
pub const MOST_OUTPUTS: usize = 1000;

/// What a call spends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spend {
    /// A transaction that the node is to make: it is built, read, held, signed and broadcast.
    Make(Wanted),
    /// A transaction of the wallet that is to pay a greater fee: its replacement is built, read, held, signed and broadcast.
    Bump(Bump),
    /// A transaction that is to be signed and handed out.
    Sign(Raw),
    /// A transaction whose inputs the wallet is to sign before it is handed out.
    SignPsbt(SignPsbt),
    /// A signed transaction that is to be broadcast.
    Broadcast(Broadcast),
}

/// What the node is asked to make a transaction of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The method, by which it is answered.
    pub verb: Verb,
    /// The network whose addresses were read.
    pub network: Network,
    /// Who is to get how much: in order, no script twice.
    pub outputs: Vec<Output>,
    /// Coins that must be spent; none if the node chooses.
    pub inputs: Vec<OutPoint>,
    /// Whether the node may choose further coins.
    pub may_add_inputs: bool,
    /// What it may cost.
    pub fees: Fees,
    /// Whether a later transaction may replace it; the node's own habit if nothing was said.
    pub replaceable: Option<bool>,
    /// The comment that came with it.
    pub comment: Option<Box<str>>,
}

/// One output that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// The address as it was given.
    pub address: String,
    /// What it means.
    pub destination: Destination,
    /// What it means on the chain.
    pub script: ScriptBuf,
    /// How much it gets.
    pub share: Share,
    /// Whether the fee is taken from what it gets.
    pub pays_fee: bool,
}

/// How much an output gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// That much.
    Exactly(bitcoin::Amount),
    /// What is left of all coins, shared evenly with whoever else gets the rest.
    Rest,
}

/// A transaction that is to pay more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bump {
    /// The one that is replaced.
    pub replaced: Txid,
    /// What its replacement may cost.
    pub fees: Fees,
    /// Whether the replacement can be replaced again.
    pub replaceable: Option<bool>,
}

/// A transaction that the wallet is to sign in part or in whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignPsbt {
    /// The transaction with what its signers know.
    pub psbt: PartiallySigned,
    /// Whether what is complete is to be made final.
    pub finalize: bool,
}

/// A transaction that is to be broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broadcast {
    /// The transaction, byte for byte.
    pub raw: Raw,
    /// The fee above which its client does not want it to be broadcast, for 1000 virtual bytes.
    pub fee_rate_at_most: Option<bitcoin::Amount>,
}

impl Wanted {
    /// Whether it empties the wallet, or the coins that were named.
    pub fn is_sweep(&self) -> bool {
        self.outputs.iter().any(|output| output.share == Share::Rest)
    }

    /// The answer that the client expects once the transaction is on its way.
    pub fn answer(&self, txid: Txid) -> Json {
        let txid = Json::Text(txid.to_string().into());
        match self.verb {
            Verb::Send | Verb::SendAll => {
                Json::Object(vec![("complete".into(), Json::Bool(true)), ("txid".into(), txid)])
            }
            _ => txid,
        }
    }
}

/// What a call means.
pub fn classify(network: Network, call: &Call) -> Operation<Spend> {
    read(network, call).map_or_else(Operation::Forbidden, |spend| spend.map_or(Operation::Read, Operation::Spend))
}

/// What the calls of a request mean, each for itself.
///
/// # Errors
/// One of them is never carried out, or more than one spends: then none is.
pub fn classify_all(network: Network, calls: &Calls) -> Result<Vec<Operation<Spend>>, Forbidden> {
    let mut operations = Vec::new();
    let mut spends = 0_usize;
    for call in calls.as_slice() {
        let spend = read(network, call)?;
        spends = spends.saturating_add(usize::from(spend.is_some()));
        operations.push(spend.map_or(Operation::Read, Operation::Spend));
    }
    if spends > 1 {
        return Err(Forbidden::new(Why::NotSupported, "a batch may hold one call that spends; send the others apart"));
    }
    Ok(operations)
}

fn read(network: Network, call: &Call) -> Result<Option<Spend>, Forbidden> {
    let verb = match effect(&call.method)? {
        Effect::Read if *call.method == *"listdescriptors" => return build::without_keys(call).map(|()| None),
        Effect::Read | Effect::Receive | Effect::Build(Build::Plain) => return Ok(None),
        Effect::Build(Build::FundRawTransaction) => return build::fund_raw_transaction(call).map(|()| None),
        Effect::Build(Build::CreateFundedPsbt) => return build::create_funded_psbt(call).map(|()| None),
        Effect::Spend(verb) => verb,
    };
    Ok(Some(match verb {
        Verb::SendToAddress => Spend::Make(send::send_to_address(network, call)?),
        Verb::SendMany => Spend::Make(send::send_many(network, call)?),
        Verb::Send => Spend::Make(send::send(network, call)?),
        Verb::SendAll => Spend::Make(send::send_all(network, call)?),
        Verb::BumpFee => Spend::Bump(signing::bump_fee(call)?),
        Verb::ProcessPsbt => return Ok(signing::process_psbt(call)?.map(Spend::SignPsbt)),
        Verb::SignWithWallet => Spend::Sign(signing::sign_with_wallet(call)?),
        Verb::SignRawTransaction => Spend::Sign(signing::sign_raw_transaction(call)?),
        Verb::SendRawTransaction => Spend::Broadcast(signing::send_raw_transaction(call)?),
    }))
}

#[cfg(test)]
mod tests;
