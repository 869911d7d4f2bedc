//! What a transaction asks of the chain: the account it calls, the coin it brings, the bytes it says.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;

use super::calldata::Erc20;
use super::chain::Chain;
use super::quantity::units;

/// A call of an account, whatever the fee and the place in the sender's sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The account that is called. There is always one: nobody creates contracts through here.
    pub to: Address,
    /// How much of the chain's own coin goes along.
    pub value: U256,
    /// The bytes it is called with.
    pub input: Bytes,
}

impl Message {
    /// The message that moves an amount of a coin to an address; nothing if the chain has no such coin.
    pub fn transfer(chain: &Chain, coin: &Coin, to: Address, amount: Amount) -> Option<Self> {
        let amount = units(amount);
        if coin == chain.native() {
            return Some(Self { to, value: amount, input: Bytes::new() });
        }
        let contract = *chain.contract(coin)?;
        let input = Erc20::transferCall { to, amount }.abi_encode().into();
        Some(Self { to: contract, value: U256::ZERO, input })
    }
}
