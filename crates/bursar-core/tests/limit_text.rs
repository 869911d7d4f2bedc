//! Limits as people write them: what is read, what is refused and where, and that it reads back.

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::hold::Cost;
use bursar_core::limit::text::{
    self, LimitTextError, amount_of, decimal, describe, describe_knowing, parse, parse_knowing,
};
use bursar_core::limit::{CalendarUnit, Ceiling, Limit, Measure, Window, Zone};
use bursar_core::time::{Span, Timestamp};
use proptest::prelude::*;

const DAY: u64 = 86_400;

fn asset(text: &str) -> Asset {
    Asset::parse(text).unwrap()
}

fn rolling(seconds: u64) -> Window {
    Window::Rolling(Span::from_seconds(seconds))
}

fn limit(coin: &str, measure: Measure, ceiling: u128, window: Window) -> Limit {
    Limit { asset: asset(coin), measure, window, ceiling: Ceiling::At(Amount::new(ceiling)) }
}

fn amount(coin: &str, ceiling: u128, window: Window) -> Limit {
    limit(coin, Measure::Amount, ceiling, window)
}

/// The refusal with the spot it points at.
fn refused(text: &str) -> (String, LimitTextError) {
    let error = parse(text).unwrap_err();
    (text.get(error.at.clone()).unwrap_or_else(|| panic!("{text}: {error:?}")).to_owned(), error)
}

