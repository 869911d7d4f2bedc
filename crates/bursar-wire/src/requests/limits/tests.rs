use bursar_core::limit::text::describe;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::requests::tests::{assert_refused, body, no_amounts, with};
use crate::shapes;

fn edit(value: &Value) -> LimitsEdit {
    LimitsEdit::read(&body(value)).unwrap()
}

/// The limit an object means, as people write it.
fn meant(object: &Value) -> String {
    describe(&edit(&json!({"limits": [object]})).limits.unwrap()[0])
}

#[test]
fn an_object_means_what_its_text_does() {
    let of = |measure: &str, window: Value| json!({"asset": "tbtc", "measure": measure, "ceiling": "50000000", "window": window});
    let rolling = json!({"type": "rolling", "seconds": 86_400});
    for (object, text) in [
        (json!({"asset": "tbtc", "ceiling": "50000000"}), "tbtc 0.5 in total"),
        (json!({"asset": "tbtc", "ceiling": 50_000_000}), "tbtc 0.5 in total"),
        (json!({"asset": "tbtc", "ceiling": "unlimited"}), "tbtc unlimited"),
        (of("amount", json!({"type": "spend"})), "tbtc 0.5 per spend"),
        (of("amount", json!({"type": "lifetime"})), "tbtc 0.5 in total"),
        (of("amount", rolling.clone()), "tbtc 0.5/day"),
        (of("amount without fee", rolling.clone()), "tbtc 0.5/day without fees"),
        (of("fee", rolling.clone()), "tbtc fees 0.5/day"),
        (of("count", rolling), "tbtc 50000000 spends/day"),
        (of("amount", json!({"type": "calendar", "unit": "month"})), "tbtc 0.5/calendar month"),
        (
            of("amount", json!({"type": "calendar", "unit": "day", "timeZone": "Europe/Zurich"})),
            "tbtc 0.5/calendar day in Europe/Zurich",
        ),
        (
            of("amount", json!({"type": "fixed", "seconds": 3600, "from": "2026-01-05T00:00:00Z"})),
            "tbtc 0.5/hour from 2026-01-05T00:00:00.000Z",
        ),
        (of("amount", json!({"type": "accrual", "seconds": 3600, "rate": "10000000"})), "tbtc 0.1/hour burst 0.5"),
        (json!({"asset": "eth:*", "measure": "count", "ceiling": 20}), "eth:* 20 spends in total"),
        (json!({"asset": "*", "measure": "count", "ceiling": 20}), "20 spends in total"),
    ] {
        assert_eq!(meant(&object), text, "{object}");
    }
}

