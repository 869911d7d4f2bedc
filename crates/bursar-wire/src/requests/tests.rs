//! What every reader promises, and what the tests of the readers share.

use std::fmt::Debug;

use bursar_core::id::TokenId;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// A body of bad input, the field at fault and a part of what is said about it.
pub(super) type Fault = (Value, &'static str, &'static str);

/// The value as a reader gets it.
pub(super) fn body(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

/// `sound` with some fields in place of its own.
pub(super) fn with(sound: &Value, changes: &Value) -> Json {
    let mut changed = sound.as_object().unwrap().clone();
    changed.extend(changes.as_object().unwrap().clone());
    body(&Value::Object(changed))
}

/// Checks that `sound` is read, and that with the changes of each fault it is refused for that fault.
pub(super) fn assert_refused<T: Debug>(read: impl Fn(&Json) -> Result<T, FieldError>, sound: &Value, faults: &[Fault]) {
    assert!(read(&body(sound)).is_ok(), "{sound}");
    for (changes, field, problem) in faults {
        let refused = match read(&with(sound, changes)) {
            Ok(read) => panic!("{changes} was read as {read:?}"),
            Err(refused) => refused,
        };
        assert_eq!(refused.field, *field, "{changes}: {refused}");
        assert!(refused.problem.contains(problem), "{changes}: {refused}");
    }
}

/// Every way to write an amount that is none, and what is said about it.
pub(super) fn no_amounts() -> Vec<(Value, &'static str)> {
    let digits = "is not a whole number of base units";
    let inexact = "is not an integer that JSON keeps exactly";
    vec![
        (json!(""), "is empty"),
        (json!("-1"), digits),
        (json!("+1"), digits),
        (json!("1.5"), digits),
        (json!("1e3"), digits),
        (json!("0x10"), digits),
        (json!(" 1"), digits),
        (json!("1,000"), digits),
        (json!("١"), digits),
        (json!("115792089237316195423570985008687907853269984665640564039457584007913129639936"), "is more than 2^256"),
        (json!(-1), "is negative"),
        (json!(1.5), inexact),
        (json!(1e3), inexact),
        (json!(-0.0), inexact),
        (json!(1u64 << 53), inexact),
        (json!(u64::MAX), inexact),
        (json!(1e300), inexact),
        (json!(true), "must be a string of decimal digits or an integer, not a boolean"),
        (json!(["1"]), "must be a string of decimal digits or an integer, not a list"),
        (json!({"value": "1"}), "must be a string of decimal digits or an integer, not an object"),
    ]
}

fn read_amount(value: &Value) -> Result<Option<Amount>, FieldError> {
    amount(&Fields::of(&body(&json!({"amount": value})))?, "amount")
}

/// The names that readers look for, so that arbitrary bodies get past their first line.
const NAMES: &[&str] = &[
    "accessTokenTemplateId",
    "address",
    "admin",
    "allow",
    "asset",
    "atMost",
    "ceiling",
    "destination",
    "destinations",
    "each",
    "evidence",
    "fee",
    "from",
    "limits",
    "measure",
    "moved",
    "overlap",
    "rate",
    "reference",
    "seconds",
    "token",
    "unit",
    "version",
    "window",
    "allErc20TokensLimit",
    "allowedIPs",
    "amount",
    "coin",
    "comment",
    "data",
    "duration",
    "email",
    "enabled",
    "encryptedXprv",
    "enterprise",
    "enterpriseId",
    "extensible",
    "extensionAddress",
    "halfSigned",
    "ipRestrict",
    "keychains",
    "label",
    "maxLimit",
    "name",
    "oldPassword",
    "otp",
    "password",
    "permittedEnterprises",
    "permittedWallets",
    "reason",
    "recipients",
    "scope",
    "sequenceId",
    "settings",
    "spendingLimits",
    "tokenLimits",
    "tokenScopes",
    "txHex",
    "txValueLimit",
    "type",
    "xpub",
];

/// Texts that mean something to a reader.
const TEXTS: &[&str] = &[
    "",
    "0",
    "-1",
    "1000",
    "tbtc",
    "tbtc 0.5/day",
    "20 spends/hour",
    "unlimited",
    "rolling",
    "accrual",
    "hteth:usdc",
    "openid",
    "wallet_spend",
    "user_manage",
    "127.0.0.1",
    "10.0.0.0/8",
    "::/0",
    "00",
    "transfer",
    "0123456789abcdef0123456789abcdef",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), prop::sample::select(TEXTS).prop_map(str::to_owned)]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    let key = || prop_oneof![4 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(4, 60, 12, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(key(), inner, 0..12)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_panics_any_reader(value in any_value()) {
        let body = body(&value);
        let _ = (Login::read(&body), Unlock::read(&body), Extend::read(&body), VerifyPassword::read(&body));
        let _ = (ChangePassword::read(&body), CreateKeychain::read(&body), Settings::read(&body), Freeze::read(&body));
        let _ = (Send::read_one(&body), Send::read_many(&body), BuildTransaction::read(&body));
        let _ = SendTransaction::read(&body);
        let _ = (LimitsEdit::read(&body), CreateSpend::read(&body), DryRun::read(&body), Rotate::read(&body));
        let _ = (CaptureSpend::read(&body), ReleaseSpend::read(&body), ResolveSpend::read(&body));
        let mut token = CreateToken::read(&body);
        let (template, edit) = (Template::read(&body), TemplateEdit::read(&body));
        if let (Ok(template), Ok(edit)) = (template, edit) {
            prop_assert_eq!(Template::from_bytes(&template.to_bytes()), Some(template.clone()));
            let edited = template.edited(edit).unwrap();
            if let Ok(token) = &mut token {
                let _ = edited.apply_to(token);
            }
        }
    }

    #[test]
    fn no_query_panics_the_reader(query in "([a-zA-Z]{0,6}|limit|prevId|sort|[&=+%0-9]){0,12}|.*") {
        let _ = ListQuery::<TokenId>::read(&query, 25, 100);
    }

    #[test]
    fn every_amount_reads_back_as_it_was_written(bytes: [u8; 32], zeros in 0usize..4) {
        let amount = Amount::from_be_bytes(bytes);
        let text = format!("{}{amount}", "0".repeat(zeros));
        prop_assert_eq!(read_amount(&text.into()), Ok(Some(amount)));
    }

    #[test]
    fn an_integer_means_the_same_as_its_digits(number in 0..=(1u64 << 53) - 1) {
        prop_assert_eq!(read_amount(&number.into()), read_amount(&number.to_string().into()));
    }
}

#[test]
fn a_number_is_an_amount_only_while_every_reader_keeps_it_exactly() {
    assert_eq!(read_amount(&json!(9_007_199_254_740_991_u64)), Ok(Some(Amount::new((1 << 53) - 1))));
    assert_eq!(read_amount(&json!(0)), Ok(Some(Amount::ZERO)));
    assert_eq!(read_amount(&Value::Null), Ok(None));
    for (value, problem) in no_amounts() {
        let refused = read_amount(&value).unwrap_err();
        assert!(refused.field == "amount" && refused.problem.contains(problem), "{value}: {refused}");
    }
}
