//! What is said never to be reached, against spends that try to.

use proptest::prelude::*;

use super::*;
use crate::amount::Amount;
use crate::fixtures::any::{UNITS, instant, zone};
use crate::fixtures::limit;
use crate::id::TokenId;
use crate::limit::warnings::{Warning, warnings};
use crate::limit::{Budget, Ceiling, Limit, LimitSet, Subject, Usage};
use crate::time::Timestamp;

const HOUR: u64 = 3600;

/// Lengths of some hours or days, which are often multiples of each other.
fn length() -> impl Strategy<Value = Span> {
    prop_oneof![1..50 * HOUR, (1..30u64).prop_map(|hours| hours * HOUR), (1..40u64).prop_map(|days| days * 24 * HOUR)]
        .prop_map(Span::from_seconds)
}

fn window(zone: Zone, from: Timestamp) -> impl Strategy<Value = Window> {
    prop_oneof![
        length().prop_map(Window::Rolling),
        prop::sample::select(&UNITS[..]).prop_map(move |unit| Window::Calendar(unit, zone.clone())),
        (length(), 0..30u64).prop_map(move |(period, hours)| {
            Window::Fixed { period, from: from.plus(Span::from_seconds(hours * HOUR)) }
        }),
    ]
}

/// Two windows on one clock, and an instant that is often near one at which it is changed.
fn windows() -> impl Strategy<Value = (Window, Window, Timestamp)> {
    zone().prop_flat_map(|zone| (Just(zone.clone()), instant(&zone))).prop_flat_map(|(zone, at)| {
        let begin = at.minus(Span::from_seconds(40 * 24 * HOUR));
        (window(zone.clone(), at), window(zone, at), Just(begin))
    })
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    /// To the end of the period of the one window or the other, or to a millisecond before.
    WaitForEnd(bool, bool),
    /// All that the tile lets through, or less.
    Spend(u64),
    Hold(u64),
    Capture(u64),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![0..3u64, 0..40 * HOUR * 1000, Just(HOUR * 1000), Just(24 * HOUR * 1000)];
    let step = prop_oneof![
        2 => wait.prop_map(Step::Wait),
        3 => any::<(bool, bool)>().prop_map(|(which, before)| Step::WaitForEnd(which, before)),
        5 => prop_oneof![3 => Just(u64::MAX), 1 => 0..20u64].prop_map(Step::Spend),
        2 => (0..20u64).prop_map(Step::Hold),
        2 => (0..101u64).prop_map(Step::Capture),
        1 => Just(Step::Release),
    ];
    prop::collection::vec(step, 1..120)
}

fn end(window: &Window, now: Timestamp) -> Timestamp {
    match window {
        Window::Rolling(length) => now.plus(*length),
        window => window.period_at(now).map_or(now, |period| period.end),
    }
}

