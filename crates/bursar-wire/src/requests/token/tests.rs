use serde_json::{Value, json};

use super::*;
use crate::requests::limits::DestinationText;
use crate::requests::tests::{Fault, assert_refused, body, no_amounts, with};
use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::coin::Coin;
use bursar_core::limit::{Ceiling, Measure, Window};

const ID: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn sound() -> Value {
    json!({"label": "ci", "scope": ["openid"]})
}

fn read(changes: &Value) -> CreateToken {
    CreateToken::read(&with(&sound(), changes)).unwrap()
}

fn refused(faults: &[Fault]) {
    assert_refused(CreateToken::read, &sound(), faults);
}

fn limit(asset: Asset, ceiling: Ceiling) -> Limit {
    Limit { asset, measure: Measure::Amount, window: Window::Lifetime, ceiling }
}

fn at(asset: &str, ceiling: u128) -> Limit {
    limit(Asset::parse(asset).unwrap(), Ceiling::At(Amount::new(ceiling)))
}

fn unlimited(asset: &str) -> Limit {
    limit(Asset::parse(asset).unwrap(), Ceiling::Unlimited)
}

#[test]
fn a_token_needs_a_label_that_people_can_read() {
    refused(&[
        (json!({"label": null}), "label", "is missing"),
        (json!({"label": 7}), "label", "must be a text, not an integer"),
        (json!({"label": ""}), "label", "is empty"),
        (json!({"label": " \t "}), "label", "is empty"),
        (json!({"label": "a".repeat(251)}), "label", "has more than 250 characters"),
        (json!({"label": "a\nb"}), "label", "control characters"),
        (json!({"label": "a\u{7f}"}), "label", "control characters"),
        (json!({"label": "pay\u{202e}lla"}), "label", "control characters"),
        (json!({"label": "a\u{2066}b"}), "label", "control characters"),
        (json!({"label": "a\u{200b}b"}), "label", "cannot be seen"),
        (json!({"label": "a\u{e0041}b"}), "label", "cannot be seen"),
    ]);
    assert_eq!(read(&json!({"label": "ü".repeat(250)})).label.chars().count(), 250);
}

#[test]
fn a_token_needs_scopes_that_exist_unless_a_template_may_give_them() {
    let of_wallet = format!("openid:{ID}");
    refused(&[
        (json!({"scope": null}), "scope", "invalid scope: name at least one scope"),
        (json!({"scope": []}), "scope", "invalid scope: name at least one scope"),
        (json!({"scope": [], "accessTokenTemplateId": ID}), "scope", "invalid scope: name at least one scope"),
        (json!({"scope": "openid"}), "scope", "must be a list, not a text"),
        (json!({"scope": {"0": "openid"}}), "scope", "must be a list, not an object"),
        (json!({"scope": ["openid", 1]}), "scope[1]", "must be a text, not an integer"),
        (json!({"scope": ["openid", "steal"]}), "scope", "invalid scope: entry 2: there is no scope `steal`"),
        (json!({"scope": ["wallet_view_al"]}), "scope", "no scope `wallet_view_al`; is `wallet_view_all` meant?"),
        (json!({"scope": ["wallet_spend_al"]}), "scope", "is `wallet_spend_all` meant?"),
        (json!({"scope": ["openids"]}), "scope", "is `openid` meant?"),
        (json!({"scope": ["Openid"]}), "scope", "invalid scope: entry 1"),
        (json!({"scope": ["wallet_spend"]}), "scope", "needs a wallet"),
        (json!({"scope": ["wallet_spend:x"]}), "scope", "is not a wallet id"),
        (json!({"scope": [of_wallet]}), "scope", "cannot be tied to a wallet"),
        (json!({"scope": ["user_manage"]}), "scope", "only login sessions"),
        (json!({"scope": vec!["openid"; 101]}), "scope", "has more than 100 entries"),
        (json!({"scope": null, "accessTokenTemplateId": "x"}), "accessTokenTemplateId", "is not an id"),
    ]);
    let one = format!("wallet_spend:{ID}");
    let scopes = read(&json!({"scope": ["openid", one, "openid"]})).scopes.unwrap();
    assert_eq!(scopes.iter().map(|scope| scope.to_string()).collect::<Vec<_>>(), ["openid".to_owned(), one]);
    let from_template = read(&json!({"scope": null, "accessTokenTemplateId": ID}));
    assert_eq!((from_template.scopes, from_template.template), (None, ID.parse().ok()));
}

