//! What became of a spend, as the chain has it.

use bursar_core::amount::Amount;
use bursar_core::hold::Hold;
use bursar_rails::evm::quantity::{hash, narrow};
use bursar_rails::evm::{Address, B256, Price, Receipt, Signed, address};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::sent::{self, Remembered};
use super::{EvmRail, plan, quote, watch};

impl EvmRail {
    pub(super) async fn became_of(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        match self.look(hold, memory).await {
            // The fee was the sender's, and is captured with the other half.
            Ok(SendOutcome::Done { reference, .. }) if plan::is_of_payer(hold) => {
                SendOutcome::Done { reference, fee: Amount::ZERO }
            }
            Ok(SendOutcome::Reverted { reference, .. }) if plan::is_of_payer(hold) => {
                SendOutcome::Reverted { reference, fee: Amount::ZERO }
            }
            Ok(outcome) => outcome,
            Err(RailError::Refused(reason) | RailError::Unavailable(reason)) => SendOutcome::Unknown { reason },
            Err(RailError::UnknownWallet | RailError::Invalid { .. }) => {
                SendOutcome::Unknown { reason: "the spend cannot be looked for".to_owned() }
            }
        }
    }

    async fn look(&self, hold: &Hold, memory: &dyn Memory) -> Result<SendOutcome, RailError> {
        let never = SendOutcome::Refused { reason: "it was never signed".to_owned() };
        let (sender, nonce, hash, bytes) = match sent::read(memory, hold.id)? {
            Some((_, Remembered::Signed { sender, nonce, hash, bytes })) => (sender, nonce, hash, bytes),
            Some((_, Remembered::Cancelled)) => return Ok(never),
            Some((_, Remembered::Asked { sender, nonce })) => {
                return self.look_for_asked(hold, (sender, nonce), memory).await;
            }
            None => {
                // Written down first: should its send still be on its way, it finds this and signs nothing.
                let note = NewNote { name: sent::note(hold.id), version: 0, body: Some(sent::cancelled()) };
                return match memory.write(vec![note]).await? {
                    true => Ok(never),
                    false => Ok(SendOutcome::Unknown { reason: "it is being signed".to_owned() }),
                };
            }
        };
        let signed = Signed { nonce, gas: 0, price: Price::Fixed { gas_price: 0 }, hash, bytes };
        match self.look_on_chain(sender, &signed, memory).await {
            // Signed it is, and counts; that nobody can ask the node now changes nothing of that.
            Err(RailError::Unavailable(reason)) => {
                tracing::debug!(transaction = %hash, %reason, "a signed transaction cannot be asked after now");
                Ok(SendOutcome::Unseen { reference: format!("{hash:#x}"), reason })
            }
            told => told,
        }
    }

    pub(super) async fn look_on_chain(
        &self,
        sender: Address,
        signed: &Signed,
        memory: &dyn Memory,
    ) -> Result<SendOutcome, RailError> {
        let outcome = self.what_chain_says(sender, signed, memory).await?;
        if let SendOutcome::Done { .. } | SendOutcome::Reverted { .. } = &outcome {
            watch::note_final(memory, sender, signed.nonce).await?;
        }
        Ok(outcome)
    }

    async fn what_chain_says(
        &self,
        sender: Address,
        signed: &Signed,
        memory: &dyn Memory,
    ) -> Result<SendOutcome, RailError> {
        let (nonce, hash) = (signed.nonce, signed.hash);
        let reference = format!("{hash:#x}");
        if let Some(outcome) = self.mined(hash).await? {
            return Ok(outcome);
        }
        let last_final = self.last_final().await?;
        if self.count_at(sender, last_final).await? > nonce {
            return Ok(match self.user_of_nonce(sender, nonce, last_final).await? {
                Some(other) if other != hash => match self.is_the_same((sender, other), signed, memory).await? {
                    Some(same) => self.mined(same.hash).await?.unwrap_or(SendOutcome::Sent { reference }),
                    None => SendOutcome::Refused {
                        reason: format!("nonce {nonce} of the wallet was used by {other:#x}, which is final"),
                    },
                },
                // Its receipt is late.
                Some(_) => SendOutcome::Sent { reference },
                None => SendOutcome::Unknown {
                    reason: format!("nonce {nonce} of the wallet is used, and by which transaction cannot be seen"),
                },
            });
        }
        // Another is offered in its place; the node may mine it all the same.
        if watch::is_replaced(memory, sender, nonce, &hash)? {
            return Ok(SendOutcome::Sent { reference });
        }
        // It is in no block: dropped, or not there yet. A node that has it says so.
        self.offer(signed).await
    }

