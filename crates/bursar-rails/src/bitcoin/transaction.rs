//! Transactions, raw and partly signed: read in one way only, and worth what the node says their inputs are worth.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::base64::Engine as _;
use bitcoin::base64::engine::general_purpose::STANDARD;
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash as _;
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use bitcoin::psbt::Input;
use bitcoin::{Amount, EcdsaSighashType, OutPoint, Psbt, TapSighashType, Transaction, TxOut, Txid};

use super::signed;
use crate::{Forbidden, Why};

/// The longest transaction, in bytes: nodes relay none that weighs more than 400,000.
pub const LONGEST_TRANSACTION: usize = 400_000;
/// The longest partly signed transaction, in bytes: it carries the transactions that its inputs come from.
pub const LONGEST_PSBT: usize = 8_000_000;

/// What coins are worth and to which script they belong, as the wallet's own node says; never as a request does.
///
/// It holds coins of the one wallet only, so that a transaction which spends others is refused.
pub type Coins = BTreeMap<OutPoint, TxOut>;

/// A raw transaction, with or without signatures, and the very bytes it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    bytes: Vec<u8>,
    transaction: Transaction,
}

/// A partly signed transaction (PSBT).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartiallySigned {
    psbt: Psbt,
}

impl Raw {
    /// Reads hex digits.
    ///
    /// # Errors
    /// They are no transaction, or one that is not carried out.
    pub fn read_hex(text: &str) -> Result<Self, Forbidden> {
        if text.len() > LONGEST_TRANSACTION.saturating_mul(2) {
            return Err(too_long());
        }
        let bytes = Vec::<u8>::from_hex(text)
            .map_err(|_| Forbidden::undecodable("the transaction is not in hex; send an even number of hex digits"))?;
        Self::read(bytes)
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// They are no transaction, or one that is not carried out; see [`check`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, Forbidden> {
        if bytes.len() > LONGEST_TRANSACTION {
            return Err(too_long());
        }
        let transaction: Transaction = encode::deserialize(&bytes).map_err(|problem| {
            Forbidden::undecodable(format!("the transaction cannot be read: {problem}; encode it anew"))
        })?;
        if encode::serialize(&transaction) != bytes {
            return Err(Forbidden::undecodable("the transaction is not in its normal form; encode it anew"));
        }
        check(&transaction)?;
        Ok(Self { bytes, transaction })
    }

    /// The transaction.
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The very bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in hex, as nodes take them.
    pub fn to_hex(&self) -> String {
        self.bytes.to_lower_hex_string()
    }

    /// Checks that what signatures it has are for the whole transaction, whatever kinds of coins it spends.
    ///
    /// # Errors
    /// One of them leaves a part of it to be changed, or cannot be read.
    pub fn check_signed_for_all(&self) -> Result<(), Forbidden> {
        let mut inputs = self.transaction.input.iter();
        inputs.try_for_each(|input| signed::check_final(Some(&input.script_sig), Some(&input.witness)))
    }

    /// Whether it carries a signature, or what stands for one, in any of its inputs.
    pub fn has_signatures(&self) -> bool {
        self.transaction.input.iter().any(|input| !input.script_sig.is_empty() || !input.witness.is_empty())
    }
}

impl PartiallySigned {
    /// Reads base64.
    ///
    /// # Errors
    /// It is no PSBT of version 0, holds what is not known, or would be signed for anything less than the whole transaction.
    pub fn read(text: &str) -> Result<Self, Forbidden> {
        let unreadable =
            |problem: String| Forbidden::undecodable(format!("the PSBT cannot be read: {problem}; encode it anew"));
        if text.len() > LONGEST_PSBT {
            return Err(Forbidden::undecodable(format!("the PSBT is longer than {LONGEST_PSBT} characters; split it")));
        }
        let bytes = STANDARD.decode(text).map_err(|problem| unreadable(problem.to_string()))?;
        let mut left = bytes.as_slice();
        let psbt = Psbt::deserialize_from_reader(&mut left).map_err(|problem| unreadable(problem.to_string()))?;
        if !left.is_empty() {
            return Err(unreadable("something follows it".to_owned()));
        }
        check(&psbt.unsigned_tx)?;
        let read = Self { psbt };
        read.check_known()?;
        read.psbt.inputs.iter().try_for_each(check_signed_for_all)?;
        Ok(read)
    }

    /// The transaction without any signature.
    pub const fn transaction(&self) -> &Transaction {
        &self.psbt.unsigned_tx
    }

    /// All that its signers know.
    pub const fn psbt(&self) -> &Psbt {
        &self.psbt
    }

