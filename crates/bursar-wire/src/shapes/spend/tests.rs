use bursar_core::amount::Amount;
use insta::assert_json_snapshot;

use super::*;
use crate::shapes::fixtures::{HOLD, TOKEN, WALLET, at, hold};

#[test]
fn a_spend_that_was_captured_shows_what_was_held_and_what_moved() {
    let state =
        HoldState::Captured { at: at(2), amount: Amount::new(63), fee: Amount::new(3), reference: "f00d".to_owned() };
    let key = Some(SpendKey::Client(TOKEN, "may-1".to_owned()));
    let captured = Hold { key, comment: Some("rent".to_owned()), holder: Some(TOKEN), ..hold(state) };
    assert_json_snapshot!(native_spend(&captured, None), @r#"
    {
      "id": "05050505050505050505050505050505",
      "state": "captured",
      "coin": "tbtc",
      "amount": "60",
      "fee": "10",
      "feeCoin": "tbtc",
      "total": "70",
      "recipients": [
        {
          "address": "tb1q",
          "amount": "60"
        }
      ],
      "wallet": "03030303030303030303030303030303",
      "organisation": "04040404040404040404040404040404",
      "token": "02020202020202020202020202020202",
      "user": "01010101010101010101010101010101",
      "heldBy": "02020202020202020202020202020202",
      "overridden": false,
      "capturesItself": false,
      "created": "2026-09-21T14:13:21.000Z",
      "deadline": "2026-09-21T14:13:51.000Z",
      "comment": "rent",
      "idempotencyKey": "may-1",
      "captured": {
        "at": "2026-09-21T14:13:22.000Z",
        "amount": "60",
        "fee": "3",
        "total": "63",
        "reference": "f00d"
      }
    }
    "#);
}

#[test]
fn what_became_of_a_spend_stands_under_the_name_of_its_state() {
    let states = [
        (HoldState::Open, Value::Null),
        (HoldState::unresolved(at(31), ""), json!({"since": at(31).to_string()})),
        (HoldState::unresolved(at(31), "no\nanswer"), json!({"since": at(31).to_string(), "reason": "no answer"})),
        (
            HoldState::Released { at: at(2), reason: "refused".to_owned() },
            json!({"at": at(2).to_string(), "reason": "refused"}),
        ),
    ];
    for (state, expected) in states {
        let shown = native_spend(&Hold { wallet: None, ..hold(state.clone()) }, None);
        assert_eq!((&shown["state"], &shown["wallet"]), (&json!(state.name()), &Value::Null));
        assert_eq!(shown.get(state.name()).unwrap_or(&Value::Null), &expected);
    }
}

#[test]
fn a_spend_under_way_says_what_it_was_sent_as() {
    assert_eq!(native_spend(&hold(HoldState::Open), Some("ab"))["sent"], json!({"reference": "ab"}));
    assert_eq!(native_spend(&hold(HoldState::Open), None).get("sent"), None);
}

#[test]
fn a_spend_shows_the_name_its_client_chose_and_no_other() {
    let named = |key| native_spend(&Hold { key: Some(key), ..hold(HoldState::Open) }, None);
    let sequence = named(SpendKey::Sequence(WALLET, "may-1".to_owned()));
    assert_eq!((sequence.get("sequenceId"), sequence.get("idempotencyKey")), (Some(&json!("may-1")), None));
    let built = named(SpendKey::Transaction(WALLET, [1; 32]));
    assert_eq!((built.get("sequenceId"), built.get("idempotencyKey")), (None, None));
    let own = SpendKey::own("payer/may-1");
    for key in [SpendKey::Sequence(WALLET, own.clone()), SpendKey::Client(TOKEN, own)] {
        let of_bursar = named(key);
        assert_eq!((of_bursar.get("sequenceId"), of_bursar.get("idempotencyKey")), (None, None), "{of_bursar}");
    }
}

#[test]
fn a_list_of_spends_says_where_it_goes_on_only_if_it_does() {
    assert_eq!(native_spends(&[], None), json!({"spends": []}));
    let more = native_spends(&[(hold(HoldState::Open), None)], Some(HOLD));
    assert_eq!(
        (more["spends"][0]["id"].clone(), more["next"].clone()),
        (json!(HOLD.to_string()), json!(HOLD.to_string()))
    );
}
