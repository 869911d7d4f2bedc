//! Counters against all captures there were: they say as much as what counts, never less, and when that
//! will be less.

use proptest::prelude::*;

use super::*;
use crate::fixtures::any::{self, utc};
use crate::limit::{CalendarUnit, Zone};

/// Captures, each so many milliseconds after the one before.
fn captures(number: usize) -> impl Strategy<Value = Vec<(Timestamp, Usage)>> {
    let pause = prop_oneof![Just(0), 0..3000u64, 0..200_000u64, 0..40 * 86_400_000u64];
    let usage = (0..100u64, 0..10u64, 0..3u64).prop_map(|(paid, fee, count)| Usage {
        amount: units(paid + fee),
        fee: units(fee),
        count,
    });
    prop::collection::vec((pause, usage), 1..number).prop_map(|captures| {
        let mut at = utc("2026-10-24T21:00:00Z");
        captures
            .into_iter()
            .map(|(pause, usage)| {
                at = at.plus(Span::from_millis(pause));
                (at, usage)
            })
            .collect()
    })
}

fn units(number: u64) -> Amount {
    Amount::new(number.into())
}

/// What of all captures counts in a window, added up anew.
fn naively_used(window: &Window, captures: &[(Timestamp, Usage)], now: Timestamp) -> Usage {
    let counting = |at: Timestamp| match window {
        Window::Rolling(length) => at.plus(*length) > now,
        _ => window.period_at(at) == window.period_at(now),
    };
    if let Window::Accrual { rate, period } = window {
        return worn(captures, now, rate.as_u64().unwrap().into(), period.as_millis().into());
    }
    captures.iter().filter(|(at, _)| counting(*at)).fold(Usage::default(), |sum, (_, usage)| sum.saturating_add(*usage))
}

/// What is left of captures that wear off, in units times periods and only at the end rounded up.
fn worn(captures: &[(Timestamp, Usage)], now: Timestamp, rate: u128, period: u128) -> Usage {
    let left = |of: &dyn Fn(&Usage) -> Amount| {
        let mut level = 0;
        let mut last = now;
        for (at, usage) in captures {
            level = u128::saturating_sub(level, rate * u128::from(at.since(last).as_millis()));
            level += u128::from(of(usage).as_u64().unwrap()) * period;
            last = *at;
        }
        level.saturating_sub(rate * u128::from(now.since(last).as_millis())).div_ceil(period)
    };
    let count = left(&|usage| units(usage.count)).try_into().unwrap();
    Usage { amount: Amount::new(left(&|usage| usage.amount)), fee: Amount::new(left(&|usage| usage.fee)), count }
}