#[test]
fn every_form_means_what_the_manual_says() {
    let zurich = Window::Calendar(CalendarUnit::Day, Zone::parse("Europe/Zurich").unwrap());
    let utc = |unit| Window::Calendar(unit, Zone::UTC);
    let from = Timestamp::from_millis(1_767_571_200_000);
    let fixed = Window::Fixed { period: Span::from_seconds(7 * DAY), from };
    let accrual = Window::Accrual { rate: Amount::new(10_000_000), period: Span::from_seconds(3600) };
    let spends = Window::Accrual { rate: Amount::new(20), period: Span::from_seconds(3600) };
    let half = 50_000_000;
    for (text, expected) in [
        ("tbtc 0.5/day", amount("tbtc", half, rolling(DAY))),
        ("tbtc  0.5 / day ", amount("tbtc", half, rolling(DAY))),
        ("tbtc 0.5/24 hours", amount("tbtc", half, rolling(DAY))),
        ("tbtc 1/30 days", amount("tbtc", 100_000_000, rolling(30 * DAY))),
        ("tbtc 1/week", amount("tbtc", 100_000_000, rolling(7 * DAY))),
        ("tbtc 1/90 seconds", amount("tbtc", 100_000_000, rolling(90))),
        ("hteth:usdc 100 per spend", amount("hteth:usdc", 100_000_000, Window::Spend)),
        ("20 spends/hour", limit("*", Measure::Count, 20, rolling(3600))),
        ("hteth:usdc 20 spends/hour", limit("hteth:usdc", Measure::Count, 20, rolling(3600))),
        ("hteth 1 spend/minute", limit("hteth", Measure::Count, 1, rolling(60))),
        ("eth:* 20 spends/day", limit("eth:*", Measure::Count, 20, rolling(DAY))),
        ("tbtc 5 in total", amount("tbtc", 500_000_000, Window::Lifetime)),
        ("tbtc 5", amount("tbtc", 500_000_000, Window::Lifetime)),
        ("tbtc 0", amount("tbtc", 0, Window::Lifetime)),
        ("20 spends", limit("*", Measure::Count, 20, Window::Lifetime)),
        ("tbtc 0.5/calendar day in Europe/Zurich", amount("tbtc", half, zurich)),
        ("tbtc 0.5/calendar hour", amount("tbtc", half, utc(CalendarUnit::Hour))),
        ("tbtc 0.5/calendar week in UTC", amount("tbtc", half, utc(CalendarUnit::Week))),
        ("tbtc 0.5/calendar month", amount("tbtc", half, utc(CalendarUnit::Month))),
        ("tbtc 2/7 days from 2026-01-05T00:00:00Z", amount("tbtc", 200_000_000, fixed)),
        ("tbtc 0.1/hour burst 0.5", amount("tbtc", half, accrual)),
        ("20 spends/hour burst 5", limit("*", Measure::Count, 5, spends)),
        ("eth fees 0.01/day", limit("eth", Measure::Fee, 10_000_000_000_000_000, rolling(DAY))),
        ("eth:* fees 0.01/day", limit("eth:*", Measure::Fee, 10_000_000_000_000_000, rolling(DAY))),
        ("tbtc 0.5/day without fees", limit("tbtc", Measure::AmountWithoutFee, half, rolling(DAY))),
        ("tbtc 5000 base units/day", amount("tbtc", 5000, rolling(DAY))),
        ("tsol 5000 base units/day", amount("tsol", 5000, rolling(DAY))),
        ("*erc20 5000 base units", amount("*erc20", 5000, Window::Lifetime)),
        // A coin may be called `fees`.
        ("fees 20 spends/day", limit("fees", Measure::Count, 20, rolling(DAY))),
        ("tavaxc:LINK 20 spends/day", limit("tavaxc:LINK", Measure::Count, 20, rolling(DAY))),
    ] {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn unlimited_is_said_explicitly() {
    let expected = Limit { ceiling: Ceiling::Unlimited, ..amount("tbtc", 0, Window::Lifetime) };
    assert_eq!(parse("tbtc unlimited").as_ref(), Ok(&expected));
    assert_eq!(parse("tbtc unlimited in total"), Ok(expected));
    assert_eq!(parse("unlimited spends/day").map(|limit| limit.asset), Ok(Asset::Any));
}

#[test]
fn a_number_is_plain_digits_and_the_first_other_character_is_shown() {
    for (text, spot) in [
        ("tbtc -1/day", "-"),
        ("tbtc +1/day", "+"),
        ("tbtc 1e3/day", "e"),
        ("tbtc 1,000/day", ","),
        ("tbtc 1_000/day", "_"),
        ("tbtc 0x10", "x"),
        ("tbtc .5/day", "."),
        ("tbtc 5./day", "."),
        ("tbtc 1.2.3", "."),
        ("tbtc 0.5btc/day", "b"),
    ] {
        let (found, error) = refused(text);
        assert_eq!((found.as_str(), error.problem.as_str()), (spot, "this stands in no plain number"), "{text}");
    }
}

#[test]
fn a_number_has_no_more_places_than_its_coin() {
    assert!(parse("tbtc 0.12345678").is_ok());
    for (text, spot, problem) in [
        ("tbtc 0.123456789", "9", "tbtc has 8 decimal places"),
        ("hteth:usdc 1.0000000/day", "0", "hteth:usdc has 6 decimal places"),
        ("tbtc 1.5 base units", ".5", "this is a fraction of what cannot be divided"),
        ("1.5 spends/day", ".5", "this is a fraction of what cannot be divided"),
        ("tsol 5/day", "5", "the decimals of tsol are not known here"),
        ("*erc20 5", "5", "the decimals of *erc20 are not known here"),
    ] {
        let (found, error) = refused(text);
        assert_eq!((found.as_str(), error.problem.as_str()), (spot, problem), "{text}");
    }
    let too_large = format!("tbtc {}", "9".repeat(71));
    assert_eq!(refused(&too_large).1.problem, "this is more than 2^256 - 1 base units");
}

#[test]
fn what_has_no_length_is_no_period() {
    assert_eq!(refused("tbtc 1/month").1.hint, "write `/calendar month` or `/30 days`");
    for (text, spot, problem) in [
        ("tbtc 1/month", "month", "a month has no length of its own"),
        ("tbtc 1/2 months", "months", "a month has no length of its own"),
        ("tbtc 1/year", "year", "a year has no length of its own"),
        ("tbtc 1/days", "days", "this is no period of time"),
        ("tbtc 1/Day", "Day", "this is no period of time"),
        ("tbtc 1/30", "", "this is no period of time"),
        ("tbtc 1/", "", "this is no period of time"),
        ("tbtc 1/0 days", "0 days", "no limit counts over this time"),
        ("tbtc 1/367 days", "367 days", "no limit counts over this time"),
        ("tbtc 1/99999999999999999999 days", "99999999999999999999", "this is no whole number"),
        ("tbtc 1/1.5 days", "1.5", "this is no whole number"),
        ("tbtc 1/calendar year", "year", "this is no unit of the calendar that limits know"),
        ("tbtc 1/calendar day in", "", "there is no such time zone"),
        ("tbtc 1/calendar day in Zurich", "Zurich", "there is no such time zone"),
        ("tbtc 1/calendar day in europe/zurich", "europe/zurich", "there is no such time zone"),
        ("tbtc 1/7 days from yesterday", "yesterday", "this is no instant"),
        ("tbtc 1/7 days from 2026-01-05", "2026-01-05", "this is no instant"),
        ("tbtc 1/7 days from 2026-01-05T00:00:00+01:00", "2026-01-05T00:00:00+01:00", "this is no instant"),
        ("tbtc 1/7 days from 2026-01-05T00:00:00.0001Z", "2026-01-05T00:00:00.0001Z", "this is no instant"),
    ] {
        let (found, error) = refused(text);
        assert_eq!((found.as_str(), error.problem.as_str()), (spot, problem), "{text}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_where_it_stands() {
    let wildcard = "this is a limit on amounts of several coins";
    for (text, spot, problem) in [
        ("", "", "nothing is written"),
        ("   ", "   ", "nothing is written"),
        ("tbtc", "", "how much is not said"),
        ("tbtc /day", "/", "how much is not said"),
        ("tbtc lots/day", "lots", "how much is not said"),
        ("0.5/day", "0.5", "no coin is named"),
        ("unlimited", "unlimited", "no coin is named"),
        ("t,btc 1", "t,btc", "this is no coin"),
        ("TBTC 1", "TBTC", "tickers are written in lower case"),
        ("ETH:* 20 spends", "ETH:*", "tickers are written in lower case"),
        ("tbtc 1 per day", "day", "`spend` is expected here"),
        ("tbtc 1 in Europe/Zurich", "Europe", "`total` is expected here"),
        ("tbtc 1 base/day", "/", "`units` is expected here"),
        ("tbtc 1 day", "day", "this does not belong here"),
        ("tbtc 1/day each", "each", "this does not belong here"),
        ("tbtc 1/day/week", "/", "this does not belong here"),
        ("tbtc 1/day without", "", "`fees` is expected here"),
        ("tbtc fees 5 spends", "spends", "fees are amounts, not spends"),
        ("tbtc fees 0.1/day without fees", "without", "only amounts can leave fees out"),
        ("20 spends/day without fees", "without", "only amounts can leave fees out"),
        (
            "tbtc 0.1/hour burst 1 without fees",
            "/hour burst 1 without fees",
            "this cannot both wear off and leave fees out",
        ),
        ("tbtc unlimited/hour burst 1", "unlimited", "nothing wears off without end"),
        ("tbtc 1/hour burst", "", "how much is not said"),
        ("eth:* 5 base units/day", "eth:*", wildcard),
        ("* 5 base units/day", "*", wildcard),
        ("* fees 5 base units/day", "*", "this sums up fees of several chains"),
        ("20 base units spends/day", "20", "spends have no base units"),
        ("tbtc 1\t/day", "\t", "this character stands in no limit"),
        ("tbtc ½/day", "½", "this character stands in no limit"),
    ] {
        let (found, error) = refused(text);
        assert_eq!((found.as_str(), error.problem.as_str()), (spot, problem), "{text}");
    }
}

#[test]
fn a_text_is_read_up_to_its_greatest_length_and_no_further() {
    let padded = |length: usize| format!("{:<length$}", "tbtc 1/day");
    let longest = (10..10_000).take_while(|&length| parse(&padded(length)).is_ok()).last().unwrap();
    let (_, problem) = refused(&padded(longest + 1));
    assert_eq!((problem.at.start, longest), (longest, 400), "{problem}");
}

#[test]
fn an_amount_without_end_is_told_as_such() {
    let told = |asset: &str, amount| amount_of(amount, &Asset::parse(asset).unwrap(), &Decimals::default());
    assert_eq!(
        [told("tbtc", Cost::WITHOUT_END), told("unknown", Cost::WITHOUT_END), told("*erc20", Cost::WITHOUT_END)],
        ["tbtc without end", "unknown without end", "an amount without end"]
    );
    assert_eq!(Cost::WITHOUT_END.checked_add(Amount::new(1)), Some(Cost::BOUND));
    assert!(told("tbtc", Cost::BOUND).ends_with(".34512896 tbtc"), "a ceiling or a sum is a figure");
}

#[test]
fn an_amount_of_many_coins_has_no_unit_of_its_own() {
    let told = |asset: &str| amount_of(Amount::new(5), &Asset::parse(asset).unwrap(), &Decimals::default());
    assert_eq!(
        [told("*erc20"), told("unknown"), told("tbtc")],
        ["5 base units", "5 base units of unknown", "0.00000005 tbtc"]
    );
}

#[test]
fn a_refusal_shows_the_spot_in_one_line_or_under_the_text() {
    let error = parse("tbtc 0.5/mnoth").unwrap_err();
    let explanation = "this is no period of time; write `/second`, `/minute`, `/hour`, `/day`, `/week`, `/30 days` or \
                       `/calendar day`";
    assert_eq!(error.to_string(), format!("at character 10, `mnoth`: {explanation}"));
    assert_eq!(format!("{error:#}"), format!("tbtc 0.5/mnoth\n         ^^^^^\n{explanation}"));
    let missing = parse("tbtc").unwrap_err();
    assert!(missing.to_string().starts_with("at the end: how much is not said; "), "{missing}");
    assert!(format!("{missing:#}").starts_with("tbtc\n    ^\n"), "{missing:#}");
    let hostile = parse("tbtc \u{1b}[2J\u{202e}1").unwrap_err();
    assert!(format!("{hostile:#}").starts_with("tbtc ?[2J?1\n     ^\n"), "{hostile:#}");
    assert!(parse(&"9".repeat(1_000_000)).unwrap_err().to_string().len() < 1000);
}

#[test]
fn where_decimals_are_not_known_the_same_limit_is_proposed_with_its_window() {
    for (text, hint) in [
        ("usdc 100/day", "a token is named with its chain, such as `eth:usdc 100/day`"),
        ("tsol 100/day", "write whole base units: `tsol 100 base units/day`"),
        ("tsol 0.5 per spend", "write whole base units: `tsol 5000 base units per spend`"),
        ("tsol fees 7", "write whole base units: `tsol fees 7 base units`"),
    ] {
        assert_eq!(parse(text).unwrap_err().hint, hint, "{text}");
    }
}

#[test]
fn a_limit_is_described_as_people_would_write_it() {
    for (text, described) in [
        ("tbtc 0.50000000/86400 seconds", "tbtc 0.5/day"),
        ("tbtc 1/14 days", "tbtc 1/14 days"),
        ("tbtc 1/7 days", "tbtc 1/week"),
        ("tbtc 1/90 minutes", "tbtc 1/90 minutes"),
        ("tbtc 5", "tbtc 5 in total"),
        ("tbtc unlimited", "tbtc unlimited"),
        ("* 20 spends/hour", "20 spends/hour"),
        ("tbtc 5000 base units/day", "tbtc 0.00005/day"),
        ("tsol 5000 base units/day", "tsol 5000 base units/day"),
        ("tbtc 1/calendar day in UTC", "tbtc 1/calendar day"),
        ("tbtc 0.1/hour burst unlimited", "tbtc 0.1/hour burst unlimited"),
        ("tbtc 2/7 days from 2026-01-05T00:00:00Z", "tbtc 2/week from 2026-01-05T00:00:00.000Z"),
    ] {
        assert_eq!(describe(&parse(text).unwrap()), described, "{text}");
    }
    assert_eq!(decimal(Amount::new(1), 18), "0.000000000000000001");
    assert_eq!(decimal(Amount::new(100), 0), "100");
    assert_eq!(decimal(Amount::ZERO, 8), "0");
}

fn any_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![any::<[u8; 32]>().prop_map(Amount::from_be_bytes), (0u128..1_000_000_000).prop_map(Amount::new)]
}

fn any_span() -> impl Strategy<Value = Span> {
    let units = prop::sample::select(vec![1, 60, 3600, DAY, 7 * DAY]);
    (units, 1u64..=52).prop_map(|(unit, number)| Span::from_seconds(unit * number))
}

fn any_window() -> impl Strategy<Value = Window> {
    let unit =
        prop::sample::select(vec![CalendarUnit::Hour, CalendarUnit::Day, CalendarUnit::Week, CalendarUnit::Month]);
    let zone = prop::sample::select(vec!["UTC", "Etc/UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires"]);
    // The years that ISO 8601 can write.
    let from = -62_135_596_800_000i64..253_402_300_799_000;
    prop_oneof![
        Just(Window::Spend),
        Just(Window::Lifetime),
        any_span().prop_map(Window::Rolling),
        (unit, zone).prop_map(|(unit, zone)| Window::Calendar(unit, Zone::parse(zone).unwrap())),
        (any_span(), from).prop_map(|(period, from)| Window::Fixed { period, from: Timestamp::from_millis(from) }),
        (any_amount(), any_span()).prop_map(|(rate, period)| Window::Accrual { rate, period }),
    ]
}

fn any_limit() -> impl Strategy<Value = Limit> {
    let assets = [
        "tbtc",
        "btc",
        "hteth",
        "hteth:usdc",
        "tsol",
        "tavaxc:LINK",
        "20",
        "fees",
        "unlimited",
        "spends",
        "*bitcoin",
        "*erc20",
        "eth:*",
        "tsol:*",
        "*",
    ];
    let ceiling = prop_oneof![4 => any_amount().prop_map(Ceiling::At), 1 => Just(Ceiling::Unlimited)];
    (prop::sample::select(assets.to_vec()), prop::sample::select(Measure::ALL.to_vec()), any_window(), ceiling)
        .prop_map(|(coin, measure, window, ceiling)| Limit { asset: asset(coin), measure, window, ceiling })
        .prop_filter("can be", |limit| limit.check().is_ok())
}

proptest! {
    #[test]
    fn every_limit_reads_back_as_it_is_described(limit in any_limit()) {
        let text = describe(&limit);
        prop_assert_eq!(parse(&text).map_err(|error| format!("{error:#}")), Ok(limit), "{}", text);
    }

    #[test]
    fn a_limit_of_a_declared_coin_reads_back_in_its_units(limit in any_limit(), places in 0u8..=77) {
        let declared = Decimals::declared(["tsol", "tavaxc:LINK"].map(|coin| (Coin::parse(coin).unwrap(), places)));
        let text = describe_knowing(&limit, &declared);
        prop_assert_eq!(parse_knowing(&text, &declared).map_err(|error| format!("{error:#}")), Ok(limit), "{}", text);
    }

    #[test]
    fn no_text_panics_and_every_refusal_points_into_it(text in "([a-z:* ]|[0-9./+-]|fees|spends|/day|burst|\\PC){0,20}") {
        if let Err(error) = parse(&text) {
            prop_assert!(text.get(error.at.clone()).is_some(), "{} {:?}", text, error);
            let _ = (error.to_string(), format!("{error:#}"));
        }
    }

    #[test]
    fn a_decimal_number_is_exact(amount in any_amount(), places in 0u8..=8) {
        let text = format!("tbtc {}", decimal(amount, 8));
        prop_assert_eq!(parse(&text).map(|limit| limit.ceiling), Ok(Ceiling::At(amount)));
        let shown = decimal(amount, places);
        let fraction = shown.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        prop_assert!(fraction <= usize::from(places) && !(fraction > 0 && shown.ends_with('0')), "{}", shown);
    }
}

#[test]
fn that_a_coins_decimals_are_unknown_is_told_apart_from_other_mistakes() {
    assert!(parse("xyz 5/day").unwrap_err().lacks_decimals, "whoever knows them may ask again");
    for text in ["* 5/day", "*erc20 5/day", "tbtc 5 /", "tbtc 0.123456789/day"] {
        assert!(!parse(text).unwrap_err().lacks_decimals, "{text}");
    }
}

#[test]
fn a_decimal_number_is_an_amount_of_base_units() {
    let units = |text| text::amount(text, 2);
    assert_eq!([units("1.5"), units("0.05")], [Some(Amount::new(150)), Some(Amount::new(5))]);
    assert_eq!([units("1.505"), units("-1"), units("1e2")], [None; 3]);
}
