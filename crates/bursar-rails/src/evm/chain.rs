//! A chain as its operator describes it: which coins there are, which calls have a price, what fees may be.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use alloy_primitives::{Address, Selector};
use bursar_core::coin::Coin;

use super::calldata;
use super::fees::FeeCeilings;
use super::rule::{ContractRule, RuleCost, TokenSource};

/// Decimal places of the coin that pays for gas, on every chain of this kind: the unit is the wei.
const NATIVE_PLACES: u8 = 18;
/// The most decimal places that a token can be said to have: more than 2^256 base units no contract counts.
const MOST_PLACES: u8 = 77;

/// A chain, its coins and its rules.
///
/// Coins are keyed by chain id and contract: what a contract or a node says its symbol is, nobody asks.
#[derive(Clone, Debug)]
pub struct Chain {
    id: u64,
    native: Coin,
    ceilings: FeeCeilings,
    tokens: HashMap<Address, Coin>,
    decimals: BTreeMap<Coin, u8>,
    rules: HashMap<(Address, Selector), ContractRule>,
}

/// Why a chain cannot be described like that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidChain(String);

impl Chain {
    /// The highest id a chain can have (EIP-2294): signatures of higher ones could not be told apart.
    pub const HIGHEST_ID: u64 = u64::MAX / 2 - 36;

    /// A chain with its own coin and no token.
    ///
    /// # Errors
    /// The id is 0 or above [`Chain::HIGHEST_ID`], or the coin a token.
    pub fn new(id: u64, native: Coin, ceilings: FeeCeilings) -> Result<Self, InvalidChain> {
        if id == 0 || id > Self::HIGHEST_ID {
            return Err(InvalidChain(format!(
                "{id} is no chain id; give the one that the node answers to `eth_chainId`"
            )));
        }
        if native.is_token() {
            return Err(InvalidChain(format!("`{native}` is a token; name the coin that pays for gas")));
        }
        let (tokens, rules) = (HashMap::new(), HashMap::new());
        let decimals = BTreeMap::from([(native.clone(), NATIVE_PLACES)]);
        Ok(Self { id, native, ceilings, tokens, decimals, rules })
    }

    /// The same chain with a token more.
    ///
    /// # Errors
    /// The coin is none of this chain, or coin or contract are there already.
    pub fn with_token(mut self, contract: Address, coin: Coin) -> Result<Self, InvalidChain> {
        if !coin.is_token() || coin.chain() != self.native.as_str() {
            return Err(InvalidChain(format!("`{coin}` is no token of `{}`; write `{0}:name`", self.native)));
        }
        if self.contract(&coin).is_some() {
            return Err(InvalidChain(format!("`{coin}` has a contract already; each coin has one")));
        }
        match self.tokens.insert(contract, coin) {
            None => Ok(self),
            Some(known) => Err(InvalidChain(format!("{contract} is `{known}` already; each contract is one coin"))),
        }
    }

    /// The same chain where a token is known to have so many decimal places.
    ///
    /// # Errors
    /// There is no such token, Bursar knows that it has others, or no token has so many.
    pub fn with_decimals(mut self, coin: Coin, places: u8) -> Result<Self, InvalidChain> {
        if self.contract(&coin).is_none() {
            return Err(InvalidChain(format!("`{coin}` has no contract on this chain; add the token first")));
        }
        if let Some(known) = coin.decimals().filter(|known| *known != places) {
            return Err(InvalidChain(format!("`{coin}` has {known} decimal places, not {places}")));
        }
        if places > MOST_PLACES {
            return Err(InvalidChain(format!("`{coin}` has more than {MOST_PLACES} decimal places")));
        }
        self.decimals.insert(coin, places);
        Ok(self)
    }