#[test]
fn a_limit_is_refused_for_the_field_that_is_wrong() {
    let of = |changes: Value| {
        let mut limit = json!({"asset": "tbtc", "ceiling": "1"});
        limit.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"limits": [limit]})
    };
    let window = |window: Value| of(json!({"window": window}));
    let seconds = "must be a number of seconds from 1 to 31622400";
    let mut faults = vec![
        (json!({"limits": "tbtc 5"}), "limits", "must be a list"),
        (json!({"limits": null}), "limits", "is null; write `[]`"),
        (json!({"limits": [5]}), "limits[0]", "must be a text such as `tbtc 0.5/day` or an object, not an integer"),
        (
            json!({"limits": ["tbtc 0.5/mnoth"]}),
            "limits[0]",
            "is no limit: at character 10, `mnoth`: this is no period",
        ),
        (json!({"limits": [""]}), "limits[0]", "is no limit: at the end: nothing is written"),
        (json!({"limits": vec!["tbtc 5"; 65]}), "limits", "has more than 64 entries"),
        (json!({"limit": []}), "limit", "is not known here"),
        (json!({"version": -1}), "version", "must be a version that was shown"),
        (json!({"otp": 0}), "otp", "must be a text"),
        (of(json!({"asset": null})), "limits[0].asset", "is missing"),
        (of(json!({"asset": "t btc"})), "limits[0].asset", "is not a coin"),
        (of(json!({"asset": "TBTC"})), "limits[0].asset", "write `tbtc`"),
        (of(json!({"asset": "ETH:*"})), "limits[0].asset", "write `eth:*`"),
        (of(json!({"asset": "eth:*"})), "limits[0].asset", "is a limit on amounts of several coins"),
        (of(json!({"asset": "*", "measure": "fee"})), "limits[0].asset", "sums up fees of several chains"),
        (of(json!({"measure": "sum"})), "limits[0].measure", "must be `amount`, `amount without fee`"),
        (of(json!({"ceiling": null})), "limits[0].ceiling", "is missing; give a number"),
        (of(json!({"ceiling": "Unlimited"})), "limits[0].ceiling", "is not a whole number"),
        (of(json!({"celing": "1"})), "limits[0].celing", "is not known here"),
        (window(json!("day")), "limits[0].window", "must be an object"),
        (window(json!({})), "limits[0].window.type", "is missing"),
        (window(json!({"type": "weekly"})), "limits[0].window.type", "must be `spend`"),
        (window(json!({"type": "lifetime", "seconds": 5})), "limits[0].window.seconds", "is not known here"),
        (window(json!({"type": "rolling"})), "limits[0].window.seconds", "is missing"),
        (window(json!({"type": "rolling", "seconds": 0})), "limits[0].window.seconds", seconds),
        (window(json!({"type": "rolling", "seconds": 31_622_401})), "limits[0].window.seconds", seconds),
        (window(json!({"type": "rolling", "seconds": 1, "unit": "day"})), "limits[0].window.unit", "is not known here"),
        (window(json!({"type": "calendar", "unit": "year"})), "limits[0].window.unit", "must be `hour`"),
        (
            window(json!({"type": "calendar", "unit": "day", "timeZone": "Zurich"})),
            "limits[0].window.timeZone",
            "names no time zone",
        ),
        (window(json!({"type": "fixed", "seconds": 1, "from": "2026"})), "limits[0].window.from", "must be an instant"),
        (window(json!({"type": "accrual", "seconds": 1})), "limits[0].window.rate", "is missing"),
        (
            window(json!({"type": "accrual", "seconds": 1, "rate": "9".repeat(60)})),
            "limits[0].window.rate",
            "has a rate of more than",
        ),
        (
            of(json!({"measure": "amount without fee", "window": {"type": "accrual", "seconds": 1, "rate": 1}})),
            "limits[0].measure",
            "cannot both wear off and leave fees out",
        ),
    ];
    let amounts = no_amounts().into_iter();
    faults.extend(amounts.map(|(amount, problem)| (of(json!({"ceiling": amount})), "limits[0].ceiling", problem)));
    assert_refused(LimitsEdit::read, &json!({"limits": []}), &faults);
}

#[test]
fn destinations_are_refused_for_the_field_that_is_wrong() {
    let of = |rules: Value| json!({"destinations": rules});
    let to = |address: &str| json!({"address": address, "coin": "tbtc"});
    let not_each = "is no limit for each destination";
    assert_refused(
        LimitsEdit::read,
        &json!({"limits": []}),
        &[
            (of(json!([])), "destinations", "must be an object"),
            (of(json!({"allowed": []})), "destinations.allowed", "is not known here"),
            (of(json!({"allow": ["tb1q"]})), "destinations.allow[0]", "must be an object"),
            (of(json!({"allow": [{"coin": "tbtc"}]})), "destinations.allow[0].address", "is missing"),
            (of(json!({"allow": [{"address": "tb1q"}]})), "destinations.allow[0].coin", "is missing"),
            (of(json!({"allow": [to("")]})), "destinations.allow[0].address", "must have 1 to 512 bytes"),
            (of(json!({"allow": [to("tb1q\u{202e}")]})), "destinations.allow[0].address", "no control characters"),
            (of(json!({"allow": [{"address": "a", "coin": "TBTC"}]})), "destinations.allow[0].coin", "write `tbtc`"),
            (
                of(json!({"allow": [{"address": "a", "coin": "tbtc", "tag": 1}]})),
                "destinations.allow[0].tag",
                "is not known",
            ),
            (of(json!({"allow": vec![to("a"); 1001]})), "destinations.allow", "has more than 1000 entries"),
            (of(json!({"atMost": -1})), "destinations.atMost", "must be a number from 0 to 4294967295"),
            (of(json!({"atMost": 1u64 << 32})), "destinations.atMost", "must be a number"),
            (of(json!({"atMost": "3"})), "destinations.atMost", "must be an integer"),
            (of(json!({"each": ["tbtc 5/day"]})), "destinations.each[0]", not_each),
            (of(json!({"each": ["20 spends/day"]})), "destinations.each[0]", not_each),
            (
                of(json!({"each": ["tbtc 5/day without fees", "tbtc 6/day without fees"]})),
                "destinations.each[1]",
                "counts the same as `each[0]`",
            ),
        ],
    );
}

