use serde_json::{Value, json};

use super::*;
use crate::requests::tests::{Fault, assert_refused, body, no_amounts, with};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn payment() -> Value {
    json!({"coin": "tbtc", "amount": "60", "destination": "tb1q"})
}

fn trial() -> Value {
    let mut trial = payment();
    trial["wallet"] = ID.into();
    trial
}

fn spend() -> Value {
    let mut spend = payment();
    spend["token"] = "v2x00".into();
    spend
}

/// What no payment may say.
fn faults_of_payments() -> Vec<Fault> {
    let both = json!({"recipients": [{"address": "tb1q", "amount": "1"}]});
    let mut faults = vec![
        (json!({"coin": null}), "coin", "is missing"),
        (json!({"coin": "TBTC"}), "coin", "is in upper case, as no coin is; write `tbtc`"),
        (json!({"coin": "*"}), "coin", "is not a coin"),
        (both, "amount", "cannot stand beside `recipients`"),
        (json!({"destination": null, "amount": null}), "recipients", "is missing; give a list, or `amount`"),
        (json!({"destination": null}), "destination", "is missing"),
        (json!({"amount": null}), "amount", "is missing"),
        (json!({"destination": "tb1q\u{202e}"}), "destination", "no control characters"),
        (json!({"amount": null, "destination": null, "recipients": []}), "recipients", "must have 1 to 1000 entries"),
        (json!({"feeCoin": "t btc"}), "feeCoin", "is not a coin"),
        (json!({"wallet": "x"}), "wallet", "is not an id"),
        (json!({"fees": "1"}), "fees", "is not known here"),
    ];
    for name in ["amount", "fee"] {
        faults.extend(no_amounts().into_iter().map(|(amount, problem)| (json!({name: amount}), name, problem)));
    }
    faults
}

#[test]
fn a_spend_is_refused_for_the_field_that_is_wrong() {
    let mut faults = faults_of_payments();
    let deadline = "must be a number of seconds from 1 to 604800";
    faults.extend([
        (json!({"token": null}), "token", "is missing"),
        (json!({"token": ""}), "token", "is empty"),
        (json!({"organisation": "x"}), "organisation", "is not an id"),
        (json!({"deadline": 0}), "deadline", deadline),
        (json!({"deadline": 604_801}), "deadline", deadline),
        (json!({"deadline": -5}), "deadline", deadline),
        (json!({"address": "localhost"}), "address", "is not an IP address"),
        (json!({"comment": "a\nb"}), "comment", "contains control characters"),
        (json!({"otp": "000000"}), "otp", "is not known here"),
    ]);
    assert_refused(CreateSpend::read, &spend(), &faults);
    let mut faults = faults_of_payments();
    faults.extend([
        (json!({"token": "v2x"}), "token", "is not known here"),
        (json!({"wallet": null}), "wallet", "is missing; name the wallet that would pay, or the `organisation`"),
    ]);
    assert_refused(DryRun::read, &trial(), &faults);
}

#[test]
fn a_spend_is_read_with_all_that_comes_with_it() {
    let plain = CreateSpend::read(&body(&spend())).unwrap();
    let coin = |text: &str| Coin::parse(text).unwrap();
    let recipient = Recipient { address: "tb1q".to_owned(), amount: Amount::new(60) };
    let expected = Payment {
        coin: coin("tbtc"),
        recipients: vec![recipient],
        fee: Amount::ZERO,
        fee_coin: coin("tbtc"),
        wallet: None,
    };
    assert_eq!((plain.token.expose().as_str(), &plain.payment), ("v2x00", &expected));
    assert!(!format!("{plain:?}").contains("v2x00"));
    assert_eq!((plain.organisation, plain.deadline, plain.address, plain.comment), (None, None, None, None));
    let full = CreateSpend::read(&with(
        &json!({"token": "v2x00", "coin": "hteth:usdc"}),
        &json!({
            "recipients": [{"address": "0x01", "amount": 1}, {"address": "0x02", "amount": 2}],
            "fee": "7", "feeCoin": "hteth", "wallet": ID, "organisation": ID, "deadline": 60,
            "address": "::ffff:203.0.113.7", "comment": "rent",
        }),
    ))
    .unwrap();
    assert_eq!((full.payment.recipients.len(), full.payment.fee), (2, Amount::new(7)));
    assert_eq!((full.payment.fee_coin, full.payment.wallet), (coin("hteth"), ID.parse().ok()));
    assert_eq!((full.organisation, full.deadline), (ID.parse().ok(), Some(Span::from_seconds(60))));
    assert_eq!((full.address, full.comment.as_deref()), ("203.0.113.7".parse().ok(), Some("rent")));
    let tried = DryRun::read(&body(&trial())).unwrap();
    assert_eq!(tried.payment, Payment { wallet: ID.parse().ok(), ..expected.clone() });
    let tried = DryRun::read(&with(&payment(), &json!({"organisation": ID}))).unwrap();
    assert_eq!((tried.payment, tried.organisation), (expected, ID.parse().ok()));
}

