use bursar_core::destination::{Destination, DestinationId};
use bursar_core::id::TemplateId;
use bursar_core::id::UserId;
use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::limit::{Allowed, Destinations, Subject};
use bursar_core::token::{Grant, Lock, LockedBy, Unlock};
use insta::assert_json_snapshot;

use super::*;
use crate::shapes::fixtures::{ADDRESS, ORGANISATION, TOKEN, WALLET, at, limit, rule, rules, token, unlimited};

fn none() -> LimitSet {
    LimitSet::default()
}

fn view<'a>(token: &'a Token, limits: &'a LimitSet, budgets: &'a [(BudgetKey, Budget)]) -> SessionView<'a> {
    let own =
        |limit: &Limit| BudgetKey { subject: Subject::Token(TOKEN), asset: limit.asset.clone(), destination: None };
    let report = |limit: &Limit| {
        let found =
            budgets.iter().find(|(key, _)| *key == own(limit)).map(|(_, budget)| budget.clone()).unwrap_or_default();
        found.report(Subject::Token(TOKEN), limit, Usage::default(), at(100)).with_reset(&found, at(100))
    };
    let standing = limits.limits.iter().map(report).collect::<Vec<_>>().leak();
    let decimals = Box::leak(Box::default());
    SessionView {
        token,
        limits,
        budgets,
        standing,
        decimals,
        origin: "test",
        fingerprint: None,
        last_used: None,
        now: at(100),
    }
}

fn budget(asset: &str, budget: Budget) -> (BudgetKey, Budget) {
    let asset = Asset::parse(asset).unwrap();
    (BudgetKey { subject: Subject::Token(TOKEN), asset, destination: None }, budget)
}

fn spent(asset: &str, amount: Amount) -> (BudgetKey, Budget) {
    budget(asset, Budget { captured: Usage::one(amount), ..Budget::default() })
}

fn above_exact() -> Amount {
    Amount::new(1 << 53)
}

