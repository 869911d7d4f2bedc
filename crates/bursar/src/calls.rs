//! Calls of contracts that may be made on a rail of kind `evm`, and what each costs: `[[rails.NAME.calls]]`.

use bursar_core::coin::Coin;
use bursar_rails::evm::rule::{RuleCost, RuleDestination, RulePlace, TokenSource};
use bursar_rails::evm::{ContractRule, address};
use serde::Deserialize;

/// One function of one contract.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowedCall {
    contract: String,
    function: String,
    costs: Costs,
    coin: Option<String>,
    asset: Option<String>,
    amount: Option<String>,
    pays: Option<String>,
}

/// What a call costs.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Costs {
    /// The chain's coin that goes along.
    Value,
    /// A token: `coin`, or the contract in argument `asset`; so much as argument `amount` says.
    Token,
    /// The fee alone.
    Nothing,
}

impl AllowedCall {
    /// The rule it is.
    ///
    /// # Errors
    /// It cannot be: an address, a function or the place of an argument.
    pub(crate) fn rule(&self) -> Result<ContractRule, String> {
        let contract = address::parse(&self.contract).map_err(|problem| format!("contract {problem}"))?;
        let place = |name: &str, text: &str| {
            RulePlace::parse(text).map_err(|problem| format!("{name} of `{}`: {problem}", self.function))
        };
        let cost = match (self.costs, &self.coin, &self.asset, &self.amount) {
            (Costs::Value, None, None, None) => RuleCost::Value,
            (Costs::Nothing, None, None, None) => RuleCost::Nothing,
            (Costs::Token, Some(coin), None, Some(amount)) => {
                let coin = Coin::parse(coin).map_err(|problem| format!("coin: {problem}"))?;
                RuleCost::Token { asset: TokenSource::Coin(coin), amount: place("amount", amount)? }
            }
            (Costs::Token, None, Some(asset), Some(amount)) => {
                let asset = TokenSource::Argument(place("asset", asset)?);
                RuleCost::Token { asset, amount: place("amount", amount)? }
            }
            (Costs::Token, ..) => return Err("a token needs `amount`, and `coin` or `asset`".to_owned()),
            (Costs::Value | Costs::Nothing, ..) => {
                return Err("`coin`, `asset` and `amount` are for what costs a token".to_owned());
            }
        };
        let destination = match &self.pays {
            Some(argument) => RuleDestination::Argument(place("pays", argument)?),
            None => RuleDestination::Contract,
        };
        ContractRule::new(contract, &self.function, cost, destination).map_err(|problem| problem.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<ContractRule, String> {
        let head = "contract = '0x5FbDB2315678afecb367f032d93F642f64180aa3'\n";
        let read: AllowedCall = toml::from_str(&format!("{head}{text}")).map_err(|problem| problem.to_string())?;
        read.rule()
    }

    #[test]
    fn a_call_is_described_by_its_function_what_it_costs_and_whom_it_pays() {
        for good in [
            "function = 'deposit()'\ncosts = 'value'",
            "function = 'claim()'\ncosts = 'nothing'",
            "function = 'pay(address,uint256)'\ncosts = 'token'\ncoin = 'hteth:usdc'\namount = '1'\npays = '0'",
            "function = 'pay(address,address,uint256)'\ncosts = 'token'\nasset = '0'\namount = '2'\npays = '1'",
        ] {
            assert!(rule(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (bad, named) in [
            ("function = 'pay(address,uint256)'\ncosts = 'token'\namount = '1'", "`coin` or `asset`"),
            ("function = 'pay(address,uint256)'\ncosts = 'value'\namount = '1'", "for what costs a token"),
            (
                "function = 'pay(address,uint256)'\ncosts = 'token'\ncoin = 'hteth:usdc'\namount = '0'",
                "unsigned integer",
            ),
            ("function = 'pay(address,uint256)'\ncosts = 'token'\ncoin = 'hteth:usdc'\namount = '7'", "no argument 7"),
            ("function = 'pay(adress)'\ncosts = 'nothing'", "adress"),
            ("function = 'pay()'\ncosts = 'much'", "much"),
        ] {
            let problem = rule(bad).map(drop).unwrap_err();
            assert!(problem.contains(named), "{problem}");
        }
    }
}