#[test]
fn a_capture_names_the_transaction_and_may_leave_the_figures_out() {
    let mut faults = vec![
        (json!({"reference": null}), "reference", "is missing"),
        (json!({"reference": " "}), "reference", "is empty"),
        (json!({"reference": "a\u{0}"}), "reference", "control characters"),
        (json!({"amounts": 1}), "amounts", "is not known here"),
        (json!({"otp": 1}), "otp", "must be a text"),
    ];
    for name in ["amount", "fee"] {
        faults.extend(no_amounts().into_iter().map(|(amount, problem)| (json!({name: amount}), name, problem)));
        faults.push((json!({name: "01"}), name, "begins with zeros"));
    }
    assert_refused(CaptureSpend::read, &json!({"reference": "f00d"}), &faults);
    let read = CaptureSpend::read(&body(&json!({"reference": "f00d", "amount": "0"}))).unwrap();
    assert_eq!(read, CaptureSpend { amount: Some(Amount::ZERO), fee: None, reference: "f00d".to_owned(), otp: None });
}

#[test]
fn a_release_says_why() {
    assert_refused(
        ReleaseSpend::read,
        &json!({"reason": "never sent"}),
        &[
            (json!({"reason": null}), "reason", "is missing"),
            (json!({"reason": ""}), "reason", "is empty"),
            (json!({"otp": 1}), "otp", "must be a text"),
            (json!({"moved": false}), "moved", "is not known here"),
        ],
    );
}

#[test]
fn whoever_resolves_says_what_they_saw_and_no_figures_of_what_did_not_move() {
    let contradiction = "says what moved, and `moved` says that nothing did";
    let not_moved = json!({"moved": false, "evidence": "not in the node's book"});
    assert_refused(
        ResolveSpend::read,
        &not_moved,
        &[
            (json!({"moved": null}), "moved", "is missing"),
            (json!({"moved": "no"}), "moved", "must be true or false"),
            (json!({"evidence": null}), "evidence", "is missing"),
            (json!({"evidence": "\u{200b}"}), "evidence", "cannot be seen"),
            (json!({"amount": "1"}), "amount", contradiction),
            (json!({"fee": "1"}), "fee", contradiction),
            (json!({"reference": "f00d"}), "reference", contradiction),
            (json!({"reason": "x"}), "reason", "is not known here"),
        ],
    );
    let moved =
        with(&not_moved, &json!({"moved": true, "amount": "5", "fee": 1, "reference": "f00d", "otp": "000000"}));
    let read = ResolveSpend::read(&moved).unwrap();
    assert_eq!(
        (read.amount, read.fee, read.reference.as_deref()),
        (Some(Amount::new(5)), Some(Amount::new(1)), Some("f00d"))
    );
    assert!(ResolveSpend::read(&with(&not_moved, &json!({"moved": true}))).is_ok());
    let empty = ResolveSpend::read(&with(&not_moved, &json!({"moved": true, "reference": ""}))).unwrap_err();
    assert_eq!(empty.field, "reference");
}
