//! Tokens, allowances and rules.

use alloy_primitives::U256;
use alloy_sol_types::{SolCall, sol};
use proptest::prelude::*;

use super::*;
use crate::evm::fixtures::ALBA;
use crate::evm::rule::{ContractRule, RuleCost, RuleDestination, RulePlace, TokenSource};

sol! {
    function transfer(address to, uint256 amount);
    function transferFrom(address from, address to, uint256 amount);
    function approve(address spender, uint256 amount);
    function increaseAllowance(address spender, uint256 amount);
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    function setApprovalForAll(address operator, bool approved);
    function decreaseAllowance(address spender, uint256 amount);
}

const FIVE: U256 = U256::from_limbs([5, 0, 0, 0]);

fn permit(owner: Address, value: U256) -> Vec<u8> {
    let (deadline, v, word) = (U256::MAX, 27, B256::repeat_byte(1));
    permitCall { owner, spender: BOB, value, deadline, v, r: word, s: word }.abi_encode()
}

/// Every call of a token that has a price, with five units and Bob at its end.
fn all() -> [(Vec<u8>, Kind, Address); 7] {
    let allowance = Kind::Allowance;
    [
        (transferCall { to: BOB, amount: FIVE }.abi_encode(), Kind::Transfer, ALICE),
        (transferFromCall { from: ALICE, to: BOB, amount: FIVE }.abi_encode(), Kind::Transfer, ALICE),
        (transferFromCall { from: ALBA, to: BOB, amount: FIVE }.abi_encode(), Kind::Transfer, ALBA),
        (approveCall { spender: BOB, amount: FIVE }.abi_encode(), allowance, ALICE),
        (increaseAllowanceCall { spender: BOB, amount: FIVE }.abi_encode(), allowance, ALICE),
        (permit(ALICE, FIVE), allowance, ALICE),
        (permit(ALBA, FIVE), allowance, ALBA),
    ]
}

fn sends(input: &[u8]) -> Payment {
    spend(&chain(), "eth_sendTransaction", &calling(&USDC, input))
}

fn refuses(input: &[u8]) -> Forbidden {
    refused(&chain(), "eth_sendTransaction", &calling(&USDC, input))
}

#[test]
fn a_tokens_call_moves_its_coin_in_full_to_whoever_gets_or_may_take_it() {
    for (input, kind, payer) in all() {
        let payment = sends(&input);
        assert_eq!((payment.kind, payment.payer, payment.sender), (kind, payer, ALICE));
        assert_eq!((payment.coin, payment.payee.amount), (coin("hteth:usdc"), Amount::new(5)));
        assert_eq!(payment.payee.destination, address::destination(&BOB));
    }
}

#[test]
fn money_of_somebody_else_is_not_moved() {
    for input in [transferFromCall { from: BOB, to: ALICE, amount: FIVE }.abi_encode(), permit(BOB, FIVE)] {
        assert_eq!(refuses(&input).why, Why::NotPriced);
    }
}

