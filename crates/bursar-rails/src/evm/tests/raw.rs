//! Signed transactions: what the builder makes, and what others made.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy, TypedTransaction};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Bytes, Signature, U256, hex};
use proptest::prelude::*;

use super::*;
use crate::evm::build::{Terms, WrongSignature};
use crate::evm::fixtures::{ALBA, CHAIN_ID, TERMS, sign, signature};
use crate::evm::raw::Raw;

fn signed_by_alice(transaction: impl Into<TypedTransaction>) -> Vec<u8> {
    let transaction = transaction.into();
    let (r, s, y_is_odd) = signature(&transaction.signature_hash());
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), y_is_odd);
    let envelope: TxEnvelope = transaction.into_envelope(signature);
    envelope.encoded_2718()
}

fn legacy() -> TxLegacy {
    let (to, value) = (BOB.into(), U256::from(5));
    TxLegacy { chain_id: Some(CHAIN_ID), nonce: 3, gas_price: 9, gas_limit: 21_000, to, value, input: Bytes::new() }
}

fn market() -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 3,
        gas_limit: 21_000,
        max_fee_per_gas: 9,
        max_priority_fee_per_gas: 1,
        to: BOB.into(),
        value: U256::from(5),
        ..Default::default()
    }
}

fn listed() -> TxEip2930 {
    let (to, value) = (BOB.into(), U256::from(5));
    TxEip2930 { chain_id: CHAIN_ID, nonce: 3, gas_price: 9, gas_limit: 21_000, to, value, ..Default::default() }
}