#[test]
fn a_login_session_is_shown_without_what_it_does_not_have() {
    let session_token = Token { kind: TokenKind::Session, label: None, ..token() };
    assert_json_snapshot!(session(&view(&session_token, &none(), &[])), @r#"
    {
      "id": "02020202020202020202020202020202",
      "kind": "session",
      "client": "bitgo",
      "user": "01010101010101010101010101010101",
      "scope": [
        "openid",
        "wallet_spend_all"
      ],
      "created": "2026-09-21T14:13:20.000Z",
      "expires": "2026-09-21T14:30:00.000Z",
      "ip": "203.0.113.7",
      "origin": "test",
      "isExtensible": false
    }
    "#);
}

#[test]
fn an_access_token_is_shown_with_all_that_is_said_of_it() {
    let ips = ["203.0.113.7", "2001:db8::/64"].map(|text| IpRule::parse(text).unwrap());
    let token = Token {
        grant: Grant { organisation: Some(ORGANISATION), ips: IpRestriction::new(ips.to_vec()), ..token().grant },
        template: Some(TemplateId::from_bytes([6; 16])),
        extension_address: Some("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa".to_owned()),
        ..token()
    };
    let last_used = Some(LastUse { at: at(50), from: ADDRESS });
    let none = none();
    let view = SessionView { fingerprint: Some("ab12"), last_used, ..view(&token, &none, &[]) };
    assert_json_snapshot!(session(&view), @r#"
    {
      "id": "02020202020202020202020202020202",
      "kind": "access",
      "client": "bitgo",
      "user": "01010101010101010101010101010101",
      "scope": [
        "openid",
        "wallet_spend_all"
      ],
      "created": "2026-09-21T14:13:20.000Z",
      "expires": "2026-09-21T14:30:00.000Z",
      "ip": "203.0.113.7",
      "ipRestrict": [
        "203.0.113.7",
        "2001:db8::/64"
      ],
      "origin": "test",
      "isExtensible": true,
      "extensionAddress": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
      "label": "bot",
      "enterprise": "04040404040404040404040404040404",
      "accessTokenTemplateId": "06060606060606060606060606060606",
      "fingerprint": "ab12",
      "lastUsed": {
        "time": "2026-09-21T14:14:10.000Z",
        "ip": "203.0.113.7"
      }
    }
    "#);
}

#[test]
fn a_narrowed_token_shows_the_one_list_it_has() {
    let lists = |narrowing: Narrowing| {
        let shown = session(&view(&Token { grant: Grant { narrowing, ..token().grant }, ..token() }, &none(), &[]));
        (shown.get("permittedWallets").cloned(), shown.get("permittedEnterprises").cloned())
    };
    assert_eq!(lists(Narrowing::None), (None, None));
    assert_eq!(lists(Narrowing::Wallets(vec![WALLET])), (Some(json!([WALLET.to_string()])), None));
    assert_eq!(lists(Narrowing::Organisations(vec![ORGANISATION])), (None, Some(json!([ORGANISATION.to_string()]))));
}

#[test]
fn a_limited_token_is_unlocked_from_birth_with_what_was_spent_and_held() {
    let limits = LimitSet::of(vec![limit("tbtc", Amount::new(100)), limit("hteth", Amount::ZERO), unlimited("tsol")]);
    let budget = Budget {
        captured: Usage { amount: Amount::new(40), fee: Amount::ZERO, count: 2 },
        held: Usage::one(Amount::new(5)),
        overridden: Usage::one(Amount::new(999)),
        ..Budget::default()
    };
    let budgets = [self::budget("tbtc", budget), spent("tsol", Amount::new(7))];
    assert_json_snapshot!(session(&view(&token(), &limits, &budgets)).get("unlock"), @r#"
    {
      "time": "2026-09-21T14:13:20.000Z",
      "expires": "2026-09-21T14:30:00.000Z",
      "txCount": 0,
      "txValue": 0,
      "spendingLimits": {
        "tbtc": {
          "txCount": 3,
          "txValue": 45,
          "txValueLimit": 100,
          "txValueLimitString": "100",
          "txValueString": "45",
          "heldString": "5"
        },
        "hteth": {
          "txCount": 0,
          "txValue": 0,
          "txValueLimit": 0,
          "txValueLimitString": "0",
          "txValueString": "0",
          "heldString": "0"
        },
        "tsol": {
          "txCount": 1,
          "txValue": 7,
          "maxLimit": true,
          "txValueString": "7",
          "heldString": "0"
        }
      }
    }
    "#);
}

#[test]
fn figures_beyond_what_json_keeps_exactly_are_texts() {
    let largest_exact = Amount::new((1 << 53) - 1);
    let limits = LimitSet::of(vec![limit("tbtc", largest_exact), limit("hteth", Amount::MAX)]);
    let budgets = [spent("tbtc", largest_exact), spent("hteth", above_exact())];
    let shown = session(&view(&token(), &limits, &budgets));
    assert_json_snapshot!(shown.get("unlock").and_then(|unlock| unlock.get("spendingLimits")), @r#"
    {
      "tbtc": {
        "txCount": 1,
        "txValue": 9007199254740991,
        "txValueLimit": 9007199254740991,
        "txValueLimitString": "9007199254740991",
        "txValueString": "9007199254740991",
        "heldString": "0"
      },
      "hteth": {
        "txCount": 1,
        "txValue": "9007199254740992",
        "txValueLimit": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        "txValueLimitString": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        "txValueString": "9007199254740992",
        "heldString": "0"
      }
    }
    "#);
}

#[test]
fn the_erc20_and_the_legacy_limit_have_places_of_their_own() {
    let limits = LimitSet::of(vec![limit("*erc20", above_exact()), limit("*bitcoin", Amount::new(100))]);
    let budgets = [spent("*erc20", Amount::new(9)), spent("*bitcoin", Amount::new(30))];
    assert_json_snapshot!(session(&view(&token(), &limits, &budgets)).get("unlock"), @r#"
    {
      "time": "2026-09-21T14:13:20.000Z",
      "expires": "2026-09-21T14:30:00.000Z",
      "allErc20TokensLimit": {
        "enabled": true,
        "txCount": 1,
        "txValue": "9",
        "txValueLimitInSmallUnits": "9007199254740992",
        "heldString": "0"
      },
      "heldString": "0",
      "txValueLimit": 100,
      "txCount": 1,
      "txValue": 30
    }
    "#);
    let shown = session(&view(&token(), &LimitSet::of(vec![unlimited("*erc20")]), &[]));
    let all = shown.get("unlock").and_then(|unlock| unlock.get("allErc20TokensLimit"));
    assert_eq!(all, Some(&json!({"enabled": true, "txCount": 0, "txValue": "0", "maxLimit": true, "heldString": "0"})));
}

#[test]
fn an_unlock_stands_in_place_of_the_limits_and_shows_what_was_spent_under_it() {
    let unlocked = Token { unlock: Some(Unlock { since: at(90), until: at(110) }), ..token() };
    let limits = LimitSet::of(vec![limit("tbtc", Amount::new(100))]);
    let overridden = Usage { amount: above_exact(), fee: Amount::ZERO, count: 3 };
    let budgets = [budget("tbtc", Budget { overridden, ..Budget::default() }), spent("hteth", Amount::new(1))];
    assert_json_snapshot!(session(&view(&unlocked, &limits, &budgets)).get("unlock"), @r#"
    {
      "time": "2026-09-21T14:14:50.000Z",
      "expires": "2026-09-21T14:15:10.000Z",
      "txCount": 0,
      "txValue": 0,
      "overridden": {
        "tbtc": {
          "txCount": 3,
          "txValue": "9007199254740992"
        }
      }
    }
    "#);
    let shown = session(&view(&unlocked, &limits, &budgets));
    let over = SessionView { now: at(110), ..view(&unlocked, &limits, &budgets) };
    assert_eq!(session(&over).get("unlock"), session(&view(&token(), &limits, &budgets)).get("unlock"));
    let spent = json!({"tbtc": {"txCount": 3, "txValue": "9007199254740992"}});
    assert_eq!(shown.get("overridden"), Some(&spent));
    assert_eq!(session(&over).get("overridden"), Some(&spent), "also after the unlock has ended");
}

#[test]
fn a_locked_token_says_so_and_has_no_unlock_until_one_runs() {
    let locked = Token { locked: Some(Lock { since: at(50), by: LockedBy::Rail }), ..token() };
    let limits = LimitSet::of(vec![limit("tbtc", Amount::new(100))]);
    let shown = session(&view(&locked, &limits, &[]));
    assert_eq!((shown.get("locked"), shown.get("unlock")), (Some(&json!("2026-09-21T14:14:10.000Z")), None));
    assert_eq!(shown.get("lockedBy"), Some(&json!("rail")));
    let unlocked = Token { unlock: Some(Unlock { since: at(90), until: at(110) }), ..locked };
    let shown = session(&view(&unlocked, &limits, &[]));
    assert!(shown.contains_key("locked") && shown.contains_key("unlock"));
}

#[test]
fn limits_that_an_unlock_dropped_are_shown_no_more() {
    let dropped = Token { limits_dropped: true, ..token() };
    assert_eq!(session(&view(&dropped, &LimitSet::of(vec![limit("tbtc", Amount::new(100))]), &[])).get("unlock"), None);
}

#[test]
fn a_new_token_shows_its_text_or_its_envelope_and_what_to_beware_of() {
    let token = token();
    let none = none();
    let view = view(&token, &none, &[]);
    let text = TokenText::from_random([7; 28]);
    let plain = created_token(&view, Ok(&text), &[]);
    assert_eq!(plain.get("token"), Some(&text.expose().into()));
    assert!(["encryptedToken", "derivationPath", "warnings"].iter().all(|field| !plain.contains_key(*field)));
    let sealed = IssuedToken { derivation_path: "m/1/2".to_owned(), encrypted_token: "{}".to_owned() };
    let sealed = created_token(&view, Err(&sealed), &["it lives for ten years".to_owned()]);
    let beside = |name: &String| !session(&view).contains_key(name);
    let beside: Map<String, Value> = sealed.into_iter().filter(|(name, _)| beside(name)).collect();
    let expected = json!({"encryptedToken": "{}", "derivationPath": "m/1/2", "warnings": ["it lives for ten years"]});
    assert_eq!(Value::Object(beside), expected);
}

#[test]
fn a_list_says_where_it_goes_on_only_if_it_does() {
    assert_eq!(access_tokens(vec![], None), json!({"accessTokens": []}));
    let more = access_tokens(vec![Map::new()], Some(TOKEN));
    assert_eq!(more, json!({"accessTokens": [{}], "nextBatchPrevId": TOKEN.to_string()}));
}

#[test]
fn limits_that_bitgo_has_no_place_for_stand_beside_its_own() {
    let limits =
        rules(&["tbtc 0.5/day", "tbtc 5", "hteth fees 0.1/calendar day", "20 spends/hour", "tbtc 1 per spend"]);
    let mut tbtc = Budget { held: Usage::one(Amount::new(7)), ..Budget::default() };
    let spend = Usage { amount: Amount::new(40), fee: Amount::new(2), count: 1 };
    let day = &rule("tbtc 0.5/day").window;
    tbtc.start_counting(day, &[], at(0));
    tbtc.capture(spend, at(10));
    let budgets = [budget("tbtc", tbtc)];
    assert_json_snapshot!(session(&view(&token(), &limits, &budgets)).get("unlock"), @r#"
    {
      "time": "2026-09-21T14:13:20.000Z",
      "expires": "2026-09-21T14:30:00.000Z",
      "txCount": 0,
      "txValue": 0,
      "spendingLimits": {
        "tbtc": {
          "txCount": 2,
          "txValue": 47,
          "txValueLimit": 500000000,
          "txValueLimitString": "500000000",
          "txValueString": "47",
          "heldString": "7"
        }
      },
      "limits": [
        {
          "asset": "tbtc",
          "measure": "amount",
          "ceiling": "50000000",
          "window": {
            "type": "rolling",
            "seconds": 86400
          },
          "rule": "tbtc 0.5/day",
          "captured": "40",
          "held": "7",
          "remaining": "49999953",
          "resetsAt": "2026-09-22T14:13:30.000Z"
        },
        {
          "asset": "hteth",
          "measure": "fee",
          "ceiling": "100000000000000000",
          "window": {
            "type": "calendar",
            "unit": "day",
            "timeZone": "UTC"
          },
          "rule": "hteth fees 0.1/calendar day",
          "captured": "0",
          "held": "0",
          "remaining": "100000000000000000",
          "resetsAt": "2026-09-22T00:00:00.000Z"
        },
        {
          "asset": "*",
          "measure": "count",
          "ceiling": "20",
          "window": {
            "type": "rolling",
            "seconds": 3600
          },
          "rule": "20 spends/hour",
          "captured": "0",
          "held": "0",
          "remaining": "20",
          "resetsAt": null
        },
        {
          "asset": "tbtc",
          "measure": "amount",
          "ceiling": "100000000",
          "window": {
            "type": "spend"
          },
          "rule": "tbtc 1 per spend",
          "captured": "0",
          "held": "0",
          "remaining": "100000000",
          "resetsAt": null
        }
      ]
    }
    "#);
}

#[test]
fn budgets_of_others_and_of_single_destinations_are_not_the_tokens() {
    let limits = rules(&["tbtc 5"]);
    let (key, spent) = spent("tbtc", Amount::new(9));
    let others = BudgetKey { subject: Subject::User(UserId::from_bytes([1; 16])), ..key.clone() };
    let share = BudgetKey { destination: Some(DestinationId::from_bytes([1; 32])), ..key };
    let budgets = [(others, spent.clone()), (share, spent)];
    let shown = session(&view(&token(), &limits, &budgets));
    assert_eq!(shown.get("unlock").unwrap()["spendingLimits"]["tbtc"]["txValueString"], "0");
}

#[test]
fn a_token_shows_where_its_money_may_go() {
    let destination = Destination::new("evm", &[1], None);
    let allowed = Some(vec![Allowed {
        destination,
        address: "0x01".to_owned(),
        coin: bursar_core::coin::Coin::parse("hteth").unwrap(),
    }]);
    let each = vec![rule("hteth 1/day without fees")];
    let destinations = Some(Destinations { allowed, at_most: Some(3), each, counted_since: None });
    let rules = LimitSet { limits: vec![], destinations };
    assert_json_snapshot!(session(&view(&token(), &rules, &[])).get("destinations"), @r#"
    {
      "allow": [
        {
          "address": "0x01",
          "coin": "hteth"
        }
      ],
      "atMost": 3,
      "each": [
        {
          "asset": "hteth",
          "measure": "amount without fee",
          "ceiling": "1000000000000000000",
          "window": {
            "type": "rolling",
            "seconds": 86400
          },
          "rule": "hteth 1/day without fees"
        }
      ]
    }
    "#);
    assert_eq!(session(&view(&token(), &rules, &[])).get("unlock"), None);
}
