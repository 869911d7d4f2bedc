use bursar_core::hold::{Cost, SpendKey};
use insta::assert_json_snapshot;

use super::*;
use crate::shapes::fixtures::{HOLD, WALLET, at, coin, cost, hold, payee, recipient, wallet as sound};

/// A spend of 60, of which the rest went to the fee.
fn captured(amount: u128) -> Hold {
    let (amount, fee) = (Amount::new(amount), Amount::new(amount - 60));
    hold(HoldState::Captured { at: at(2), amount, fee, reference: "f00d".to_owned() })
}

#[test]
fn a_wallet_is_shown_with_what_it_holds_and_what_its_caller_may_do() {
    let wallet = sound();
    let view = WalletView {
        wallet: &wallet,
        role: WalletRole { view: true, spend: true, admin: false },
        balance: Some(Amount::new(1 << 53)),
        address: Some("tb1q"),
        is_sandbox: true,
        rail_path: Some("/rail/sandbox"),
        outflow: Some((at(1), "beef")),
        now: at(2),
    };
    assert_json_snapshot!(super::wallet(&view), @r#"
    {
      "id": "03030303030303030303030303030303",
      "coin": "tbtc",
      "label": "till",
      "enterprise": "04040404040404040404040404040404",
      "keys": [
        "61b234752da8e7aeea3b5a8ba861dee5",
        "5219c2c14365e5bca5d92d26d4d8c0e0",
        "b1393a02bec1bc76e7aa617e6d891b01"
      ],
      "multisigType": "onchain",
      "type": "hot",
      "m": 2,
      "n": 3,
      "permissions": [
        "view",
        "spend"
      ],
      "balance": "9007199254740992",
      "balanceString": "9007199254740992",
      "confirmedBalance": "9007199254740992",
      "confirmedBalanceString": "9007199254740992",
      "spendableBalance": "9007199254740992",
      "spendableBalanceString": "9007199254740992",
      "receiveAddress": {
        "address": "tb1q",
        "coin": "tbtc"
      },
      "isSandbox": true,
      "rail": "sandbox",
      "reference": "till-1",
      "railPath": "/rail/sandbox",
      "unexplainedOutflow": {
        "at": "2026-09-21T14:13:21.000Z",
        "reference": "beef"
      },
      "frozen": null
    }
    "#);
    let shown = super::wallet(&WalletView { role: WalletRole::default(), address: None, ..view });
    assert_eq!((&shown["permissions"], &shown["receiveAddress"]), (&json!([]), &Value::Null));
}

#[test]
fn every_key_a_wallet_names_is_found_and_belongs_to_it_alone() {
    let (one, other) = (sound(), Wallet { id: WalletId::from_bytes([9; 16]), ..sound() });
    let keys = |wallet: &Wallet| (0..KEYS).map(|at| key_id(wallet.id, at)).collect::<Vec<_>>();
    for id in keys(&one) {
        let found = key(&[other.clone(), one.clone()], &id).unwrap();
        assert!(found["pub"].as_str().unwrap().parse::<Xpub>().is_ok());
        assert_eq!(key(std::slice::from_ref(&one), &id), Some(found));
        assert_eq!(key(std::slice::from_ref(&other), &id), None);
    }
    assert!(keys(&one).iter().all(|id| !keys(&other).contains(id)));
}

#[test]
fn a_transfer_that_went_through_shows_what_moved_and_its_fee() {
    let key = Some(SpendKey::Sequence(WALLET, "may-1".to_owned()));
    let hold = Hold { key, comment: Some("rent".to_owned()), ..captured(63) };
    assert_json_snapshot!(transfer(&hold, None), @r#"
    {
      "id": "05050505050505050505050505050505",
      "coin": "tbtc",
      "wallet": "03030303030303030303030303030303",
      "enterprise": "04040404040404040404040404040404",
      "type": "send",
      "txid": "f00d",
      "state": "confirmed",
      "date": "2026-09-21T14:13:21.000Z",
      "value": -63,
      "valueString": "-63",
      "feeString": "3",
      "entries": [
        {
          "address": "tb1q",
          "value": 60,
          "valueString": "60"
        }
      ],
      "comment": "rent",
      "sequenceId": "may-1"
    }
    "#);
}

#[test]
fn a_transfer_is_shown_in_every_state() {
    let states = [
        HoldState::Open,
        HoldState::unresolved(at(31), ""),
        HoldState::Released { at: at(2), reason: "refused".to_owned() },
        captured(60).state,
    ];
    let shown: Vec<Value> = states
        .into_iter()
        .map(|state| {
            let shown = transfer(&hold(state), None);
            json!([shown["state"], shown["txid"], shown["value"], shown["valueString"], shown["feeString"]])
        })
        .collect();
    let expected = [
        json!(["signed", null, -70, "-70", "10"]),
        json!(["unconfirmed", null, -70, "-70", "10"]),
        json!(["failed", null, -70, "-70", "10"]),
        json!(["confirmed", "f00d", -60, "-60", "0"]),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_transfer_under_way_has_the_name_that_it_was_sent_under_and_a_settled_one_its_own() {
    for state in [HoldState::Open, HoldState::unresolved(at(31), "")] {
        assert_eq!(transfer(&hold(state), Some("ab"))["txid"], "ab");
    }
    assert_eq!(transfer(&captured(60), Some("ab"))["txid"], transfer(&captured(60), None)["txid"]);
    let released = HoldState::Released { at: at(2), reason: "refused".to_owned() };
    assert_eq!(transfer(&hold(released), Some("ab"))["txid"], Value::Null);
}

#[test]
fn a_transfer_of_nothing_has_no_sign_and_a_great_one_is_text() {
    let of = |amount: Amount| {
        let payees = vec![payee("tb1q", amount)];
        transfer(&Hold { cost: cost(amount, Amount::ZERO), payees, ..hold(HoldState::Open) }, None)
    };
    let nothing = of(Amount::ZERO);
    assert_eq!((&nothing["value"], &nothing["valueString"]), (&json!(0), &json!("0")));
    let great = of(Amount::new(1 << 53));
    assert_eq!((&great["value"], &great["valueString"]), (&json!("-9007199254740992"), &json!("-9007199254740992")));
    assert_eq!(
        great["entries"][0],
        json!({"address": "tb1q", "value": "9007199254740992", "valueString": "9007199254740992"})
    );
    assert_eq!(of(Amount::new((1 << 53) - 1))["value"], json!(-9_007_199_254_740_991_i64));
}

#[test]
fn a_fee_in_another_coin_is_not_part_of_what_moved() {
    let cost = Cost { fee_coin: coin("hteth"), coin: coin("hteth:usdc"), ..cost(Amount::new(60), Amount::new(10)) };
    let state = |fee: u128| HoldState::Captured {
        at: at(2),
        amount: Amount::new(60),
        fee: Amount::new(fee),
        reference: "f00d".to_owned(),
    };
    let shown = transfer(&Hold { cost: cost.clone(), wallet: None, ..hold(state(7)) }, None);
    assert_eq!(
        (&shown["coin"], &shown["valueString"], &shown["feeString"], &shown["wallet"]),
        (&json!("hteth:usdc"), &json!("-60"), &json!("7"), &Value::Null)
    );
    let open = transfer(&Hold { cost, ..hold(HoldState::Open) }, None);
    assert_eq!((&open["valueString"], &open["feeString"]), (&json!("-60"), &json!("10")));
}

#[test]
fn a_spend_shows_no_name_that_its_client_did_not_choose() {
    for key in [SpendKey::Transaction(WALLET, [1; 32]), SpendKey::Sequence(WALLET, SpendKey::own("nonce/5"))] {
        let hold = Hold { key: Some(key), ..captured(60) };
        assert_eq!(transfer(&hold, None).get("sequenceId"), None);
    }
}

#[test]
fn what_was_sent_shows_the_transaction_and_the_transfer() {
    let hold = captured(60);
    let mut shown = sent(&hold, "f00d", &[0, 255]);
    assert_eq!(shown["transfer"], transfer(&hold, None));
    shown["transfer"] = "…".into();
    assert_json_snapshot!(shown, @r#"
    {
      "txid": "f00d",
      "tx": "00ff",
      "status": "signed",
      "transfer": "…"
    }
    "#);
}

#[test]
fn what_was_built_shows_hex_recipients_and_fee() {
    let recipients = [recipient("tb1q", Amount::new(60)), recipient("tb1p", Amount::MAX)];
    assert_json_snapshot!(built(&[0, 255], Amount::new(10), &recipients), @r#"
    {
      "txHex": "00ff",
      "txInfo": {
        "recipients": [
          {
            "address": "tb1q",
            "amount": "60"
          },
          {
            "address": "tb1p",
            "amount": "115792089237316195423570985008687907853269984665640564039457584007913129639935"
          }
        ]
      },
      "feeInfo": {
        "fee": 10,
        "feeString": "10"
      }
    }
    "#);
}

#[test]
fn lists_say_where_they_go_on_only_if_they_do() {
    assert_eq!(wallets(vec![], None), json!({"wallets": []}));
    assert_eq!(wallets(vec![], Some(WALLET))["nextBatchPrevId"], WALLET.to_string());
    let coin = coin("tbtc");
    assert_eq!(transfers(&coin, &[], None), json!({"coin": "tbtc", "transfers": []}));
    assert_eq!(transfers(&coin, &[(captured(60), None)], Some(HOLD))["nextBatchPrevId"], HOLD.to_string());
    let address = json!({"address": "tb1q", "coin": "tbtc", "wallet": WALLET.to_string()});
    let expected = json!({"coin": "tbtc", "count": 1, "addresses": [address]});
    assert_eq!(addresses(&coin, WALLET, &["tb1q".to_owned()]), expected);
}
