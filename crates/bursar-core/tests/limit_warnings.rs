//! What is said about rules that can be, but are probably not meant.

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::destination::Destination;
use bursar_core::limit::text::parse;
use bursar_core::limit::warnings::{Warning, warnings, warnings_of_token};
use bursar_core::limit::{Allowed, Destinations, LimitSet};

fn sentence(warning: &Warning) -> String {
    warning.sentence(&Decimals::default())
}

fn of(limits: &[&str]) -> Vec<String> {
    let limits = limits.iter().map(|text| parse(text).unwrap()).collect();
    warnings(&LimitSet::of(limits)).iter().map(sentence).collect()
}

fn none_first(limit: &str, stricter: &str) -> String {
    format!("`{limit}` has no effect: `{stricter}` always refuses before it")
}

#[test]
fn a_warning_tells_limits_of_a_declared_coin_in_its_units() {
    let coin = Coin::parse("eth:mycoin").unwrap();
    let limits = ["eth:mycoin 5000000 base units/day", "eth:mycoin 3500000 base units/week"];
    let found = warnings(&LimitSet::of(limits.iter().map(|text| parse(text).unwrap()).collect()));
    let told = found[0].sentence(&Decimals::declared([(coin, 6)]));
    assert_eq!(told, none_first("eth:mycoin 5/day", "eth:mycoin 3.5/week"));
}

#[test]
fn a_sound_set_gets_no_warning() {
    assert_eq!(of(&[]), [""; 0]);
    assert_eq!(of(&["tbtc 5"]), [""; 0]);
    let all = ["tbtc 0.1 per spend", "tbtc 0.5/day", "tbtc 2/week", "tbtc 10", "20 spends/hour", "100 spends/day"];
    assert_eq!(of(&all), [""; 0]);
    assert_eq!(of(&["hteth:usdc 100/day", "hteth fees 0.01/day", "tavaxc:LINK 5 base units"]), [""; 0]);
}

#[test]
fn a_day_above_its_week_never_refuses() {
    for (day, week) in [
        ("tbtc 5/day", "tbtc 3/week"),
        ("tbtc 3/day", "tbtc 3/week"),
        ("tbtc 5/calendar day", "tbtc 3/calendar week"),
        ("tbtc 5/calendar hour", "tbtc 3/day"),
        ("tbtc 5/calendar month", "tbtc 3/32 days"),
        ("tbtc 5/7 days from 2026-01-05T00:00:00.000Z", "tbtc 3/week"),
        ("tbtc 5/day", "tbtc 3 in total"),
        ("tbtc 1/hour burst 5", "tbtc 3 in total"),
        ("tbtc 5/day without fees", "tbtc 3/day"),
        ("tbtc fees 5/day", "tbtc 3/day"),
        ("hteth 30 spends/hour", "hteth:* 20 spends/hour"),
        ("hteth:* 30 spends/hour", "20 spends/hour"),
        (
            "hteth 30 spends/3 days from 2026-01-05T00:00:00.000Z",
            "hteth:* 20 spends/3 days from 2026-01-05T00:00:00.000Z",
        ),
    ] {
        let limit = bursar_core::limit::text::describe(&parse(day).unwrap());
        let found = of(&[day, week]);
        assert!(found.contains(&none_first(&limit, week)), "{day} {week}: {found:?}");
        assert_eq!(found.iter().filter(|text| text.contains("has no effect")).count(), 1, "{found:?}");
    }
}

#[test]
fn of_windows_that_do_not_lie_in_each_other_nothing_is_said() {
    for pair in [
        ["tbtc 5/day", "tbtc 3/calendar week"],
        ["tbtc 5/calendar week", "tbtc 3/calendar month"],
        ["tbtc 5/calendar day", "tbtc 3/calendar week in Europe/Zurich"],
        ["tbtc 5/calendar day", "tbtc 3/day"],
        // A day is longer where a clock is put back.
        ["tbtc 5/calendar day", "tbtc 3/25 hours"],
        ["tbtc 5/day", "tbtc 1/week burst 3"],
        ["tbtc 5/day", "btc 3/week"],
        ["tbtc 2/day", "tbtc 3/week"],
    ] {
        assert_eq!(of(&pair), [""; 0], "{pair:?}");
    }
}

