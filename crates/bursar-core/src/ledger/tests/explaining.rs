//! What a refusal says comes true (P6): asked again when it is said to fit, the same spend passes, and not
//! a millisecond sooner.

use proptest::prelude::*;

use super::*;
use crate::decimals::Decimals;
use crate::fixtures::{any, count_limit, limit, of, over, unlimited};
use crate::ledger::{dry_run, needs_for_standing, standing};
use crate::limit::{Budget, Ceiling, Counter, Fits, Measure, Rolling, Usage, Window};
use crate::refusal::Remedy;
use crate::time::Span;

/// Limits of one window each, on any subject, in any measure.
fn limits() -> impl Strategy<Value = Vec<(Subject, Limit)>> {
    let asset = prop_oneof![2 => Just("tbtc"), 1 => Just("*"), 1 => Just("tbtc:*")];
    let one = (prop::sample::select(&EVERYBODY[..]), asset, 0..4usize, any::window(), 0..40u128);
    let one = one.prop_map(|(subject, asset, measure, window, ceiling)| {
        (subject, Limit { window, ..of(Measure::ALL[measure], limit(asset, ceiling)) })
    });
    prop::collection::vec(one.prop_filter("cannot be", |(_, limit)| limit.check().is_ok()), 1..4)
}

/// Pauses, amounts, fees, and what becomes of each spend: captured, released or open.
fn spends() -> impl Strategy<Value = Vec<(u64, u128, u64, u8)>> {
    let pause = prop_oneof![0..3000u64, 0..100_000u64, 0..20_000_000u64, 0..2_000_000_000u64];
    prop::collection::vec((pause, 0..20u128, 0..5u64, 0..6u8), 1..30)
}

/// Where a history begins: now, or around a change of a clock, such as there are in months to come too.
fn start() -> impl Strategy<Value = Timestamp> {
    let around_changes = any::zone().prop_flat_map(|zone| any::instant(&zone));
    prop_oneof![1 => Just(at(0)), 2 => around_changes]
}

impl World {
    /// A world that begins some time, with a token that never ends.
    fn beginning(now: Timestamp) -> Self {
        let mut world = Self::new();
        world.edit_token(|token| token.expires = Timestamp::from_millis(i64::MAX));
        world.now = now;
        world
    }

    /// What would be answered at another time; nothing changes.
    fn would(&self, amount: u128, fee: u64, now: Timestamp) -> Result<Vec<LimitReport>, Refusal> {
        let mut world = Self { records: self.records.clone(), now, holds: self.holds };
        let mut request = world.request(Amount::new(amount));
        request.fee = Amount::new(fee.into());
        let mut state = State::default();
        world.load(&mut state, &Command::Hold(Box::new(request.clone())));
        let answered = dry_run(&state, &request, now).unwrap();
        let passes = answered.is_ok();
        assert_eq!(answer(&world.run(Command::Hold(Box::new(request))).outcome) == "held", passes);
        answered
    }

