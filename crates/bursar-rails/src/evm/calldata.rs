//! What a message moves: the chain's own coin, a token, an allowance, or what a rule says.

use alloy_primitives::{Address, Selector, address};
use alloy_sol_types::{SolInterface as _, sol};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Cost;

use super::Own;
use super::chain::Chain;
use super::message::Message;
use super::payment::Kind;
use super::quantity::amount;
use super::rule::{ContractRule, PricedAsset, selector};
use crate::forbidden::{Forbidden, Why};

sol! {
    interface Erc20 {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function approve(address spender, uint256 amount);
        function increaseAllowance(address spender, uint256 amount);
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
}

/// Uniswap's Permit2, at the same address everywhere.
const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");

/// Functions that would move money past the limits, by signature, and what to do instead.
const NAMED: [(&str, &str); 18] = [
    ("setApprovalForAll(address,bool)", OPERATOR),
    ("authorizeOperator(address)", OPERATOR),
    ("setOperator(address,bool)", OPERATOR),
    ("approve(address,address,uint160,uint48)", PERMIT2_USE),
    ("transferFrom(address,address,uint160,address)", PERMIT2_USE),
    ("permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)", PERMIT2_USE),
    ("permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)", PERMIT2_USE),
    (
        "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
        "it allows without an amount; use `approve`",
    ),
    (
        "decreaseAllowance(address,uint256)",
        "it costs nothing but its fee; use `approve` with the allowance that is to be left",
    ),
    ("safeTransferFrom(address,address,uint256)", NOT_FUNGIBLE),
    ("safeTransferFrom(address,address,uint256,bytes)", NOT_FUNGIBLE),
    ("safeTransferFrom(address,address,uint256,uint256,bytes)", NOT_FUNGIBLE),
    ("transferAndCall(address,uint256)", AND_MORE),
    ("transferAndCall(address,uint256,bytes)", AND_MORE),
    ("approveAndCall(address,uint256)", AND_MORE),
    ("approveAndCall(address,uint256,bytes)", AND_MORE),
    ("multicall(bytes[])", AND_MORE),
    ("send(address,uint256,bytes)", AND_MORE),
];

const OPERATOR: &str = "it hands over everything the wallet has there; use `approve` with an amount";
const PERMIT2_USE: &str = "it allows through Permit2; use `approve` of the token with the spender itself";
const NOT_FUNGIBLE: &str = "it moves what has no amount; only fungible tokens move through here";
const AND_MORE: &str = "it does more than it says; send the parts one by one";

/// What a message moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Movement {
    /// Whose money it is.
    pub(super) payer: Address,
    /// What kind of movement it is.
    pub(super) kind: Kind,
    /// What moves.
    pub(super) coin: Coin,
    /// How much.
    pub(super) amount: Amount,
    /// Who gets it.
    pub(super) to: Address,
}

/// Whether a token's function with this selector has its price by itself.
pub(super) fn is_token_function(selector: Selector) -> bool {
    Erc20::Erc20Calls::valid_selector(selector.0)
}

/// Reads what a message of a sender moves.
pub(super) fn movement(
    chain: &Chain,
    own: Own<'_>,
    sender: &Address,
    message: &Message,
) -> Result<Movement, Forbidden> {
    let movement = if message.input.is_empty() {
        native(chain, sender, message)
    } else {
        let Some((selector, arguments)) = message.input.split_first_chunk::<4>() else {
            return Err(Forbidden::undecodable(
                "`data` is shorter than the name of a function; send none with a plain transfer",
            ));
        };
        let selector = Selector::new(*selector);
        match (chain.token(&message.to), chain.rule(&message.to, selector)) {
            (Some(coin), _) if is_token_function(selector) => token(coin, own, sender, message)?,
            (_, Some(rule)) => ruled(chain, rule, sender, message, arguments)?,
            (token, None) => return Err(unpriced(token, message, selector)),
        }
    };
    match movement.kind {
        // More than any coin has is counted as much as can be counted, and the ledger grants that as without end or not at all.
        Kind::Allowance => Ok(Movement { amount: movement.amount.min(Cost::WITHOUT_END), ..movement }),
        _ if movement.amount >= Cost::BOUND => Err(Forbidden::new(
            Why::NotSupported,
            format!("the amount {} is more than any coin has; name the amount that is to move", movement.amount),
        )),
        _ => Ok(movement),
    }
}

