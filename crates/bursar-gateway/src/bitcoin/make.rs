//! Making the transaction that is wanted, before anything is held: the node says which coins there are and which outputs
//! are change, and what was made is read like what a stranger sent.

use std::time::Instant;

use bitcoin::{Transaction, TxOut};
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::assemble::assemble;
use bursar_rails::bitcoin::change::Verdicts;
use bursar_rails::bitcoin::methods::Verb;
use bursar_rails::bitcoin::payment::Payment;
use bursar_rails::bitcoin::request::{FeeRate, Fees, Output, Share, Wanted};
use bursar_rails::bitcoin::signed::Signed;
use bursar_rails::bitcoin::transaction::{Coins, PartiallySigned, Raw};
use bursar_service::rail::{Plan, RailError};

use super::node::Found;
use super::plan::{self, Errand};
use super::{BitcoinRail, refused, satoshi};

/// Within how many blocks a spend is to be confirmed, if nobody says.
const USUAL_BLOCKS: u16 = 6;
/// The least that nodes relay: one satoshi for a virtual byte.
const RELAYED: FeeRate = FeeRate::per_1000_bytes(1000);
/// How many virtual bytes a signature adds to an input at most, of the kinds that one key signs for.
const SIGNATURE: u64 = 150;

impl BitcoinRail {
    pub(super) async fn plan_transfer(
        &self,
        reference: &str,
        coin: &Coin,
        recipients: &[Recipient],
        hold: HoldId,
    ) -> Result<Plan, RailError> {
        self.read_payees(coin, recipients)?;
        let output = |recipient: &Recipient| {
            let payable = self.network.address(&recipient.address).map_err(refused)?;
            let amount = satoshi(recipient.amount).ok_or_else(|| refuse("an amount is more than all bitcoin"))?;
            let (address, share) = (recipient.address.clone(), Share::Exactly(amount));
            let (destination, script) = (payable.destination, payable.script);
            Ok(Output { address, destination, script, share, pays_fee: false })
        };
        let wanted = Wanted {
            verb: Verb::SendMany,
            network: self.network,
            outputs: recipients.iter().map(output).collect::<Result<_, RailError>>()?,
            inputs: Vec::new(),
            may_add_inputs: true,
            fees: Fees::Node,
            replaceable: Some(false),
            comment: None,
        };
        Ok(self.make(reference, &wanted, hold).await?.0)
    }

    /// Makes what is wanted, and keeps its coins for it.
    pub(super) async fn make(
        &self,
        wallet: &str,
        wanted: &Wanted,
        hold: HoldId,
    ) -> Result<(Plan, Vec<Recipient>), RailError> {
        let turn = self.turn(wallet);
        let _turn = turn.lock().await;
        let found = self.node.coins(wallet).await?;
        if wanted.inputs.iter().any(|coin| self.reserved.has(coin, Instant::now())) {
            return Err(refuse("a coin that was named is in another spend now"));
        }
        let free = self.free(&found);
        let wanted = if wanted.is_sweep() {
            let coins: Vec<_> = free.iter().map(|(coin, output)| (*coin, output.value)).collect();
            wanted.swept(&coins).map_err(refused)?
        } else {
            wanted.clone()
        };
        let built = self.build(wallet, &wanted, &found, free).await?;
        let named: Vec<_> = wanted.outputs.iter().map(|output| &output.script).collect();
        let others = built.output.iter().filter(|output| !named.contains(&&output.script_pubkey));
        let verdicts = self.verdicts(wallet, others).await?;
        let payment = Payment::of_wanted(&wanted, &built, &found.coins, &verdicts).map_err(refused)?;
        self.planned(&payment, &built, &found.coins, hold, &Errand::Send)
    }

    /// The coins that may be chosen and that no other spend has.
    fn free(&self, found: &Found) -> Coins {
        let free = found.ready.iter().filter(|coin| !self.reserved.has(coin, Instant::now()));
        free.filter_map(|coin| found.coins.get(coin).map(|output| (*coin, output.clone()))).collect()
    }

    async fn build(
        &self,
        wallet: &str,
        wanted: &Wanted,
        found: &Found,
        mut free: Coins,
    ) -> Result<Transaction, RailError> {
        let rate = self.rate(wanted.fees).await?;
        if let Some(raw) = self.node.build(wallet, wanted).await? {
            let mut spent = raw.transaction().input.iter().map(|input| input.previous_output);
            // It does not know which coins are in spends that are not sent yet.
            if !spent.any(|coin| self.reserved.has(&coin, Instant::now())) {
                return Ok(raw.transaction().clone());
            }
        }
        let named = wanted.inputs.iter();
        free.extend(named.filter_map(|coin| found.coins.get(coin).map(|output| (*coin, output.clone()))));
        let change = self.node.new_address(wallet, true).await?;
        assemble(wanted, &free, &change.script, rate).map_err(refused)
    }

