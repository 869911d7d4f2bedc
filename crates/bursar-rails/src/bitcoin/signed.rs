//! What comes back from the signer: the same transaction that is held, signed in every input and for the whole of it.

use bitcoin::blockdata::script::Instruction;
use bitcoin::{EcdsaSighashType, Script, Transaction, TxOut, Txid, Witness, ecdsa};

use super::payment::Payment;
use super::transaction::{Coins, PartiallySigned, Raw, key};
use crate::{Forbidden, Why};

/// Lengths of an ECDSA signature with the byte that says what it covers.
const ECDSA_LENGTHS: std::ops::RangeInclusive<usize> = 9..=73;
/// The first byte of an ECDSA signature: a sequence in DER.
const DER_SEQUENCE: u8 = 0x30;
/// The first byte of an annex, which nobody has given a meaning.
const ANNEX: u8 = 0x50;

/// What a Schnorr signature of the whole transaction ends with where it is written out; `DEFAULT` never is.
const SCHNORR_ALL: u8 = 1;

/// A transaction that may be broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// Its very bytes.
    pub raw: Raw,
    /// What the chain calls it.
    pub txid: Txid,
}

impl Signed {
    /// Checks that signed bytes are the transaction that is held, signed by all its inputs for all of it.
    ///
    /// # Errors
    /// They are another transaction, or an input is not signed, or for a part of the transaction only.
    pub fn of(held: &Payment, raw: Raw, coins: &Coins) -> Result<Self, Forbidden> {
        same(held, raw.transaction())?;
        for input in &raw.transaction().input {
            let coin = coins.get(&input.previous_output).ok_or_else(|| {
                Forbidden::new(Why::NotPriced, "an input is no coin that this wallet's node knows to be its own")
            })?;
            check_input(coin, &input.script_sig, &input.witness)?;
        }
        let txid = raw.transaction().compute_txid();
        Ok(Self { raw, txid })
    }
}

/// Checks that what a signer made of a partly signed transaction is still the one that is held.
///
/// What its signatures cover was checked when it was read.
///
/// # Errors
/// It is another transaction.
pub fn check_psbt(held: &Payment, psbt: &PartiallySigned) -> Result<(), Forbidden> {
    same(held, psbt.transaction())
}

fn same(held: &Payment, signed: &Transaction) -> Result<(), Forbidden> {
    if key(signed) == held.key {
        return Ok(());
    }
    Err(Forbidden::new(
        Why::NotSupported,
        "what was signed is not the transaction that is held; it is not broadcast, check the signer",
    ))
}

fn check_input(coin: &TxOut, script_sig: &Script, witness: &Witness) -> Result<(), Forbidden> {
    let script = &coin.script_pubkey;
    let count = if script.is_p2tr() { schnorr_signatures(witness)? } else { ecdsa_signatures(script_sig, witness)? };
    if count == 0 {
        return Err(Forbidden::new(Why::NotSupported, "an input is not signed; have all inputs signed first"));
    }
    Ok(())
}

/// Checks what a transaction has as final already, whatever kind of input it is.
///
/// # Errors
/// A signature in it covers a part of the transaction only, or it has an annex.
pub(super) fn check_final(script_sig: Option<&Script>, witness: Option<&Witness>) -> Result<(), Forbidden> {
    let none = Witness::new();
    ecdsa_signatures(script_sig.unwrap_or(Script::new()), witness.unwrap_or(&none))?;
    // A Schnorr signature of 65 bytes says what it covers, and stands before the script and its control block.
    let items: Vec<&[u8]> = witness.map(|witness| witness.iter().collect()).unwrap_or_default();
    check_annex(&items)?;
    let signatures = match items.as_slice() {
        [stack @ .., _script, _control_block] => stack,
        key_path => key_path,
    };
    let items_cover_all = signatures.iter().all(|item| taproot_covers_all(item).unwrap_or(true));
    if items_cover_all { Ok(()) } else { Err(not_for_all()) }
}

/// Counts the ECDSA signatures that can be told by their form; each must be for the whole transaction.
fn ecdsa_signatures(script_sig: &Script, witness: &Witness) -> Result<usize, Forbidden> {
    let mut pushed = Vec::new();
    for instruction in script_sig.instructions() {
        match instruction {
            Ok(Instruction::PushBytes(bytes)) => pushed.push(bytes.as_bytes()),
            Ok(Instruction::Op(_)) => {}
            Err(_) => {
                return Err(Forbidden::undecodable("an input's script cannot be read; sign the transaction anew"));
            }
        }
    }
    let mut count = 0_usize;
    for item in pushed.into_iter().chain(witness.iter()) {
        if !looks_like_ecdsa(item) {
            continue;
        }
        match ecdsa::Signature::from_slice(item) {
            Ok(signature) if signature.sighash_type == EcdsaSighashType::All => count = count.saturating_add(1),
            _ => return Err(not_for_all()),
        }
    }
    Ok(count)
}

fn looks_like_ecdsa(item: &[u8]) -> bool {
    let says_length = item.get(1).map(|length| usize::from(*length)) == item.len().checked_sub(3);
    ECDSA_LENGTHS.contains(&item.len()) && item.first() == Some(&DER_SEQUENCE) && says_length
}

/// Counts the Schnorr signatures of a taproot input: one of its key, or those before its script.
fn schnorr_signatures(witness: &Witness) -> Result<usize, Forbidden> {
    let items: Vec<&[u8]> = witness.iter().collect();
    check_annex(&items)?;
    let signatures = match items.as_slice() {
        [] => return Ok(0),
        [one] => {
            return taproot_covers_all(one).filter(|covers_all| *covers_all).map(|_| 1).ok_or_else(not_for_all);
        }
        [stack @ .., _script, _control_block] => stack,
    };
    let mut count = 0_usize;
    for covers_all in signatures.iter().filter_map(|item| taproot_covers_all(item)) {
        if !covers_all {
            return Err(not_for_all());
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Refuses what would stand where a script does, behind the signatures.
fn check_annex(items: &[&[u8]]) -> Result<(), Forbidden> {
    let is_annexed = items.len() > 1 && items.last().and_then(|last| last.first()) == Some(&ANNEX);
    if is_annexed {
        return Err(Forbidden::new(Why::NotSupported, "an input has an annex, which has no meaning yet; leave it out"));
    }
    Ok(())
}

/// Whether what has the length of a Schnorr signature covers the whole transaction; nothing for other lengths.
fn taproot_covers_all(item: &[u8]) -> Option<bool> {
    match item.len() {
        64 => Some(true),
        65 => Some(item.last() == Some(&SCHNORR_ALL)),
        _ => None,
    }
}

pub(super) fn not_for_all() -> Forbidden {
    Forbidden::new(
        Why::NotSupported,
        "a signature covers a part of the transaction only, or cannot be read; sign with `ALL` or `DEFAULT`",
    )
}

#[cfg(test)]
mod tests;
