//! A transaction made ready to sign, and finished with a signature. Keys stay where they are.

use std::fmt;

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope, TxLegacy, TypedTransaction};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Signature, U256};
use bursar_core::amount::Amount;

use super::chain::Chain;
use super::fees::{ClientFees, Price};
use super::payment::{Form, Payment, Signed};
use super::request::wrong_chain;
use crate::forbidden::{Forbidden, Why};

/// What is chosen for a transaction when it is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Its place in the sender's sequence.
    pub nonce: u64,
    /// The most gas it may use.
    pub gas: u64,
    /// The price it offers for that.
    pub price: Price,
}

/// A transaction that waits for its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsigned {
    sender: Address,
    terms: Terms,
    transaction: TypedTransaction,
}

/// The signature is not one of this transaction by its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongSignature;

impl Unsigned {
    /// The transaction of a payment that was asked for: of type 2, or of type 0 where the price is fixed.
    ///
    /// # Errors
    /// The payment is for another chain or signed already, its client named other terms, or the terms are above the chain's ceilings.
    pub fn of(chain: &Chain, payment: &Payment, terms: Terms) -> Result<Self, Forbidden> {
        let Form::Asked { fees, nonce, .. } = &payment.form else {
            return Err(Forbidden::new(Why::NotSupported, "the transaction is signed already; broadcast it as it is"));
        };
        if payment.chain_id != chain.id() {
            return Err(wrong_chain(chain, &U256::from(payment.chain_id)));
        }
        let chosen = ClientFees::of(terms.gas, &terms.price);
        chosen.check(chain.ceilings())?;
        if nonce.is_some_and(|asked| asked != terms.nonce) {
            let detail =
                format!("`nonce` is not the next one, {}; leave it out, and the right one is chosen", terms.nonce);
            return Err(Forbidden::new(Why::NotSupported, detail));
        }
        let kept = |asked: Option<u128>, chosen: Option<u128>| asked.is_none() || asked == chosen;
        let all_kept = (fees.gas.is_none() || fees.gas == chosen.gas)
            && (chosen.is_fixed || !fees.is_fixed)
            && kept(fees.gas_price, chosen.gas_price)
            && kept(fees.max_fee_per_gas, chosen.max_fee_per_gas)
            && kept(fees.max_priority_fee_per_gas, chosen.max_priority_fee_per_gas);
        if !all_kept {
            let detail = "the fees that were named are not those of the transaction; leave them out";
            return Err(Forbidden::new(Why::NotSupported, detail));
        }
        let message = payment.message.clone();
        let (chain_id, nonce, gas_limit, to) = (chain.id(), terms.nonce, terms.gas, message.to.into());
        let (value, input) = (message.value, message.input);
        let transaction = match terms.price {
            Price::Fixed { gas_price } => {
                TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input }.into()
            }
            Price::Market { max_fee_per_gas, max_priority_fee_per_gas } => TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list: Default::default(),
                input,
            }
            .into(),
        };
        Ok(Self { sender: payment.sender, terms, transaction })
    }

    /// Who is to sign.
    pub const fn sender(&self) -> &Address {
        &self.sender
    }

    /// The hash that is to be signed.
    pub fn signing_hash(&self) -> B256 {
        self.transaction.signature_hash()
    }

    /// The most it can pay in fees.
    pub fn fee(&self) -> Amount {
        self.terms.price.fee(self.terms.gas)
    }

    /// What was chosen for it.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) const fn transaction(&self) -> &TypedTransaction {
        &self.transaction
    }

    /// The transaction with a signature of [`Unsigned::signing_hash`]: its halves, and whether the point's y is odd.
    ///
    /// # Errors
    /// The sender did not make this signature, or it has a high `s`.
    pub fn sign(self, r: [u8; 32], s: [u8; 32], y_is_odd: bool) -> Result<Signed, WrongSignature> {
        let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), y_is_odd);
        let envelope: TxEnvelope = self.transaction.into_envelope(signature);
        // Recovery refuses a high `s` too.
        if !envelope.recover_signer().is_ok_and(|signer| signer == self.sender) {
            return Err(WrongSignature);
        }
        let Terms { nonce, gas, price } = self.terms;
        Ok(Signed { nonce, gas, price, hash: *envelope.hash(), bytes: envelope.encoded_2718().into() })
    }
}

impl fmt::Display for WrongSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not one of this transaction by its sender; check which key signed")
    }
}

impl std::error::Error for WrongSignature {}
