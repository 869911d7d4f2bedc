//! What the node is asked in order to make a transaction of what is wanted, and how its answers are read.
//!
//! Nothing here is trusted afterwards: what was built is decoded and compared with what was wanted.

use bitcoin::{Amount, OutPoint, Txid};

use super::amount;
use super::request::{Bump, FeeRate, Fees, Mode, Output, Share, Wanted};
use super::transaction::{PartiallySigned, Raw};
use crate::json::Json;
use crate::jsonrpc::{Call, Params};
use crate::{Forbidden, Why};

/// Whose node it is, where they differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Software {
    /// Bitcoin Core and what behaves like it.
    Core,
    /// bcoin, which takes outputs by address only, and a fee for 1000 bytes only.
    Bcoin,
}

impl Wanted {
    /// The same with the rest shared out: all these coins are spent, and whoever gets the rest shares it evenly.
    ///
    /// What cannot be shared evenly goes to the first of them. The fee is taken from them when it is funded.
    ///
    /// # Errors
    /// The coins are not worth what the others get, or a coin that was named is not among them.
    pub fn swept(&self, coins: &[(OutPoint, Amount)]) -> Result<Self, Forbidden> {
        let mut swept = self.clone();
        let is_meant = |coin: &OutPoint| self.inputs.is_empty() || self.inputs.contains(coin);
        let spent: Vec<_> = coins.iter().filter(|(coin, _)| is_meant(coin)).collect();
        if spent.len() < self.inputs.len().max(1) {
            return Err(Forbidden::new(Why::NotPriced, "the wallet does not have all coins that were named, or none"));
        }
        let worth = spent.iter().try_fold(Amount::ZERO, |sum, (_, value)| sum.checked_add(*value));
        let fixed = self.outputs.iter().try_fold(Amount::ZERO, |sum, output| match output.share {
            Share::Exactly(amount) => sum.checked_add(amount),
            Share::Rest => Some(sum),
        });
        let sharing = self.outputs.iter().filter(|output| output.share == Share::Rest).count();
        let sharing = u64::try_from(sharing).unwrap_or(u64::MAX);
        let rest = worth.zip(fixed).and_then(|(worth, fixed)| worth.checked_sub(fixed));
        let (Some(rest), Some(part)) = (rest, rest.and_then(|rest| rest.checked_div(sharing))) else {
            return Err(Forbidden::new(Why::NotSupported, "the coins are worth less than the amounts that were named"));
        };
        let mut odd = rest.checked_rem(sharing).unwrap_or(Amount::ZERO);
        for output in swept.outputs.iter_mut().filter(|output| output.share == Share::Rest) {
            let share = part.checked_add(std::mem::take(&mut odd)).unwrap_or(part);
            output.share = Share::Exactly(share);
        }
        swept.inputs = spent.into_iter().map(|(coin, _)| *coin).collect();
        swept.may_add_inputs = false;
        Ok(swept)
    }
}

/// `createrawtransaction`: the outputs and the inputs that were named, without any that pay for them.
///
/// # Errors
/// Somebody is to get the rest, which must be shared out before ([`Wanted::swept`]).
pub fn create_raw_transaction(wanted: &Wanted, software: Software, id: Json) -> Result<Call, Forbidden> {
    let mut params = vec![inputs(wanted), Json::Object(outputs(wanted)?)];
    if let (Software::Core, Some(replaceable)) = (software, wanted.replaceable) {
        params.extend([number(0), Json::Bool(replaceable)]);
    }
    Ok(call(id, "createrawtransaction", params))
}

/// `fundrawtransaction`: adds coins and change to what `createrawtransaction` answered.
///
/// # Errors
/// This node cannot fund it that way.
pub fn fund_raw_transaction(wanted: &Wanted, created: &Json, software: Software, id: Json) -> Result<Call, Forbidden> {
    let Json::Text(hex) = created else {
        return Err(Forbidden::undecodable("the node answered no transaction; check the node"));
    };
    let options = match software {
        Software::Core => fund_options(wanted),
        Software::Bcoin => bcoin_options(wanted)?,
    };
    Ok(call(id, "fundrawtransaction", vec![Json::Text(hex.clone()), Json::Object(options)]))
}

/// `walletcreatefundedpsbt`: both in one step, for nodes that have it.
///
/// # Errors
/// Somebody is to get the rest, which must be shared out before ([`Wanted::swept`]).
pub fn create_funded_psbt(wanted: &Wanted, id: Json) -> Result<Call, Forbidden> {
    let one = |entry| Json::Object(vec![entry]);
    let outputs = outputs(wanted)?.into_iter().map(one).collect();
    let params = vec![inputs(wanted), Json::List(outputs), number(0), Json::Object(fund_options(wanted))];
    Ok(call(id, "walletcreatefundedpsbt", params))
}

