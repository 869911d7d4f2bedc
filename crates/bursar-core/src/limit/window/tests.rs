//! Windows on real calendars: each instant lies in one period, and periods begin and end where people
//! expect them to.

use proptest::prelude::*;

use super::*;
use crate::fixtures::any::{self, UNITS, utc};

const MILLISECOND: Span = Span::from_millis(1);

fn calendar(unit: CalendarUnit, zone: &str) -> Window {
    Window::Calendar(unit, Zone::parse(zone).unwrap())
}

/// Where periods begin, one after the other, from the one around an instant on.
fn beginnings(window: &Window, around: &str, number: usize) -> Vec<String> {
    let first = window.period_at(utc(around)).unwrap();
    std::iter::successors(Some(first), |period| window.period_at(period.end))
        .take(number)
        .map(|period| period.start.to_string())
        .collect()
}

/// The instant lies in its period, which is the same for all its instants and touches its neighbours.
fn is_partitioned_around(window: &Window, at: Timestamp) {
    let period = window.period_at(at).unwrap();
    assert!(period.start <= at && at < period.end, "{window} at {at}: {period:?}");
    for inside in [period.start, period.end.minus(MILLISECOND)] {
        assert_eq!(window.period_at(inside), Some(period), "{window} at {inside}, as at {at}");
    }
    assert_eq!(window.period_at(period.end).unwrap().start, period.end, "{window} after {period:?}");
    assert_eq!(
        window.period_at(period.start.minus(MILLISECOND)).unwrap().end,
        period.start,
        "{window} before {period:?}"
    );
    assert!(period.end.since(period.start) <= window.reach().unwrap(), "{window}: {period:?} is out of reach");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instant_lies_in_one_calendar_period(
        (zone, at) in any::zone().prop_flat_map(|zone| { let at = any::instant(&zone); (Just(zone), at) }),
        unit in prop::sample::select(&UNITS[..]),
    ) {
        is_partitioned_around(&Window::Calendar(unit, zone), at);
    }

    #[test]
    fn every_instant_lies_in_one_fixed_period_also_before_the_first(
        seconds in 1..=366 * 86_400u64, from in -4_000_000_000_000..4_000_000_000_000i64,
        at in -4_000_000_000_000..4_000_000_000_000i64,
    ) {
        let from = Timestamp::from_millis(from);
        let window = Window::Fixed { period: Span::from_seconds(seconds), from };
        is_partitioned_around(&window, Timestamp::from_millis(at));
        is_partitioned_around(&window, from);
        prop_assert_eq!(window.period_at(from).unwrap().start, from);
    }

    #[test]
    fn a_window_reads_back_as_it_was_written(window in any::window(), rate in 0..u128::MAX) {
        prop_assert_eq!(window.check(), Ok(()));
        prop_assert_eq!(Window::parse(&window.to_string()), Ok(window));
        let window = Window::Accrual { rate: Amount::new(rate), period: Window::LONGEST };
        prop_assert_eq!(Window::parse(&window.to_string()), Ok(window));
    }

    #[test]
    fn any_text_is_refused_or_the_only_way_to_write_its_window(text in "[a-z]{4,9} [0-9a-zA-Z/:. -]{0,24}s?") {
        if let Ok(window) = Window::parse(&text) {
            prop_assert_eq!(Window::parse(&window.to_string()), Ok(window));
        }
    }
}