#[test]
fn a_token_lives_from_a_second_to_ten_years() {
    let range = "must be a number of seconds from 1 to 315360000";
    refused(&[
        (json!({"duration": 0}), "duration", range),
        (json!({"duration": -1}), "duration", range),
        (json!({"duration": 315_360_001}), "duration", range),
        (json!({"duration": u64::MAX}), "duration", range),
        (json!({"duration": 1.5}), "duration", "must be an integer, not a number with a fraction"),
        (json!({"duration": 1e3}), "duration", "must be an integer"),
        (json!({"duration": "30d"}), "duration", "must be an integer, not a text; it counts seconds"),
    ]);
    assert_eq!(read(&json!({"duration": 315_360_000})).duration, Some(Span::from_seconds(315_360_000)));
    assert_eq!(read(&json!({"duration": null})).duration, None);
}

#[test]
fn an_ip_restriction_is_read_entry_by_entry() {
    refused(&[
        (json!({"ipRestrict": "127.0.0.1"}), "ipRestrict", "must be a list"),
        (json!({"ipRestrict": ["127.0.0.1", 1]}), "ipRestrict[1]", "must be a text"),
        (json!({"ipRestrict": ["localhost"]}), "ipRestrict[0]", "is neither an IP address nor a CIDR block"),
        (json!({"ipRestrict": ["127.0.0.1", "127.0.0.1 "]}), "ipRestrict[1]", "is neither"),
        (json!({"ipRestrict": ["10.0.0.0/23"]}), "ipRestrict[0]", "is too wide"),
        (json!({"ipRestrict": ["::/0"]}), "ipRestrict[0]", "is too wide"),
        (json!({"ipRestrict": ["10.0.0.1/24"]}), "ipRestrict[0]", "has bits set behind its prefix"),
        (json!({"ipRestrict": vec!["127.0.0.1"; 101]}), "ipRestrict", "has more than 100 entries"),
    ]);
    let ips = read(&json!({"ipRestrict": ["203.0.113.7", "2001:db8::/64"]})).ips.unwrap();
    assert_eq!(ips.rules().iter().map(ToString::to_string).collect::<Vec<_>>(), ["203.0.113.7", "2001:db8::/64"]);
}

#[test]
fn saying_that_there_is_no_ip_restriction_is_not_the_same_as_saying_nothing() {
    assert_eq!(read(&json!({})).ips, None);
    for none in [json!(null), json!([])] {
        assert_eq!(read(&json!({"ipRestrict": none})).ips, Some(IpRestriction::default()));
    }
}

