//! What a receipt says: whether a transaction did what it asked, and what it paid.

use std::fmt;

use alloy_primitives::B256;
use bursar_core::amount::Amount;

use super::quantity;
use crate::json::Json;

/// What became of a transaction that is in a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The hash of the transaction.
    pub transaction: B256,
    /// Whether it did what it asked. If not, nothing moved but the fee, which is paid all the same.
    pub succeeded: bool,
    /// The gas it used.
    pub gas_used: u64,
    /// The price of a unit of it.
    pub effective_gas_price: u128,
    /// The fee that was paid, with the bill for its data where a rollup writes one apart.
    pub fee: Amount,
    /// The number of the block.
    pub block_number: u64,
    /// The hash of the block, which is another after a reorganisation.
    pub block_hash: B256,
}

/// The answer is no receipt of this transaction: what became of it is unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidReceipt(String);

impl Receipt {
    /// Reads the result of `eth_getTransactionReceipt` for a transaction; nothing if that is in no block.
    ///
    /// # Errors
    /// It is not a receipt of this transaction, or lacks what the fee needs.
    pub fn read(transaction: &B256, json: &Json) -> Result<Option<Self>, InvalidReceipt> {
        if *json == Json::Null {
            return Ok(None);
        }
        if hash(json, "transactionHash")? != *transaction {
            return Err(InvalidReceipt(format!("the receipt is of another transaction than {transaction}")));
        }
        let succeeded = match text(json, "status")? {
            "0x1" => true,
            "0x0" => false,
            _ => return Err(invalid("status", &"is neither `0x0` nor `0x1`")),
        };
        let gas_used: u64 = number(json, "gasUsed")?;
        let effective_gas_price: u128 = number(json, "effectiveGasPrice")?;
        let for_data: u128 =
            if json.get("l1Fee").is_some_and(|fee| *fee != Json::Null) { number(json, "l1Fee")? } else { 0 };
        let for_gas = Amount::new(gas_used.into()).saturating_mul(Amount::new(effective_gas_price));
        Ok(Some(Self {
            transaction: *transaction,
            succeeded,
            gas_used,
            effective_gas_price,
            fee: for_gas.saturating_add(Amount::new(for_data)),
            block_number: number(json, "blockNumber")?,
            block_hash: hash(json, "blockHash")?,
        }))
    }

    /// What left of an amount that was to move: all of it, or nothing if the transaction was reverted. The fee aside.
    pub fn moved(&self, amount: Amount) -> Amount {
        if self.succeeded { amount } else { Amount::ZERO }
    }
}

fn invalid(name: &str, problem: &dyn fmt::Display) -> InvalidReceipt {
    InvalidReceipt(format!("`{name}` of the receipt {problem}"))
}

fn text<'a>(json: &'a Json, name: &str) -> Result<&'a str, InvalidReceipt> {
    json.get(name).and_then(Json::as_text).ok_or_else(|| invalid(name, &"is missing or no text"))
}

fn number<T: TryFrom<alloy_primitives::U256>>(json: &Json, name: &str) -> Result<T, InvalidReceipt> {
    quantity::narrow(text(json, name)?).map_err(|problem| invalid(name, &problem))
}

fn hash(json: &Json, name: &str) -> Result<B256, InvalidReceipt> {
    quantity::hash(text(json, name)?).map_err(|problem| invalid(name, &problem))
}

impl fmt::Display for InvalidReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidReceipt {}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: B256 = B256::repeat_byte(0xab);

    fn receipt(status: &str, more: &str) -> Json {
        let text = format!(
            r#"{{"transactionHash":"{HASH}","status":"{status}","gasUsed":"0x5208","effectiveGasPrice":"0x3b9aca07",
            "blockNumber":"0x10","blockHash":"{}","logs":[]{more}}}"#,
            B256::repeat_byte(1)
        );
        Json::read(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn a_transaction_that_reverted_moved_nothing_and_paid_its_fee() {
        let done = Receipt::read(&HASH, &receipt("0x1", "")).expect("a receipt").expect("mined");
        let reverted = Receipt::read(&HASH, &receipt("0x0", "")).expect("a receipt").expect("mined");
        let fee = Amount::new(21_000 * 1_000_000_007);
        assert_eq!((done.fee, reverted.fee), (fee, fee));
        assert_eq!((done.moved(Amount::new(5)), reverted.moved(Amount::new(5))), (Amount::new(5), Amount::ZERO));
        assert_eq!((done.block_number, done.gas_used), (16, 21_000));
    }

    #[test]
    fn the_bill_for_data_of_a_rollup_is_part_of_the_fee() {
        let read = Receipt::read(&HASH, &receipt("0x1", r#","l1Fee":"0x64""#)).expect("a receipt").expect("mined");
        assert_eq!(read.fee, Amount::new(21_000 * 1_000_000_007 + 100));
    }

    #[test]
    fn a_receipt_of_something_else_or_with_a_gap_is_none() {
        assert_eq!(Receipt::read(&HASH, &Json::Null), Ok(None));
        assert!(Receipt::read(&B256::ZERO, &receipt("0x1", "")).is_err());
        for status in ["0x2", "1", "0x01", ""] {
            assert!(Receipt::read(&HASH, &receipt(status, "")).is_err(), "{status}");
        }
        let whole = receipt("0x1", "");
        let Json::Object(entries) = &whole else { panic!("an object") };
        for place in 0..entries.len() - 1 {
            let mut less = entries.clone();
            let (name, _) = less.remove(place);
            assert!(Receipt::read(&HASH, &Json::Object(less)).is_err(), "{name}");
        }
        assert!(Receipt::read(&HASH, &receipt("0x1", r#","l1Fee":100"#)).is_err());
    }
}
