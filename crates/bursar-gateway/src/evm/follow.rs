//! What became of a spend, as the chain has it.

use bursar_core::hold::Hold;
use bursar_rails::evm::{Address, B256, Price, Receipt, Signed};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::sent::{self, Remembered};
use super::{EvmRail, quote};

impl EvmRail {
    pub(super) async fn became_of(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        match self.look(hold, memory).await {
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
        match self.look_on_chain(sender, &signed).await {
            // Signed it is, and counts; that nobody can ask the node now changes nothing of that.
            Err(RailError::Unavailable(reason)) => {
                tracing::debug!(transaction = %hash, reason, "a signed transaction cannot be asked after now");
                Ok(SendOutcome::Sent { reference: format!("{hash:#x}") })
            }
            told => told,
        }
    }

    async fn look_on_chain(&self, sender: Address, signed: &Signed) -> Result<SendOutcome, RailError> {
        let (nonce, hash) = (signed.nonce, signed.hash);
        let reference = format!("{hash:#x}");
        if let Some(receipt) = self.receipt(hash).await? {
            return match self.is_final(receipt.block_number).await? {
                false => Ok(SendOutcome::Sent { reference }),
                true if receipt.succeeded => Ok(SendOutcome::Done { reference, fee: receipt.fee }),
                true => Ok(SendOutcome::Reverted { reference, fee: receipt.fee }),
            };
        }
        if self.final_count(sender).await? > nonce {
            // Asked once more: it may have come into a block between the two questions.
            return Ok(match self.receipt(hash).await? {
                Some(_) => SendOutcome::Sent { reference },
                None => SendOutcome::Refused {
                    reason: format!("nonce {nonce} of the wallet was used by another transaction, which is final"),
                },
            });
        }
        // It is in no block: dropped, or not there yet. A node that has it says so.
        self.offer(signed).await
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

    /// How many transactions of a wallet are final.
    pub(super) async fn final_count(&self, sender: Address) -> Result<u64, RailError> {
        let depth = self.confirmations.saturating_sub(1);
        let block = self.head().await?.saturating_sub(depth);
        let params = vec![Json::Text(format!("{sender:#x}").into()), Json::Text(format!("{block:#x}").into())];
        quote::number(&self.node.ask("eth_getTransactionCount", params).await.map_err(quote::told)?)
    }

    async fn head(&self) -> Result<u64, RailError> {
        quote::number(&self.node.ask("eth_blockNumber", Vec::new()).await.map_err(quote::told)?)
    }
}