fn sent(bytes: &[u8]) -> Operation<Payment> {
    called(&chain(), "eth_sendRawTransaction", &format!(r#"["0x{}"]"#, hex::encode(bytes)))
}

fn why(bytes: &[u8]) -> Why {
    match sent(bytes) {
        Operation::Forbidden(refusal) => refusal.why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_that_is_known_is_understood_with_its_sender_and_its_greatest_fee() {
    for bytes in [signed_by_alice(legacy()), signed_by_alice(listed()), signed_by_alice(market())] {
        let Operation::Spend(payment) = sent(&bytes) else { panic!("a spend") };
        assert_eq!((payment.sender, payment.payer, payment.kind), (ALICE, ALICE, Kind::Transfer));
        assert_eq!((&payment.coin, payment.payee.amount), (&coin("hteth"), Amount::new(5)));
        assert_eq!(payment.fee(), Some(Amount::new(21_000 * 9)));
        let Form::Signed(signed) = payment.form else { panic!("signed") };
        assert_eq!((signed.nonce, &signed.bytes[..]), (3, &bytes[..]));
        assert_eq!(signed.hash, alloy_primitives::keccak256(&bytes));
    }
}

/// The example of EIP-155, signed by the key of 32 bytes 0x46 for chain 1.
#[test]
fn a_transaction_that_others_signed_is_read_as_they_meant_it() {
    let bytes = hex!(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe53\
         7567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
    let main = Chain::new(1, coin("eth"), *chain().ceilings()).expect("a chain");
    let raw = Raw::read(&main, &bytes).expect("a transaction");
    assert_eq!(raw.sender, alloy_primitives::address!("9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"));
    assert_eq!((raw.message.to, raw.signed.nonce), (Address::repeat_byte(0x35), 9));
    assert_eq!(raw.message.value, U256::from(1_000_000_000_000_000_000_u64));
    assert_eq!(Raw::read(&chain(), &bytes).expect_err("another chain").why, Why::WrongChain);
}

#[test]
fn another_chain_or_none_is_refused() {
    assert_eq!(why(&signed_by_alice(TxLegacy { chain_id: Some(1), ..legacy() })), Why::WrongChain);
    assert_eq!(why(&signed_by_alice(TxEip1559 { chain_id: 1, ..market() })), Why::WrongChain);
    assert_eq!(why(&signed_by_alice(TxLegacy { chain_id: None, ..legacy() })), Why::NotSupported);
}

#[test]
fn types_that_are_not_known_lists_of_authorisations_and_creations_are_refused() {
    let handing_over = TxEip7702 { chain_id: CHAIN_ID, to: BOB, ..Default::default() };
    assert_eq!(why(&signed_by_alice(handing_over)), Why::NotSupported);
    let whole = signed_by_alice(market());
    for kind in (0..=0x7f).filter(|kind| ![1, 2].contains(kind)) {
        let mut other = whole.clone();
        other[0] = kind;
        assert_eq!(why(&other), Why::NotSupported, "type {kind}");
    }
    let mut mutated = whole.clone();
    mutated[0] = 1;
    assert_eq!(why(&mutated), Why::Undecodable);
    let creating = TxEip1559 { to: alloy_primitives::TxKind::Create, ..market() };
    assert_eq!(why(&signed_by_alice(creating)), Why::NotSupported);
}

#[test]
fn a_transaction_of_somebody_else_is_refused() {
    let transaction: TypedTransaction = market().into();
    let (r, s, y_is_odd) = signature(&B256::repeat_byte(1));
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), y_is_odd);
    let envelope: TxEnvelope = transaction.into_envelope(signature);
    assert!(matches!(sent(&envelope.encoded_2718()), Operation::Forbidden(_)));
}

#[test]
fn a_signature_with_a_high_half_is_refused_in_and_out() {
    let order = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    let transaction: TypedTransaction = market().into();
    let (r, s, y_is_odd) = signature(&transaction.signature_hash());
    let high = order - U256::from_be_bytes(s);
    let flipped = Signature::new(U256::from_be_bytes(r), high, !y_is_odd);
    let envelope: TxEnvelope = transaction.into_envelope(flipped);
    let refusal = Raw::read(&chain(), &envelope.encoded_2718()).expect_err("a high half");
    assert!(refusal.why == Why::Undecodable && refusal.detail.contains("high `s`"), "{refusal}");

    let payment = Payment::transfer(&chain(), &own, ALICE, &coin("hteth"), BOB, Amount::new(5)).expect("a payment");
    let unsigned = Unsigned::of(&chain(), &payment, TERMS).expect("a transaction");
    let (r, s, y_is_odd) = signature(&unsigned.signing_hash());
    let high = (order - U256::from_be_bytes(s)).to_be_bytes();
    assert_eq!(unsigned.clone().sign(r, high, !y_is_odd), Err(WrongSignature));
    assert_eq!(unsigned.clone().sign(r, s, !y_is_odd), Err(WrongSignature));
    assert_eq!(unsigned.clone().sign([0; 32], [0; 32], false), Err(WrongSignature));
    let fee = unsigned.fee();
    assert_eq!(unsigned.sign(r, s, y_is_odd).map(|signed| signed.fee()), Ok(fee));
    assert_eq!(fee, Amount::new(60_000 * 30_000_000_000));
}

#[test]
fn only_the_sender_signs_a_transaction() {
    let payment = Payment::transfer(&chain(), &own, ALBA, &coin("hteth"), BOB, Amount::new(5)).expect("a payment");
    let unsigned = Unsigned::of(&chain(), &payment, TERMS).expect("a transaction");
    let (r, s, y_is_odd) = signature(&unsigned.signing_hash());
    assert_eq!(unsigned.sign(r, s, y_is_odd), Err(WrongSignature));
}

#[test]
fn a_signed_transaction_is_neither_made_again_nor_above_the_ceilings() {
    let Operation::Spend(payment) = sent(&signed_by_alice(market())) else { panic!("a spend") };
    assert!(Unsigned::of(&chain(), &payment, TERMS).is_err());
    let dear = TxEip1559 { max_fee_per_gas: u128::MAX, ..market() };
    assert_eq!(why(&signed_by_alice(dear)), Why::NotSupported);
    let hungry = TxLegacy { gas_limit: 1_000_001, ..legacy() };
    assert_eq!(why(&signed_by_alice(hungry)), Why::NotSupported);
}

#[test]
fn the_terms_of_the_client_are_kept_or_the_transaction_is_refused() {
    let members = r#""nonce":"0x7","gas":"0xea60","maxFeePerGas":"0x6fc23ac00","maxPriorityFeePerGas":"0x3b9aca00""#;
    let params = format!(r#"[{{"from":"{ALICE}","to":"{BOB}",{members}}}]"#);
    let payment = spend(&chain(), "eth_sendTransaction", &params);
    assert!(Unsigned::of(&chain(), &payment, TERMS).is_ok());
    let main = Chain::new(1, coin("eth"), *chain().ceilings()).expect("a chain");
    assert_eq!(Unsigned::of(&main, &payment, TERMS).expect_err("another chain").why, Why::WrongChain);
    assert_eq!(payment.fee(), Some(TERMS.price.fee(TERMS.gas)));
    let dearer = Price::Market { max_fee_per_gas: 30_000_000_001, max_priority_fee_per_gas: 1_000_000_000 };
    let fixed = Price::Fixed { gas_price: 30_000_000_000 };
    for terms in [
        Terms { nonce: 8, ..TERMS },
        Terms { gas: 60_001, ..TERMS },
        Terms { price: dearer, ..TERMS },
        Terms { price: fixed, ..TERMS },
    ] {
        assert!(Unsigned::of(&chain(), &payment, terms).is_err(), "{terms:?}");
    }
}

fn any_price() -> impl Strategy<Value = Price> {
    let fixed = (0..=500_000_000_000_u128).prop_map(|gas_price| Price::Fixed { gas_price });
    let market = (50_000_000_000..=500_000_000_000_u128, 0..=50_000_000_000_u128)
        .prop_map(|(most, tip)| Price::Market { max_fee_per_gas: most, max_priority_fee_per_gas: tip });
    prop_oneof![fixed, market]
}

proptest! {
    #[test]
    fn what_the_builder_makes_is_decoded_to_the_same_payment(
        amount in any::<u128>(), to: [u8; 20], nonce in 0..u64::MAX, gas in 0..=1_000_000_u64, price in any_price(),
        is_token: bool,
    ) {
        let (chain, to) = (chain(), Address::from(to));
        let coin = coin(if is_token { "hteth:usdc" } else { "hteth" });
        let made = Payment::transfer(&chain, &own, ALICE, &coin, to, Amount::new(amount)).expect("a payment");
        let signed = sign(&chain, &made, Terms { nonce, gas, price });
        let Operation::Spend(read) = sent(&signed.bytes) else { panic!("a spend") };
        prop_assert_eq!(&read.form, &Form::Signed(signed.clone()));
        prop_assert_eq!(read.fee(), Some(signed.fee()));
        prop_assert_eq!(Payment { form: made.form.clone(), ..read }, made);
    }

    #[test]
    fn a_changed_byte_never_passes_as_the_same_senders(at: prop::sample::Index, by in 1..=255_u8, which in 0..3_usize) {
        let whole = [signed_by_alice(legacy()), signed_by_alice(listed()), signed_by_alice(market())][which].clone();
        let mut changed = whole.clone();
        changed[at.index(whole.len())] ^= by;
        prop_assert!(matches!(sent(&changed), Operation::Forbidden(_)));
    }

    #[test]
    fn other_lengths_are_refused(cut in 1..100_usize, more in prop::collection::vec(any::<u8>(), 1..40)) {
        let whole = signed_by_alice(market());
        prop_assert!(matches!(sent(&whole[..whole.len() - cut]), Operation::Forbidden(_)));
        let longer: Vec<u8> = whole.into_iter().chain(more).collect();
        prop_assert!(matches!(sent(&longer), Operation::Forbidden(_)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..=4_u8) {
        let _ = Raw::read(&chain(), &bytes);
        let typed: Vec<u8> = [kind, 0xf8, 0xc0].into_iter().chain(bytes).collect();
        let _ = Raw::read(&chain(), &typed);
    }
}
