use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, U256, hex};
use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::SighashCache;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount as Satoshi, CompressedPublicKey, EcdsaSighashType, OutPoint, Psbt, ScriptBuf, Sequence,
    Transaction as Built, TxIn, TxOut, Witness, ecdsa,
};
use proptest::prelude::*;

use super::*;
use crate::bitcoin::network::Network;
use crate::bitcoin::transaction::Coins;

const TO: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const CHANGE: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const EVM: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const BITCOIN: Chain = Chain::Bitcoin(Network::Test);
const ETHEREUM: Chain = Chain::Evm { id: None };

fn coin() -> OutPoint {
    format!("{}:0", "01".repeat(32)).parse().expect("a coin")
}

fn built(pays: &[(&str, u64)]) -> Built {
    let input = TxIn {
        previous_output: coin(),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    let output = |(to, value): &(&str, u64)| TxOut {
        value: Satoshi::from_sat(*value),
        script_pubkey: Network::Test.address(to).expect("an address").script,
    };
    Built {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: pays.iter().map(output).collect(),
    }
}

fn raw(pays: &[(&str, u64)]) -> String {
    hex::encode(encode::serialize(&built(pays)))
}

fn psbt(pays: &[(&str, u64)]) -> String {
    hex::encode(Psbt::from_unsigned_tx(built(pays)).expect("a PSBT").serialize())
}

fn sent(hex: &str) -> Result<Order, Forbidden> {
    let body = format!(
        r#"{{"txHex":"{hex}","recipients":[{{"address":"{TO}","amount":"1000"}}],"sequenceId":"s","otp":"1"}}"#
    );
    read(Handling::Transaction, body.as_bytes(), BITCOIN)
}

#[test]
fn a_transaction_pays_its_recipients_in_full_and_what_else_it_pays_is_left_to_be_looked_up() {
    for hex in [raw(&[(TO, 1000), (CHANGE, 500)]), psbt(&[(CHANGE, 500), (TO, 1000)])] {
        let order = sent(&hex).expect("an order");
        assert_eq!((order.sequence_id.as_deref(), order.otp.as_deref()), (Some("s"), Some("1")));
        let call = Call::unpack(&order.instruction).expect("a call");
        assert_eq!(call.packed(), order.instruction);
        let body = call.clone().named("bursar-7".to_owned());
        assert_eq!(body.get("sequenceId"), Some(&Json::Text("bursar-7".into())));
        assert!(body.get("otp").is_none(), "no code goes upstream");
        let Ok(Transaction::Bitcoin(outputs)) = transaction(&call, BITCOIN) else { panic!("a transaction") };
        let left = outputs.left_over(&order.claimed).expect("outputs");
        assert_eq!(left.keys().collect::<Vec<_>>(), [CHANGE]);
        let worth = TxOut { value: Satoshi::from_sat(1507), script_pubkey: ScriptBuf::new() };
        assert_eq!(outputs.fee(&Coins::from([(coin(), worth)])), Ok(Amount::new(7)));
        assert!(outputs.fee(&Coins::new()).is_err(), "an input that is none of the wallet's has no price");
    }
}

#[test]
fn a_transaction_that_pays_less_twice_or_others_by_the_same_address_is_refused() {
    for pays in [&[(CHANGE, 1000)][..], &[(TO, 999)], &[(TO, 1001)], &[(TO, 1000), (TO, 1000)], &[(TO, 1000), (TO, 1)]]
    {
        assert!(sent(&raw(pays)).is_err() && sent(&psbt(pays)).is_err(), "{pays:?}");
    }
    let extra = psbt(&[(TO, 1000)]) + "00";
    for hex in ["", "zz", "0x00", "70736274ff", &extra, &raw(&[(TO, 1000)]).replacen("02", "09", 1)] {
        assert!(sent(hex).is_err(), "{hex}");
    }
}

#[test]
fn a_transaction_whose_signature_leaves_a_part_of_it_open_is_refused() {
    let curve = Secp256k1::new();
    let secret = SecretKey::from_slice(&[1; 32]).expect("a key");
    let public = CompressedPublicKey(secret.public_key(&curve));
    let signed = |covers| {
        let mut built = built(&[(TO, 1000)]);
        let script = ScriptBuf::new_p2wpkh(&public.wpubkey_hash());
        let digest = SighashCache::new(&built).p2wpkh_signature_hash(0, &script, Satoshi::from_sat(1007), covers);
        let message = Message::from_digest(digest.expect("a digest").to_byte_array());
        let signature = ecdsa::Signature { signature: curve.sign_ecdsa(&message, &secret), sighash_type: covers };
        built.input[0].witness = Witness::p2wpkh(&signature, &public.0);
        sent(&hex::encode(encode::serialize(&built)))
    };
    assert!(signed(EcdsaSighashType::All).is_ok());
    for covers in [
        EcdsaSighashType::None,
        EcdsaSighashType::Single,
        EcdsaSighashType::AllPlusAnyoneCanPay,
        EcdsaSighashType::NonePlusAnyoneCanPay,
        EcdsaSighashType::SinglePlusAnyoneCanPay,
    ] {
        let refusal = signed(covers).expect_err("refused");
        assert!(refusal.why == Why::NotSupported && refusal.detail.contains("sign with `ALL`"), "{covers}: {refusal}");
    }
}

#[test]
fn a_half_signed_operation_pays_exactly_what_recipients_say() {
    let half = |to: &str, amount: &str, more: &str| {
        format!(
            r#"{{"recipients":[{{"address":"{EVM}","amount":"1000"}}],"halfSigned":{{"recipients":[{{"address":"{to}","amount":{amount}}}],
               "expireTime":1,"contractSequenceId":2,"operationHash":"0xab","signature":"0xcd"{more}}}}}"#
        )
    };
    let read = |body: &str| read(Handling::Transaction, body.as_bytes(), ETHEREUM);
    let sound = half(&EVM.to_lowercase(), "1000", r#","gasPrice":5,"isBatch":false"#);
    let order = read(&sound).expect("an order");
    let kept = String::from_utf8(order.instruction).expect("text");
    assert!(kept.contains("operationHash") && !kept.contains("gasPrice"), "{kept}");
    for body in [
        half(EVM, "1001", ""),
        half(&EVM.replace("5aAe", "5aAf"), "1000", ""),
        half(EVM, "1000", r#","isBatch":true"#),
        half(EVM, "1000", r#","hopTransaction":{}"#),
        half(EVM, "1000", r#","signature":"0xef""#),
        half(EVM, "1000", r#","data":"0xa9059cbb""#),
        half(EVM, r#""1000","data":"0xa9059cbb""#, ""),
        half(EVM, "1000", r#","txHex":"0x""#),
        half(EVM, "1000", "").replace("\"signature\"", "\"signed\""),
    ] {
        assert!(read(&body).is_err(), "{body}");
    }
}

/// A signed transaction that pays 1000 wei at 21 000 gas: `v` says for which chain (EIP-155).
fn ethereum(gas_price: &str, v: &str) -> String {
    let pays = format!("05{gas_price}825208945aaeb6053f3e94c9b9a09f33669435e7ef1beaed8203e880{v}");
    let rest = format!("{pays}a0{}a0{}", "22".repeat(32), "33".repeat(32));
    format!("f8{:02x}{rest}", rest.len() / 2)
}

#[test]
fn a_raw_transaction_of_ethereum_tells_what_it_may_take_for_its_gas_and_is_for_the_chain_of_its_coin() {
    const GIGAWEI: &str = "843b9aca00";
    const ETHER: &str = "880de0b6b3a7640000";
    let read = |hex: String, chain| {
        let recipients = format!(r#"[{{"address":"{EVM}","amount":"1000"}}]"#);
        let body = format!(r#"{{"txHex":"0x{hex}","recipients":{recipients}}}"#);
        let order = read(Handling::Transaction, body.as_bytes(), chain).map_err(|refusal| refusal.why)?;
        let read = transaction(&Call::unpack(&order.instruction).expect("a call"), chain).expect("a transaction");
        let Transaction::Evm { fee, .. } = read else { panic!("{read:?}") };
        Ok(fee.to_string())
    };
    let (holesky, main, none) = ("8284f3", "25", "1b");
    assert_eq!(read(ethereum(GIGAWEI, holesky), ETHEREUM), Ok("21000000000000".to_owned()));
    assert_eq!(read(ethereum(ETHER, holesky), ETHEREUM), Ok("21000000000000000000000".to_owned()));
    assert_eq!(read(ethereum(GIGAWEI, main), ETHEREUM), Err(Why::WrongChain));
    assert_eq!(read(ethereum(GIGAWEI, none), ETHEREUM), Err(Why::NotSupported));
    assert!(read(ethereum(GIGAWEI, main), Chain::Evm { id: Some(1) }).is_ok());
    assert_eq!(read(ethereum(GIGAWEI, holesky), Chain::Evm { id: Some(1) }), Err(Why::WrongChain));
    assert_eq!(read(ethereum(GIGAWEI, main), Chain::Evm { id: Some(10) }), Err(Why::WrongChain));
}

#[test]
fn a_raw_transaction_of_ethereum_that_no_node_takes_is_refused() {
    let sound = [0x22, 0x33].map(|byte| U256::from_be_bytes([byte; 32]));
    let read = |tip: u128, [r, s]: [U256; 2]| {
        let made = TxEip1559 {
            chain_id: 17_000,
            gas_limit: 21_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: tip,
            to: EVM.parse::<alloy_primitives::Address>().expect("an address").into(),
            value: U256::from(1000),
            ..Default::default()
        };
        let signed = TxEnvelope::from(made.into_signed(Signature::new(r, s, false)));
        let hex = hex::encode(signed.encoded_2718());
        let body = format!(r#"{{"txHex":"0x{hex}","recipients":[{{"address":"{EVM}","amount":"1000"}}]}}"#);
        read(Handling::Transaction, body.as_bytes(), ETHEREUM).map_err(|refusal| (refusal.why, refusal.detail))
    };
    assert!(read(9, sound).is_ok());
    let refused = |tip, signature| {
        let (why, detail) = read(tip, signature).expect_err("refused");
        assert_eq!(why, Why::Undecodable);
        detail
    };
    assert!(refused(9, [U256::ZERO; 2]).contains("sign the transaction again"), "unsigned");
    assert!(refused(9, [U256::ZERO, sound[1]]).contains("sign the transaction again"));
    assert!(refused(9, [sound[0], U256::MAX]).contains("high `s`"));
    assert!(refused(10, sound).contains("`maxPriorityFeePerGas` is above `maxFeePerGas`"));
}

#[test]
fn a_body_that_two_readers_could_take_in_two_ways_is_refused() {
    let hex = raw(&[(TO, 1000)]);
    let sound = format!(r#"{{"txHex":"{hex}","recipients":[{{"address":"{TO}","amount":"1000"}}]}}"#);
    let read = |body: &str| read(Handling::Transaction, body.as_bytes(), BITCOIN);
    assert!(read(&sound).is_ok() && read(&sound.replace("\"1000\"", "1000")).is_ok());
    for amount in [
        "-1000",
        "\"-1000\"",
        "1000.0",
        "1e3",
        "\"0x3e8\"",
        "\"1000 \"",
        "\"01000\"",
        "null",
        "\"\"",
        "0",
        "[1000]",
        "999999999999999999999999999999999999999999999999999999999999999999999999999999999",
    ] {
        let body = sound.replace("\"1000\"", amount);
        assert!(read(&body).is_err(), "{amount}");
    }
    for (from, to) in [
        ("\"recipients\"", "\"recipients\":[],\"recipients\""),
        ("\"amount\"", "\"amount\":\"1\",\"\\u0061mount\""),
        ("{\"txHex\"", "{\"halfSigned\":{},\"txHex\""),
        ("{\"txHex\"", "{\"changeAddress\":\"x\",\"txHex\""),
        ("{\"txHex\"", "{\"type\":\"stake\",\"txHex\""),
        ("{\"txHex\"", "{\"walletPassphrase\":\"x\",\"txHex\""),
        ("\"amount\"", "\"memo\":\"x\",\"amount\""),
        ("\"recipients\"", "\"others\""),
    ] {
        assert!(read(&sound.replacen(from, to, 1)).is_err(), "{to}");
    }
    for body in ["", "[]", "txHex=00&recipients=x", "null", "{}"] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn what_the_upstream_makes_has_recipients_and_no_transaction() {
    let body = format!(r#"{{"recipients":[{{"address":"{TO}","amount":5}}],"maxFee":null,"txFormat":"psbt"}}"#);
    let order = read(Handling::Recipients, body.as_bytes(), BITCOIN).expect("an order");
    let kept = format!("tx/initiate\n{{\"recipients\":[{{\"address\":\"{TO}\",\"amount\":\"5\"}}]}}");
    assert_eq!(String::from_utf8(order.instruction), Ok(kept));
    let with = body.replace("{\"recipients\"", "{\"txHex\":\"00\",\"recipients\"");
    assert!(read(Handling::Recipients, with.as_bytes(), BITCOIN).is_err());
}

#[test]
fn a_wish_for_what_a_transaction_may_cost_is_refused_where_the_upstream_makes_it() {
    for hint in HINTS.iter().filter(|hint| **hint != "txFormat") {
        let body = format!(r#"{{"recipients":[{{"address":"{TO}","amount":5}}],"{hint}":1000}}"#);
        let refused = read(Handling::Recipients, body.as_bytes(), BITCOIN).expect_err(hint);
        assert!(refused.detail.starts_with(&format!("`{hint}` is not carried out")), "{}", refused.detail);
        let nothing = body.replace("1000", "false");
        assert!(read(Handling::Recipients, nothing.as_bytes(), BITCOIN).is_ok(), "{hint}");
    }
}

#[test]
fn a_transaction_that_nobody_reads_is_taken_only_for_a_coin_whose_recipients_are_trusted() {
    let body = r#"{"txHex":"anything","recipients":[{"address":"abc","amount":"5"}]}"#;
    assert!(read(Handling::Transaction, body.as_bytes(), Chain::Named).is_ok());
    for chain in [BITCOIN, ETHEREUM] {
        assert!(read(Handling::Transaction, body.as_bytes(), chain).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_are_an_order_by_chance_and_none_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for chain in [BITCOIN, ETHEREUM, Chain::Named] {
            prop_assert!(read(Handling::Transaction, &bytes, chain).is_err());
        }
        let _ = Call::unpack(&bytes);
    }
}
