//! A limit's promise, for every window: whatever is held and captured in whatever order, no interval of
//! which the window speaks sees more than the ceiling; and what a limit says of the future comes true.

use proptest::prelude::*;

use super::*;
use crate::fixtures::any::{self, utc};
use crate::fixtures::{TOKEN, at, limit};
use crate::time::{Span, Timestamp};

const SUBJECT: Subject = Subject::Token(TOKEN);

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    /// Hold so much, if it fits.
    Hold(u64),
    /// Capture so many percent of the oldest hold.
    Capture(u64),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![0..5u64, 0..2000u64, 0..100_000u64, 0..20_000_000u64, 0..4_000_000_000u64];
    let step = prop_oneof![
        4 => (0..60u64).prop_map(Step::Hold),
        4 => prop_oneof![0..=100u64, Just(100)].prop_map(Step::Capture),
        1 => Just(Step::Release),
        4 => wait.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

/// A limit with its budget, and beside it every capture there was.
struct Counted {
    limit: Limit,
    budget: Budget,
    now: Timestamp,
    holds: Vec<u64>,
    captures: Vec<(Timestamp, u64)>,
}

impl Counted {
    fn new(window: Window, ceiling: u128) -> Self {
        let now = utc("2026-03-28T22:00:00Z");
        let mut budget = Budget::default();
        budget.start_counting(&window, &[], now);
        let limit = Limit { window, ..limit("tbtc", ceiling) };
        Self { limit, budget, now, holds: Vec::new(), captures: Vec::new() }
    }

    fn ask(&self, amount: u64, now: Timestamp) -> LimitReport {
        self.budget.report(SUBJECT, &self.limit, used(amount), now)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(pause) => self.now = self.now.plus(Span::from_millis(*pause)),
            Step::Hold(amount) => {
                let report = self.ask(*amount, self.now);
                if report.fits() {
                    self.budget.hold(used(*amount));
                    self.holds.push(*amount);
                } else {
                    self.comes_true(*amount, report.fits);
                }
            }
            Step::Capture(_) | Step::Release if self.holds.is_empty() => {}
            Step::Capture(percent) => {
                let held = self.holds.remove(0);
                let paid = held * percent / 100;
                self.budget.settle(used(held));
                self.budget.capture(used(paid), self.now);
                self.captures.push((self.now, paid));
            }
            Step::Release => {
                let held = self.holds.remove(0);
                self.budget.settle(used(held));
            }
        }
    }

    /// Asking again when it is said to fit passes, and not a moment sooner; or never by waiting.
    fn comes_true(&self, amount: u64, fits: Fits) {
        let at = |at: Timestamp| self.ask(amount, at).fits();
        match fits {
            Fits::Now => panic!("it did not fit"),
            Fits::At(instant) => {
                assert!(at(instant), "{} {instant}", self.limit.window);
                assert!(!at(instant.minus(Span::from_millis(1))), "{} {instant}", self.limit.window);
            }
            Fits::OnceSettled | Fits::Never => {
                let days = [0, 1, 7, 31, 366, 10_000, 1_000_000];
                assert!(!days.into_iter().any(|days| at(self.now.plus(Span::from_seconds(days * 86_400)))));
                let mut released = self.budget.clone();
                released.settle(released.held);
                let alone = |at| released.report(SUBJECT, &self.limit, used(amount), at).fits();
                let far = self.now.plus(Span::from_seconds(1_000_000 * 86_400));
                assert_eq!(alone(self.now) || alone(far), fits == Fits::OnceSettled, "{}", self.limit.window);
            }
        }
    }

    /// No interval of which the window speaks sees more than the ceiling.
    fn is_kept(&self) {
        let Ceiling::At(ceiling) = self.limit.ceiling else { panic!() };
        let ceiling = ceiling.as_u64().unwrap();
        for (first, (begin, _)) in self.captures.iter().enumerate() {
            let mut sum = 0;
            for (at, amount) in &self.captures[first..] {
                let counts = match &self.limit.window {
                    Window::Spend => at == begin,
                    Window::Lifetime | Window::Accrual { .. } => true,
                    Window::Rolling(length) => *at < begin.plus(*length),
                    window => window.period_at(*at) == window.period_at(*begin),
                };
                sum += if counts { *amount } else { 0 };
                match &self.limit.window {
                    // Each by itself, of which there may be several at one time.
                    Window::Spend => assert!(*amount <= ceiling),
                    Window::Accrual { rate, period } => {
                        let (period, elapsed) =
                            (u128::from(period.as_millis()), u128::from(at.since(*begin).as_millis()));
                        let worn = u128::from(rate.as_u64().unwrap()) * elapsed;
                        assert!(u128::from(sum) * period <= u128::from(ceiling) * period + worn);
                    }
                    window => assert!(sum <= ceiling, "{window} from {begin} to {at}: {sum}"),
                }
            }
        }
    }
}

