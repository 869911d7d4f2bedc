//! Makes a transaction of a wallet's coins, for nodes that cannot fund one themselves.
//!
//! What is made here is read and compared with what was wanted like whatever a node builds.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::{InputWeightPrediction, Version, predict_weight};
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::request::{FeeRate, Share, Wanted};
use super::transaction::Coins;
use crate::{Forbidden, Why};

/// The most coins that are spent at once: as many of the largest kind as a node relays.
pub const MOST_INPUTS: usize = 500;

/// The script and the witness of an input whose script is the hash of a witness program of one key.
const NESTED: InputWeightPrediction = InputWeightPrediction::from_slice(23, &[72, 33]);

/// Makes the transaction that is wanted: named coins first, then the greatest of the others until they suffice.
///
/// Change goes to `change`, which the node made for it; where it would be too little to be spent again, miners get it.
///
/// # Errors
/// The coins do not suffice, are of a kind whose signatures have no known length, or somebody would get less than what can
/// be spent again.
pub fn assemble(wanted: &Wanted, coins: &Coins, change: &Script, rate: FeeRate) -> Result<Transaction, Forbidden> {
    let outputs: Vec<TxOut> = wanted.outputs.iter().map(output).collect::<Result<_, _>>()?;
    if outputs.iter().any(|output| *output.script_pubkey == *change) {
        return Err(refused("change would go to somebody who is paid; ask the node for another address"));
    }
    let paid = outputs.iter().try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value));
    let paid = paid.ok_or_else(|| refused("the amounts are more than all bitcoin"))?;
    let mut assembly =
        Assembly { wanted, change, rate, outputs, paid, inputs: Vec::new(), kinds: Vec::new(), worth: Amount::ZERO };
    for named in &wanted.inputs {
        let coin = coins.get(named).ok_or_else(|| refused("a coin that was named is not the wallet's"))?;
        assembly.spend(*named, coin)?;
    }
    let mut others: Vec<_> =
        coins.iter().filter(|(coin, _)| wanted.may_add_inputs && !wanted.inputs.contains(coin)).collect();
    others.sort_by_key(|(coin, output)| (std::cmp::Reverse(output.value), **coin));
    let mut others = others.into_iter();
    loop {
        if let Some(made) = assembly.finished()? {
            return Ok(made);
        }
        let (coin, output) =
            others.next().ok_or_else(|| refused("the wallet's coins are worth less than the amounts and the fee"))?;
        assembly.spend(*coin, output)?;
    }
}

fn output(wanted: &super::request::Output) -> Result<TxOut, Forbidden> {
    match wanted.share {
        Share::Exactly(value) => Ok(TxOut { value, script_pubkey: wanted.script.clone() }),
        Share::Rest => Err(Forbidden::new(Why::NotPriced, "how much the rest is, nobody has said; share it out first")),
    }
}

fn refused(problem: &str) -> Forbidden {
    Forbidden::new(Why::NotSupported, problem)
}

/// A transaction that is being made.
struct Assembly<'a> {
    wanted: &'a Wanted,
    change: &'a Script,
    rate: FeeRate,
    outputs: Vec<TxOut>,
    paid: Amount,
    inputs: Vec<OutPoint>,
    kinds: Vec<InputWeightPrediction>,
    worth: Amount,
}

