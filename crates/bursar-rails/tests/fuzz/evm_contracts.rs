//! The data of a contract's call that a rule prices: what it is said to move is what stands in its words.

use alloy_primitives::{Address, U256, address, hex};
use bursar_core::coin::Coin;
use bursar_rails::Operation;
use bursar_rails::evm::quantity::units;
use bursar_rails::evm::rule::{RuleCost, RuleDestination, RulePlace, TokenSource};
use bursar_rails::evm::{Chain, ContractRule, FeeCeilings, Transport, address as written, classify};
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Params};

const USDC: Address = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
const POOL: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
const ALICE: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const SIGNATURE: &str = "supply(address,uint256,address,uint16)";
const SWAP: &str = "swap((address,uint256,address),bytes)";

fn chain() -> Chain {
    let ceilings = FeeCeilings { fee_per_gas: 1 << 100, priority_fee_per_gas: 1 << 90, gas: 1_000_000 };
    let chain = Chain::new(31_337, Coin::parse("hteth").expect("a coin"), ceilings).expect("a chain");
    let place = |text: &str| RulePlace::parse(text).expect("a place");
    let rule = |signature: &str, asset: &str, amount: &str, to: &str| {
        let cost = RuleCost::Token { asset: TokenSource::Argument(place(asset)), amount: place(amount) };
        ContractRule::new(POOL, signature, cost, RuleDestination::Argument(place(to))).expect("a rule")
    };
    chain
        .with_token(USDC, Coin::parse("hteth:usdc").expect("a coin"))
        .and_then(|chain| chain.with_rule(rule(SIGNATURE, "0", "1", "2")))
        .and_then(|chain| chain.with_rule(rule(SWAP, "0.0", "0.1", "0.2")))
        .expect("a chain with rules")
}

fn encoded(signature: &str, words: &[U256]) -> Vec<u8> {
    let name = &alloy_primitives::keccak256(signature)[..4];
    name.iter().copied().chain(words.iter().flat_map(U256::to_be_bytes::<32>)).collect()
}

#[test]
fn what_a_rule_reads_in_a_call_stands_in_its_words() {
    let chain = chain();
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    let samples = vec![
        encoded(SIGNATURE, &[word(USDC), U256::from(77), word(ALICE), U256::from(3)]),
        encoded(SIGNATURE, &[word(USDC), U256::MAX, word(POOL), U256::ZERO]),
        encoded(SWAP, &[word(USDC), U256::from(5), word(ALICE), U256::from(128), U256::from(2), U256::from(7) << 240]),
        encoded("transfer(address,uint256)", &[word(ALICE), U256::from(5)]),
    ];
    let names = [SIGNATURE, SWAP].map(|signature| alloy_primitives::keccak256(signature)[..4].to_vec());
    every!(&samples, |data| {
        let text = |text: String| Json::Text(text.into());
        let transaction = Json::Object(vec![
            ("from".into(), text(ALICE.to_string())),
            ("to".into(), text(POOL.to_string())),
            ("data".into(), text(format!("0x{}", hex::encode(&data)))),
        ]);
        let params = Params::List(vec![transaction]);
        let call =
            Call { is_version_2: true, id: Json::Number("1".into()), method: "eth_sendTransaction".into(), params };
        let Operation::Spend(payment) = classify(&chain, &|_| true, Transport::Http, &call) else { return };
        if data.is_empty() {
            return;
        }
        assert!(names.iter().any(|name| data.starts_with(name)));
        // In both functions the first three words are asset, amount and destination.
        let word = |place: usize| U256::from_be_slice(&data[4 + 32 * place..4 + 32 * (place + 1)]);
        assert_eq!(word(0), U256::from_be_bytes(USDC.into_word().0));
        assert_eq!(units(payment.payee.amount), word(1));
        assert_eq!(payment.payee.destination, written::destination(&Address::from_word(word(2).into())));
    });
}

#[test]
fn a_rule_that_is_read_names_the_function_it_was_read_from() {
    let samples = crate::samples::texts(&[SIGNATURE, SWAP, "deposit()", "f(uint256[],(bytes32,bool))"]);
    every!(&samples, |text| {
        let Ok(signature) = std::str::from_utf8(&text) else { return };
        if let Ok(rule) = ContractRule::new(POOL, signature, RuleCost::Nothing, RuleDestination::Contract) {
            assert_eq!(rule.signature(), signature);
            assert_eq!(rule.selector().0, alloy_primitives::keccak256(signature)[..4]);
        }
        if let Ok(place) = RulePlace::parse(signature) {
            assert_eq!(place.to_string(), signature);
        }
    });
}