#[test]
fn a_limit_needs_a_coin_and_exactly_one_ceiling() {
    refused(&[
        (json!({"spendingLimits": {"tbtc": "1"}}), "spendingLimits", "must be a list, not an object"),
        (json!({"spendingLimits": "1"}), "spendingLimits", "must be a list, not a text"),
        (json!({"spendingLimits": ["tbtc"]}), "spendingLimits[0]", "must be an object"),
        (json!({"spendingLimits": [{"txValueLimit": "1"}]}), "spendingLimits[0].coin", "is missing"),
        (json!({"spendingLimits": [{"coin": 1, "txValueLimit": "1"}]}), "spendingLimits[0].coin", "must be a text"),
        (json!({"spendingLimits": [{"coin": "", "txValueLimit": "1"}]}), "spendingLimits[0].coin", "is not a coin"),
        (json!({"spendingLimits": [{"coin": "TBTC", "txValueLimit": "1"}]}), "spendingLimits[0].coin", "write `tbtc`"),
        (json!({"spendingLimits": [{"coin": "*erc20", "txValueLimit": "1"}]}), "spendingLimits[0].coin", "is not"),
        (json!({"spendingLimits": [{"coin": "tbtc"}]}), "spendingLimits[0].txValueLimit", "is missing"),
        (
            json!({"spendingLimits": [{"coin": "tbtc", "maxLimit": false}]}),
            "spendingLimits[0].txValueLimit",
            "is missing",
        ),
        (
            json!({"spendingLimits": [{"coin": "tbtc", "maxLimit": "true"}]}),
            "spendingLimits[0].maxLimit",
            "must be true or false",
        ),
        (
            json!({"spendingLimits": [{"coin": "tbtc", "maxLimit": true, "txValueLimit": "1"}]}),
            "spendingLimits[0].maxLimit",
            "cannot stand beside `txValueLimit`",
        ),
        (
            json!({"spendingLimits": [{"coin": "tbtc", "maxLimit": true}, {"coin": "tbtc", "txValueLimit": 1}]}),
            "spendingLimits[1].coin",
            "has two entries",
        ),
        (
            json!({"spendingLimits": vec![json!({"coin": "tbtc", "maxLimit": true}); 65]}),
            "spendingLimits",
            "has more than 64 entries",
        ),
    ]);
}

#[test]
fn every_limit_refuses_what_is_no_amount() {
    for (amount, problem) in no_amounts() {
        refused(&[
            (
                json!({"spendingLimits": [{"coin": "tbtc", "txValueLimit": amount}]}),
                "spendingLimits[0].txValueLimit",
                problem,
            ),
            (json!({"allErc20TokensLimit": {"txValueLimit": amount}}), "allErc20TokensLimit.txValueLimit", problem),
            (json!({"txValueLimit": amount}), "txValueLimit", problem),
        ]);
    }
}

#[test]
fn the_erc20_and_the_legacy_limit_are_read_as_strictly() {
    let both = "is a bitcoin limit for life, and `spendingLimits[0]` is one too";
    refused(&[
        (json!({"allErc20TokensLimit": true}), "allErc20TokensLimit", "must be an object"),
        (json!({"allErc20TokensLimit": {}}), "allErc20TokensLimit.txValueLimit", "is missing"),
        (json!({"allErc20TokensLimit": {"enabled": true}}), "allErc20TokensLimit.txValueLimit", "is missing"),
        (json!({"allErc20TokensLimit": {"enabled": 0}}), "allErc20TokensLimit.enabled", "must be true or false"),
        (
            json!({"allErc20TokensLimit": {"maxLimit": true, "txValueLimit": "0"}}),
            "allErc20TokensLimit.maxLimit",
            "cannot stand beside",
        ),
        (json!({"txValueLimit": 1, "spendingLimits": [{"coin": "btc", "txValueLimit": 1}]}), "txValueLimit", both),
        (json!({"txValueLimit": 1, "spendingLimits": [{"coin": "tbtc", "maxLimit": true}]}), "txValueLimit", both),
    ]);
}

#[test]
fn the_three_ways_to_write_limits_are_read_together() {
    let token = read(&json!({
        "spendingLimits": [
            {"coin": "hteth", "txValueLimit": "115792089237316195423570985008687907853269984665640564039457584007913129639935"},
            {"coin": "hteth:usdc", "txValueLimit": 0, "maxLimit": false},
            {"coin": "tsol", "maxLimit": true, "txValueLimit": null},
        ],
        "allErc20TokensLimit": {"enabled": true, "txValueLimit": "5"},
        "txValueLimit": 100,
    }));
    let largest = limit(Asset::parse("hteth").unwrap(), Ceiling::At(Amount::MAX));
    let expected = [largest, at("hteth:usdc", 0), unlimited("tsol"), at("*erc20", 5), at("*bitcoin", 100)];
    assert_eq!(token.limits.unwrap(), expected);
}

