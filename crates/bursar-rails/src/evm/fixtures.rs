//! A chain, wallets and keys for tests.

use alloy_primitives::{Address, B256, address};
use bursar_core::coin::Coin;
use k256::ecdsa::SigningKey;

use super::build::{Terms, Unsigned};
use super::chain::Chain;
use super::fees::{FeeCeilings, Price};
use super::payment::{Payment, Signed};

pub(super) const CHAIN_ID: u64 = 560_048;
pub(super) const CEILINGS: FeeCeilings =
    FeeCeilings { fee_per_gas: 500_000_000_000, priority_fee_per_gas: 50_000_000_000, gas: 1_000_000 };
pub(super) const USDC: Address = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
/// The first and second account of every `anvil`.
pub(super) const ALICE: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub(super) const ALBA: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
/// Nobody's wallet here.
pub(super) const BOB: Address = address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");

const KEY_OF_ALICE: [u8; 32] =
    alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

pub(super) const TERMS: Terms = Terms {
    nonce: 7,
    gas: 60_000,
    price: Price::Market { max_fee_per_gas: 30_000_000_000, max_priority_fee_per_gas: 1_000_000_000 },
};

pub(super) fn coin(text: &str) -> Coin {
    Coin::parse(text).expect(text)
}

pub(super) fn chain() -> Chain {
    let chain = Chain::new(CHAIN_ID, coin("hteth"), CEILINGS).expect("a chain");
    chain.with_token(USDC, coin("hteth:usdc")).expect("a token")
}

pub(super) fn own(address: &Address) -> bool {
    [ALICE, ALBA].contains(address)
}

/// A signature of Alice: r, s, and whether y is odd.
pub(super) fn signature(hash: &B256) -> ([u8; 32], [u8; 32], bool) {
    let key = SigningKey::from_slice(&KEY_OF_ALICE).expect("a key");
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).expect("a signature");
    (signature.r().to_bytes().into(), signature.s().to_bytes().into(), recovery.is_y_odd())
}

pub(super) fn sign(chain: &Chain, payment: &Payment, terms: Terms) -> Signed {
    let unsigned = Unsigned::of(chain, payment, terms).expect("a transaction");
    let (r, s, y_is_odd) = signature(&unsigned.signing_hash());
    unsigned.sign(r, s, y_is_odd).expect("a signed transaction")
}