/// `psbtbumpfee`: the replacement of a transaction, not signed.
pub fn bump_fee(bump: &Bump, id: Json) -> Call {
    let mut options = fee_options(bump.fees);
    options.extend(bump.replaceable.map(|value| ("replaceable".into(), Json::Bool(value))));
    call(id, "psbtbumpfee", vec![txid(bump.replaced), Json::Object(options)])
}

/// Reads what `fundrawtransaction` answered.
///
/// # Errors
/// It is no transaction, or one that is signed already.
pub fn read_raw(result: &Json) -> Result<Raw, Forbidden> {
    let raw = Raw::read_hex(text(result, "hex")?)?;
    if raw.has_signatures() {
        return Err(Forbidden::new(Why::NotSupported, "the node signed what it was to build only; check the node"));
    }
    Ok(raw)
}

/// Reads what `walletcreatefundedpsbt`, `psbtbumpfee` or `walletprocesspsbt` answered.
///
/// # Errors
/// It is no partly signed transaction.
pub fn read_psbt(result: &Json) -> Result<PartiallySigned, Forbidden> {
    PartiallySigned::read(text(result, "psbt")?)
}

fn text<'a>(result: &'a Json, name: &str) -> Result<&'a str, Forbidden> {
    let text = result.get(name).and_then(Json::as_text);
    text.ok_or_else(|| Forbidden::undecodable(format!("the node's answer has no `{name}`; check the node")))
}

fn inputs(wanted: &Wanted) -> Json {
    let input = |coin: &OutPoint| {
        Json::Object(vec![("txid".into(), txid(coin.txid)), ("vout".into(), number(coin.vout.into()))])
    };
    Json::List(wanted.inputs.iter().map(input).collect())
}

fn outputs(wanted: &Wanted) -> Result<Vec<(Box<str>, Json)>, Forbidden> {
    let output = |output: &Output| match output.share {
        Share::Exactly(amount) => Ok((Box::from(output.address.as_str()), amount::write(amount))),
        Share::Rest => Err(Forbidden::new(Why::NotPriced, "how much the rest is, nobody has said; share it out first")),
    };
    wanted.outputs.iter().map(output).collect()
}

fn fund_options(wanted: &Wanted) -> Vec<(Box<str>, Json)> {
    let mut options: Vec<(Box<str>, Json)> =
        vec![("add_inputs".into(), Json::Bool(wanted.may_add_inputs)), ("lockUnspents".into(), Json::Bool(false))];
    let payers = wanted.outputs.iter().zip(0_u64..).filter(|(output, _)| output.pays_fee);
    let payers: Vec<Json> = payers.map(|(_, place)| number(place)).collect();
    if !payers.is_empty() {
        options.push(("subtractFeeFromOutputs".into(), Json::List(payers)));
    }
    options.extend(wanted.replaceable.map(|value| ("replaceable".into(), Json::Bool(value))));
    options.extend(fee_options(wanted.fees));
    options
}

fn fee_options(fees: Fees) -> Vec<(Box<str>, Json)> {
    match fees {
        Fees::Node => Vec::new(),
        Fees::Rate(rate) => vec![("fee_rate".into(), rate.to_json())],
        Fees::Target { blocks, mode } => {
            let blocks = blocks.map(|blocks| ("conf_target".into(), number(blocks.into())));
            let mode = mode.map(Mode::as_str).map(|mode| ("estimate_mode".into(), Json::Text(mode.into())));
            blocks.into_iter().chain(mode).collect()
        }
    }
}

fn bcoin_options(wanted: &Wanted) -> Result<Vec<(Box<str>, Json)>, Forbidden> {
    let cannot = |what: &str| {
        let problem = format!("this node cannot build a transaction {what}; leave that out");
        Err(Forbidden::new(Why::NotSupported, problem))
    };
    if wanted.outputs.iter().any(|output| output.pays_fee) {
        return cannot("whose fee is taken from what somebody gets");
    }
    if !wanted.inputs.is_empty() {
        return cannot("of coins that were named");
    }
    if wanted.replaceable == Some(true) {
        return cannot("that can be replaced");
    }
    match wanted.fees {
        Fees::Node => Ok(Vec::new()),
        Fees::Rate(rate) => Ok(vec![("feeRate".into(), for_1000_bytes(rate))]),
        Fees::Target { .. } => cannot("for a time of confirmation"),
    }
}

fn for_1000_bytes(rate: FeeRate) -> Json {
    amount::write(Amount::from_sat(rate.of_1000_bytes()))
}

fn call(id: Json, method: &str, params: Vec<Json>) -> Call {
    Call { is_version_2: false, id, method: method.into(), params: Params::List(params) }
}

fn number(value: u64) -> Json {
    Json::Number(value.to_string().into())
}

fn txid(txid: Txid) -> Json {
    Json::Text(txid.to_string().into())
}

#[cfg(test)]
mod tests;