impl Assembly<'_> {
    fn spend(&mut self, coin: OutPoint, output: &TxOut) -> Result<(), Forbidden> {
        if self.inputs.len() >= MOST_INPUTS {
            return Err(refused("it takes too many coins; send less at once"));
        }
        self.kinds.push(kind(&output.script_pubkey)?);
        self.inputs.push(coin);
        let worth = self.worth.checked_add(output.value);
        self.worth = worth.ok_or_else(|| refused("the wallet's coins are worth more than all bitcoin"))?;
        Ok(())
    }

    /// The fee, with a further output or without.
    fn fee(&self, further: Option<&Script>) -> Result<Amount, Forbidden> {
        let lengths = self.outputs.iter().map(|output| output.script_pubkey.len());
        let weight = predict_weight(self.kinds.iter().copied(), lengths.chain(further.map(Script::len)));
        let fee = self.rate.fee(weight.to_vbytes_ceil());
        fee.ok_or_else(|| refused("the fee is more than all bitcoin; give a lower `fee_rate`"))
    }

    /// The transaction, if its coins suffice.
    fn finished(&self) -> Result<Option<Transaction>, Forbidden> {
        let Some(left) = self.worth.checked_sub(self.paid).filter(|_| !self.inputs.is_empty()) else { return Ok(None) };
        let payers = self.wanted.outputs.iter().filter(|output| output.pays_fee).count();
        let (with_change, without) = (self.fee(Some(self.change))?, self.fee(None)?);
        let least = self.change.minimal_non_dust();
        if payers > 0 {
            // Payees pay the fee, so that all that is left comes back, or is a part of the fee.
            return if left >= least {
                self.made(with_change, Some(left)).map(Some)
            } else {
                self.made(without.checked_sub(left).unwrap_or(Amount::ZERO), None).map(Some)
            };
        }
        match left.checked_sub(with_change).filter(|change| *change >= least) {
            Some(change) => self.made(Amount::ZERO, Some(change)).map(Some),
            None if left >= without => self.made(Amount::ZERO, None).map(Some),
            None => Ok(None),
        }
    }

    fn made(&self, taken: Amount, change: Option<Amount>) -> Result<Transaction, Forbidden> {
        let mut output = self.outputs.clone();
        self.take_from_payers(&mut output, taken)?;
        let script_pubkey = || self.change.to_owned();
        output.extend(change.map(|value| TxOut { value, script_pubkey: script_pubkey() }));
        let is_replaceable = self.wanted.replaceable.unwrap_or(false);
        let sequence = if is_replaceable { Sequence::ENABLE_RBF_NO_LOCKTIME } else { Sequence::ENABLE_LOCKTIME_NO_RBF };
        let input = |coin: &OutPoint| TxIn {
            previous_output: *coin,
            script_sig: ScriptBuf::new(),
            sequence,
            witness: Witness::new(),
        };
        let input = self.inputs.iter().map(input).collect();
        Ok(Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output })
    }

    /// Takes an amount evenly from those who pay the fee; what cannot be shared, from the first.
    fn take_from_payers(&self, outputs: &mut [TxOut], taken: Amount) -> Result<(), Forbidden> {
        let payers = outputs.iter_mut().zip(&self.wanted.outputs).filter(|(_, wanted)| wanted.pays_fee);
        let payers: Vec<&mut TxOut> = payers.map(|(output, _)| output).collect();
        let Ok(count) = u64::try_from(payers.len()) else { return Ok(()) };
        let (Some(part), Some(mut odd)) = (taken.checked_div(count), taken.checked_rem(count)) else { return Ok(()) };
        for payer in payers {
            let share = part.checked_add(std::mem::take(&mut odd));
            let left = share.and_then(|share| payer.value.checked_sub(share));
            payer.value = left.filter(|left| *left >= payer.script_pubkey.minimal_non_dust()).ok_or_else(|| {
                refused("somebody who pays the fee would get next to nothing; send more, or a lower `fee_rate`")
            })?;
        }
        Ok(())
    }
}

/// How long an input is once one key has signed it.
fn kind(script: &Script) -> Result<InputWeightPrediction, Forbidden> {
    if script.is_p2wpkh() {
        Ok(InputWeightPrediction::P2WPKH_MAX)
    } else if script.is_p2pkh() {
        Ok(InputWeightPrediction::P2PKH_COMPRESSED_MAX)
    } else if script.is_p2tr() {
        Ok(InputWeightPrediction::P2TR_KEY_NON_DEFAULT_SIGHASH)
    } else if script.is_p2sh() {
        Ok(NESTED)
    } else {
        Err(refused("a coin is of a kind that more than one key signs for; name other coins in `inputs`"))
    }
}

#[cfg(test)]
mod tests;