#[test]
fn a_tokens_call_that_brings_value_along_is_refused() {
    for (input, ..) in all() {
        let data = alloy_primitives::hex::encode(input);
        let params = format!(r#"[{{"from":"{ALICE}","to":"{USDC}","data":"0x{data}","value":"0x1"}}]"#);
        assert_eq!(refused(&chain(), "eth_sendTransaction", &params).why, Why::NotSupported);
    }
}

#[test]
fn an_allowance_of_more_than_any_coin_has_is_one_without_end_and_is_asked_for_as_it_was_written() {
    let most = U256::from(1) << 192;
    for amount in [U256::MAX, U256::from(1) << 255, most, most - U256::ONE] {
        for (input, payer) in [
            (approveCall { spender: BOB, amount }.abi_encode(), ALICE),
            (increaseAllowanceCall { spender: BOB, amount }.abi_encode(), ALICE),
            (permit(ALICE, amount), ALICE),
            (permit(ALBA, amount), ALBA),
        ] {
            let payment = sends(&input);
            assert_eq!((payment.kind, payment.payer), (Kind::Allowance, payer));
            assert_eq!(payment.payee.amount, Cost::WITHOUT_END);
            assert!(payment.cost(&chain(), Amount::new(1)).is_some_and(|cost| cost.is_without_end()));
            assert_eq!(payment.message.input, input);
        }
    }
    let less = sends(&approveCall { spender: BOB, amount: most - U256::from(2) }.abi_encode());
    assert!(less.payee.amount < Cost::WITHOUT_END, "a figure, however large");
}

#[test]
fn nothing_else_is_without_end() {
    for amount in [U256::MAX, U256::from(1) << 192] {
        for input in [
            transferCall { to: BOB, amount }.abi_encode(),
            transferFromCall { from: ALBA, to: BOB, amount }.abi_encode(),
        ] {
            let refusal = refuses(&input);
            assert_eq!(refusal.why, Why::NotSupported);
            assert!(refusal.detail.ends_with("name the amount that is to move"), "{refusal}");
        }
    }
}

#[test]
fn taking_an_allowance_back_is_a_spend_of_zero() {
    let payment = sends(&approveCall { spender: BOB, amount: U256::ZERO }.abi_encode());
    assert_eq!((payment.kind, payment.payee.amount), (Kind::Allowance, Amount::ZERO));
}

#[test]
fn operators_and_what_has_no_amount_are_refused_by_name() {
    let named = [
        (setApprovalForAllCall { operator: BOB, approved: true }.abi_encode(), "`setApprovalForAll`"),
        (decreaseAllowanceCall { spender: BOB, amount: FIVE }.abi_encode(), "`decreaseAllowance`"),
    ];
    for (input, name) in named {
        let refusal = refuses(&input);
        assert_eq!(refusal.why, Why::NotPriced);
        assert!(refusal.detail.starts_with(name), "{refusal}");
        let elsewhere = refused(&chain(), "eth_sendTransaction", &calling(&BOB, &input));
        assert!(elsewhere.detail.starts_with(name), "{elsewhere}");
    }
    // The selectors as block explorers list them.
    let listed = [
        ([0x87, 0x51, 0x7c, 0x45], "`approve`"),
        ([0x8f, 0xcb, 0xaf, 0x0c], "`permit`"),
        ([0x2b, 0x67, 0xb5, 0x70], "`permit`"),
        ([0x36, 0xc7, 0x85, 0x16], "`transferFrom`"),
        ([0x30, 0xf2, 0x8b, 0x7a], "`permitTransferFrom`"),
        ([0x42, 0x84, 0x2e, 0x0e], "`safeTransferFrom`"),
    ];
    for (selector, name) in listed {
        let refusal = refuses(&selector);
        assert!(refusal.detail.starts_with(name), "{refusal}");
    }
    let permit2 = alloy_primitives::address!("000000000022D473030F116dDEE9F6B43aC78BA3");
    let refusal = refused(&chain(), "eth_sendTransaction", &calling(&permit2, &[1, 2, 3, 4]));
    assert!(refusal.detail.contains("Permit2"), "{refusal}");
}

#[test]
fn dirty_padding_is_refused() {
    for (input, ..) in all() {
        for place in 4..16 {
            let mut dirty = input.clone();
            dirty[place] = 1;
            assert_eq!(refuses(&dirty).why, Why::Undecodable);
        }
    }
    let mut signature = permit(ALICE, FIVE);
    signature[4 + 4 * 32] = 1;
    assert_eq!(refuses(&signature).why, Why::Undecodable, "a byte above the eight bits of `v`");
}

#[test]
fn a_contract_is_called_at_the_price_of_its_rule_only() {
    let router = Address::repeat_byte(0x42);
    let place = |text| RulePlace::parse(text).expect(text);
    let pay = RuleCost::Token { asset: TokenSource::Argument(place("0")), amount: place("1") };
    let destination = RuleDestination::Argument(place("2"));
    let pay = ContractRule::new(router, "pay(address,uint256,address)", pay, destination).expect("a rule");
    let deposit = ContractRule::new(router, "deposit()", RuleCost::Value, RuleDestination::Contract).expect("a rule");
    let claim = ContractRule::new(router, "claim()", RuleCost::Nothing, RuleDestination::Contract).expect("a rule");
    let chain =
        chain().with_rule(pay).and_then(|chain| chain.with_rule(deposit)).and_then(|chain| chain.with_rule(claim));
    let chain = chain.expect("a chain");

    sol! { function pay(address asset, uint256 amount, address to); function deposit(); function claim(); }
    let paying = |asset| calling(&router, &payCall { asset, amount: FIVE, to: BOB }.abi_encode());
    let paid = spend(&chain, "eth_sendTransaction", &paying(USDC));
    assert_eq!((paid.kind, &paid.coin, paid.payee.amount), (Kind::Contract, &coin("hteth:usdc"), Amount::new(5)));
    assert_eq!(paid.payee.destination, address::destination(&BOB));
    assert_eq!(refused(&chain, "eth_sendTransaction", &paying(BOB)).why, Why::NotPriced, "an asset nobody knows");

    let bringing = |input: Vec<u8>| {
        let data = alloy_primitives::hex::encode(input);
        format!(r#"[{{"from":"{ALICE}","to":"{router}","data":"0x{data}","value":"0x9"}}]"#)
    };
    let deposited = spend(&chain, "eth_sendTransaction", &bringing(depositCall {}.abi_encode()));
    assert_eq!((&deposited.coin, deposited.payee.amount), (&coin("hteth"), Amount::new(9)));
    let claimed = spend(&chain, "eth_sendTransaction", &calling(&router, &claimCall {}.abi_encode()));
    assert_eq!((&claimed.coin, claimed.payee.amount), (&coin("hteth"), Amount::ZERO));
    assert_eq!(refused(&chain, "eth_sendTransaction", &bringing(claimCall {}.abi_encode())).why, Why::NotSupported);
    let unknown = refused(&chain, "eth_sendTransaction", &calling(&router, &[1, 2, 3, 4]));
    assert_eq!(unknown.why, Why::NotPriced);
}

proptest! {
    #[test]
    fn calldata_of_any_other_length_is_refused(which in 0..7_usize, length in 1..400_usize) {
        let (mut input, ..) = all()[which].clone();
        prop_assume!(length != input.len());
        input.resize(length, 0);
        // A name cut short is one that nobody knows, or none at all.
        prop_assert!(matches!(refuses(&input).why, Why::Undecodable | Why::NotPriced));
    }

    #[test]
    fn a_changed_bit_changes_the_payment_or_is_refused(which in 0..7_usize, at: prop::sample::Index, bit in 0..8_u8) {
        let (input, ..) = all()[which].clone();
        let mut changed = input.clone();
        changed[at.index(input.len())] ^= 1 << bit;
        if let Operation::Spend(payment) = called(&chain(), "eth_sendTransaction", &calling(&USDC, &changed)) {
            let before = sends(&input);
            let about_the_signature = payment.kind == before.kind && at.index(input.len()) >= 4 + 3 * 32;
            prop_assert!(about_the_signature || payment.payee != before.payee || payment.payer != before.payer
                || payment.kind != before.kind);
            prop_assert_eq!(&payment.message.input[..], &changed[..]);
        }
    }

    #[test]
    fn no_calldata_makes_it_panic(input in prop::collection::vec(any::<u8>(), 0..300), which in 0..7_usize) {
        let _ = called(&chain(), "eth_sendTransaction", &calling(&USDC, &input));
        let named: Vec<u8> = all()[which].0[..4].iter().chain(&input).copied().collect();
        let _ = called(&chain(), "eth_sendTransaction", &calling(&USDC, &named));
    }
}