fn counted(window: &Window, captures: &[(Timestamp, Usage)]) -> Counter {
    let mut counter = Counter::new(window, captures[0].0).unwrap();
    captures.iter().for_each(|(at, usage)| counter.record(window, *at, *usage));
    counter
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_counter_says_what_all_captures_add_up_to(
        window in any::window_that_moves_on(), captures in captures(60), later in 0..100_000_000u64,
    ) {
        let mut counter = Counter::new(&window, captures[0].0).unwrap();
        for (place, (at, usage)) in captures.iter().enumerate() {
            prop_assert_eq!(counter.used(&window, *at), naively_used(&window, &captures[..place], *at));
            counter.record(&window, *at, *usage);
            prop_assert_eq!(counter.used(&window, *at), naively_used(&window, &captures[..=place], *at));
            let now = at.plus(Span::from_millis(later));
            prop_assert_eq!(counter.used(&window, now), naively_used(&window, &captures[..=place], now));
        }
    }

    #[test]
    fn there_is_room_at_the_earliest_instant_and_not_a_millisecond_before(
        window in any::window_that_moves_on(), captures in captures(40), later in 0..20_000u64, room in 0..300u64,
        measure in prop::sample::select(&Measure::ALL[..]),
    ) {
        prop_assume!(measure != Measure::AmountWithoutFee || !matches!(window, Window::Accrual { .. }));
        let counter = counted(&window, &captures);
        let now = captures[captures.len() - 1].0.plus(Span::from_millis(later));
        let used = |at| counter.used(&window, at).measured(measure);
        let earliest = counter.earliest(&window, measure, units(room), now).unwrap();
        prop_assert!(used(earliest) <= units(room));
        let before = earliest.minus(Span::from_millis(1));
        prop_assert!(earliest == now || used(before) > units(room), "{} {:?} {}", window, earliest, used(before));
        prop_assert_eq!(earliest == now, used(now) <= units(room));
    }

    #[test]
    fn what_is_stored_of_a_rolling_window_is_all_there_is(captures in captures(40), later in 0..100_000u64) {
        let window = Window::Rolling(Span::from_seconds(60));
        let Counter::Rolling(rolling) = counted(&window, &captures) else { panic!() };
        let stored = Rolling::from_entries(rolling.entries().copied());
        prop_assert_eq!(&stored, &rolling);
        let now = captures[captures.len() - 1].0.plus(Span::from_millis(later));
        prop_assert_eq!(Counter::Rolling(stored).used(&window, now), naively_used(&window, &captures, now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn thousands_of_captures_in_a_rolling_window_are_overstated_by_one_slot_at_most(
        pauses in prop::collection::vec(prop_oneof![99 => 0..40u64, 1 => 0..4000u64], 5000),
    ) {
        let length = Span::from_seconds(100);
        let slot = Span::from_millis(length.as_millis().div_ceil(SLOTS));
        let (window, wider) = (Window::Rolling(length), Window::Rolling(Span::from_millis(length.as_millis() + slot.as_millis())));
        let one = Usage { fee: units(1), ..Usage::one(units(3)) };
        let mut counter = Counter::new(&window, utc("2026-01-01T00:00:00Z")).unwrap();
        let (mut captures, mut at) = (Vec::new(), utc("2026-01-01T00:00:00Z"));
        let mut most_at_once = 0;
        for (number, pause) in pauses.into_iter().enumerate() {
            at = at.plus(Span::from_millis(pause));
            counter.record(&window, at, one);
            captures.push((at, one));
            let Counter::Rolling(rolling) = &counter else { panic!() };
            prop_assert!(rolling.entries().len() <= MOST_ENTRIES);
            most_at_once = most_at_once.max(naively_used(&window, &captures, at).count);
            if number % 50 == 0 {
                for now in [at, at.plus(Span::from_millis(777)), at.plus(length)] {
                    let (used, least) = (counter.used(&window, now), naively_used(&window, &captures, now));
                    let most = naively_used(&wider, &captures, now);
                    prop_assert!(least.amount <= used.amount && used.amount <= most.amount);
                    prop_assert!(least.fee <= used.fee && least.count <= used.count && used.count <= most.count);
                }
            }
        }
        prop_assert!(usize::try_from(most_at_once).unwrap() > MOST_ENTRIES, "too few to be merged: {most_at_once}");
    }
}

#[test]
fn as_many_as_are_kept_apart_stay_apart_and_one_more_makes_one_of_each_slot() {
    let window = Window::Rolling(Span::from_seconds(1000));
    let width = i64::try_from(Span::from_seconds(1000).as_millis().div_ceil(SLOTS)).unwrap();
    let start = utc("2026-01-01T00:00:00Z");
    let captures: Vec<_> = (0..=u64::try_from(MOST_ENTRIES).unwrap())
        .map(|number| (start.plus(Span::from_millis(4 * number)), Usage::one(units(number))))
        .collect();
    let entries = |counter: &Counter| match counter {
        Counter::Rolling(rolling) => rolling.entries().copied().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(entries(&counted(&window, &captures[..MOST_ENTRIES])), captures[..MOST_ENTRIES]);
    let merged = counted(&window, &captures);
    let mut slots = std::collections::BTreeMap::new();
    for (at, usage) in &captures {
        let slot = slots.entry(at.as_millis().div_euclid(width)).or_insert((*at, Usage::default()));
        *slot = (*at, slot.1.saturating_add(*usage));
    }
    assert!(slots.len() > 2);
    assert_eq!(entries(&merged), slots.into_values().collect::<Vec<_>>(), "dated as the youngest");
    let last = captures[MOST_ENTRIES].0;
    assert_eq!(merged.used(&window, last), naively_used(&window, &captures, last));
}

#[test]
fn captures_of_one_instant_are_one_entry() {
    let window = Window::Rolling(Span::from_seconds(60));
    let spent = utc("2026-01-01T00:00:00Z");
    let Counter::Rolling(rolling) = counted(&window, &[(spent, Usage::one(units(5))); 3]) else { panic!() };
    assert_eq!(rolling.entries().copied().collect::<Vec<_>>(), [(spent, Usage { count: 3, ..Usage::one(units(15)) })]);
}

#[test]
fn a_period_that_no_calendar_ends_never_makes_room() {
    let window = Window::Calendar(CalendarUnit::Day, Zone::UTC);
    let beyond = Timestamp::from_millis(i64::MAX - 10);
    let counter = counted(&window, &[(beyond, Usage::one(units(5)))]);
    assert_eq!(counter.used(&window, beyond), Usage::one(units(5)));
    assert_eq!(counter.earliest(&window, Measure::Amount, units(4), beyond), None);
}

#[test]
fn a_rolling_window_ends_at_its_length_to_the_millisecond() {
    let window = Window::Rolling(Span::from_seconds(60));
    let spent = utc("2026-01-01T00:00:00Z");
    let counter = counted(&window, &[(spent, Usage::one(units(5)))]);
    let last = spent.plus(Span::from_millis(59_999));
    assert_eq!(counter.used(&window, last), Usage::one(units(5)));
    assert_eq!(counter.used(&window, last.plus(Span::from_millis(1))), Usage::default());
}

#[test]
fn a_full_counter_stays_full_until_what_filled_it_is_gone() {
    let window = Window::Rolling(Span::from_seconds(60));
    let spent = utc("2026-01-01T00:00:00Z");
    let second = spent.plus(Span::from_seconds(30));
    let counter = counted(&window, &[(spent, Usage::one(Amount::MAX)), (second, Usage::one(units(5)))]);
    assert_eq!(counter.used(&window, second).amount, Amount::MAX);
    assert_eq!(counter.used(&window, spent.plus(Span::from_seconds(60))), Usage::one(units(5)));
}

#[test]
fn what_wears_off_too_slowly_for_any_clock_never_fits() {
    let slow = |rate| Window::Accrual { rate, period: Window::LONGEST };
    let spent = utc("2026-01-01T00:00:00Z");
    for (rate, amount) in [(Amount::ZERO, units(1)), (units(1), Amount::MAX), (units(1), Amount::new(1 << 40))] {
        let counter = counted(&slow(rate), &[(spent, Usage::one(amount))]);
        assert_eq!(counter.earliest(&slow(rate), Measure::Amount, Amount::ZERO, spent), None, "{amount}");
    }
}

#[test]
fn a_period_that_new_rules_of_its_zone_lengthened_counts_to_its_new_end() {
    let window = Window::Calendar(CalendarUnit::Day, Zone::UTC);
    let (start, end) = (utc("2026-01-01T00:00:00Z"), utc("2026-01-02T00:00:00Z"));
    // The rules of the day when it was stored had it end an hour sooner.
    let stored = || Counter::Period { start, end: utc("2026-01-01T23:00:00Z"), usage: Usage::one(units(5)) };
    let last = utc("2026-01-01T23:30:00Z");
    assert_eq!(stored().used(&window, last), Usage::one(units(5)));
    assert_eq!(stored().earliest(&window, Measure::Amount, units(4), last), Some(end));
    assert_eq!(stored().used(&window, end), Usage::default());
    let mut counter = stored();
    counter.record(&window, last, Usage::one(units(3)));
    let both = Usage::one(units(5)).saturating_add(Usage::one(units(3)));
    assert_eq!(counter, Counter::Period { start, end, usage: both });
    counter.record(&window, end, Usage::one(units(2)));
    assert_eq!(counter.used(&window, end), Usage::one(units(2)), "the next day is another");
}

#[test]
fn a_counter_of_another_window_lets_nothing_through() {
    let (rolling, accrual) =
        (Window::Rolling(Span::from_seconds(60)), Window::Accrual { rate: units(1), period: Span::from_seconds(1) });
    let now = utc("2026-01-01T00:00:00Z");
    let mut counter = Counter::new(&rolling, now).unwrap();
    counter.record(&accrual, now, Usage::one(units(1)));
    assert_eq!(counter.used(&accrual, now).amount, Amount::MAX);
    assert_eq!(counter.earliest(&accrual, Measure::Amount, units(1), now), None);
}
