//! Which windows a budget is counted over: those that limits speak of, from the past on, and no other.

use super::*;
use crate::fixtures::{count_limit, destination, limit, over, unlimited};
use crate::ledger::FeeCeiling;
use crate::limit::Destinations;

const MINUTE: &str = "rolling 60s";
const HOUR: &str = "rolling 3600s";
const DAY: &str = "rolling 86400s";

/// The windows that are counted of a coin.
fn windows(world: &World, subject: Subject) -> Vec<String> {
    world.budget(subject, "tbtc").windows.iter().map(|(window, _)| window.to_string()).collect()
}

fn captured(outcome: &Outcome) -> Vec<u64> {
    let Outcome::Held { reports, .. } = outcome else { panic!("{outcome:?}") };
    reports.iter().map(|report| report.captured.as_u64().unwrap()).collect()
}

#[test]
fn a_settlement_goes_on_counting_only_over_windows_that_limits_speak_of() {
    for subject in EVERYBODY {
        let mut world = World::limited(unlimited("tbtc"));
        world.limits(subject, [MINUTE, HOUR, DAY].map(|window| over(window, limit("tbtc", 10))).into());
        world.spend(1);
        assert_eq!(windows(&world, subject), [MINUTE, HOUR, DAY]);
        world.limits(subject, vec![unlimited("tbtc"), over(HOUR, limit("tbtc", 10))]);
        world.spend(1);
        let kept: &[&str] = if subject == BY_WALLET { &[HOUR, DAY] } else { &[HOUR] };
        assert_eq!(windows(&world, subject), kept, "{}: the day of a wallet is its rail's, too", subject.kind());
    }
}

#[test]
fn the_day_of_a_wallets_fees_goes_on_being_counted_whatever_else_is_spent() {
    let mut world = World::limited(unlimited("tbtc"));
    let spend = world.ask(1, |request| {
        request.fee = Amount::new(2);
        request.fee_ceiling = Some(FeeCeiling { per_spend: Amount::new(2), per_day: Amount::new(3) });
    });
    world.capture_with_fee(held(spend).id, Amount::new(3), Amount::new(2));
    world.spend(1);
    assert_eq!(windows(&world, BY_WALLET), [DAY]);
}

#[test]
fn what_only_the_past_can_tell_of_a_group_is_not_begun_by_a_settlement() {
    let mut world = World::limited(unlimited("tbtc"));
    world.spend(1);
    let spend = world.hold(1);
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), count_limit("*", 2)]);
    world.capture(spend, Amount::new(1));
    assert_eq!(world.refusal(1), "limit_exceeded", "two were spent, and not only the one that was settled last");
    world.is_conserved();
}

#[test]
fn what_each_destination_got_is_counted_over_the_windows_of_its_own_limits() {
    let mut world = World::new();
    let each = vec![over(MINUTE, count_limit("tbtc", 5))];
    let destinations = Destinations { each, ..Destinations::default() };
    let rules = LimitSet { limits: vec![over(HOUR, limit("tbtc", 10))], destinations: Some(destinations) };
    assert_eq!(answer(&world.edit(BY_TOKEN, rules, true)), "limits");
    world.spend(1);
    world.spend(1);
    let to = Some(destination("2N9").id());
    let (_, budget) = world.budgets().find(|(key, _)| key.destination == to).unwrap();
    assert_eq!(budget.windows.iter().map(|(window, _)| window.to_string()).collect::<Vec<_>>(), [MINUTE]);
}

#[test]
fn limits_find_their_own_windows_in_whatever_order_they_stand() {
    let of = |windows: [&str; 3]| windows.map(|window| over(window, limit("tbtc", 100))).to_vec();
    let mut world = World::limited(unlimited("tbtc"));
    world.edit_token(|token| token.expires = at(1_000_000));
    world.limits(BY_TOKEN, of([MINUTE, HOUR, DAY]));
    for (seconds, amount) in [(0, 1), (4000, 2), (7000, 4)] {
        world.now = at(seconds);
        world.spend(amount);
    }
    assert_eq!(captured(&world.ask(0, |_| ())), [4, 6, 7]);
    for (order, figures) in [([DAY, HOUR, MINUTE], [7, 6, 4]), ([HOUR, DAY, MINUTE], [6, 7, 4])] {
        world.limits(BY_TOKEN, of(order));
        assert_eq!(captured(&world.ask(0, |_| ())), figures, "{order:?}");
    }
}

#[test]
fn all_windows_of_limits_that_come_later_begin_with_what_was_spent_before() {
    let mut world = World::limited(unlimited("tbtc"));
    world.spend(8);
    world.limits(BY_TOKEN, vec![over(MINUTE, limit("tbtc", 10)), over(HOUR, limit("tbtc", 100))]);
    assert_eq!(world.refusal(3), "limit_exceeded");
    assert_eq!(captured(&world.ask(2, |_| ())), [8, 8]);
}
