//! `bumpfee`, and whatever signs or broadcasts a transaction that was made before.

use super::super::arguments::Arguments;
use super::{Broadcast, Bump, PartiallySigned, Raw, SignPsbt, amount, fees, outputs};
use crate::json::Json;
use crate::jsonrpc::Call;
use crate::{Forbidden, Why};

/// `bumpfee "txid" {options}`.
pub(super) fn bump_fee(call: &Call) -> Result<Bump, Forbidden> {
    let mut arguments = Arguments::of(call, &["txid", "options"])?;
    let replaced = outputs::txid(&arguments.required_text("txid")?)?;
    let options = arguments.take("options").unwrap_or(Json::Object(Vec::new()));
    arguments.finish()?;
    let mut options = Arguments::of_options("bumpfee", options)?;
    for name in ["outputs", "original_change_index"] {
        if options.take(name).is_some() {
            let problem = format!("`{name}` of `bumpfee` would change who is paid; leave it out");
            return Err(Forbidden::new(Why::NotSupported, problem));
        }
    }
    let bump = Bump { replaced, fees: fees::read(&mut options)?, replaceable: options.flag("replaceable")? };
    options.finish()?;
    Ok(bump)
}

/// `walletprocesspsbt "psbt" ...`; nothing if it is not to be signed.
pub(super) fn process_psbt(call: &Call) -> Result<Option<SignPsbt>, Forbidden> {
    let mut arguments = Arguments::of(call, &["psbt", "sign", "sighashtype", "bip32derivs", "finalize"])?;
    let psbt = PartiallySigned::read(&arguments.required_text("psbt")?)?;
    let sign = arguments.flag("sign")?.unwrap_or(true);
    check_sighash(&mut arguments)?;
    // Where keys come from is no secret, and the client gets what the node writes anyhow.
    arguments.flag("bip32derivs")?;
    let finalize = arguments.flag("finalize")?.unwrap_or(true);
    arguments.finish()?;
    Ok(sign.then_some(SignPsbt { psbt, finalize }))
}

/// `signrawtransactionwithwallet "hexstring" ...`.
pub(super) fn sign_with_wallet(call: &Call) -> Result<Raw, Forbidden> {
    sign(Arguments::of(call, &["hexstring", "prevtxs", "sighashtype"])?)
}

/// `signrawtransaction "hexstring" ...`, with the wallet's keys only.
pub(super) fn sign_raw_transaction(call: &Call) -> Result<Raw, Forbidden> {
    let mut arguments = Arguments::of(call, &["hexstring", "prevtxs", "privkeys", "sighashtype"])?;
    arguments.only("privkeys", &[Json::List(Vec::new())], "never send keys; the wallet signs with its own")?;
    sign(arguments)
}

fn sign(mut arguments: Arguments) -> Result<Raw, Forbidden> {
    let raw = Raw::read_hex(&arguments.required_text("hexstring")?)?;
    let instead = "leave it out; what inputs are worth is asked of the node";
    arguments.only("prevtxs", &[Json::List(Vec::new())], instead)?;
    check_sighash(&mut arguments)?;
    arguments.finish()?;
    Ok(raw)
}

fn check_sighash(arguments: &mut Arguments) -> Result<(), Forbidden> {
    let accepted = [Json::Text("ALL".into()), Json::Text("DEFAULT".into())];
    arguments.only("sighashtype", &accepted, "only `ALL` and `DEFAULT` bind the whole transaction")
}

/// `sendrawtransaction "hexstring" ...`.
pub(super) fn send_raw_transaction(call: &Call) -> Result<Broadcast, Forbidden> {
    let mut arguments = Arguments::of(call, &["hexstring", "maxfeerate", "maxburnamount"])?;
    let raw = Raw::read_hex(&arguments.required_text("hexstring")?)?;
    let fee_rate_at_most = arguments.take("maxfeerate").map(|rate| amount::read(&rate)).transpose()?;
    // Nothing can be burnt here: outputs without an address are refused.
    arguments.take("maxburnamount").map(|burnt| amount::read(&burnt)).transpose()?;
    arguments.finish()?;
    Ok(Broadcast { raw, fee_rate_at_most })
}
