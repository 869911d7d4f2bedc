//! What calls mean, from their JSON or their bytes to the payment that a hold must cover.

mod by_node;
mod calldata;
mod raw;
mod request;

use alloy_primitives::Address;
use bursar_core::amount::Amount;
use bursar_core::hold::Cost;

use super::classify::{Transport, classify, classify_calls};
use super::fixtures::{ALICE, BOB, USDC, chain, coin, own};
use super::payment::{Kind, Payment};
use super::*;
use crate::Operation;
use crate::forbidden::{Forbidden, Why};
use crate::jsonrpc::Calls;

/// What a call with this method and these parameters is.
fn called(chain: &Chain, method: &str, params: &str) -> Operation<Payment> {
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let calls = Calls::read(request.as_bytes()).expect(&request);
    let [call] = calls.as_slice() else { panic!("one call") };
    classify(chain, &own, Transport::Http, call)
}

fn spend(chain: &Chain, method: &str, params: &str) -> Payment {
    match called(chain, method, params) {
        Operation::Spend(payment) => payment,
        other => panic!("{method} {params}: {other:?}"),
    }
}

fn refused(chain: &Chain, method: &str, params: &str) -> Forbidden {
    match called(chain, method, params) {
        Operation::Forbidden(refusal) => refusal,
        other => panic!("{method} {params}: {other:?}"),
    }
}