fn used(amount: u64) -> Usage {
    Usage::one(Amount::new(amount.into()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_limit_is_kept_in_every_interval_and_what_it_says_of_the_future_comes_true(
        window in any::window(), ceiling in 0..200u128, steps in steps(),
    ) {
        let mut counted = Counted::new(window, ceiling);
        steps.iter().for_each(|step| counted.take(step));
        counted.is_kept();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rolling_limit_is_kept_and_tells_the_truth_also_where_entries_are_merged(
        pauses in prop::collection::vec(prop_oneof![29 => 0..30u64, 1 => 0..900u64], 4000), ceiling in 1200..2500u128,
    ) {
        let mut counted = Counted::new(Window::Rolling(Span::from_seconds(60)), ceiling);
        for pause in pauses {
            for step in [Step::Wait(pause), Step::Hold(1), Step::Capture(100)] {
                counted.take(&step);
            }
        }
        prop_assert!(counted.captures.len() > 1200);
        counted.is_kept();
    }
}

#[test]
fn what_is_asked_beyond_the_ceiling_never_fits_and_beside_holds_only_once_they_are_settled() {
    for window in ["rolling 60s", "calendar day UTC", "fixed 60s from 2026-01-01T00:00:00.000Z", "accrual 1 per 1s"] {
        let mut counted = Counted::new(Window::parse(window).unwrap(), 10);
        counted.take(&Step::Hold(6));
        assert_eq!(counted.ask(11, counted.now).fits, Fits::Never, "{window}");
        assert_eq!(counted.ask(5, counted.now).fits, Fits::OnceSettled, "{window}");
        counted.take(&Step::Capture(100));
        assert!(matches!(counted.ask(5, counted.now).fits, Fits::At(_)), "{window}");
        assert_eq!(counted.ask(4, counted.now).fits, Fits::Now, "{window}");
    }
}

#[test]
fn a_spend_by_itself_is_measured_by_itself() {
    let mut counted = Counted::new(Window::Spend, 10);
    (0..5).for_each(|_| counted.take(&Step::Hold(10)));
    let report = counted.ask(11, counted.now);
    assert_eq!((report.fits, report.held, report.captured), (Fits::Never, Amount::ZERO, Amount::ZERO));
}

#[test]
fn a_limit_of_zero_refuses_a_spend_of_nothing_and_is_no_obstacle_where_nothing_is_asked() {
    let counted = Counted::new(Window::Lifetime, 0);
    assert_eq!(counted.ask(0, counted.now).fits, Fits::Never);
    let nothing = counted.budget.report(SUBJECT, &counted.limit, Usage::default(), counted.now);
    assert_eq!(nothing.fits, Fits::Now);
}

#[test]
fn what_is_left_is_told_with_holds_taken_out_and_never_below_nothing() {
    let mut counted = Counted::new(Window::Lifetime, 10);
    for step in [Step::Hold(3), Step::Capture(100), Step::Hold(2)] {
        counted.take(&step);
    }
    assert_eq!(counted.ask(0, counted.now).remaining(), Some(Amount::new(5)));
    counted.limit.ceiling = Ceiling::At(Amount::new(4));
    assert_eq!(counted.ask(0, counted.now).remaining(), Some(Amount::ZERO));
    counted.limit.ceiling = Ceiling::Unlimited;
    assert_eq!(counted.ask(u64::MAX, counted.now).remaining(), None);
}

#[test]
fn what_wears_off_slower_than_it_is_kept_goes_on_counting() {
    let window = Window::parse("accrual 1 per 31622400s").unwrap();
    let now = utc("2026-01-01T00:00:00Z");
    let mut budget = Budget { captured: used(10), ..Budget::default() };
    let recent = (now.minus(Span::from_seconds(60)), used(2));
    budget.start_counting(&window, &[recent], now);
    assert_eq!(budget.used(&window, now).amount, Amount::new(9), "8 of which nothing is known but that they are old");
}

#[test]
fn a_budget_counts_over_every_window_it_began_with_once() {
    let [minute, hour] = [60, 3600].map(|seconds| Window::Rolling(Span::from_seconds(seconds)));
    let now = utc("2026-01-01T00:00:00Z");
    let past = [(now.minus(Span::from_seconds(90)), used(4)), (now, used(3))];
    let mut budget = Budget::default();
    for window in [&minute, &hour, &minute] {
        budget.start_counting(window, &past, now);
    }
    assert_eq!(budget.windows.len(), 2);
    assert_eq!([&minute, &hour].map(|window| budget.used(window, now).amount), [3, 7].map(Amount::new));
}

#[test]
fn a_limit_tells_when_nothing_counts_any_more_and_nothing_if_nothing_does() {
    let told = |counted: &Counted| counted.ask(0, counted.now).with_reset(&counted.budget, counted.now).resets;
    let of = |window: &str| Counted::new(Window::parse(window).unwrap(), 10);
    for (window, seconds) in [("rolling 60s", 60), ("accrual 1 per 30s", 120)] {
        let mut counted = of(window);
        assert_eq!(told(&counted), None, "{window}");
        counted.take(&Step::Hold(4));
        assert_eq!(told(&counted), None, "{window}: what is held does not count for a time");
        counted.take(&Step::Capture(100));
        let last = counted.now.plus(Span::from_seconds(seconds));
        assert_eq!(told(&counted), Some(last), "{window}");
        counted.now = last;
        assert_eq!(told(&counted), None, "{window}");
    }
    let mut counted = of("calendar day UTC");
    assert_eq!(told(&counted), Some(utc("2026-03-29T00:00:00Z")), "a period ends also if nothing was spent");
    for step in [Step::Hold(4), Step::Capture(100)] {
        counted.take(&step);
    }
    assert_eq!(told(&counted), Some(utc("2026-03-29T00:00:00Z")));
    let mut counted = of("lifetime");
    for step in [Step::Hold(4), Step::Capture(100)] {
        counted.take(&step);
    }
    assert_eq!(told(&counted), None, "for life is for life");
}

#[test]
fn limits_that_say_nothing_cannot_be() {
    let of = |asset: &str, measure, window: &str| {
        let asset = Asset::parse(asset).unwrap();
        Limit { asset, measure, window: Window::parse(window).unwrap(), ceiling: Ceiling::Unlimited }.check()
    };
    for group in ["*", "hteth:*"] {
        assert_eq!(of(group, Measure::Amount, "lifetime"), Err(InvalidLimit::AmountOfManyCoins));
        assert_eq!(of(group, Measure::AmountWithoutFee, "lifetime"), Err(InvalidLimit::AmountOfManyCoins));
        assert_eq!(of(group, Measure::Count, "lifetime"), Ok(()));
    }
    assert_eq!(of("*", Measure::Fee, "lifetime"), Err(InvalidLimit::FeeOfAnyCoin));
    assert_eq!(of("*erc20", Measure::Fee, "lifetime"), Err(InvalidLimit::FeeOfAnyCoin));
    assert_eq!(of("hteth:*", Measure::Fee, "lifetime"), Ok(()));
    assert_eq!(of("*erc20", Measure::Amount, "lifetime"), Ok(()));
    let accrual = "accrual 1 per 60s";
    assert_eq!(of("tbtc", Measure::AmountWithoutFee, accrual), Err(InvalidLimit::AccrualWithoutFee));
    let long = Limit { window: Window::Rolling(Span::from_seconds(1 << 40)), ..limit("tbtc", 1) };
    assert!(matches!(long.check(), Err(InvalidLimit::Window(_))));
}

#[test]
fn sets_of_limits_have_bounds() {
    let set = |limits: Vec<Limit>| LimitSet::of(limits).check();
    assert_eq!(set(vec![limit("tbtc", 1), limit("tbtc", 2)]), Err(InvalidLimit::Twice(Box::new(limit("tbtc", 2)))));
    let many = |number| (0..number).map(|number| limit(&format!("coin{number}"), 1)).collect::<Vec<_>>();
    assert_eq!(set(many(LimitSet::MOST)), Ok(()));
    assert_eq!(set(many(LimitSet::MOST + 1)), Err(InvalidLimit::TooMany));
    let each = |limit| LimitSet {
        limits: many(1),
        destinations: Some(Destinations { each: vec![limit], ..Destinations::default() }),
    };
    assert_eq!(each(Limit { measure: Measure::Count, ..limit("tbtc", 1) }).check(), Ok(()));
    assert_eq!(each(limit("tbtc", 1)).check(), Err(InvalidLimit::NotForDestinations));
    let group = Limit { measure: Measure::Count, ..limit("*", 1) };
    assert_eq!(each(group).check(), Err(InvalidLimit::NotForDestinations));
}

#[test]
fn a_set_without_rules_is_empty_and_destinations_are_counted_once_they_ever_were() {
    let with = |destinations| LimitSet { limits: vec![], destinations: Some(destinations) };
    assert!(LimitSet::default().is_empty());
    assert!(!LimitSet::of(vec![limit("tbtc", 1)]).is_empty());
    assert!(!with(Destinations::default()).is_empty());
    let each = vec![Limit { measure: Measure::Count, ..limit("tbtc", 1) }];
    assert!(!Destinations::default().are_counted());
    assert!(Destinations { each, ..Destinations::default() }.are_counted());
    assert!(Destinations { counted_since: Some(at(0)), ..Destinations::default() }.are_counted());
}

#[test]
fn a_budget_takes_what_can_be_added_up_and_no_more() {
    let one = |amount| Usage::one(amount);
    let half = Amount::MAX.checked_sub(Amount::new(1)).unwrap();
    let budget = |captured, held| Budget { captured: one(captured), held: one(held), ..Budget::default() };
    assert!(budget(half, Amount::ZERO).can_take(one(Amount::new(1))));
    assert!(!budget(half, Amount::new(1)).can_take(one(Amount::new(1))));
    assert!(!budget(half, half).can_take(one(half)));
    let many = |count| Usage { count, ..Usage::default() };
    let counted = Budget { captured: many(u64::MAX - 2), held: many(1), ..Budget::default() };
    assert!(counted.can_take(many(1)) && !counted.can_take(many(2)));
    let half = many(u64::MAX / 2);
    assert!(!Budget { captured: half, held: half, ..Budget::default() }.can_take(half));
}

#[test]
fn a_sum_that_reached_the_end_in_any_figure_is_saturated() {
    let one = Usage::one(Amount::new(1));
    assert!(!one.is_saturated());
    for full in
        [Usage { amount: Amount::MAX, ..one }, Usage { fee: Amount::MAX, ..one }, Usage { count: u64::MAX, ..one }]
    {
        assert!(full.is_saturated(), "{full:?}");
    }
}
