use bursar_core::amount::Amount;
use serde_json::{Value, json};

use super::*;
use crate::requests::tests::{Fault, assert_refused, body, no_amounts, with};

fn payment() -> Value {
    json!({"address": "tb1q", "amount": "1"})
}

fn recipient_of(address: &str, amount: u128) -> Recipient {
    Recipient { address: address.to_owned(), amount: Amount::new(amount) }
}

/// What is wrong beside the recipients is wrong in every spend.
fn faults_of_any_spend() -> Vec<Fault> {
    vec![
        (json!({"comment": 1}), "comment", "must be a text"),
        (json!({"comment": "c".repeat(513)}), "comment", "is longer than 512 bytes"),
        (json!({"comment": "a\u{1b}[2Jb"}), "comment", "contains control characters"),
        (json!({"comment": "two\nlines"}), "comment", "contains control characters"),
        (json!({"otp": 0}), "otp", "must be a text"),
        (json!({"sequenceId": ""}), "sequenceId", "is empty"),
        (json!({"sequenceId": 1}), "sequenceId", "must be a text"),
        (json!({"sequenceId": "s".repeat(513)}), "sequenceId", "is longer than 512 bytes"),
        (json!({"sequenceId": "a\u{0}"}), "sequenceId", "contains control characters"),
        (json!({"tokenName": "hteth:usdc"}), "tokenName", "is not supported"),
        (json!({"tokenData": {}}), "tokenData", "is not supported"),
        (json!({"data": ""}), "data", "is not supported"),
        (json!({"nfts": []}), "nfts", "is not supported"),
        (json!({"type": "fanout"}), "type", "is not supported: only `transfer` is"),
        (json!({"type": 1}), "type", "is not supported"),
    ]
}

#[test]
fn a_payment_names_one_recipient_and_a_whole_amount() {
    let bounds = "must have 1 to 512 bytes and no control characters";
    let mut faults = faults_of_any_spend();
    faults.extend([
        (json!({"address": null}), "address", "is missing"),
        (json!({"address": 1}), "address", "must be a text"),
        (json!({"address": ""}), "address", bounds),
        (json!({"address": "a".repeat(513)}), "address", bounds),
        (json!({"address": "tb1q\n"}), "address", bounds),
        (json!({"amount": null}), "amount", "is missing"),
    ]);
    faults.extend(no_amounts().into_iter().map(|(amount, problem)| (json!({"amount": amount}), "amount", problem)));
    assert_refused(Send::read_one, &payment(), &faults);
}

/// What BitGo documents besides and is not done here: in the body, and in a recipient.
fn not_carried_out() -> Vec<Fault> {
    let own_fee = "the rail sets the fee";
    let own_coins = "the rail chooses which coins are spent";
    vec![
        (json!({"feeRate": 1000}), "feeRate", own_fee),
        (json!({"maxFeeRate": 1000}), "maxFeeRate", own_fee),
        (json!({"numBlocks": 2}), "numBlocks", own_fee),
        (json!({"gasPrice": 0}), "gasPrice", own_fee),
        (json!({"eip1559": {}}), "eip1559", own_fee),
        (json!({"subtractFeeFromAmount": true}), "subtractFeeFromAmount", "exactly their `amount`"),
        (json!({"unspents": ["a:0"]}), "unspents", own_coins),
        (json!({"changeAddress": "tb1q"}), "changeAddress", own_coins),
        (json!({"minConfirms": 6}), "minConfirms", own_coins),
        (json!({"noSplitChange": true}), "noSplitChange", own_coins),
        (json!({"noSplitChange": "no"}), "noSplitChange", own_coins),
        (json!({"memo": {"type": "id", "value": "1"}}), "memo", "leave it out"),
        (json!({"preview": true}), "preview", "limits:dry-run"),
        (json!({"nonce": "7"}), "nonce", "in its own order"),
        (json!({"custodianTransactionId": "a"}), "custodianTransactionId", "as `sequenceId`"),
        (json!({"hop": true}), "hop", "is not known here"),
        (json!({"feerate": 1}), "feerate", "is not known here"),
        (json!({"a\u{202e}b": 1}), "a\\u{202e}b", "is not known here"),
    ]
}

#[test]
fn what_would_change_what_moves_or_costs_is_refused_by_name() {
    let faults = not_carried_out();
    assert_refused(Send::read_one, &payment(), &faults);
    assert_refused(Send::read_many, &json!({"recipients": [payment()]}), &faults);
    for (changes, field, problem) in faults {
        let mut recipient = payment();
        recipient.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let refused = Send::read_many(&body(&json!({"recipients": [payment(), recipient]}))).unwrap_err();
        assert_eq!(refused.field, format!("recipients[1].{field}"));
        assert!(refused.problem.contains(problem), "{refused}");
    }
    let both = json!({"recipients": [payment()], "address": "tb1q", "amount": "1"});
    assert_eq!(Send::read_one(&body(&both)).unwrap_err().field, "recipients");
    assert_eq!(Send::read_many(&body(&both)).unwrap_err().field, "address");
}