#[test]
fn no_limit_at_all_is_not_an_empty_list_of_them() {
    assert_eq!(read(&json!({"spendingLimits": null, "allErc20TokensLimit": null, "txValueLimit": null})).limits, None);
    assert_eq!(read(&json!({"spendingLimits": []})).limits, Some(vec![]));
    assert_eq!(read(&json!({"allErc20TokensLimit": {"enabled": false, "txValueLimit": "5"}})).limits, Some(vec![]));
}

#[test]
fn a_token_is_narrowed_to_organisations_or_wallets_but_never_to_nothing() {
    let empty = "is empty, which would permit nothing";
    refused(&[
        (json!({"permittedEnterprises": []}), "permittedEnterprises", empty),
        (json!({"permittedWallets": []}), "permittedWallets", empty),
        (json!({"permittedWallets": ID}), "permittedWallets", "must be a list"),
        (json!({"permittedWallets": [ID, "x"]}), "permittedWallets[1]", "is not an id"),
        (json!({"permittedWallets": [ID.to_uppercase()]}), "permittedWallets[0]", "is not an id"),
        (json!({"permittedEnterprises": [7]}), "permittedEnterprises[0]", "must be a text"),
        (json!({"permittedWallets": vec![ID; 101]}), "permittedWallets", "has more than 100 entries"),
        (json!({"permittedWallets": [ID], "permittedEnterprises": [ID]}), "permittedWallets", "cannot be combined"),
        (json!({"permittedWallets": [], "permittedEnterprises": []}), "permittedWallets", "cannot be combined"),
        (json!({"enterprise": "x"}), "enterprise", "is not an id"),
        (json!({"enterprise": 1}), "enterprise", "must be a text"),
    ]);
    let wallets = Narrowing::Wallets(vec![ID.parse().unwrap(), OTHER.parse().unwrap()]);
    assert_eq!(read(&json!({"permittedWallets": [ID, OTHER]})).narrowing, Some(wallets));
    let organisations = Narrowing::Organisations(vec![ID.parse().unwrap()]);
    let token = read(&json!({"permittedEnterprises": [ID], "permittedWallets": null, "enterprise": OTHER}));
    assert_eq!((token.narrowing, token.organisation), (Some(organisations), OTHER.parse().ok()));
}

#[test]
fn a_token_that_would_administer_is_refused() {
    let problem = "is not supported; tokens administer nothing";
    refused(&[
        (json!({"admin": true}), "admin", problem),
        (json!({"admin": "false"}), "admin", problem),
        (json!({"admin": 0}), "admin", problem),
        (json!({"adminScope": "read"}), "adminScope", problem),
    ]);
    assert_eq!(read(&json!({"admin": false, "adminScope": null})), read(&json!({})));
}

#[test]
fn what_is_left_out_stays_open_and_unknown_fields_are_left_alone() {
    let token = CreateToken::read(&body(&json!({"label": "ci", "scope": ["openid"], "colour": 1.5}))).unwrap();
    let expected = CreateToken {
        label: "ci".to_owned(),
        otp: None,
        scopes: Some(Scopes::new(["openid".parse().unwrap()])),
        duration: None,
        ips: None,
        limits: None,
        destinations: None,
        organisation: None,
        narrowing: None,
        template: None,
    };
    assert_eq!(token, expected);
    assert_eq!(read(&json!({"otp": "000000"})).otp.as_deref(), Some("000000"));
    refused(&[(json!({"otp": 0}), "otp", "must be a text, not an integer")]);
    for (text, kind) in [("[]", "a list"), ("null", "null"), ("7", "an integer")] {
        let refused = CreateToken::read(&Json::parse(text.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), format!("`body` must be an object, not {kind}"));
    }
}