    /// The same chain with a rule more of what a call costs.
    ///
    /// # Errors
    /// The call has a price already, or the rule's coin is unknown.
    pub fn with_rule(mut self, rule: ContractRule) -> Result<Self, InvalidChain> {
        let (contract, selector) = (*rule.contract(), rule.selector());
        if self.token(&contract).is_some() && calldata::is_token_function(selector) {
            let signature = rule.signature();
            return Err(InvalidChain(format!("`{signature}` of a token has its price already; leave the rule out")));
        }
        if let RuleCost::Token { asset: TokenSource::Coin(coin), .. } = rule.cost()
            && self.contract(coin).is_none()
        {
            return Err(InvalidChain(format!("`{coin}` has no contract on this chain; add the token first")));
        }
        match self.rules.insert((contract, selector), rule) {
            None => Ok(self),
            Some(known) => Err(InvalidChain(format!("`{}` of {contract} has two rules", known.signature()))),
        }
    }

    /// The chain's id.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The coin that pays for gas.
    pub const fn native(&self) -> &Coin {
        &self.native
    }

    /// The decimal places of its coins, as far as they are known.
    pub fn decimals(&self) -> impl Iterator<Item = (Coin, u8)> {
        self.decimals.iter().map(|(coin, places)| (coin.clone(), *places))
    }

    /// The most a transaction may offer for its gas.
    pub const fn ceilings(&self) -> &FeeCeilings {
        &self.ceilings
    }

    /// The coin of a token's contract.
    pub fn token(&self, contract: &Address) -> Option<&Coin> {
        self.tokens.get(contract)
    }

    /// The contract of a token.
    pub fn contract(&self, coin: &Coin) -> Option<&Address> {
        self.tokens.iter().find(|(_, known)| *known == coin).map(|(contract, _)| contract)
    }

    /// The tokens whose contracts are known.
    pub fn tokens(&self) -> impl Iterator<Item = &Coin> {
        self.tokens.values()
    }

    /// What a call of a contract costs, if there is a rule for it.
    pub fn rule(&self, contract: &Address, selector: Selector) -> Option<&ContractRule> {
        self.rules.get(&(*contract, selector))
    }
}

impl fmt::Display for InvalidChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidChain {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::fixtures::{CEILINGS, USDC, coin};
    use crate::evm::rule::{RuleDestination, RulePlace};

    fn chain() -> Chain {
        Chain::new(560_048, coin("hteth"), CEILINGS).expect("a chain")
    }

    #[test]
    fn a_contract_is_one_coin_and_a_coin_has_one_contract() {
        let chain = chain().with_token(USDC, coin("hteth:usdc")).expect("a token");
        assert_eq!(chain.token(&USDC), Some(&coin("hteth:usdc")));
        assert_eq!(chain.contract(&coin("hteth:usdc")), Some(&USDC));
        assert!(chain.clone().with_token(USDC, coin("hteth:other")).is_err());
        assert!(chain.clone().with_token(Address::repeat_byte(9), coin("hteth:usdc")).is_err());
        for foreign in ["hteth", "teth:usdc"] {
            assert!(chain.clone().with_token(Address::repeat_byte(9), coin(foreign)).is_err(), "{foreign}");
        }
    }

    #[test]
    fn no_chain_has_an_id_out_of_range_or_a_token_as_its_own_coin() {
        for id in [0, Chain::HIGHEST_ID + 1, u64::MAX] {
            assert!(Chain::new(id, coin("hteth"), CEILINGS).is_err(), "{id}");
        }
        assert!(Chain::new(1, coin("eth:usdc"), CEILINGS).is_err());
    }

    #[test]
    fn a_rule_can_neither_reprice_a_tokens_own_functions_nor_be_there_twice() {
        let chain = chain().with_token(USDC, coin("hteth:usdc")).expect("a token");
        let rule = |contract, signature: &str| {
            ContractRule::new(contract, signature, RuleCost::Nothing, RuleDestination::Contract).expect("a rule")
        };
        assert!(chain.clone().with_rule(rule(USDC, "approve(address,uint256)")).is_err());
        let claims = chain.clone().with_rule(rule(USDC, "claim()")).expect("another function");
        assert!(claims.with_rule(rule(USDC, "claim()")).is_err());
        let asset = TokenSource::Coin(coin("hteth:link"));
        let cost = RuleCost::Token { asset, amount: RulePlace::parse("0").expect("a place") };
        let foreign =
            ContractRule::new(Address::ZERO, "pay(uint256)", cost, RuleDestination::Contract).expect("a rule");
        assert!(chain.with_rule(foreign).is_err());
    }
}
