//! Calls to a node of Ethereum: what a spend is said to move is what another decoder finds in the same JSON.

use alloy_primitives::{Address, U256, address, hex, keccak256};
use bursar_core::coin::Coin;
use bursar_core::hold::Cost;
use bursar_rails::Operation;
use bursar_rails::evm::methods::{self, Meaning};
use bursar_rails::evm::quantity::units;
use bursar_rails::evm::{Chain, FeeCeilings, Form, Kind, Payment, Transport, address as written, classify_calls};
use bursar_rails::jsonrpc::Calls;
use serde_json::Value;

use crate::samples::texts;

const USDC: Address = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
const SAMPLES: [&str; 8] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC","value":"0xde0b6b3a7640000","gas":"0x5208","maxFeePerGas":"0x77359400","maxPriorityFeePerGas":"0x1","nonce":"0x7","chainId":"0x7a69","type":"0x2"}]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48","data":"0xa9059cbb0000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc000000000000000000000000000000000000000000000000000000000000000a","gasPrice":"0x9"}]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_signTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48","input":"0x095ea7b30000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc00000000000000000000000000000000000000000000000000000000000000ff","accessList":[]}]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48","data":"0x23b872dd000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb922660000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc0000000000000000000000000000000000000000000000000000000000000003"}]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48","data":"0x395093510000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc0000000000000000000000000000000000000000000000000000000000000003"}]}"#,
    r#"[{"id":1,"method":"eth_getBalance","params":["0x00","latest"]},{"id":2,"method":"eth_sendTransaction","params":[{"from":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","to":"0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"}]}]"#,
    r#"{"id":1,"method":"eth_sign","params":["0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","0x00"]}"#,
    r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02f868827a69070184773594008252089470997970c51812dc3a010c7d01b50e0d17dc79c80580c001a0d40a0528b81e6175076a35defb14a3a237655a62eae3e952ac611a77940224aaa062977d323a96c1f27e27571ce27347e894c9aa45e37dd3a6d0429fb2d16e74c7"]}"#,
];

fn chain() -> Chain {
    let ceilings = FeeCeilings { fee_per_gas: 1 << 100, priority_fee_per_gas: 1 << 90, gas: 1_000_000 };
    let chain = Chain::new(31_337, Coin::parse("hteth").expect("a coin"), ceilings).expect("a chain");
    chain.with_token(USDC, Coin::parse("hteth:usdc").expect("a coin")).expect("a token")
}

/// The words behind a function's name, if the data is that of this function with so many.
fn words(data: &[u8], signature: &str, count: usize) -> Option<Vec<U256>> {
    let rest = data.strip_prefix(&keccak256(signature)[..4])?;
    (rest.len() == 32 * count).then(|| rest.chunks(32).map(U256::from_be_slice).collect())
}

/// Who gets how much of which coin, read by hand from the JSON as others see it.
fn theirs(transaction: &Value) -> (Address, U256, bool) {
    let text = |name: &str| transaction.get(name).and_then(Value::as_str);
    let to: Address = text("to").expect("a destination").parse().expect("an address");
    let value = text("value").map_or(U256::ZERO, |value| value.parse().expect("a number"));
    let data = hex::decode(text("data").or(text("input")).unwrap_or("0x")).expect("bytes");
    if data.is_empty() {
        return (to, value, true);
    }
    assert_eq!((to, value), (USDC, U256::ZERO));
    let pair = ["transfer", "approve", "increaseAllowance"]
        .into_iter()
        .find_map(|name| words(&data, &format!("{name}(address,uint256)"), 2))
        .or_else(|| words(&data, "transferFrom(address,address,uint256)", 3).map(|words| words[1..].to_vec()))
        .or_else(|| {
            let permit = "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)";
            words(&data, permit, 7).map(|words| words[1..3].to_vec())
        });
    let pair = pair.expect("a function that is priced");
    (Address::from_word(pair[0].into()), pair[1], false)
}

fn check(payment: &Payment, call: &Value) {
    let method = call["method"].as_str().expect("a method");
    assert!(matches!(methods::meaning(method), Meaning::Spend(_)), "{method}");
    let Form::Asked { .. } = payment.form else { return };
    let transaction = &call["params"][0];
    let (to, amount, is_native) = theirs(transaction);
    assert_eq!(payment.payee.destination, written::destination(&to));
    // Of an allowance, what is more than any coin has is one without end; all else that is so much is no spend.
    let counted = if payment.kind == Kind::Allowance { amount.min(units(Cost::WITHOUT_END)) } else { amount };
    assert_eq!(units(payment.payee.amount), counted);
    assert_eq!(payment.coin == Coin::parse("hteth").expect("a coin"), is_native);
    let from: Address = transaction["from"].as_str().expect("a sender").parse().expect("an address");
    assert_eq!(payment.sender, from);
    if let Some(id) = transaction.get("chainId").and_then(Value::as_str) {
        assert_eq!(id.parse(), Ok(U256::from(31_337)));
    }
}

#[test]
fn what_a_call_is_said_to_spend_is_what_others_find_in_it() {
    let (samples, chain) = (texts(&SAMPLES), chain());
    every!(&samples, |bytes| {
        let Ok(calls) = Calls::read(&bytes) else { return };
        let Ok(operations) = classify_calls(&chain, &|_| true, Transport::Http, &calls) else { return };
        let theirs: Value = match serde_json::from_slice(&bytes) {
            Ok(Value::Array(all)) => Value::Array(all),
            Ok(one) => Value::Array(vec![one]),
            // A number that they cannot hold.
            Err(_) => return,
        };
        assert!(operations.iter().filter(|operation| matches!(operation, Operation::Spend(_))).count() <= 1);
        for ((operation, call), theirs) in
            operations.iter().zip(calls.as_slice()).zip(theirs.as_array().expect("calls"))
        {
            match operation {
                Operation::Spend(payment) => check(payment, theirs),
                Operation::Read => {
                    let meaning = methods::meaning(theirs["method"].as_str().expect("a method"));
                    assert!(matches!(meaning, Meaning::Read | Meaning::Accounts), "{}", call.method);
                }
                Operation::Forbidden(_) => {}
            }
        }
    });
}