#[test]
fn limits_of_ours_ride_along_with_those_of_bitgo() {
    let token = read(&json!({
        "spendingLimits": [{"coin": "tbtc", "txValueLimit": "100"}],
        "limits": ["tbtc 0.5/day", "20 spends/hour"],
        "destinations": {"allow": [{"address": "tb1q", "coin": "tbtc"}]},
    }));
    let texts: Vec<String> = token.limits.unwrap().iter().map(bursar_core::limit::text::describe).collect();
    assert_eq!(texts, ["tbtc 0.000001 in total", "tbtc 0.5/day", "20 spends/hour"]);
    let allowed = DestinationText { address: "tb1q".to_owned(), coin: Coin::parse("tbtc").unwrap() };
    assert_eq!(token.destinations.unwrap().allow, Some(vec![allowed]));
    assert_eq!(read(&json!({"limits": []})).limits, Some(vec![]));
    assert_eq!(
        read(&json!({"limits": [], "spendingLimits": [{"coin": "tbtc", "txValueLimit": 1}]})).limits,
        Some(vec![at("tbtc", 1)])
    );
    assert_eq!(read(&json!({"limits": null, "destinations": null})), read(&json!({})));
}

#[test]
fn two_limits_that_count_the_same_are_refused_wherever_they_stand() {
    let tbtc = json!([{"coin": "tbtc", "txValueLimit": "100"}]);
    refused(&[
        (
            json!({"spendingLimits": tbtc, "limits": ["20 spends/hour", "tbtc 5"]}),
            "limits[1]",
            "same as `spendingLimits[0]`",
        ),
        (json!({"limits": ["tbtc 5/day", "tbtc 6/24 hours"]}), "limits[1]", "counts the same as `limits[0]`"),
        (
            json!({"allErc20TokensLimit": {"txValueLimit": 5}, "limits": ["*erc20 5 base units"]}),
            "limits[0]",
            "a wildcard limits counts and fees only: name each coin",
        ),
        (json!({"txValueLimit": 5, "limits": ["tbtc 5"]}), "limits[0]", "and `txValueLimit` is one too"),
        (json!({"limits": ["btc 5", "*bitcoin 5/day"]}), "limits[1]", "a wildcard limits counts and fees only"),
        (
            json!({
                "spendingLimits": (0..60).map(|n| json!({"coin": format!("c{n}"), "txValueLimit": 1})).collect::<Vec<_>>(),
                "limits": (0..5).map(|n| format!("d{n} unlimited")).collect::<Vec<_>>(),
            }),
            "limits[4]",
            "is one limit more than the 64 there can be",
        ),
    ]);
    assert!(read(&json!({"txValueLimit": 5, "limits": ["tbtc 5/day"]})).limits.is_some());
}

#[test]
fn a_rotation_lets_the_old_secret_overlap_for_up_to_a_week() {
    let range = "must be a number of seconds from 0 to 604800";
    assert_refused(
        Rotate::read,
        &json!({}),
        &[
            (json!({"overlap": -1}), "overlap", range),
            (json!({"overlap": 604_801}), "overlap", range),
            (json!({"overlap": "0"}), "overlap", "must be an integer"),
            (json!({"otp": 0}), "otp", "must be a text"),
            (json!({"overlaps": 0}), "overlaps", "is not known here"),
        ],
    );
    let rotate = |value: Value| Rotate::read(&body(&value)).unwrap();
    assert_eq!(rotate(json!({})).overlap, Span::from_seconds(86_400));
    assert_eq!(
        rotate(json!({"overlap": 0, "otp": "000000"})),
        Rotate { overlap: Span::ZERO, otp: Some("000000".to_owned()) }
    );
    assert_eq!(rotate(json!({"overlap": 604_800})).overlap, Span::from_seconds(604_800));
}