#[test]
fn a_day_is_an_hour_shorter_or_longer_when_the_clock_is_changed() {
    let zurich = calendar(CalendarUnit::Day, "Europe/Zurich");
    assert_eq!(
        beginnings(&zurich, "2026-03-28T12:00:00Z", 3),
        ["2026-03-27T23:00:00.000Z", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]
    );
    assert_eq!(
        beginnings(&zurich, "2026-10-24T12:00:00Z", 3),
        ["2026-10-23T22:00:00.000Z", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"]
    );
    let new_york = calendar(CalendarUnit::Day, "America/New_York");
    assert_eq!(
        beginnings(&new_york, "2026-03-08T12:00:00Z", 2),
        ["2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"]
    );
    let lord_howe = calendar(CalendarUnit::Day, "Australia/Lord_Howe");
    assert_eq!(
        beginnings(&lord_howe, "2026-04-04T20:00:00Z", 2),
        ["2026-04-04T13:00:00.000Z", "2026-04-05T13:30:00.000Z"]
    );
}

#[test]
fn an_hour_in_which_the_clock_is_changed_is_cut_there() {
    let lord_howe = calendar(CalendarUnit::Hour, "Australia/Lord_Howe");
    // At 02:00 the clock is put back to 01:30: that half hour comes twice and is a period of its own.
    assert_eq!(
        beginnings(&lord_howe, "2026-04-04T14:30:00Z", 4),
        [
            "2026-04-04T14:00:00.000Z",
            "2026-04-04T15:00:00.000Z",
            "2026-04-04T15:30:00.000Z",
            "2026-04-04T16:30:00.000Z"
        ]
    );
    let zurich = calendar(CalendarUnit::Hour, "Europe/Zurich");
    assert_eq!(
        beginnings(&zurich, "2026-10-25T00:59:59.999Z", 3),
        ["2026-10-25T00:00:00.000Z", "2026-10-25T01:00:00.000Z", "2026-10-25T02:00:00.000Z"]
    );
    let kathmandu = calendar(CalendarUnit::Hour, "Asia/Kathmandu");
    assert_eq!(
        beginnings(&kathmandu, "2026-01-01T00:00:00Z", 2),
        ["2025-12-31T23:15:00.000Z", "2026-01-01T00:15:00.000Z"]
    );
}

#[test]
fn a_zone_with_an_odd_offset_has_midnight_at_its_own_time() {
    let kathmandu = calendar(CalendarUnit::Day, "Asia/Kathmandu");
    assert_eq!(
        beginnings(&kathmandu, "2026-01-01T18:14:59.999Z", 2),
        ["2025-12-31T18:15:00.000Z", "2026-01-01T18:15:00.000Z"]
    );
}

#[test]
fn a_day_that_is_shown_again_after_it_has_ended_does_not_come_back() {
    // At 00:01 on Sunday, the clock was put back to 23:01 on Saturday.
    let st_johns = calendar(CalendarUnit::Day, "America/St_Johns");
    assert_eq!(
        beginnings(&st_johns, "2006-10-28T12:00:00Z", 3),
        ["2006-10-28T02:30:00.000Z", "2006-10-29T02:30:00.000Z", "2006-10-30T03:30:00.000Z"]
    );
    // There was no 30 December 2011.
    let apia = calendar(CalendarUnit::Day, "Pacific/Apia");
    assert_eq!(beginnings(&apia, "2011-12-30T00:00:00Z", 2), ["2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z"]);
}

#[test]
fn a_week_begins_on_monday_and_a_month_on_its_first() {
    let week = calendar(CalendarUnit::Week, "UTC");
    let mondays = ["2025-12-29T00:00:00.000Z", "2026-01-05T00:00:00.000Z"];
    for day in ["2025-12-29T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-04T23:59:59.999Z"] {
        assert_eq!(beginnings(&week, day, 2), mondays);
    }
    let month = calendar(CalendarUnit::Month, "UTC");
    for (day, next) in [
        ("2028-02-29T23:59:59.999Z", "2028-03-01T00:00:00.000Z"),
        ("2027-02-28T00:00:00Z", "2027-03-01T00:00:00.000Z"),
        ("2026-01-31T12:00:00Z", "2026-02-01T00:00:00.000Z"),
        ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(beginnings(&month, day, 2)[1], next);
    }
}

#[test]
fn an_instant_beyond_the_calendar_lies_in_a_period_that_never_ends() {
    let ends_of_time = [i64::MIN, i64::MAX - 1].map(Timestamp::from_millis);
    let fixed = Window::Fixed { period: Span::from_seconds(86_400), from: utc("2026-01-05T00:00:00Z") };
    for window in UNITS.map(|unit| calendar(unit, "Europe/Zurich")).into_iter().chain([fixed]) {
        for at in ends_of_time {
            let period = window.period_at(at).unwrap();
            assert!(period.start <= at && at < period.end, "{window} at {at}");
        }
    }
}

#[test]
fn what_is_no_window_is_refused() {
    for text in [
        "",
        "day",
        "rolling",
        "rolling 0s",
        "rolling 31622401s",
        "rolling 60",
        "rolling +60s",
        "rolling 60s ",
        "rolling  60s",
        "rolling 18446744073709551616s",
        "calendar day",
        "calendar year UTC",
        "calendar day europe/zurich",
        "calendar day Mars/Olympus",
        "calendar day Etc/Unknown",
        "fixed 60s",
        "fixed 60s from now",
        "fixed 60s until 2026-01-05T00:00:00.000Z",
        "accrual 5 per 0s",
        "accrual -5 per 60s",
        "accrual 6277101735386680763835789423207666416102355444464034512896 per 60s",
        "spend spend",
    ] {
        assert!(Window::parse(text).is_err(), "{text}");
    }
    assert_eq!(Window::parse("day").unwrap_err().to_string().split(';').next(), Some("is no window"));
    let odd = Window::Rolling(Span::from_millis(1500));
    assert!(odd.check().is_err(), "what is stored counts whole seconds");
    let out_of_reach = Window::Fixed { period: Span::from_seconds(60), from: Timestamp::from_millis(i64::MAX) };
    assert!(out_of_reach.check().is_err(), "what is stored could not be read back");
}
