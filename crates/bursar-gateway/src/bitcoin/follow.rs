//! What became of a spend, as the chain has it.

use std::time::Instant;

use bitcoin::Txid;
use bursar_core::hold::Hold;
use bursar_rails::bitcoin::outcome::Standing;
use bursar_rails::bitcoin::transaction;
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::BitcoinRail;
use super::send::reason;
use super::sent::{self, Remembered, Signed};

impl BitcoinRail {
    pub(super) async fn became_of(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        match self.look(hold, memory).await {
            Ok(outcome) => outcome,
            Err(error) => SendOutcome::Unknown { reason: reason(error) },
        }
    }

    async fn look(&self, hold: &Hold, memory: &dyn Memory) -> Result<SendOutcome, RailError> {
        let never = SendOutcome::Refused { reason: "it was never signed".to_owned() };
        let signed = match sent::read(memory, hold.id)? {
            Some(Remembered::Signed(signed)) => signed,
            Some(Remembered::Cancelled) => return Ok(never),
            None => {
                // Written down first: should its send still be on its way, it finds this and broadcasts nothing.
                let note = NewNote { name: sent::note(hold.id), version: 0, body: Some(sent::cancelled()) };
                return match memory.write(vec![note]).await? {
                    true => Ok(never),
                    false => Ok(SendOutcome::Unknown { reason: "it is being signed".to_owned() }),
                };
            }
        };
        let spent = signed.raw.transaction().input.iter().map(|input| input.previous_output);
        // Also after a restart: as long as it may still be mined, nothing else is made of its coins.
        self.reserved.sign(hold.id, spent, Instant::now());
        match self.look_on_chain(hold, &signed, memory).await {
            // Signed it is, and counts; that nobody can ask the node now changes nothing of that.
            Err(RailError::Unavailable(reason)) => {
                tracing::debug!(transaction = %signed.txid(), %reason, "a signed transaction cannot be asked after now");
                Ok(SendOutcome::Unseen { reference: signed.txid().to_string(), reason })
            }
            told => told,
        }
    }

    async fn look_on_chain(&self, hold: &Hold, signed: &Signed, memory: &dyn Memory) -> Result<SendOutcome, RailError> {
        let txid = signed.txid();
        let sent = || SendOutcome::Sent { reference: txid.to_string() };
        // What it pays to miners is what its inputs are worth less its outputs: the chain cannot take another fee.
        let done = |txid: Txid| SendOutcome::Done { reference: txid.to_string(), fee: hold.cost.fee };
        let seen = self.node.seen(&signed.wallet, txid).await?;
        match seen.map(|seen| seen.standing) {
            Some(Standing::Confirmed(depth)) if depth >= self.confirmations => return Ok(done(txid)),
            Some(Standing::Confirmed(_)) => return Ok(sent()),
            Some(Standing::Waiting) if self.node.waits(txid).await? => return Ok(sent()),
            // The node dropped it: it is given to it again, unless another is to be mined in its place.
            Some(Standing::Waiting) if sent::replaced_by(memory, hold.id)?.is_none() => {
                if let offered @ SendOutcome::Sent { .. } = self.offer(signed).await? {
                    return Ok(offered);
                }
            }
            Some(Standing::Waiting | Standing::Conflicted(_)) | None => {}
        }
        let key = transaction::key(signed.raw.transaction());
        for input in &signed.raw.transaction().input {
            let found = self.node.spender(&signed.wallet, txid, input.previous_output).await?;
            let Some((other, depth)) = found else { continue };
            let is_final = depth >= self.confirmations;
            // The same payment with other signatures has another txid where inputs are not segwit.
            if transaction::key(&other) == key {
                return Ok(if is_final { done(other.compute_txid()) } else { sent() });
            }
            if is_final {
                let other = other.compute_txid();
                let reason = format!("a coin of it was spent by another transaction, {other}, which is final");
                return Ok(SendOutcome::Refused { reason });
            }
            return Ok(sent());
        }
        if sent::replaced_by(memory, hold.id)?.is_some() {
            return Ok(sent());
        }
        // It is in no block, and nothing else has its coins: dropped, or not there yet.
        self.offer(signed).await
    }
}