    fn comes_true(&self, refusal: &Refusal, amount: u128, fee: u64) {
        let Refusal::LimitExceeded(reports) = refusal else { panic!("{refusal:?}") };
        assert_eq!(refusal.fits(), reports.iter().map(|report| report.fits).max());
        let passes = |now| self.would(amount, fee, now).is_ok();
        match refusal.fits().unwrap() {
            Fits::Now => panic!("it did not fit"),
            Fits::At(instant) => {
                assert!(passes(instant), "{instant}: {reports:?}");
                assert!(!passes(instant.minus(Span::from_millis(1))), "{instant}: {reports:?}");
            }
            Fits::OnceSettled | Fits::Never => {
                let days = [1, 40, 400, 4000, 400_000];
                let far = days.map(|days| self.now.plus(Span::from_seconds(days * 86_400)));
                assert!(!far.into_iter().any(passes), "{reports:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_refusal_says_comes_true(start in start(), limits in limits(), spends in spends()) {
        let mut world = World::beginning(start);
        world.put(Record::Wallet(WALLET, wallet(WALLET, "tbtc")));
        let mut of_token = vec![over("spend", unlimited("tbtc"))];
        for subject in EVERYBODY {
            let mut own = if subject == BY_TOKEN { std::mem::take(&mut of_token) } else { Vec::new() };
            for (_, limit) in limits.iter().filter(|(whose, _)| *whose == subject) {
                if !own.iter().any(|other| other.has_shape_of(limit)) {
                    own.push(limit.clone());
                }
            }
            world.limits(subject, own);
        }
        for (pause, amount, fee, fate) in spends {
            world.now = world.now.plus(Span::from_millis(pause));
            let would = world.would(amount, fee, world.now);
            let outcome = world.ask(amount, |request| request.fee = Amount::new(fee.into()));
            match (outcome, would) {
                (Outcome::Held { hold, reports }, Ok(would)) => {
                    prop_assert_eq!(reports, would);
                    match fate {
                        0 => {}
                        1 => drop(world.release(hold.id)),
                        _ => drop(world.capture_with_fee(hold.id, hold.cost.amount, hold.cost.fee)),
                    }
                }
                (Outcome::Refused(refusal), Err(would)) => {
                    prop_assert_eq!(&refusal, &would);
                    world.comes_true(&refusal, amount, fee);
                }
                (outcome, would) => panic!("{outcome:?}, but {would:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_by_itself_says_when_it_has_room_and_never_if_it_never_has(
        start in start(), window in any::window(), ceiling in 1..40u128, pause in 0..100_000u64, asked in 1..50u128,
    ) {
        let mut world = World::beginning(start);
        let moves_on = !matches!(window, Window::Spend | Window::Lifetime);
        let is_spend = window == Window::Spend;
        world.limits(BY_TOKEN, vec![Limit { window, ..limit("tbtc", ceiling) }]);
        world.spend(ceiling);
        world.now = world.now.plus(Span::from_millis(pause));
        match world.ask(asked, |_| ()) {
            Outcome::Held { .. } => prop_assert!(asked <= ceiling && (moves_on || is_spend)),
            Outcome::Refused(refusal) => {
                world.comes_true(&refusal, asked, 0);
                let has_room_some_time = asked <= ceiling && moves_on;
                prop_assert_eq!(matches!(refusal.fits(), Some(Fits::At(_))), has_room_some_time);
                prop_assert_eq!(refusal.fits() == Some(Fits::Never), !has_room_some_time);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A limit of 10 that was used up then, and the first instant at which there is room for 3 again.
const ROOM_AGAIN: [(&str, &str, &str); 18] = [
    ("rolling 60s", "2026-01-01T00:00:00.001Z", "2026-01-01T00:01:00.001Z"),
    // It goes by time that passed, not by what clocks show.
    ("rolling 86400s", "2026-10-24T22:30:00Z", "2026-10-25T22:30:00Z"),
    ("rolling 31622400s", "2028-02-29T12:00:00Z", "2029-03-01T12:00:00Z"),
    // Days of 23, 25 and 23 and a half hours.
    ("calendar day Europe/Zurich", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    ("calendar day Europe/Zurich", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
    ("calendar day Australia/Lord_Howe", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
    // A day that was left out.
    ("calendar day Pacific/Apia", "2011-12-30T09:59:59.999Z", "2011-12-30T10:00:00Z"),
    // Half an hour that comes twice.
    ("calendar hour Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"),
    ("calendar week Europe/Zurich", "2026-10-25T12:00:00Z", "2026-10-25T23:00:00Z"),
    ("calendar month UTC", "2028-02-29T23:59:59.999Z", "2028-03-01T00:00:00Z"),
    ("calendar month UTC", "2027-02-28T00:00:00Z", "2027-03-01T00:00:00Z"),
    ("calendar month UTC", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
    ("calendar month America/New_York", "2026-11-01T03:59:59.999Z", "2026-11-01T04:00:00Z"),
    ("calendar month America/New_York", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"),
    ("fixed 60s from 2026-09-21T14:13:27.000Z", "2026-01-01T00:00:26.999Z", "2026-01-01T00:00:27Z"),
    ("fixed 60s from 2026-09-21T14:13:27.000Z", "2027-01-01T00:00:27Z", "2027-01-01T00:01:27Z"),
    // Three units wear off in 180 s, and in 60 s / 7 * 3, of which the last millisecond counts in full.
    ("accrual 1 per 60s", "2026-01-01T00:00:00Z", "2026-01-01T00:03:00Z"),
    ("accrual 7 per 60s", "2026-01-01T00:00:00Z", "2026-01-01T00:00:25.715Z"),
];

#[test]
fn a_window_has_room_again_at_the_instant_that_people_would_name() {
    for (window, then, again) in ROOM_AGAIN {
        let mut world = World::beginning(any::utc(then));
        world.limits(BY_TOKEN, vec![over(window, limit("tbtc", 10))]);
        world.spend(10);
        let Outcome::Refused(refusal) = world.ask(3, |_| ()) else { panic!("{window}") };
        assert_eq!(refusal.fits(), Some(Fits::At(any::utc(again))), "{window}");
        world.comes_true(&refusal, 3, 0);
        // What is still held at the end of its window is in the way of what comes then.
        world.now = any::utc(again);
        let hold = world.hold(3);
        assert_eq!(answer(&world.ask(8, |_| ())), "limit_exceeded", "{window}");
        world.release(hold);
    }
}

#[test]
fn a_window_that_never_moves_on_says_never() {
    for (window, asked) in [("lifetime", 1), ("lifetime", 11), ("spend", 11)] {
        let mut world = World::beginning(at(0));
        world.limits(BY_TOKEN, vec![over(window, limit("tbtc", 10))]);
        world.spend(10);
        let Outcome::Refused(refusal) = world.ask(asked, |_| ()) else { panic!("{window}") };
        assert_eq!(refusal.fits(), Some(Fits::Never), "{window}");
        world.comes_true(&refusal, asked, 0);
    }
    let mut world = World::beginning(at(0));
    world.limits(BY_TOKEN, vec![over("spend", limit("tbtc", 10))]);
    world.spend(10);
    world.spend(10);
}

#[test]
fn a_spend_fits_when_the_last_limit_in_its_way_has_room() {
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![over("rolling 60s", limit("tbtc", 10)), over("rolling 30s", limit("tbtc", 5))]);
    world.limits(BY_USER, vec![over("rolling 90s", limit("tbtc", 6))]);
    world.spend(5);
    let Outcome::Refused(refusal) = world.ask(2, |_| ()) else { panic!() };
    assert_eq!(refusal.fits(), Some(Fits::At(at(90))));
    let Outcome::Refused(refusal) = world.ask(1, |_| ()) else { panic!() };
    assert_eq!(refusal.fits(), Some(Fits::At(at(30))));
    let Outcome::Refused(refusal) = world.ask(7, |_| ()) else { panic!() };
    assert_eq!(refusal.fits(), Some(Fits::Never));
    world.now = at(90);
    world.hold(1);
    let Outcome::Refused(refusal) = world.ask(6, |_| ()) else { panic!() };
    assert_eq!(refusal.fits(), Some(Fits::Never), "the limit of 5 stands in the way of any 6");
    let Outcome::Refused(refusal) = world.ask(5, |_| ()) else { panic!() };
    assert_eq!(refusal.fits(), Some(Fits::OnceSettled));
}

#[test]
fn a_granted_hold_tells_what_each_limit_had_left() {
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![limit("tbtc", 10), count_limit("*", 3)]);
    world.spend(4);
    let Outcome::Held { reports, .. } = world.ask(5, |_| ()) else { panic!() };
    let seen: Vec<_> = reports.iter().map(|r| (r.fits, r.captured, r.asked, r.remaining())).collect();
    let [one, two, four, five, six] = [1, 2, 4, 5, 6].map(Amount::new);
    assert_eq!(seen, [(Fits::Now, four, five, Some(six)), (Fits::Now, one, one, Some(two))]);
}

#[test]
fn limits_tell_how_they_stand_without_a_spend() {
    let mut world = World::new();
    let minute = over("rolling 60s", limit("tbtc", 10));
    world.limits(BY_TOKEN, vec![over("spend", unlimited("tbtc"))]);
    world.spend(4);
    world.limits(BY_TOKEN, vec![minute.clone(), count_limit("*", 3), over("spend", unlimited("tbtc"))]);
    let mut state = State::default();
    loop {
        let keys = needs_for_standing(&state, BY_TOKEN);
        if keys.is_empty() {
            break;
        }
        keys.into_iter().for_each(|key| state.load(key.clone(), world.find(&key)));
    }
    let reports = standing(&state, BY_TOKEN, world.now).unwrap();
    let left: Vec<_> = reports.iter().map(|report| report.remaining().and_then(Amount::as_u64)).collect();
    assert_eq!(left, [Some(6), Some(2), None]);
    assert_eq!(state.take_changes(), []);
    assert_eq!(reports[0].limit, minute);
}

#[test]
fn figures_are_told_of_the_tokens_own_limits_only() {
    let mut world = World::limited(limit("tbtc", 10));
    world.limits(BY_WALLET, vec![over("rolling 60s", limit("tbtc", 777))]);
    world.spend(7);
    let Outcome::Refused(refusal) = world.ask(771, |_| ()) else { panic!() };
    let told = refusal.sentence(&Decimals::default());
    assert!(told.contains("limit of tbtc 0.0000001 in total leaves 0.00000003 tbtc, 0.00000771 tbtc asked"), "{told}");
    assert!(told.contains("the wallet's limit of tbtc has no room for this spend; it fits from"), "{told}");
    assert!(!told.contains("777"), "{told}");
}

#[test]
fn a_ceiling_of_all_there_is_never_wraps() {
    let all = Limit { ceiling: Ceiling::At(Amount::MAX), ..over("rolling 60s", limit("tbtc", 0)) };
    let mut world = World::limited(all);
    let rolling = Counter::Rolling(Rolling::from_entries([(at(0), Usage::one(Amount::MAX))]));
    let windows = vec![(Window::Rolling(Span::from_seconds(60)), rolling)];
    let full = Budget { captured: Usage::one(Amount::new(1)), windows, ..Budget::default() };
    world.put(Record::Budget(budget_key(BY_TOKEN, "tbtc"), full));
    let told = reports(world.ask(1, |_| ()));
    assert_eq!(told[0].fits, Fits::At(at(60)));
    assert!(matches!(told[0].limit.window, Window::Rolling(_)));
}

#[test]
fn a_refusal_tells_of_every_limit_that_was_looked_at_and_first_of_those_in_the_way() {
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![count_limit("tbtc", 5), limit("tbtc", 10)]);
    world.limits(BY_WALLET, vec![limit("tbtc", 100)]);
    let Outcome::Refused(refusal) = world.ask(11, |_| ()) else { panic!("it is refused") };
    let Refusal::LimitExceeded(reports) = &refusal else { panic!("{refusal:?}") };
    let told = |report: &LimitReport| (report.subject, report.limit.measure, report.fits());
    assert_eq!(
        reports.iter().map(told).collect::<Vec<_>>(),
        [(BY_TOKEN, Measure::Amount, false), (BY_TOKEN, Measure::Count, true), (BY_WALLET, Measure::Amount, true)]
    );
    assert_eq!(refusal.remedy(), Remedy::Unlock, "the wallet's limit is not in the way");
    assert!(!refusal.sentence(&Decimals::default()).contains("wallet"));
}
