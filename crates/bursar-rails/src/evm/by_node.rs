//! Transactions that a node with the key signs: how it is asked, and whether what comes back is what was asked for.

use std::fmt;

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes};

use super::build::Unsigned;
use super::fees::Price;
use super::payment::Signed;
use super::{quantity, raw};
use crate::json::Json;

/// A node signed something else than it was asked to sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Altered {
    /// What is not as it was asked for, by its name in JSON-RPC.
    pub field: &'static str,
}

/// What a signed transaction is, whatever it does: read of the bytes alone, so no node has to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Its hash, which another signature of the same sender changes.
    pub hash: B256,
    /// The hash that was signed: one for all signatures of one transaction.
    pub signing_hash: B256,
    /// Who signed it.
    pub sender: Address,
}

impl Seen {
    /// What these bytes are; nothing if they are no transaction of a type that is ever sent from here.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let envelope = raw::decode(bytes).ok()?;
        let sender = raw::sender(&envelope).ok()?;
        Some(Self { hash: *envelope.hash(), signing_hash: envelope.signature_hash(), sender })
    }
}

impl Unsigned {
    /// The transaction as `eth_signTransaction` takes it, with every field: nothing is left to the node.
    pub fn to_json(&self) -> Json {
        let text = |text: String| Json::Text(text.into());
        let transaction = self.transaction();
        let terms = self.terms();
        let to = transaction.to().unwrap_or_default();
        let mut entries: Vec<(Box<str>, Json)> = vec![
            ("from".into(), text(format!("{:#x}", self.sender()))),
            ("to".into(), text(format!("{to:#x}"))),
            ("value".into(), text(format!("{:#x}", transaction.value()))),
            // Older nodes know `input` by no other name, and newer ones by this one, too.
            ("data".into(), text(transaction.input().to_string())),
            ("gas".into(), text(format!("{:#x}", terms.gas))),
            ("nonce".into(), text(format!("{:#x}", terms.nonce))),
        ];
        entries.extend(transaction.chain_id().map(|id| ("chainId".into(), text(format!("{id:#x}")))));
        match terms.price {
            Price::Fixed { gas_price } => entries.push(("gasPrice".into(), text(format!("{gas_price:#x}")))),
            Price::Market { max_fee_per_gas, max_priority_fee_per_gas } => {
                entries.push(("maxFeePerGas".into(), text(format!("{max_fee_per_gas:#x}"))));
                entries.push(("maxPriorityFeePerGas".into(), text(format!("{max_priority_fee_per_gas:#x}"))));
            }
        }
        Json::Object(entries)
    }

    /// The transaction as a node signed it, if that is this one in every field and its sender signed it.
    ///
    /// # Errors
    /// The first thing that is another, or that cannot be read.
    pub fn signed_as(&self, bytes: &[u8]) -> Result<Signed, Altered> {
        let unreadable = |_| Altered { field: "raw" };
        let (theirs, ours) = (raw::decode(bytes).map_err(unreadable)?, self.transaction());
        let fields = [
            ("type", theirs.tx_type() == ours.tx_type()),
            ("chainId", theirs.chain_id() == ours.chain_id()),
            ("nonce", theirs.nonce() == ours.nonce()),
            ("to", theirs.to() == ours.to()),
            ("value", theirs.value() == ours.value()),
            ("data", theirs.input() == ours.input()),
            ("gas", theirs.gas_limit() == ours.gas_limit()),
            ("maxFeePerGas", theirs.max_fee_per_gas() == ours.max_fee_per_gas()),
            ("maxPriorityFeePerGas", theirs.max_priority_fee_per_gas() == ours.max_priority_fee_per_gas()),
            // Whatever else a transaction of its type may say.
            ("accessList", theirs.signature_hash() == self.signing_hash()),
        ];
        if let Some((field, _)) = fields.into_iter().find(|(_, is_same)| !is_same) {
            return Err(Altered { field });
        }
        if raw::sender(&theirs).map_err(|_| Altered { field: "r, s and v" })? != *self.sender() {
            return Err(Altered { field: "from" });
        }
        let terms = self.terms();
        let (nonce, gas, price) = (terms.nonce, terms.gas, terms.price);
        Ok(Signed { nonce, gas, price, hash: *theirs.hash(), bytes: Bytes::copy_from_slice(bytes) })
    }
}

/// The bytes in a node's answer to `eth_signTransaction`: alone, or as `raw` beside the transaction in JSON.
pub fn signed_bytes(answer: &Json) -> Option<Bytes> {
    let raw = answer.get("raw").unwrap_or(answer);
    raw.as_text().and_then(|text| quantity::data(text).ok())
}

impl fmt::Display for Altered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of the signed transaction is not as it was asked for", self.field)
    }
}

impl std::error::Error for Altered {}
