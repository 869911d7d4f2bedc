//! Signed transactions, as `eth_sendRawTransaction` takes them: decoded, and their sender recovered.

use alloy_consensus::crypto::SECP256K1N_HALF;
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, Bytes, U256};

use super::chain::Chain;
use super::fees::{ClientFees, Price};
use super::message::Message;
use super::payment::Signed;
use super::quantity::LONGEST_DATA;
use super::request::{unsupported, wrong_chain};
use crate::forbidden::Forbidden;

/// What a signed transaction says, and who signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// Who signed it.
    pub sender: Address,
    /// What it asks of the chain.
    pub message: Message,
    /// The transaction.
    pub signed: Signed,
}

impl Raw {
    /// Reads the bytes of a transaction of type 0 (bound to its chain, EIP-155), 1 or 2.
    ///
    /// # Errors
    /// They are of another type, not exactly one encoding, for another chain or for none, signed in a form that is not the
    /// only one, create a contract, or offer more than the chain's ceilings.
    pub fn read(chain: &Chain, bytes: &[u8]) -> Result<Self, Forbidden> {
        let envelope = decode(bytes)?;
        let id = chain_id(&envelope)?;
        if id != chain.id() {
            return Err(wrong_chain(chain, &U256::from(id)));
        }
        let sender = sender(&envelope)?;
        let to = envelope.to().ok_or_else(|| {
            unsupported("the transaction creates a contract, which is not carried out; name the account that is called")
        })?;
        let price = price(&envelope);
        let (nonce, gas) = (envelope.nonce(), envelope.gas_limit());
        ClientFees::of(gas, &price).check(chain.ceilings())?;
        let message = Message { to, value: envelope.value(), input: envelope.input().clone() };
        let signed = Signed { nonce, gas, price, hash: *envelope.hash(), bytes: Bytes::copy_from_slice(bytes) };
        Ok(Self { sender, message, signed })
    }
}

/// Decodes a transaction of a type that is known here and encodes to exactly the same bytes again.
pub(crate) fn decode(bytes: &[u8]) -> Result<TxEnvelope, Forbidden> {
    match bytes.first() {
        Some(0x01 | 0x02 | 0xc0..) => {}
        Some(0x03) => return Err(unsupported("transactions with blobs (type 3) are not carried out")),
        Some(0x04) => return Err(unsupported("a transaction of type 4 hands over the account (EIP-7702)")),
        Some(other) => {
            return Err(unsupported(&format!(
                "transactions that begin with {other:#04x} are not known here; use type 2"
            )));
        }
        None => return Err(Forbidden::undecodable("the signed transaction is empty")),
    }
    if bytes.len() > LONGEST_DATA {
        return Err(Forbidden::undecodable(format!("the signed transaction has more than {LONGEST_DATA} bytes")));
    }
    let malformed = || Forbidden::undecodable("the signed transaction is not exactly one encoded transaction");
    let envelope = TxEnvelope::decode_2718_exact(bytes).map_err(|_| malformed())?;
    if envelope.encoded_2718() == bytes { Ok(envelope) } else { Err(malformed()) }
}

/// The chain that a transaction is bound to (EIP-155).
pub(crate) fn chain_id(envelope: &TxEnvelope) -> Result<u64, Forbidden> {
    let problem = "the transaction names no chain and could be sent on any; sign it with the chain's id (EIP-155)";
    envelope.chain_id().ok_or_else(|| unsupported(problem))
}

/// The price that a transaction offers for its gas.
pub(crate) fn price(envelope: &TxEnvelope) -> Price {
    let most = envelope.max_fee_per_gas();
    match envelope.max_priority_fee_per_gas() {
        Some(max_priority_fee_per_gas) => Price::Market { max_fee_per_gas: most, max_priority_fee_per_gas },
        None => Price::Fixed { gas_price: most },
    }
}

/// Recovers who signed. Of the two signatures that say the same, only the one with the low half counts (EIP-2).
pub(crate) fn sender(envelope: &TxEnvelope) -> Result<Address, Forbidden> {
    let signature = envelope.signature();
    if signature.s() > SECP256K1N_HALF {
        return Err(Forbidden::undecodable(
            "the signature has a high `s`, which no node takes; sign it in the usual form",
        ));
    }
    let unknown = |_| Forbidden::undecodable("nobody can have made this signature; sign the transaction again");
    envelope.recover_signer().map_err(unknown)
}
