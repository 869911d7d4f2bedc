//! Signed transactions of Ethereum: what is read in them is what another decoder reads, and one of a node is taken only if
//! it is, byte for byte, one that was asked for.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy, TypedTransaction};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, Bytes, Signature, U256, address, keccak256};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_rails::evm::build::Terms;
use bursar_rails::evm::raw::Raw;
use bursar_rails::evm::{Chain, FeeCeilings, Payment, Price, Seen, Unsigned};
use k256::ecdsa::SigningKey;

use crate::rlp::{self, Item};

const CHAIN_ID: u64 = 31_337;
const ALICE: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const BOB: Address = address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");

fn chain() -> Chain {
    let ceilings = FeeCeilings { fee_per_gas: u128::MAX, priority_fee_per_gas: u128::MAX, gas: u64::MAX };
    Chain::new(CHAIN_ID, Coin::parse("hteth").expect("a coin"), ceilings).expect("a chain")
}

fn signed(transaction: TypedTransaction) -> Vec<u8> {
    let key = alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    let key = SigningKey::from_slice(&key).expect("a key");
    let hash = transaction.signature_hash();
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).expect("a signature");
    let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
    let signature = Signature::new(U256::from_be_slice(&r), U256::from_be_slice(&s), recovery.is_y_odd());
    let envelope: TxEnvelope = transaction.into_envelope(signature);
    envelope.encoded_2718()
}

fn market() -> TxEip1559 {
    let (to, value) = (BOB.into(), U256::from(5));
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 7,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to,
        value,
        ..Default::default()
    }
}

fn samples() -> Vec<Vec<u8>> {
    let input = Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb, 0, 1, 2, 3]);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 3,
        gas_price: 9,
        gas_limit: 21_000,
        to: BOB.into(),
        value: U256::from(1_u64 << 60),
        input: input.clone(),
    };
    let listed =
        TxEip2930 { chain_id: CHAIN_ID, gas_price: 9, gas_limit: 90_000, to: BOB.into(), ..Default::default() };
    let creating = TxEip1559 { to: alloy_primitives::TxKind::Create, ..market() };
    let item = AccessListItem { address: BOB, storage_keys: Vec::new() };
    vec![
        signed(market().into()),
        signed(TxEip1559 { value: U256::from(6), ..market() }.into()),
        signed(TxEip1559 { nonce: 8, ..market() }.into()),
        signed(TxEip1559 { access_list: AccessList(vec![item]), ..market() }.into()),
        signed(TxEip1559 { input, value: U256::MAX, ..market() }.into()),
        signed(legacy.clone().into()),
        signed(TxLegacy { chain_id: None, ..legacy }.into()),
        signed(listed.into()),
        signed(creating.into()),
    ]
}

/// Chain, nonce, tip, price, gas, to, value and data, as they lie in the bytes. A legacy one's chain is in its signature.
fn fields(bytes: &[u8]) -> Option<[Item; 8]> {
    let (kind, body) = match bytes.first()? {
        kind @ (1 | 2) => (*kind, &bytes[1..]),
        _ => (0, bytes),
    };
    let Item::List(all) = rlp::read(body)? else { return None };
    let none = Item::Bytes(Vec::new());
    Some(match (kind, &all[..]) {
        (0, [nonce, price, gas, to, value, data, v, _r, _s]) => {
            let v = u128::from_be_bytes(v.number()?[16..].try_into().ok()?);
            let id = (v.checked_sub(35)? / 2).to_be_bytes();
            let id = Item::Bytes(id.into_iter().skip_while(|byte| *byte == 0).collect());
            [&id, nonce, &none, price, gas, to, value, data].map(Clone::clone)
        }
        (1, [id, nonce, price, gas, to, value, data, _list, _y, _r, _s]) => {
            [id, nonce, &none, price, gas, to, value, data].map(Clone::clone)
        }
        (2, [id, nonce, tip, price, gas, to, value, data, _list, _y, _r, _s]) => {
            [id, nonce, tip, price, gas, to, value, data].map(Clone::clone)
        }
        _ => return None,
    })
}

#[test]
fn a_signed_transaction_says_what_its_bytes_say_and_has_one_spelling() {
    let (samples, chain) = (samples(), chain());
    every!(&samples, |bytes| {
        let Ok(raw) = Raw::read(&chain, &bytes) else { return };
        let [id, nonce, tip, price, gas, to, value, data] = fields(&bytes).expect("a transaction to others, too");
        let number = |number: u128| U256::from(number).to_be_bytes::<32>();
        assert_eq!(id.number(), Some(number(CHAIN_ID.into())));
        assert_eq!(nonce.number(), Some(number(raw.signed.nonce.into())));
        assert_eq!(gas.number(), Some(number(raw.signed.gas.into())));
        assert_eq!(price.number(), Some(number(raw.signed.price.most())));
        if let Price::Market { max_priority_fee_per_gas, .. } = raw.signed.price {
            assert_eq!(tip.number(), Some(number(max_priority_fee_per_gas)));
        }
        assert_eq!(to, Item::Bytes(raw.message.to.to_vec()));
        assert_eq!(value.number(), Some(raw.message.value.to_be_bytes()));
        assert_eq!(data, Item::Bytes(raw.message.input.to_vec()));
        assert_eq!((raw.signed.hash, &raw.signed.bytes[..]), (keccak256(&bytes), &bytes[..]));
        assert_eq!(raw.signed.fee(), raw.signed.price.fee(raw.signed.gas));
        let seen = Seen::read(&bytes).expect("it was read");
        assert_eq!((seen.hash, seen.sender), (raw.signed.hash, raw.sender));
    });
}

#[test]
fn what_a_node_signed_is_taken_only_as_it_was_asked_for() {
    let (samples, chain) = (samples(), chain());
    let coin = Coin::parse("hteth").expect("a coin");
    let payment = Payment::transfer(&chain, &|_| true, ALICE, &coin, BOB, Amount::new(5)).expect("a payment");
    let price = Price::Market { max_fee_per_gas: 2_000_000_000, max_priority_fee_per_gas: 1 };
    let asked = Unsigned::of(&chain, &payment, Terms { nonce: 7, gas: 21_000, price }).expect("a transaction");
    assert!(asked.signed_as(&samples[0]).is_ok());
    every!(&samples, |bytes| {
        if let Ok(signed) = asked.signed_as(&bytes) {
            // Another signature of the same is possible, but nobody finds one.
            assert_eq!(bytes, samples[0]);
            assert_eq!(signed.bytes[..], bytes[..]);
        }
        if let Some(seen) = Seen::read(&bytes) {
            assert_eq!(seen.hash, keccak256(&bytes));
        }
    });
}
