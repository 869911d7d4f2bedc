//! The past of a budget, added up from more spends than are kept apart.

use super::*;
use crate::fixtures::{limit, over, payee};
use crate::ledger::history::{HistoryKey, MOST_CAPTURES, Past, is_beyond_bounds};
use crate::limit::Destinations;

const HOUR: i64 = 3600;

/// A spend of 1 that was captured at each of these instants, under a limit over a rolling hour.
fn past_of(instants: impl Iterator<Item = Timestamp>) -> Past {
    let mut world = World::limited(limit("tbtc", 10));
    world.spend(1);
    let spend = world.spends().next().unwrap().clone();
    let budget = BudgetKey { subject: Subject::Token(TOKEN), asset: Asset::Coin(coin("tbtc")), destination: None };
    let rules = LimitSet::of(vec![over("rolling 3600s", limit("tbtc", 10))]);
    let mut past = Past::new(HistoryKey::new(budget, &rules));
    for instant in instants {
        let mut hold = spend.clone();
        let HoldState::Captured { at, .. } = &mut hold.state else { panic!("{hold:?}") };
        *at = instant;
        past.add(&hold);
    }
    past
}

#[test]
fn few_captures_are_told_one_by_one() {
    let history = past_of([7, 3, 3].map(at).into_iter()).finish();
    let told: Vec<(Timestamp, u64)> = history.captures.iter().map(|(at, usage)| (*at, usage.count)).collect();
    assert_eq!(told, [(at(3), 2), (at(7), 1)], "oldest first, and those of one instant together");
    assert_eq!((history.captured.amount, history.captured.count), (Amount::new(3), 3));
}

#[test]
fn as_many_as_are_kept_apart_stay_apart_and_one_more_merges_neighbours() {
    let most = i64::try_from(MOST_CAPTURES).unwrap();
    let full = past_of((0..most).map(at)).finish();
    assert_eq!(full.captures.len(), MOST_CAPTURES);
    let merged = past_of((0..=most).map(at)).finish();
    assert!(merged.captures.len() < MOST_CAPTURES, "{}", merged.captures.len());
    assert_eq!(merged.captured.count, u64::try_from(most).unwrap() + 1, "the total says all of them");
    // What has left every window is dropped, and nothing that has not.
    let (first, _) = merged.captures.first().unwrap();
    assert_eq!(*first, at(most - HOUR));
    let counted: u64 = merged.captures.iter().map(|(_, usage)| usage.count).sum();
    assert_eq!(counted, u64::try_from(HOUR).unwrap() + 1);
}

#[test]
fn neighbours_are_dated_as_the_youngest_of_them_so_that_none_is_let_go_of_too_early() {
    let most = i64::try_from(MOST_CAPTURES).unwrap();
    let millisecond = |number| Timestamp::from_millis(at(0).as_millis() + number);
    let history = past_of((0..=most).map(millisecond)).finish();
    assert!(
        history.captures.len() < 12,
        "an hour has 4096 parts, and these are nine seconds: {}",
        history.captures.len()
    );
    let counted: u64 = history.captures.iter().map(|(_, usage)| usage.count).sum();
    assert_eq!(counted, u64::try_from(most).unwrap() + 1);
    let (last, _) = history.captures.last().unwrap();
    assert_eq!(*last, millisecond(most));
    assert!(history.captures.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn a_past_is_beyond_bounds_as_soon_as_more_was_paid_than_may_be_begun_at_once() {
    let (most_paid, most_counted) = (Destinations::MOST_PAID, Destinations::MOST_COUNTED);
    assert!(!is_beyond_bounds(most_paid, most_counted));
    assert!(is_beyond_bounds(most_paid + 1, 0) && is_beyond_bounds(0, most_counted + 1));

    let mut world = World::limited(limit("tbtc", 10));
    world.spend(1);
    let spend = world.spends().next().unwrap().clone();
    let key = HistoryKey::of_payees(Subject::Token(TOKEN));
    assert!(!key.is_told_by_totals(), "totals know no destinations");
    let mut past = Past::new(key);
    assert!(!past.is_beyond_bounds());
    past.add(&Hold { payees: (0..=most_paid).map(|place| payee(&place.to_string(), 1)).collect(), ..spend });
    assert!(past.is_beyond_bounds());
}
