//! What spends say of a window, against a counter that saw each of them.

use proptest::prelude::*;

use super::*;
use crate::amount::Amount;
use crate::fixtures::any::{self, utc};

/// Captures, each so many milliseconds after the one before.
fn captures(number: usize) -> impl Strategy<Value = Vec<(Timestamp, Usage)>> {
    let pause = prop_oneof![Just(0), 0..3000u64, 0..200_000u64, 0..40 * 86_400_000u64];
    prop::collection::vec((pause, 0..100u128), 1..number).prop_map(|captures| {
        let mut at = utc("2026-10-24T21:00:00Z");
        let mut later = |pause| {
            at = at.plus(Span::from_millis(pause));
            at
        };
        captures.into_iter().map(|(pause, amount)| (later(pause), Usage::one(Amount::new(amount)))).collect()
    })
}

fn counted(window: &Window, captures: &[(Timestamp, Usage)]) -> Counter {
    let mut counter = Counter::new(window, captures[0].0).unwrap();
    captures.iter().for_each(|(at, usage)| counter.record(window, *at, *usage));
    counter
}

fn seen<'a>(window: &Window, captures: impl Iterator<Item = &'a (Timestamp, Usage)>, now: Timestamp) -> Usage {
    let mut seen = Seen::new(window, now).unwrap();
    captures.for_each(|(at, usage)| seen.add(*at, *usage));
    seen.least(now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spends_in_any_order_say_what_a_counter_says(
        (window, captures) in (any::window_that_moves_on(), captures(60)), later in 0..100_000_000u64,
    ) {
        let now = captures.last().unwrap().0.plus(Span::from_millis(later));
        let used = counted(&window, &captures).used(&window, now);
        prop_assert_eq!(seen(&window, captures.iter(), now), used);
        prop_assert_eq!(seen(&window, captures.iter().rev(), now), used);
    }

    #[test]
    fn of_many_spends_or_of_some_they_never_say_more(
        (window, captures) in (any::window_that_moves_on(), captures(600)), later in 0..100_000_000u64,
    ) {
        let now = captures.last().unwrap().0.plus(Span::from_millis(later));
        let used = counted(&window, &captures).used(&window, now);
        for kept in [0, captures.len() / 2] {
            let least = seen(&window, captures[kept..].iter().rev(), now);
            prop_assert!(used.checked_sub(least).is_some(), "{least:?} of {used:?}");
        }
    }
}

#[test]
fn what_wears_off_is_known_by_a_hundred_spends_and_never_by_more_of_them_than_that() {
    let window = Window::parse("accrual 1 per 1s").unwrap();
    let second = |second: i64| Timestamp::from_millis(second * 1000);
    let mut seen = Seen::new(&window, second(1000)).unwrap();
    (0..1000).for_each(|at| seen.add(second(at), Usage::one(Amount::new(3))));
    let Captures::WearingOff(captures) = &seen.captures else { panic!() };
    assert!(captures.len() <= MOST_CAPTURES);
    let least = seen.least(second(1000)).amount;
    assert!(least > Amount::new(1980) && least <= Amount::new(2000), "{least}");
}
