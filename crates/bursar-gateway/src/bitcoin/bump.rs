//! Replacing a transaction by one that pays more (ADR 23).
//!
//! The replacement is a spend of its own, held in full beside the one it replaces: either may be mined, and only one. When
//! one of both is final, the other is given back as every spend is whose coin another final transaction has.

use std::time::Instant;

use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Transaction, Txid};
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::change::{Verdicts, is_change};
use bursar_rails::bitcoin::outcome::Standing;
use bursar_rails::bitcoin::payment::Payment;
use bursar_rails::bitcoin::raise;
use bursar_rails::bitcoin::request::{Bump, Fees};
use bursar_rails::bitcoin::transaction::{self, Coins};
use bursar_service::rail::{Memory, Plan, RailError};

use super::make::refuse;
use super::node::Body;
use super::plan::Errand;
use super::sent::{self, Remembered, Signed};
use super::{BitcoinRail, refused, watch};

/// A transaction that is replaced, and whose spend it is.
struct Replaced {
    hold: HoldId,
    signed: Signed,
    coins: Coins,
    fee: Amount,
}

impl BitcoinRail {
    /// Makes the replacement of a transaction, and keeps nothing for it yet: its coins are those of the other.
    pub(super) async fn bump(
        &self,
        wallet: &str,
        bump: &Bump,
        hold: HoldId,
        memory: &dyn Memory,
    ) -> Result<(Plan, Vec<Recipient>), RailError> {
        let turn = self.turn(wallet);
        let _turn = turn.lock().await;
        let replaced = self.replaced(wallet, bump.replaced, memory).await?;
        let made = replaced.signed.raw.transaction();
        // INVARIANT: change is what was change when it was held, and what the node still keeps.
        let kept: Vec<ScriptBuf> = replaced.signed.kept.clone();
        let outputs = made.output.iter().filter(|output| kept.contains(&output.script_pubkey));
        let verdicts = self.verdicts(wallet, outputs).await?;
        let built = match self.node.bump(wallet, bump).await? {
            Some(raw) => raw.transaction().clone(),
            None => self.raise(bump, &replaced, &verdicts).await?,
        };
        if built.input.len() != made.input.len() {
            return Err(refuse(
                "its change does not suffice for the higher fee, and no further coins are spent for it",
            ));
        }
        let payment =
            Payment::of_replacement(self.network, made, &built, &replaced.coins, &verdicts).map_err(refused)?;
        if payment.fee <= bursar_core::amount::Amount::new(replaced.fee.to_sat().into()) {
            return Err(refuse("the replacement would pay no more than the transaction; give a higher `fee_rate`"));
        }
        let errand = Errand::Replace { hold: replaced.hold, fee: replaced.fee };
        self.planned(&payment, &built, &replaced.coins, hold, &errand)
    }

    async fn raise(&self, bump: &Bump, replaced: &Replaced, verdicts: &Verdicts) -> Result<Transaction, RailError> {
        let made = replaced.signed.raw.transaction();
        let beyond = || refuse("the fee is more than all bitcoin; give a lower `fee_rate`");
        let least = raise::least_fee(made, replaced.fee).ok_or_else(beyond)?;
        let wanted = raise::fee_at(made, self.rate(bump.fees).await?).ok_or_else(beyond)?;
        if matches!(bump.fees, Fees::Rate(_)) && wanted < least {
            let problem = format!("nodes take a replacement that pays {} satoshi at least", least.to_sat());
            return Err(RailError::Refused(format!("{problem}; give a higher `fee_rate`")));
        }
        let more = wanted.max(least).checked_sub(replaced.fee).ok_or_else(beyond)?;
        let keeps = |script: &Script| is_change(script, &[], verdicts);
        raise::raise(made, more, keeps, bump.replaceable).map_err(refused)
    }

    /// The transaction that is to be replaced: signed here for a spend that is not settled, and in no block.
    async fn replaced(&self, wallet: &str, txid: Txid, memory: &dyn Memory) -> Result<Replaced, RailError> {
        let unexplained = || refuse("it was not sent from here, or its spend is settled");
        let hold = match watch::given_for(memory, txid)? {
            Some(hold) => hold,
            // Where inputs are not segwit, what it is kept under is not its txid.
            None => match self.node.body(wallet, txid).await? {
                Body::Read(found) => watch::given_for(memory, transaction::key(&found))?.ok_or_else(unexplained)?,
                Body::Gone | Body::Foreign => return Err(unexplained()),
            },
        };
        let Some(Remembered::Signed(signed)) = sent::read(memory, hold)? else { return Err(unexplained()) };
        if signed.wallet != wallet || signed.txid() != txid {
            return Err(unexplained());
        }
        if sent::replaced_by(memory, hold)?.is_some() {
            return Err(refuse("it was replaced before; bump the transaction that replaced it"));
        }
        let made = signed.raw.transaction();
        if !raise::is_replaceable(made) {
            return Err(refuse("it was made as one that is not replaced; ask with `replaceable` next time"));
        }
        let spent = made.input.iter().map(|input| input.previous_output);
        let coins: Coins = spent.zip(signed.coins.iter().cloned()).collect();
        let fee = transaction::fee(made, &coins).map_err(refused)?;
        self.check_unmined(wallet, &signed).await?;
        Ok(Replaced { hold, signed: *signed, coins, fee })
    }

    async fn check_unmined(&self, wallet: &str, signed: &Signed) -> Result<(), RailError> {
        let txid = signed.txid();
        let standing = self.node.seen(wallet, txid).await?.map(|seen| seen.standing);
        match standing {
            Some(Standing::Confirmed(_)) => return Err(refuse("it is in a block already")),
            Some(Standing::Conflicted(_)) => return Err(refuse("another transaction has its coins already")),
            Some(Standing::Waiting) | None => {}
        }
        // A child would be lost with it, and its spend would wait for nothing.
        let change = signed.change();
        let is_taken = change.iter().any(|coin| self.reserved.has(coin, Instant::now()));
        let problem =
            "its change is spent by another transaction, which would be lost with it; let a child pay instead";
        if is_taken {
            return Err(refuse(problem));
        }
        if self.node.waits(txid).await? {
            let found = self.node.coins(wallet).await?;
            if change.iter().any(|coin| !found.coins.contains_key(coin)) {
                // The node's wallet has the transaction a moment after the node.
                let unknown = "its change is not known to the node's wallet yet; ask again in a moment";
                return Err(refuse(if standing.is_some() { problem } else { unknown }));
            }
        }
        Ok(())
    }
}

impl Signed {
    /// What comes back to the wallet by it.
    pub(super) fn change(&self) -> Vec<OutPoint> {
        let txid = self.txid();
        let outputs = (0..).zip(&self.raw.transaction().output);
        let kept = outputs.filter(|(_, output)| self.kept.contains(&output.script_pubkey));
        kept.map(|(place, _)| OutPoint::new(txid, place)).collect()
    }
}
