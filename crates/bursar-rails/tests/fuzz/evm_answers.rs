//! What nodes of Ethereum answer, and the spellings of numbers and addresses.

use alloy_primitives::{Address, B256, U256};
use bursar_rails::evm::by_node::signed_bytes;
use bursar_rails::evm::quantity::{data, quantity, units};
use bursar_rails::evm::{Receipt, address};
use bursar_rails::json::Json;
use serde_json::Value;

use crate::samples::texts;

const HASH: &str = "0xabababababababababababababababababababababababababababababababab";
const RECEIPTS: [&str; 3] = [
    r#"{"transactionHash":"0xabababababababababababababababababababababababababababababababab","status":"0x1","gasUsed":"0x5208","effectiveGasPrice":"0x3b9aca07","blockNumber":"0x10","blockHash":"0x0101010101010101010101010101010101010101010101010101010101010101"}"#,
    r#"{"transactionHash":"0xabababababababababababababababababababababababababababababababab","status":"0x0","gasUsed":"0x1","effectiveGasPrice":"0x0","l1Fee":"0x64","blockNumber":"0x0","blockHash":"0x0101010101010101010101010101010101010101010101010101010101010101"}"#,
    "null",
];

#[test]
fn a_receipt_pays_what_its_numbers_say() {
    let (samples, hash): (_, B256) = (texts(&RECEIPTS), HASH.parse().expect("a hash"));
    every!(&samples, |bytes| {
        let Ok(json) = Json::read(&bytes) else { return };
        assert!(signed_bytes(&json).is_none_or(|bytes| bytes.len() <= 128 * 1024));
        let Ok(Some(receipt)) = Receipt::read(&hash, &json) else { return };
        let Ok(theirs) = serde_json::from_slice::<Value>(&bytes) else { return };
        let number = |name: &str| theirs[name].as_str().map(|text| text.parse::<U256>().expect("a number"));
        let fee = number("gasUsed").expect("gas") * number("effectiveGasPrice").expect("a price");
        assert_eq!(units(receipt.fee), fee + number("l1Fee").unwrap_or_default());
        assert_eq!(theirs["status"], if receipt.succeeded { "0x1" } else { "0x0" });
        assert_eq!(number("blockNumber"), Some(U256::from(receipt.block_number)));
        assert_eq!(theirs["transactionHash"].as_str().and_then(|text| text.parse().ok()), Some(hash));
    });
}

#[test]
fn numbers_bytes_and_addresses_are_read_as_others_read_them() {
    let samples = texts(&["0x0", "0xff", "0x", "0x00ff", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", HASH]);
    every!(&samples, |bytes| {
        let Ok(text) = std::str::from_utf8(&bytes) else { return };
        if let Ok(number) = quantity(text) {
            assert_eq!(text.parse(), Ok(number));
            assert_eq!(format!("{number:#x}"), text.to_lowercase());
        }
        if let Ok(bytes) = data(text) {
            assert_eq!(bytes.to_string(), text.to_lowercase());
        }
        if let Ok(address) = address::parse(text) {
            assert_eq!(text.parse::<Address>(), Ok(address));
        }
    });
}