    /// What became of a transaction that is in a block.
    async fn mined(&self, hash: B256) -> Result<Option<SendOutcome>, RailError> {
        let Some(receipt) = self.receipt(hash).await? else { return Ok(None) };
        let reference = format!("{hash:#x}");
        Ok(Some(match self.is_final(receipt.block_number).await? {
            false => SendOutcome::Sent { reference },
            true if receipt.succeeded => SendOutcome::Done { reference, fee: receipt.fee },
            true => SendOutcome::Reverted { reference, fee: receipt.fee },
        }))
    }

    pub(super) async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RailError> {
        let params = vec![Json::Text(format!("{hash:#x}").into())];
        let found = self.node.ask("eth_getTransactionReceipt", params).await.map_err(quote::told)?;
        Receipt::read(&hash, &found).map_err(|error| RailError::Unavailable(error.to_string()))
    }

    /// Whether a block is as deep as it takes.
    async fn is_final(&self, block: u64) -> Result<bool, RailError> {
        let head = self.head().await?;
        Ok(head.saturating_sub(block).saturating_add(1) >= self.confirmations)
    }

    /// The last block that is as deep as it takes.
    pub(super) async fn last_final(&self) -> Result<u64, RailError> {
        Ok(self.head().await?.saturating_sub(self.confirmations.saturating_sub(1)))
    }

    /// How many nonces of a wallet are used as of a block.
    pub(super) async fn count_at(&self, sender: Address, block: u64) -> Result<u64, RailError> {
        self.count(sender, format!("{block:#x}")).await
    }

    /// How many nonces of a wallet are used in blocks.
    pub(super) async fn count_mined(&self, sender: Address) -> Result<u64, RailError> {
        self.count(sender, "latest".to_owned()).await
    }

    /// How many nonces of a wallet are used, those of transactions that wait included.
    pub(super) async fn count_pending(&self, sender: Address) -> Result<u64, RailError> {
        self.count(sender, "pending".to_owned()).await
    }

    async fn count(&self, sender: Address, when: String) -> Result<u64, RailError> {
        let params = vec![Json::Text(format!("{sender:#x}").into()), Json::Text(when.into())];
        quote::number(&self.node.ask("eth_getTransactionCount", params).await.map_err(quote::told)?)
    }

    /// The transaction that used a nonce by a block, as the block has it that holds it. That a receipt is missing proves
    /// nothing: behind one address there may be several nodes, of which one knows less than another.
    pub(super) async fn user_of_nonce(&self, sender: Address, nonce: u64, by: u64) -> Result<Option<B256>, RailError> {
        // Back by steps that double, so 64 at most, to a block in which it was not used yet; then halves between the two.
        let (mut used, mut back) = (by, 1_u64);
        let mut unused = loop {
            let earlier = used.saturating_sub(back);
            if self.count_at(sender, earlier).await? <= nonce {
                break earlier;
            }
            if earlier == 0 {
                return Ok(None);
            }
            (used, back) = (earlier, back.saturating_mul(2));
        };
        while used.saturating_sub(unused) > 1 {
            let middle = unused.midpoint(used);
            if self.count_at(sender, middle).await? > nonce {
                used = middle;
            } else {
                unused = middle;
            }
        }
        let params = vec![Json::Text(format!("{used:#x}").into()), Json::Bool(true)];
        let block = self.node.ask("eth_getBlockByNumber", params).await.map_err(quote::told)?;
        let is_it = |one: &&Json| {
            let text = |name| one.get(name).and_then(Json::as_text);
            let from = text("from").and_then(|text| address::parse(text).ok());
            from == Some(sender) && text("nonce").and_then(|text| narrow::<u64>(text).ok()) == Some(nonce)
        };
        let found = block.get("transactions").and_then(Json::as_list).and_then(|all| all.iter().find(is_it));
        Ok(found.and_then(|one| one.get("hash")).and_then(Json::as_text).and_then(|text| hash(text).ok()))
    }

    async fn head(&self) -> Result<u64, RailError> {
        quote::number(&self.node.ask("eth_blockNumber", Vec::new()).await.map_err(quote::told)?)
    }
}
