//! What a node signed: taken only if it is what the node was asked to sign.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TypedTransaction};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Bytes, Signature, U256};

use super::*;
use crate::evm::build::Terms;
use crate::evm::by_node::signed_bytes;
use crate::evm::fixtures::{ALBA, CHAIN_ID, TERMS, signature};
use crate::evm::request::Request;
use crate::json::Json;

fn asked(price: Price) -> Unsigned {
    let payment = Payment::transfer(&chain(), &own, ALICE, &coin("hteth"), BOB, Amount::new(5)).expect("a payment");
    Unsigned::of(&chain(), &payment, Terms { price, gas: 21_000, ..TERMS }).expect("a transaction")
}

/// The transaction of [`asked`], made by whoever signs.
fn market() -> TxEip1559 {
    let Price::Market { max_fee_per_gas, max_priority_fee_per_gas } = TERMS.price else { panic!("a market") };
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: TERMS.nonce,
        gas_limit: 21_000,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        to: BOB.into(),
        value: U256::from(5),
        ..Default::default()
    }
}

fn signed_by_alice(transaction: impl Into<TypedTransaction>) -> Vec<u8> {
    let transaction = transaction.into();
    let (r, s, y_is_odd) = signature(&transaction.signature_hash());
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), y_is_odd);
    let envelope: TxEnvelope = transaction.into_envelope(signature);
    envelope.encoded_2718()
}

#[test]
fn what_a_node_signed_as_it_was_asked_is_taken_with_its_bytes_and_hash() {
    let bytes = signed_by_alice(market());
    let signed = asked(TERMS.price).signed_as(&bytes).expect("the same");
    assert_eq!((signed.nonce, signed.gas, signed.price), (TERMS.nonce, 21_000, TERMS.price));
    assert_eq!((signed.hash, &signed.bytes[..]), (alloy_primitives::keccak256(&bytes), &bytes[..]));
    let seen = Seen::read(&bytes).expect("a transaction");
    assert_eq!((seen.hash, seen.sender), (signed.hash, ALICE));
    assert_eq!(seen.signing_hash, asked(TERMS.price).signing_hash());
}

#[test]
fn whatever_a_node_changed_is_named_and_never_taken() {
    let item = AccessListItem { address: BOB, storage_keys: Vec::new() };
    let cases: [(&str, TypedTransaction); 10] = [
        ("to", TxEip1559 { to: ALBA.into(), ..market() }.into()),
        ("to", TxEip1559 { to: alloy_primitives::TxKind::Create, ..market() }.into()),
        ("value", TxEip1559 { value: U256::from(6), ..market() }.into()),
        ("data", TxEip1559 { input: Bytes::from_static(&[0]), ..market() }.into()),
        ("nonce", TxEip1559 { nonce: TERMS.nonce + 1, ..market() }.into()),
        ("gas", TxEip1559 { gas_limit: 21_001, ..market() }.into()),
        ("maxFeePerGas", TxEip1559 { max_fee_per_gas: 1 << 40, ..market() }.into()),
        ("maxPriorityFeePerGas", TxEip1559 { max_priority_fee_per_gas: 2, ..market() }.into()),
        ("chainId", TxEip1559 { chain_id: 1, ..market() }.into()),
        ("accessList", TxEip1559 { access_list: AccessList(vec![item]), ..market() }.into()),
    ];
    for (field, transaction) in cases {
        assert_eq!(asked(TERMS.price).signed_as(&signed_by_alice(transaction)), Err(Altered { field }));
    }
    let fixed = Price::Fixed { gas_price: 9 };
    let listed = TxEip2930 { gas_price: 9, gas_limit: 21_000, chain_id: CHAIN_ID, ..Default::default() };
    assert_eq!(asked(fixed).signed_as(&signed_by_alice(listed)), Err(Altered { field: "type" }));
    let whole = signed_by_alice(market());
    for bytes in [&whole[..whole.len() - 1], &[], &[2], b"\xff\xff"] {
        assert_eq!(asked(TERMS.price).signed_as(bytes), Err(Altered { field: "raw" }));
    }
    for place in 0..whole.len() {
        let mut other = whole.clone();
        other[place] ^= 1;
        assert!(asked(TERMS.price).signed_as(&other).is_err(), "byte {place}");
    }
}

#[test]
fn a_node_is_asked_with_every_field_and_understands_what_was_asked() {
    for price in [TERMS.price, Price::Fixed { gas_price: 9 }] {
        let json = asked(price).to_json();
        let read = Request::read(&chain(), &json).expect("a transaction");
        assert_eq!((read.from, read.message.to, read.message.value), (ALICE, BOB, U256::from(5)));
        assert_eq!((read.nonce, read.fees.gas, read.fees.price()), (Some(TERMS.nonce), Some(21_000), Some(price)));
        assert!(json.get("chainId").is_some());
    }
}

#[test]
fn an_answer_is_the_bytes_alone_or_beside_the_transaction() {
    let read = |text: &str| signed_bytes(&Json::read(text.as_bytes()).expect("JSON"));
    assert_eq!(read(r#""0x0102""#), read(r#"{"raw":"0x0102","tx":{}}"#));
    assert_eq!(read(r#""0x0102""#).expect("bytes")[..], [1, 2]);
    for text in ["null", "1", r#"{"tx":{}}"#, r#"{"raw":{"raw":"0x01"}}"#, r#""0102""#] {
        assert_eq!(read(text), None, "{text}");
    }
}
