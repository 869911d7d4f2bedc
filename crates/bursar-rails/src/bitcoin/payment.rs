//! What a transaction that was built does: who gets how much, what it costs, and that it is what was asked for.

use bitcoin::{Amount, Script, ScriptBuf, Transaction, TxOut, Txid, consensus};
use bursar_core::amount::Amount as Units;
use bursar_core::coin::Coin;
use bursar_core::hold::Payee;

use super::change::{Verdicts, is_change};
use super::network::Network;
use super::request::{Output, Share, Wanted};
use super::transaction::{self, Coins};
use crate::{Forbidden, Why};

/// What a transaction does, as it is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The coin that moves and that pays the fee.
    pub coin: Coin,
    /// Who gets how much.
    pub payees: Vec<Payee>,
    /// What miners get, to the satoshi.
    pub fee: Units,
    /// What comes back to the wallet.
    pub change: Vec<Change>,
    /// The name of the spend, the same whoever has signed; see [`transaction::key`].
    pub key: Txid,
    /// The transaction without any signature, byte for byte.
    pub unsigned: Vec<u8>,
}

/// An output that stays in the wallet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The script that is paid.
    pub script: ScriptBuf,
    /// How much.
    pub amount: Units,
}

impl Payment {
    /// What a transaction does that its client made: whatever is not change is paid.
    ///
    /// Its client named all of its outputs alike, so that the node alone says which of them it keeps.
    ///
    /// # Errors
    /// It is not carried out, spends coins that are not the wallet's, or pays a script without an address.
    pub fn of_raw(network: Network, made: &Transaction, coins: &Coins, verdicts: &Verdicts) -> Result<Self, Forbidden> {
        let mut payment = Self::begin(network, made, coins)?;
        for output in &made.output {
            if is_change(&output.script_pubkey, &[], verdicts) {
                payment.keep(output);
            } else {
                let payable = network.payee_of(&output.script_pubkey)?;
                payment.pay(payable.address, payable.destination, output.value);
            }
        }
        Ok(payment)
    }

    /// What a transaction does that the node built of what was wanted, and that it is nothing else.
    ///
    /// A rest must have been shared out before ([`Wanted::swept`]): all coins are named then, and whoever gets it lacks no
    /// more than the fee, so that nothing can come back.
    ///
    /// # Errors
    /// It pays somebody else, another amount, or spends other coins than those that were named.
    pub fn of_wanted(
        wanted: &Wanted,
        built: &Transaction,
        coins: &Coins,
        verdicts: &Verdicts,
    ) -> Result<Self, Forbidden> {
        let fee = transaction::fee(built, coins)?;
        let mut payment = Self::begin(wanted.network, built, coins)?;
        check_inputs(wanted, built)?;
        let named: Vec<&Script> = wanted.outputs.iter().map(|output| &*output.script).collect();
        let mut unpaid: Vec<&Output> = wanted.outputs.iter().collect();
        // INVARIANT: what payees lack together is part of the fee, so that nobody else has it.
        let mut may_lack = fee;
        for output in &built.output {
            if is_change(&output.script_pubkey, &named, verdicts) {
                payment.keep(output);
                continue;
            }
            let place = unpaid.iter().position(|wanted| wanted.script == output.script_pubkey);
            let meant = place
                .map(|place| unpaid.remove(place))
                .ok_or_else(|| differs("it pays somebody who was not named, or somebody twice"))?;
            let lacks = lacking(meant, output.value)?;
            may_lack =
                may_lack.checked_sub(lacks).ok_or_else(|| differs("its payees get less by more than the fee"))?;
            payment.pay(meant.address.clone(), meant.destination.clone(), output.value);
        }
        if !unpaid.is_empty() {
            return Err(differs("somebody who was named gets nothing"));
        }
        Ok(payment)
    }

    /// What a transaction does that the node built to replace another, and that it pays the same people the same.
    ///
    /// Only its change may differ, and that it may spend more coins.
    ///
    /// # Errors
    /// It does not spend what the other did, or pays somebody else or another amount.
    pub fn of_replacement(
        network: Network,
        replaced: &Transaction,
        built: &Transaction,
        coins: &Coins,
        verdicts: &Verdicts,
    ) -> Result<Self, Forbidden> {
        let spends = |coin| built.input.iter().any(|input| input.previous_output == coin);
        if !replaced.input.iter().all(|input| spends(input.previous_output)) {
            return Err(differs("it does not spend all that the transaction spends that it is to replace"));
        }
        let paid = |transaction: &Transaction| {
            let is_paid = |output: &&TxOut| !is_change(&output.script_pubkey, &[], verdicts);
            let mut paid: Vec<TxOut> = transaction.output.iter().filter(is_paid).cloned().collect();
            paid.sort_unstable();
            paid
        };
        if paid(replaced) != paid(built) {
            return Err(differs("it does not pay the same people the same as the transaction it is to replace"));
        }
        Self::of_raw(network, built, coins, verdicts)
    }

    fn begin(network: Network, made: &Transaction, coins: &Coins) -> Result<Self, Forbidden> {
        transaction::check(made)?;
        let fee = transaction::fee(made, coins)?;
        let mut bare = made.clone();
        for input in &mut bare.input {
            input.script_sig = ScriptBuf::new();
            input.witness.clear();
        }
        Ok(Self {
            coin: network.coin()?,
            payees: Vec::new(),
            fee: units(fee),
            change: Vec::new(),
            key: transaction::key(&bare),
            unsigned: consensus::serialize(&bare),
        })
    }

    fn pay(&mut self, address: String, destination: bursar_core::destination::Destination, amount: Amount) {
        self.payees.push(Payee { address, destination, amount: units(amount) });
    }

    fn keep(&mut self, output: &TxOut) {
        self.change.push(Change { script: output.script_pubkey.clone(), amount: units(output.value) });
    }
}

/// What an output lacks of what was wanted.
fn lacking(wanted: &Output, got: Amount) -> Result<Amount, Forbidden> {
    let Share::Exactly(amount) = wanted.share else {
        return Err(Forbidden::new(Why::NotPriced, "how much the rest is, nobody has said; share it out first"));
    };
    match amount.checked_sub(got) {
        Some(lacks) if lacks == Amount::ZERO || wanted.pays_fee => Ok(lacks),
        Some(_) => Err(differs("somebody gets less than was named")),
        None => Err(differs("somebody gets more than was named")),
    }
}

fn check_inputs(wanted: &Wanted, built: &Transaction) -> Result<(), Forbidden> {
    let spends = |coin: &bitcoin::OutPoint| built.input.iter().any(|input| input.previous_output == *coin);
    if !wanted.inputs.iter().all(spends) {
        return Err(differs("it does not spend all coins that were named"));
    }
    let is_named = |coin| wanted.inputs.contains(coin);
    if !wanted.may_add_inputs && !built.input.iter().all(|input| is_named(&input.previous_output)) {
        return Err(differs("it spends other coins than those that were named"));
    }
    Ok(())
}

fn differs(how: &str) -> Forbidden {
    Forbidden::new(
        Why::NotSupported,
        format!(
            "the transaction that was built is not what was asked for: {how}; ask again, and if it stays so, check the node"
        ),
    )
}

fn units(amount: Amount) -> Units {
    Units::new(amount.to_sat().into())
}

#[cfg(test)]
mod tests;