fn native(chain: &Chain, sender: &Address, message: &Message) -> Movement {
    let (coin, amount) = (chain.native().clone(), amount(message.value));
    Movement { payer: *sender, kind: Kind::Transfer, coin, amount, to: message.to }
}

fn token(coin: &Coin, own: Own<'_>, sender: &Address, message: &Message) -> Result<Movement, Forbidden> {
    if !message.value.is_zero() {
        return Err(Forbidden::new(
            Why::NotSupported,
            "a token's call that brings `value` along would move two coins; send them one by one",
        ));
    }
    let (payer, to, units, kind) = match erc20(&message.input)? {
        Erc20::Erc20Calls::transfer(call) => (*sender, call.to, call.amount, Kind::Transfer),
        Erc20::Erc20Calls::transferFrom(call) => (call.from, call.to, call.amount, Kind::Transfer),
        Erc20::Erc20Calls::approve(call) => (*sender, call.spender, call.amount, Kind::Allowance),
        Erc20::Erc20Calls::increaseAllowance(call) => (*sender, call.spender, call.amount, Kind::Allowance),
        Erc20::Erc20Calls::permit(call) => (call.owner, call.spender, call.value, Kind::Allowance),
    };
    if payer != *sender && !own(&payer) {
        return Err(Forbidden::new(
            Why::NotPriced,
            format!("it moves money of {payer}, which is no wallet here; no limit would count it"),
        ));
    }
    Ok(Movement { payer, kind, coin: coin.clone(), amount: amount(units), to })
}

/// Decodes a token's call that encodes to exactly the same bytes again.
fn erc20(input: &[u8]) -> Result<Erc20::Erc20Calls, Forbidden> {
    let decoded = Erc20::Erc20Calls::abi_decode_validate(input).ok();
    decoded.filter(|call| call.abi_encode() == input).ok_or_else(inexact)
}

fn inexact() -> Forbidden {
    Forbidden::undecodable(
        "`data` is not exactly the encoding of the function's arguments; encode them anew, with nothing behind them and \
         zeros before short values",
    )
}

fn ruled(
    chain: &Chain,
    rule: &ContractRule,
    sender: &Address,
    message: &Message,
    arguments: &[u8],
) -> Result<Movement, Forbidden> {
    let priced = rule.price(arguments).ok_or_else(inexact)?;
    if priced.amount.is_some() && !message.value.is_zero() {
        return Err(Forbidden::new(
            Why::NotSupported,
            format!("the rule of `{}` has no price for `value`; leave it out", rule.signature()),
        ));
    }
    let coin = match priced.asset {
        PricedAsset::Native => chain.native().clone(),
        PricedAsset::Coin(coin) => coin,
        PricedAsset::Contract(contract) => chain.token(&contract).cloned().ok_or_else(|| {
            Forbidden::new(Why::NotPriced, format!("{contract} is no token of this rail; ask its operator to add it"))
        })?,
    };
    let amount = amount(priced.amount.unwrap_or(message.value));
    Ok(Movement { payer: *sender, kind: Kind::Contract, coin, amount, to: priced.destination })
}

fn unpriced(token: Option<&Coin>, message: &Message, called: Selector) -> Forbidden {
    if let Some((signature, instead)) = NAMED.iter().find(|(signature, _)| selector(signature) == called) {
        let name = signature.split('(').next().unwrap_or_default();
        return Forbidden::new(Why::NotPriced, format!("`{name}` is not carried out: {instead}"));
    }
    if message.to == PERMIT2 {
        return Forbidden::new(Why::NotPriced, format!("Permit2 is not called from here: {PERMIT2_USE}"));
    }
    let detail = match token {
        Some(coin) => format!("`{coin}` is called with {called}, which has no price; ask the operator for a rule"),
        None => format!(
            "{} is called with {called}, and is neither a token of this rail nor has a rule of what that costs; ask the operator",
            message.to
        ),
    };
    Forbidden::new(Why::NotPriced, detail)
}