#[test]
fn destinations_are_any_none_or_some() {
    let read = |rules: Value| match edit(&json!({"destinations": rules})).destinations {
        DestinationEdit::Replace(rules) => rules,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(json!({})), DestinationRules::default());
    assert_eq!(read(json!({"allow": []})).allow, Some(vec![]));
    let some = read(json!({
        "allow": [{"address": "0x01?memo=7", "coin": "tavaxc:LINK"}], "atMost": 0, "each": ["tbtc 5/day without fees"],
    }));
    let allowed = DestinationText { address: "0x01?memo=7".to_owned(), coin: Coin::parse("tavaxc:LINK").unwrap() };
    assert_eq!((some.allow, some.at_most, some.each.len()), (Some(vec![allowed]), Some(0), 1));
}

#[test]
fn an_edit_keeps_what_it_does_not_mention() {
    let all = edit(&json!({"version": 3, "limits": ["tbtc 5"], "destinations": null, "otp": "000000"}));
    assert_eq!((all.seen, all.limits.map(|limits| limits.len())), (Some(3), Some(1)));
    assert_eq!((all.destinations, all.otp.as_deref()), (DestinationEdit::Remove, Some("000000")));
    let limits_alone = edit(&json!({"limits": []}));
    assert_eq!((limits_alone.limits, limits_alone.destinations), (Some(vec![]), DestinationEdit::Keep));
    assert_eq!(edit(&json!({"destinations": {}})).limits, None);
    let nothing = LimitsEdit::read(&with(&json!({}), &json!({"otp": "000000"}))).unwrap_err();
    assert_eq!(nothing.to_string(), "`limits` is missing, and so is `destinations`: give one or both");
}

proptest! {
    #[test]
    fn a_limit_that_was_shown_can_be_written_back(
        asset in prop::sample::select(vec!["tbtc", "hteth:usdc", "tsol", "eth:*", "*", "*erc20", "*bitcoin"]),
        what in prop::sample::select(vec!["spends", "fees", "", "without fees"]),
        number in prop_oneof![Just("unlimited".to_owned()), any::<u64>().prop_map(|number| number.to_string())],
        window in prop::sample::select(vec![
            " per spend", "", "/day", "/90 seconds", "/calendar week in Europe/Zurich", "/calendar hour",
            "/7 days from 2026-01-05T00:00:00Z", "/hour burst unlimited", "/hour burst 7",
        ]),
    ) {
        let burst_units = if window.ends_with('7') && what != "spends" { " base units" } else { "" };
        let units = if what == "spends" { " spends" } else if number == "unlimited" { "" } else { " base units" };
        let fees = if what == "fees" { "fees " } else { "" };
        let without = if what == "without fees" { " without fees" } else { "" };
        let text = format!("{asset} {fees}{number}{units}{window}{burst_units}{without}");
        if let Ok(limit) = bursar_core::limit::text::parse(&text) {
            let shown = Value::from(shapes::limit(&limit));
            prop_assert_eq!(edit(&json!({"limits": [shown]})).limits, Some(vec![limit]), "{}", text);
        }
    }
}
