//! Half-signed transactions of chains like Ethereum: whom the wallet's contract pays, or the raw transaction that calls it.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall as _, sol};
use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;

use super::chain::Chain;
use super::order::recipients;
use crate::evm::fees::ClientFees;
use crate::evm::raw;
use crate::json::Json;
use crate::{Forbidden, Why};

/// The longest raw transaction, in hex digits.
const LONGEST_HEX: usize = 262_144;
/// What an operation of the wallet's contract is made of, besides whom it pays.
const PARTS: [&str; 4] = ["expireTime", "contractSequenceId", "operationHash", "signature"];
/// What the upstream decides itself.
const HINTS: [&str; 3] = ["gasLimit", "gasPrice", "eip1559"];

sol! {
    /// What a wallet with several signers is told to do.
    interface Wallet {
        function sendMultiSig(address to, uint256 value, bytes data, uint256 expireTime, uint256 sequenceId, bytes signature);
    }
}

/// What is sent on of a half-signed transaction.
///
/// # Errors
/// It has a part that is not understood.
pub(super) fn plain(half: Json) -> Result<Json, Forbidden> {
    let Json::Object(entries) = half else {
        return Err(Forbidden::undecodable("`halfSigned` is no object"));
    };
    let mut kept = Vec::new();
    for (name, value) in entries {
        match &*name {
            "recipients" | "txHex" => kept.push((name, value)),
            part if PARTS.contains(&part) => {
                if !matches!(value, Json::Number(_) | Json::Text(_)) {
                    return Err(Forbidden::undecodable(format!("`{part}` of `halfSigned` is neither text nor number")));
                }
                kept.push((name, value));
            }
            hint if HINTS.contains(&hint) => {}
            "isBatch" if value == Json::Bool(false) => {}
            other => {
                let problem = format!("`{}` of `halfSigned` is not understood here", other.escape_debug());
                return Err(Forbidden::new(Why::NotSupported, problem));
            }
        }
    }
    Ok(Json::Object(kept))
}

/// Whom an operation of the wallet's contract pays: one, as the contract signs for one.
///
/// # Errors
/// It pays nobody or several, or is not signed.
pub(super) fn read(half: &Json) -> Result<Vec<Recipient>, Forbidden> {
    let pays = half.get("recipients").map(recipients).transpose()?.unwrap_or_default();
    if pays.len() != 1 || PARTS.iter().any(|part| half.get(part).is_none()) {
        return Err(Forbidden::undecodable(
            "`halfSigned` is no signed operation that pays one recipient; sign it anew",
        ));
    }
    Ok(pays)
}

/// Whom a raw transaction pays, and the most that it offers for its gas.
///
/// # Errors
/// It cannot be read, is for another chain or for none, is not signed, offers a tip above its price, calls a contract in a way
/// that is not known, or creates one.
pub(super) fn raw(chain: Chain, hex: &str) -> Result<(Vec<Recipient>, Amount), Forbidden> {
    let digits = hex.strip_prefix("0x").unwrap_or(hex);
    let bytes = (digits.len() <= LONGEST_HEX).then(|| alloy_primitives::hex::decode(digits).ok()).flatten();
    let bytes = bytes.ok_or_else(|| Forbidden::undecodable("`txHex` is no transaction in hex; build it anew"))?;
    let envelope = raw::decode(&bytes)?;
    let id = raw::chain_id(&envelope)?;
    if !chain.is_for(id) {
        let problem =
            format!("the transaction is for the chain {id}, which is not this coin's; sign it for the coin's");
        return Err(Forbidden::new(Why::WrongChain, problem));
    }
    // What no node takes is held for nothing, and an unsigned one somebody else might sign.
    raw::sender(&envelope)?;
    let (gas, price) = (envelope.gas_limit(), raw::price(&envelope));
    ClientFees::of(gas, &price).check_tip()?;
    let fee = price.fee(gas);
    let to = envelope.to().ok_or_else(|| Forbidden::new(Why::NotSupported, "the transaction creates a contract"))?;
    if envelope.input().is_empty() {
        return Ok((vec![recipient(to, envelope.value())], fee));
    }
    let call = Wallet::sendMultiSigCall::abi_decode_validate(envelope.input()).ok();
    let is_exact = |call: &Wallet::sendMultiSigCall| call.abi_encode() == **envelope.input();
    match call.filter(|call| is_exact(call) && call.data.is_empty() && envelope.value().is_zero()) {
        Some(call) => Ok((vec![recipient(call.to, call.value)], fee)),
        None => Err(Forbidden::new(
            Why::NotPriced,
            "the transaction calls a contract, and nothing says what that costs; send plain payments",
        )),
    }
}

fn recipient(to: Address, value: U256) -> Recipient {
    Recipient { address: to.to_checksum(None), amount: Amount::from_be_bytes(value.to_be_bytes()) }
}