fn over(window: &Window, ceiling: u128) -> Limit {
    Limit { window: window.clone(), ..limit("tbtc", ceiling) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_never_to_be_reached_never_refuses_first((window, tile, begin) in windows(), steps in steps()) {
        const CEILING: u128 = 10;
        let Some(times) = covering(&window, &tile).filter(|_| window != tile) else { return Ok(()) };
        let (all, each) = (over(&window, CEILING * u128::from(times)), over(&tile, CEILING));
        let subject = Subject::Token(TokenId::from_bytes([1; 16]));
        let (mut budget, mut now, mut held) = (Budget::default(), begin, Vec::new());
        [&window, &tile].into_iter().for_each(|window| budget.start_counting(window, &[], now));
        for step in steps {
            match step {
                Step::Wait(millis) => now = now.plus(Span::from_millis(millis)),
                Step::WaitForEnd(which, before) => {
                    let end = end(if which { &window } else { &tile }, now);
                    now = now.max(end.minus(Span::from_millis(before.into())));
                }
                Step::Spend(amount) | Step::Hold(amount) => {
                    let left = each_left(&budget, &each, subject, now);
                    let usage = Usage::one(Amount::new(u128::from(amount).min(left)));
                    let [all, each] = [&all, &each].map(|limit| budget.report(subject, limit, usage, now).fits());
                    prop_assert!(all || !each, "{window} refuses first at {now:?}, {times} times {tile}");
                    if each && matches!(step, Step::Hold(_)) {
                        budget.hold(usage);
                        held.push(usage);
                    } else if each {
                        budget.capture(usage, now);
                    }
                }
                Step::Capture(percent) => {
                    if let Some(usage) = held.pop() {
                        budget.settle(usage);
                        let part = u128::from(usage.amount.as_u64().unwrap() * percent / 100);
                        budget.capture(Usage::one(Amount::new(part)), now);
                    }
                }
                Step::Release => held.pop().into_iter().for_each(|usage| budget.settle(usage)),
            }
        }
    }
}

fn each_left(budget: &Budget, each: &Limit, subject: Subject, now: Timestamp) -> u128 {
    let report = budget.report(subject, each, Usage::default(), now);
    report.remaining().and_then(Amount::as_u64).unwrap_or(0).into()
}

fn times(window: &str, tile: &str) -> Option<u64> {
    covering(&Window::parse(window).unwrap(), &Window::parse(tile).unwrap())
}

#[test]
fn windows_are_covered_by_as_many_as_it_takes_on_the_worst_day() {
    for (window, tile, expected) in [
        ("rolling 604800s", "rolling 86400s", Some(7)),
        ("rolling 604800s", "rolling 86401s", Some(7)),
        ("rolling 604800s", "rolling 86399s", Some(8)),
        ("rolling 86400s", "rolling 3600s", Some(24)),
        ("calendar week Europe/Zurich", "calendar day Europe/Zurich", Some(7)),
        ("calendar month Europe/Zurich", "calendar day Europe/Zurich", Some(31)),
        ("calendar month UTC", "calendar week UTC", Some(6)),
        ("calendar day UTC", "calendar hour UTC", Some(24)),
        ("calendar week UTC", "calendar hour UTC", Some(168)),
        ("calendar month UTC", "calendar hour UTC", Some(744)),
        ("calendar week UTC", "calendar month UTC", Some(2)),
        ("calendar month UTC", "calendar month UTC", Some(1)),
        ("calendar day Europe/Zurich", "calendar hour Europe/Zurich", None),
        ("calendar week Europe/Zurich", "calendar hour Europe/Zurich", None),
        ("calendar month Europe/Zurich", "calendar hour Europe/Zurich", None),
        // A week in which the clock is put back is longer than seven times 24 hours.
        ("calendar week Europe/Zurich", "rolling 86400s", Some(8)),
        // Seven days that begin half an hour before midnight and in which the clock is put forward show nine dates.
        ("rolling 604800s", "calendar day Europe/Zurich", Some(9)),
        ("rolling 604800s", "calendar day UTC", Some(8)),
        ("rolling 7200s", "calendar hour UTC", Some(3)),
        ("rolling 7200s", "calendar hour Europe/Zurich", None),
        ("rolling 604800s", "calendar week UTC", Some(2)),
        ("rolling 604801s", "calendar week UTC", Some(3)),
        ("rolling 2419200s", "calendar month UTC", Some(2)),
        ("rolling 2419201s", "calendar month UTC", Some(3)),
        ("fixed 600s from 2026-01-05T00:00:00.000Z", "fixed 60s from 2026-01-05T00:01:00.000Z", Some(10)),
        ("fixed 600s from 2026-01-05T00:00:00.000Z", "fixed 60s from 2026-01-05T00:00:30.000Z", Some(11)),
        ("lifetime", "rolling 86400s", None),
        ("rolling 604800s", "spend", None),
        ("rolling 604800s", "accrual 1 per 60s", None),
    ] {
        assert_eq!(times(window, tile), expected, "{window} by {tile}");
    }
}

#[test]
fn a_limit_is_said_never_to_be_reached_from_the_product_on_and_not_a_unit_below() {
    let day = over(&Window::parse("rolling 86400s").unwrap(), 10);
    let week = |ceiling| over(&Window::parse("rolling 604800s").unwrap(), ceiling);
    let of = |ceiling| warnings(&LimitSet::of(vec![day.clone(), week(ceiling)]));
    let told = Warning::NeverReached { limit: Box::new(week(70)), under: Box::new(day.clone()) };
    assert_eq!((of(70), of(69)), (vec![told], vec![]));
    let most = Limit { ceiling: Ceiling::At(Amount::MAX), ..day.clone() };
    assert!(
        !warnings(&LimitSet::of(vec![most, week(70)])).iter().any(|told| matches!(told, Warning::NeverReached { .. }))
    );
}
