//! What a refusal says comes true (P6): asked again when it is said to fit, the same spend passes, and not
//! a millisecond sooner.

use proptest::prelude::*;

use super::*;
use crate::fixtures::{any, count_limit, limit, of, over, unlimited};
use crate::ledger::{dry_run, needs_for_standing, standing};
use crate::limit::{Budget, Ceiling, Counter, Fits, Measure, Rolling, Usage, Window};
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

impl World {
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
    fn what_a_refusal_says_comes_true(limits in limits(), spends in spends()) {
        let mut world = World::new();
        world.edit_token(|token| token.expires = Timestamp::from_millis(i64::MAX));
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
    let told = refusal.sentence();
    assert!(told.contains("limit of 10 (lifetime) leaves 3 of tbtc, 771 asked"), "{told}");
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