    /// In base64, written anew, so that what is sent on is what was understood.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.psbt.serialize())
    }

    /// What is not known could say anything to a node that knows it.
    fn check_known(&self) -> Result<(), Forbidden> {
        let Psbt { inputs, outputs, proprietary, unknown, .. } = &self.psbt;
        let known = proprietary.is_empty()
            && unknown.is_empty()
            && inputs.iter().all(|input| input.proprietary.is_empty() && input.unknown.is_empty())
            && outputs.iter().all(|output| output.proprietary.is_empty() && output.unknown.is_empty());
        if known {
            return Ok(());
        }
        Err(Forbidden::undecodable("the PSBT has fields that are not known (or proprietary); leave them out"))
    }

    /// What it says its inputs are worth must be what the node says.
    ///
    /// # Errors
    /// One of them is worth something else, or belongs to another script.
    pub fn check_coins(&self, coins: &Coins) -> Result<(), Forbidden> {
        for (input, told) in self.psbt.unsigned_tx.input.iter().zip(&self.psbt.inputs) {
            let coin = coins.get(&input.previous_output).ok_or_else(unknown_coin)?;
            let of_witness = told.witness_utxo.as_ref().is_none_or(|told| told == coin);
            let of_whole = told.non_witness_utxo.as_ref().is_none_or(|whole| {
                let place = usize::try_from(input.previous_output.vout).ok();
                whole.compute_txid() == input.previous_output.txid
                    && place.and_then(|place| whole.output.get(place)) == Some(coin)
            });
            if !of_witness || !of_whole {
                return Err(Forbidden::undecodable("the PSBT says of an input what the node does not; build it anew"));
            }
        }
        Ok(())
    }
}

/// Only a signature of the whole transaction says what is paid.
fn check_signed_for_all(input: &Input) -> Result<(), Forbidden> {
    let asked = input.sighash_type.is_none_or(|kind| matches!(kind.to_u32(), 0 | 1));
    let partial = input.partial_sigs.values().all(|signature| signature.sighash_type == EcdsaSighashType::All);
    let is_whole = |kind: TapSighashType| matches!(kind, TapSighashType::Default | TapSighashType::All);
    let key_path = input.tap_key_sig.is_none_or(|signature| is_whole(signature.sighash_type));
    let script_path = input.tap_script_sigs.values().all(|signature| is_whole(signature.sighash_type));
    if !(asked && partial && key_path && script_path) {
        return Err(signed::not_for_all());
    }
    signed::check_final(input.final_script_sig.as_deref(), input.final_script_witness.as_ref())
}

/// Whether a transaction is one that is carried out at all.
///
/// # Errors
/// It has another version than 1 and 2, no input, no output, a coinbase, an input twice, or amounts beyond all bitcoin.
pub fn check(transaction: &Transaction) -> Result<(), Forbidden> {
    let refused = |problem: &str| Err(Forbidden::new(Why::NotSupported, problem));
    if !transaction.version.is_standard() {
        return refused("the transaction has a version that is not known; use version 2");
    }
    if transaction.input.is_empty() || transaction.output.is_empty() {
        return refused("the transaction has no input or no output; have it funded first");
    }
    if transaction.input.iter().any(|input| input.previous_output.txid == Txid::all_zeros()) {
        return refused("the transaction is a coinbase, which only miners make");
    }
    let distinct: BTreeSet<_> = transaction.input.iter().map(|input| input.previous_output).collect();
    if distinct.len() != transaction.input.len() {
        return refused("the transaction spends a coin twice; build it anew");
    }
    sum(transaction.output.iter().map(|output| output.value)).map(drop)
}

/// What a transaction pays to miners: what its inputs are worth to the node, less what its outputs get.
///
/// # Errors
/// An input is none of the wallet's coins, or the outputs get more than the inputs are worth.
pub fn fee(transaction: &Transaction, coins: &Coins) -> Result<Amount, Forbidden> {
    let values = transaction.input.iter().map(|input| coins.get(&input.previous_output).map(|coin| coin.value));
    let values = values.collect::<Option<Vec<_>>>().ok_or_else(unknown_coin)?;
    let spent = sum(values)?;
    let paid = sum(transaction.output.iter().map(|output| output.value))?;
    spent.checked_sub(paid).ok_or_else(|| {
        Forbidden::new(Why::NotSupported, "the outputs get more than the inputs are worth; build it anew")
    })
}

/// The name of a spend, the same before and after it is signed: the txid without witnesses and without input scripts.
///
/// It is the txid itself where all inputs are native segwit. Two transactions of one name spend the same coins, so that
/// only one of them can ever count.
pub fn key(transaction: &Transaction) -> Txid {
    Txid::from_raw_hash(transaction.compute_ntxid())
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, Forbidden> {
    let total = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    total.filter(|total| *total <= Amount::MAX_MONEY).ok_or_else(|| {
        Forbidden::undecodable("the amounts of the transaction are more than all bitcoin; build it anew")
    })
}

fn too_long() -> Forbidden {
    Forbidden::undecodable(format!("the transaction is longer than {LONGEST_TRANSACTION} bytes; split it"))
}

fn unknown_coin() -> Forbidden {
    Forbidden::new(
        Why::NotPriced,
        "an input is no coin that this wallet's node knows to be its own; spend coins of this wallet only",
    )
}

#[cfg(test)]
mod tests;