#[test]
fn a_spend_above_its_window_never_refuses() {
    assert_eq!(of(&["tbtc 5 per spend", "tbtc 3/day"]), [none_first("tbtc 5 per spend", "tbtc 3/day")]);
}

#[test]
fn what_refuses_nothing_or_everything_is_told() {
    let never = |text: &str| format!("`{text}` never refuses anything");
    assert_eq!(of(&["tbtc 1", "unlimited spends/day"]), [never("unlimited spends/day")]);
    assert_eq!(of(&["tbtc 1", "3 spends per spend"]), [never("3 spends per spend")]);
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935 base units";
    assert_eq!(of(&[&format!("tsol {most}")]), [never(&format!("tsol {most} in total"))]);
    assert_eq!(of(&["tbtc 0"]), ["`tbtc 0 in total` lets nothing through"]);
}

#[test]
fn unlimited_is_told_alone_and_beside_real_limits() {
    assert_eq!(of(&["tbtc unlimited"]), ["nothing limits how much of tbtc is spent"]);
    let beside = of(&["tbtc unlimited", "tbtc 0.5/day"]);
    assert_eq!(beside, ["`tbtc unlimited` does not lift `tbtc 0.5/day`: all limits hold"]);
}

#[test]
fn limits_without_an_amount_let_nothing_be_spent() {
    let told = "no limit is on amounts, so these let a token spend nothing by itself; add one per coin";
    assert_eq!(of(&["20 spends/hour", "eth fees 0.1/day"]), [told]);
}

#[test]
fn spends_that_are_limited_one_by_one_have_no_total() {
    let told = "each spend of tbtc is limited, but not what all of them may come to";
    assert_eq!(of(&["tbtc 5 per spend"]), [told]);
    assert_eq!(
        of(&["tbtc 5 per spend", "tbtc 6 per spend without fees"]).iter().filter(|text| *text == told).count(),
        1
    );
}

#[test]
fn the_erc20_limit_is_one_counter_of_raw_units() {
    let told = of(&["*erc20 5000 base units"]);
    assert!(told.len() == 1 && told[0].contains("one counter of base units for all ERC-20 tokens"), "{told:?}");
    assert_eq!(of(&["*erc20 unlimited"]), ["nothing limits how much of *erc20 is spent"]);
}

#[test]
fn a_ticker_in_the_wrong_case_is_told() {
    let wrong = |text: &str| {
        let limit = parse("tbtc 5").unwrap();
        let asset = Asset::Coin(Coin::parse(text).unwrap());
        warnings(&LimitSet::of(vec![bursar_core::limit::Limit { asset, ..limit }]))
    };
    for coin in ["TBTC", "hteth:USDC", "HTETH:usdc"] {
        assert_eq!(wrong(coin), [Warning::WrongCase(Coin::parse(coin).unwrap())], "{coin}");
    }
    for coin in ["tbtc", "hteth:usdc", "tavaxc:LINK", "xlm:USDC-GA5Z"] {
        assert_eq!(wrong(coin), [], "{coin}");
    }
}

#[test]
fn destinations_that_nobody_can_reach_are_told() {
    let one = Allowed {
        destination: Destination::new("evm", &[1], None),
        address: "0x01".to_owned(),
        coin: Coin::parse("hteth").unwrap(),
    };
    let of = |allowed: Option<Vec<Allowed>>, at_most, each: &[&str]| {
        let each = each.iter().map(|text| parse(text).unwrap()).collect();
        let destinations = Some(Destinations { allowed, at_most, each, counted_since: None });
        warnings(&LimitSet { limits: vec![parse("tbtc 3/week").unwrap()], destinations })
    };
    assert_eq!(of(Some(vec![]), None, &[]), [Warning::NoDestination]);
    assert_eq!(of(None, Some(0), &[]), [Warning::NoDestination]);
    let more = of(Some(vec![one.clone()]), Some(1), &[]);
    assert_eq!(more, [Warning::MoreThanAllowed { at_most: 1, allowed: 1 }]);
    assert_eq!(sentence(&more[0]), "that 1 may be paid at most adds nothing: only 1 is allowed at all");
    assert_eq!(of(Some(vec![one.clone(), one]), Some(1), &["tbtc 1/day without fees"]), []);
    let each = of(None, None, &["tbtc 5/day without fees"]);
    assert_eq!(sentence(&each[0]), none_first("tbtc 5/day without fees", "tbtc 3/week"));
}