#[test]
fn what_moves_and_costs_the_same_whatever_it_says_is_passed_over() {
    let changes = json!({
        "walletPassphrase": "p", "prv": "xprv9", "message": "for May", "apiVersion": "full", "txFormat": "psbt",
        "verification": {}, "preview": false, "hop": false, "noSplitChange": false, "feeRate": null, "unspents": null,
    });
    let plain = Send { recipients: vec![recipient_of("tb1q", 1)], particulars: Particulars::default() };
    assert_eq!(Send::read_one(&with(&payment(), &changes)).as_ref(), Ok(&plain));
    assert_eq!(Send::read_many(&with(&json!({"recipients": [payment()]}), &changes)).as_ref(), Ok(&plain));
}

#[test]
fn a_payment_is_read_with_what_comes_with_it() {
    let plain = Send { recipients: vec![recipient_of("tb1q", 1)], particulars: Particulars::default() };
    for amount in [json!(1), json!("1"), json!("01")] {
        let changes = json!({"amount": amount, "type": "transfer", "walletPassphrase": "p", "tokenName": null});
        assert_eq!(Send::read_one(&with(&payment(), &changes)).as_ref(), Ok(&plain));
    }
    let changes = json!({"comment": "für die Miete", "otp": "000000", "sequenceId": "may-1"});
    let particulars = Particulars {
        comment: Some("für die Miete".to_owned()),
        otp: Some("000000".to_owned()),
        sequence_id: Some("may-1".to_owned()),
    };
    assert_eq!(Send::read_one(&with(&payment(), &changes)), Ok(Send { particulars, ..plain }));
}

#[test]
fn every_recipient_of_many_is_read_as_strictly_as_one() {
    let sound = json!({"recipients": [payment()]});
    let mut faults = faults_of_any_spend();
    let second = |changes: Value| {
        let mut recipient = payment();
        recipient.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"recipients": [payment(), recipient]})
    };
    faults.extend([
        (json!({"recipients": null}), "recipients", "is missing"),
        (json!({"recipients": payment()}), "recipients", "must be a list"),
        (json!({"recipients": []}), "recipients", "must have 1 to 1000 entries"),
        (json!({"recipients": vec![payment(); 1001]}), "recipients", "must have 1 to 1000 entries"),
        (json!({"recipients": [payment(), "tb1q"]}), "recipients[1]", "must be an object"),
        (second(json!({"address": null})), "recipients[1].address", "is missing"),
        (second(json!({"amount": null})), "recipients[1].amount", "is missing"),
        (second(json!({"amount": 1.5})), "recipients[1].amount", "is not an integer that JSON keeps exactly"),
        (second(json!({"tokenName": "x"})), "recipients[1].tokenName", "is not supported"),
        (second(json!({"data": "0x"})), "recipients[1].data", "is not supported"),
    ]);
    assert_refused(Send::read_many, &sound, &faults);
    assert_refused(BuildTransaction::read, &sound, &faults);
    let most = Send::read_many(&body(&json!({"recipients": vec![payment(); 1000]}))).unwrap();
    assert_eq!((most.recipients.len(), most.recipients.last()), (1000, Some(&recipient_of("tb1q", 1))));
}

#[test]
fn a_built_transaction_is_hex_and_stands_in_one_place() {
    let long = "00".repeat(LONGEST_TRANSACTION + 1);
    let mut faults = faults_of_any_spend();
    faults.extend([
        (json!({"txHex": null}), "txHex", "is missing"),
        (json!({"txHex": 7}), "txHex", "must be a text"),
        (json!({"txHex": ""}), "txHex", "is not a transaction in hex"),
        (json!({"txHex": "abc"}), "txHex", "is not a transaction in hex"),
        (json!({"txHex": "0x00"}), "txHex", "is not a transaction in hex"),
        (json!({"txHex": long}), "txHex", "is longer than 1048576 bytes"),
        (json!({"halfSigned": {"txHex": "00"}}), "halfSigned", "cannot stand beside `txHex`"),
        (json!({"txHex": null, "halfSigned": "00"}), "halfSigned", "must be an object"),
        (json!({"txHex": null, "halfSigned": {}}), "halfSigned.txHex", "is missing"),
        (json!({"txHex": null, "halfSigned": {"txHex": "zz"}}), "halfSigned.txHex", "is not a transaction in hex"),
        (json!({"recipients": []}), "recipients", "must have 1 to 1000 entries"),
        (json!({"recipients": [{}]}), "recipients[0].address", "is missing"),
    ]);
    assert_refused(SendTransaction::read, &json!({"txHex": "00ff"}), &faults);
}

#[test]
fn a_built_transaction_is_the_same_half_signed_or_not() {
    let expected = SendTransaction {
        transaction: vec![0, 255],
        claimed: Some(vec![recipient_of("tb1q", 1)]),
        particulars: Particulars::default(),
    };
    for place in [json!({"txHex": "00fF"}), json!({"halfSigned": {"txHex": "00Ff"}})] {
        let read = SendTransaction::read(&with(&place, &json!({"recipients": [payment()]})));
        assert_eq!(read.as_ref(), Ok(&expected));
    }
    assert_eq!(SendTransaction::read(&body(&json!({"txHex": "00"}))).unwrap().claimed, None);
}