    /// What is paid for the size of a transaction.
    pub(super) async fn rate(&self, fees: Fees) -> Result<FeeRate, RailError> {
        let (blocks, mode) = match fees {
            Fees::Rate(rate) if rate < RELAYED => {
                return Err(refuse(
                    "nodes relay nothing for less than 1 satoshi for a virtual byte; give a higher fee",
                ));
            }
            Fees::Rate(rate) if rate > self.rates.ceiling => {
                return Err(refuse("the fee is above this rail's ceiling; give a lower `fee_rate`"));
            }
            Fees::Rate(rate) => return Ok(rate),
            Fees::Target { blocks, mode } => (blocks.unwrap_or(USUAL_BLOCKS), mode),
            Fees::Node => (USUAL_BLOCKS, None),
        };
        let estimate = self.node.estimate(blocks, mode).await?.unwrap_or(self.rates.fallback);
        Ok(estimate.clamp(RELAYED, self.rates.ceiling.max(RELAYED)))
    }

    pub(super) async fn verdicts(
        &self,
        wallet: &str,
        outputs: impl Iterator<Item = &TxOut>,
    ) -> Result<Verdicts, RailError> {
        let mut verdicts = Verdicts::new();
        for output in outputs {
            // What has no address is nobody's; whoever reads the transaction refuses it.
            let Ok(payable) = self.network.payee_of(&output.script_pubkey) else { continue };
            let verdict = self.node.verdict(wallet, &payable).await?;
            verdicts.insert(payable.script, verdict);
        }
        Ok(verdicts)
    }

    /// Reads a transaction that its client made: to sign it, or to broadcast it.
    pub(super) async fn take(
        &self,
        wallet: &str,
        transaction: &Transaction,
        errand: Errand,
        hold: HoldId,
    ) -> Result<(Plan, Vec<Recipient>), RailError> {
        let turn = self.turn(wallet);
        let _turn = turn.lock().await;
        let found = self.node.coins(wallet).await?;
        if transaction.input.iter().any(|input| self.reserved.has(&input.previous_output, Instant::now())) {
            return Err(refuse("a coin of the transaction is in another spend now"));
        }
        let verdicts = self.verdicts(wallet, transaction.output.iter()).await?;
        let payment = Payment::of_raw(self.network, transaction, &found.coins, &verdicts).map_err(refused)?;
        match &errand {
            Errand::Broadcast(raw) => {
                Signed::of(&payment, raw.clone(), &found.coins).map_err(refused)?;
            }
            Errand::SignPsbt(psbt) => {
                let read = PartiallySigned::read(psbt).map_err(refused)?;
                read.check_coins(&found.coins).map_err(refused)?;
            }
            Errand::Send | Errand::Sign | Errand::Replace { .. } => {}
        }
        self.planned(&payment, transaction, &found.coins, hold, &errand)
    }

    pub(super) fn planned(
        &self,
        payment: &Payment,
        made: &Transaction,
        coins: &Coins,
        hold: HoldId,
        errand: &Errand,
    ) -> Result<(Plan, Vec<Recipient>), RailError> {
        if payment.payees.is_empty() {
            return Err(refuse("it pays nobody but the wallet itself"));
        }
        if made.output.iter().any(|output| output.value < output.script_pubkey.minimal_non_dust()) {
            return Err(refuse("an output is less than what can be spent again"));
        }
        self.check_fee(payment, made)?;
        let recipient =
            |payee: &bursar_core::hold::Payee| Recipient { address: payee.address.clone(), amount: payee.amount };
        let recipients = payment.payees.iter().map(recipient).collect();
        // Those of a replacement are the other's until it is signed.
        if !matches!(errand, Errand::Replace { .. }) {
            self.reserved.plan(hold, made.input.iter().map(|input| input.previous_output), Instant::now());
        }
        let instruction = plan::write(hold, payment, &plan::coins_of(made, coins), errand);
        Ok((Plan { fee: payment.fee, instruction }, recipients))
    }

    /// Whoever chose the fee: too little is never mined, and too much is a way to take money out.
    fn check_fee(&self, payment: &Payment, made: &Transaction) -> Result<(), RailError> {
        let bare = Raw::read(payment.unsigned.clone()).map_err(refused)?;
        let size = u64::try_from(bare.bytes().len()).unwrap_or(u64::MAX);
        let inputs = u64::try_from(made.input.len()).unwrap_or(u64::MAX);
        let signed = size.saturating_add(inputs.saturating_mul(SIGNATURE));
        let fee = satoshi(payment.fee);
        if fee > self.rates.ceiling.fee(signed) {
            return Err(refuse("the fee is above this rail's ceiling for a transaction of this size"));
        }
        if fee < RELAYED.fee(size) {
            return Err(refuse("the fee is less than what nodes relay for; give a higher one"));
        }
        Ok(())
    }
}

pub(super) fn refuse(problem: &str) -> RailError {
    RailError::Refused(problem.to_owned())
}