/// The object of a transaction of Alice to a contract.
fn calling(to: &Address, input: &[u8]) -> String {
    format!(r#"[{{"from":"{ALICE}","to":"{to}","data":"0x{}"}}]"#, alloy_primitives::hex::encode(input))
}

#[test]
fn a_transfer_of_the_chains_own_coin_is_a_spend_of_it() {
    let asked = format!(r#"[{{"from":"{ALICE}","to":"{BOB}","value":"0xde0b6b3a7640000"}}]"#);
    let payment = spend(&chain(), "eth_sendTransaction", &asked);
    assert_eq!((payment.sender, payment.payer, payment.kind), (ALICE, ALICE, Kind::Transfer));
    assert_eq!(payment.coin, coin("hteth"));
    assert_eq!(payment.payee.amount, Amount::new(1_000_000_000_000_000_000));
    assert_eq!(payment.payee.destination, address::destination(&BOB));
    assert!(matches!(payment.form, Form::Asked { broadcast: true, nonce: None, .. }));
    let signed = spend(&chain(), "eth_signTransaction", &asked);
    assert!(matches!(signed.form, Form::Asked { broadcast: false, .. }));
}

#[test]
fn an_amount_of_zero_is_a_spend() {
    let payment = spend(&chain(), "eth_sendTransaction", &format!(r#"[{{"from":"{ALICE}","to":"{BOB}"}}]"#));
    assert_eq!(payment.payee.amount, Amount::ZERO);
    let cost = payment.cost(&chain(), Amount::new(9)).expect("a cost");
    assert_eq!((cost.amount, cost.fee), (Amount::new(9), Amount::new(9)));
}

#[test]
fn a_payees_address_is_the_one_the_client_wrote() {
    let lower = BOB.to_string().to_lowercase();
    let payment = spend(&chain(), "eth_sendTransaction", &format!(r#"[{{"from":"{ALICE}","to":"{lower}"}}]"#));
    assert_eq!(payment.payee.address, lower);
}

#[test]
fn a_payment_made_here_is_the_one_that_a_client_would_ask_for() {
    for (text, amount) in [("hteth", 5), ("hteth:usdc", 7)] {
        let made = Payment::transfer(&chain(), &own, ALICE, &coin(text), BOB, Amount::new(amount)).expect(text);
        assert_eq!((made.coin, made.payee.amount), (coin(text), Amount::new(amount)));
        assert_eq!(made.payee.destination, address::destination(&BOB));
    }
    let amount = Amount::new(1);
    assert!(Payment::transfer(&chain(), &own, ALICE, &coin("hteth:dai"), BOB, amount).is_err());
    assert!(Payment::transfer(&chain(), &own, BOB, &coin("hteth"), ALICE, amount).is_err());
    assert!(Payment::transfer(&chain(), &own, ALICE, &coin("hteth"), BOB, Amount::MAX).is_err());
}

#[test]
fn reads_are_reads_and_all_else_is_refused_by_its_kind() {
    let chain = chain();
    for read in ["eth_chainId", "eth_call", "eth_estimateGas", "eth_getLogs", "eth_accounts", "net_version"] {
        assert_eq!(called(&chain, read, r#"[{"from":"0x0"},"latest",{"0x0":{"balance":"0x1"}}]"#), Operation::Read);
    }
    let kind = |method| refused(&chain, method, "[]").why;
    assert_eq!(kind("personal_sign"), Why::Withheld);
    assert_eq!(kind("eth_sign"), Why::Withheld);
    assert_eq!(kind("eth_sendtransaction"), Why::UnknownMethod);
    assert_eq!(kind("eth_sendTransaction"), Why::Undecodable);
    assert_eq!(refused(&chain, "eth_call", r#"{"to":1}"#).why, Why::Undecodable);
    let escaped = refused(&chain, r"eth_\u0073endTransaction", "[]");
    assert_eq!(escaped.why, Why::Undecodable, "it is the spend it spells");
}

#[test]
fn subscriptions_need_a_connection_that_stays_and_a_known_name() {
    let asked = |transport, method: &str, params: &str| {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let calls = Calls::read(request.as_bytes()).expect("a call");
        classify(&chain(), &own, transport, &calls.as_slice()[0])
    };
    assert_eq!(asked(Transport::WebSocket, "eth_subscribe", r#"["newHeads"]"#), Operation::Read);
    assert_eq!(asked(Transport::WebSocket, "eth_unsubscribe", r#"["0x1"]"#), Operation::Read);
    for (transport, params) in
        [(Transport::Http, r#"["newHeads"]"#), (Transport::WebSocket, r#"["alchemy_x"]"#), (Transport::WebSocket, "[]")]
    {
        assert!(matches!(asked(transport, "eth_subscribe", params), Operation::Forbidden(_)), "{params}");
    }
}

#[test]
fn a_batch_with_two_spends_is_refused_as_a_whole() {
    let call = |id: u8, method: &str, params: &str| format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#);
    let batch = |calls: &[String]| {
        let calls = Calls::read(format!("[{}]", calls.join(",")).as_bytes()).expect("a batch");
        classify_calls(&chain(), &own, Transport::Http, &calls)
    };
    let params = format!(r#"[{{"from":"{ALICE}","to":"{BOB}"}}]"#);
    let one = call(1, "eth_sendTransaction", &params);
    let [read, withheld] = [call(2, "eth_chainId", "[]"), call(3, "eth_sign", "[]")];
    let mixed = batch(&[read, one.clone(), withheld]).expect("one spend");
    assert!(matches!(mixed[..], [Operation::Read, Operation::Spend(_), Operation::Forbidden(_)]));
    for other in [call(4, "eth_signTransaction", &params), call(4, "eth_sendRawTransaction", "[]")] {
        assert_eq!(batch(&[one.clone(), other]).expect_err("two spends").why, Why::NotSupported);
    }
}

#[test]
fn a_wallet_of_somebody_else_spends_nothing() {
    let refusal =
        refused(&chain(), "eth_sendTransaction", &format!(r#"[{{"from":"{BOB}","to":"{ALICE}","value":"0x1"}}]"#));
    assert_eq!(refusal.why, Why::NotSupported);
    assert!(refusal.detail.contains("no wallet"), "{refusal}");
}

#[test]
fn a_token_that_is_not_in_the_table_is_not_a_coin_whatever_it_calls_itself() {
    let other = Address::repeat_byte(0x77);
    let input = Message::transfer(&chain(), &coin("hteth:usdc"), BOB, Amount::new(1)).expect("a transfer").input;
    assert_eq!(spend(&chain(), "eth_sendTransaction", &calling(&USDC, &input)).coin, coin("hteth:usdc"));
    assert_eq!(refused(&chain(), "eth_sendTransaction", &calling(&other, &input)).why, Why::NotPriced);
}