#[test]
fn destinations_that_no_limit_of_a_token_can_pay_are_told() {
    let allowed = |text: &str, byte| Allowed {
        destination: Destination::new("any", &[byte], None),
        address: format!("{byte}"),
        coin: Coin::parse(text).unwrap(),
    };
    let destinations = vec![allowed("tbtc", 1), allowed("hteth", 2), allowed("hteth", 3), allowed("hteth:usdc", 4)];
    let set = |limits: &[&str]| LimitSet {
        limits: limits.iter().map(|text| parse(text).unwrap()).collect(),
        destinations: Some(Destinations { allowed: Some(destinations.clone()), ..Destinations::default() }),
    };
    let of = |limits: &[&str]| {
        let told =
            warnings_of_token(&set(limits)).into_iter().filter(|told| matches!(told, Warning::NothingToPayWith { .. }));
        told.map(|told| sentence(&told)).collect::<Vec<_>>()
    };
    let ether = [
        "2 destinations are given for hteth, and no limit lets the token spend hteth: add one",
        "1 destination is given for hteth:usdc, and no limit lets the token spend hteth:usdc: add one",
    ];
    assert_eq!(of(&["tbtc 3/week"]), ether);
    assert_eq!(of(&["tbtc 3/week", "hteth 0", "20 spends/hour", "hteth fees 0.1/day"]), ether, "none lets it spend");
    for pays in ["hteth 1/day", "hteth:usdc 5/day", "*erc20 5000 base units"] {
        assert_eq!(of(&["tbtc 3/week", pays]), [""; 0], "{pays}");
    }
    assert_eq!(of(&["20 spends/hour"]), [""; 0], "that it spends nothing at all is told otherwise");
    assert!(!warnings(&set(&["tbtc 3/week"])).iter().any(|told| matches!(told, Warning::NothingToPayWith { .. })));
}

#[test]
fn a_token_that_may_spend_a_coin_but_not_pay_its_fee_is_told_of() {
    let told = |limits: &[&str]| {
        let set = LimitSet::of(limits.iter().map(|text| parse(text).unwrap()).collect());
        let found = warnings_of_token(&set).into_iter().filter_map(|told| match told {
            Warning::NoLimitForFee { coin, fee_coin } => Some(format!("{coin} {fee_coin}")),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(told(&["hteth:usdc 100/day", "hteth:usdc 10 per spend"]), ["hteth:usdc hteth"]);
    for enough in [
        &["hteth:usdc 100/day", "hteth 0.1/day"][..],
        &["hteth:usdc 100/day", "hteth fees 0.01/day"],
        &["hteth 0.1/day"],
        &["tbtc 1/day"],
        // Nothing of it can be spent anyway.
        &["hteth:usdc 0"],
        &["hteth:usdc 5 spends/day"],
    ] {
        assert_eq!(told(enough), [""; 0], "{enough:?}");
    }
}

#[test]
fn base_units_that_were_written_as_units_are_more_than_there_is() {
    let told = |limit: &str| {
        format!(
            "`{limit}` is more than there is of it: amounts are in units of the coin, unless `base units` stands behind them"
        )
    };
    assert_eq!(of(&["hteth 500000000000000000/day"]), [told("hteth 500000000000000000/day")]);
    assert_eq!(of(&["hteth fees 1000000000000/day", "hteth 1/day"])[0], told("hteth fees 1000000000000/day"));
    for sound in [
        "hteth 500000000000000000 base units/day",
        "hteth 999999999999/day",
        "tbtc 21000000/day",
        "mycoin 999999999999999999 base units/day",
    ] {
        assert_eq!(of(&[sound]), [""; 0], "{sound}");
    }
}

#[test]
fn the_greatest_ceiling_there_is_gets_one_warning() {
    let greatest = format!("hteth {} base units/day", Amount::MAX);
    assert_eq!(of(&[&greatest]).len(), 1, "{:?}", of(&[&greatest]));
}
