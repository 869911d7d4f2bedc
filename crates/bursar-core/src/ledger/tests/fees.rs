//! Fees are money, in whatever coin they are paid.

use super::*;
use crate::decimals::Decimals;
use crate::fixtures::{count_limit, limit, of, unlimited};
use crate::ledger::FeeCeiling;
use crate::limit::{Fits, Measure};

/// A token that spends USDC and pays gas in ether, under these limits.
fn gas(limits: Vec<Limit>) -> World {
    let mut world = World::new();
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
    world.limits(BY_TOKEN, limits);
    world
}

impl World {
    fn transfer(&mut self, amount: u128, fee: u128) -> Outcome {
        self.ask(amount, |request| {
            request.coin = coin("hteth:usdc");
            request.fee_coin = coin("hteth");
            request.fee = Amount::new(fee);
        })
    }

    fn transferring(&mut self, amount: u128, fee: u128) -> &'static str {
        answer(&self.transfer(amount, fee))
    }
}

#[test]
fn a_fee_in_another_coin_needs_a_limit_of_its_own() {
    let usdc = || unlimited("hteth:usdc");
    assert_eq!(gas(vec![usdc()]).transferring(1, 1), "no_limit_for_fee");
    assert_eq!(gas(vec![usdc()]).transferring(1, 0), "held");
    assert_eq!(gas(vec![usdc(), count_limit("hteth", 9)]).transferring(1, 1), "no_limit_for_fee");
    assert_eq!(gas(vec![usdc(), count_limit("*", 9)]).transferring(1, 1), "no_limit_for_fee");
    for covering in [limit("hteth", 5), of(Measure::Fee, limit("hteth", 5)), of(Measure::Fee, limit("hteth:*", 5))] {
        let mut world = gas(vec![usdc(), covering]);
        assert_eq!(world.transferring(1, 6), "limit_exceeded");
        assert_eq!(world.transferring(1, 5), "held");
        assert_eq!(world.transferring(1, 1), "limit_exceeded");
    }
}

#[test]
fn a_limit_on_fees_lets_no_coin_be_spent() {
    let mut world = gas(vec![of(Measure::Fee, limit("hteth", 5))]);
    assert_eq!(answer(&world.ask(1, |request| request.coin = coin("hteth"))), "no_limit_for_coin");
}

#[test]
fn a_fee_counts_as_no_spend_of_its_coin() {
    let mut world = gas(vec![unlimited("hteth:usdc"), unlimited("hteth"), count_limit("hteth", 0)]);
    assert_eq!(world.transferring(1, 5), "held");
    assert_eq!(
        world.budget(BY_TOKEN, "hteth").held,
        Usage { fee: Amount::new(5), count: 0, ..Usage::one(Amount::new(5)) }
    );
    let ether = |request: &mut HoldRequest| {
        request.coin = coin("hteth");
        request.fee_coin = coin("hteth");
    };
    assert_eq!(answer(&world.ask(1, ether)), "limit_exceeded");
}

#[test]
fn limits_on_spends_have_no_say_in_a_fee_even_when_they_are_full() {
    let limits = |spends| vec![unlimited("hteth:usdc"), unlimited("hteth"), count_limit("hteth", spends)];
    let mut world = gas(limits(2));
    let ether = |request: &mut HoldRequest| (request.coin, request.fee_coin) = (coin("hteth"), coin("hteth"));
    held(world.ask(1, ether));
    held(world.ask(1, ether));
    world.limits(BY_TOKEN, limits(1));
    let outcome = world.transfer(1, 5);
    let Outcome::Held { reports, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reports.iter().all(|report| report.limit.measure == Measure::Amount), "{reports:?}");
    assert_eq!(answer(&world.ask(0, ether)), "limit_exceeded");
}

#[test]
fn fees_are_left_out_only_where_that_is_said() {
    let mut world = World::limited(of(Measure::AmountWithoutFee, limit("tbtc", 10)));
    let hold = held(world.ask(10, |request| fee_within(request, 90, [90, 90])));
    assert_eq!(hold.cost.amount, Amount::new(100));
    assert_eq!(world.refusal(1), "limit_exceeded");
    world.limits(BY_TOKEN, vec![limit("tbtc", 99)]);
    assert_eq!(world.refusal(0), "limit_exceeded");
}

#[test]
fn a_fee_that_does_not_fit_is_named_and_not_the_amount() {
    let mut world = World::limited(limit("tbtc", 100));
    let mut said = |amount, fee| {
        let refused = world.ask(amount, |request| request.fee = Amount::new(fee));
        let Outcome::Refused(refusal) = refused else { panic!("{refused:?}") };
        refusal.sentence(&Decimals::default())
    };
    let told = said(95, 10);
    assert!(
        told.contains(
            "leaves 0.000001 tbtc, room for the 0.00000095 tbtc asked but not for a fee of up to 0.0000001 tbtc besides"
        ),
        "{told}"
    );
    assert!(said(0, 101).contains("leaves 0.000001 tbtc, not enough for a fee of up to 0.00000101 tbtc"));
    assert!(said(101, 1).contains("leaves 0.000001 tbtc, 0.00000102 tbtc asked"));
}

/// A fee that the wallet's rail bounds, by spend and by day.
fn fee_within(request: &mut HoldRequest, fee: u128, [per_spend, per_day]: [u128; 2]) {
    request.fee = Amount::new(fee);
    request.fee_ceiling = Some(FeeCeiling { per_spend: Amount::new(per_spend), per_day: Amount::new(per_day) });
}

#[test]
fn a_fee_that_limits_leave_out_is_bounded_by_the_rail_or_refused() {
    let mut world = World::limited(of(Measure::AmountWithoutFee, limit("tbtc", 50)));
    let vast = 10_u128.pow(18);
    assert_eq!(answer(&world.ask(1, |request| request.fee = Amount::new(vast))), "fee_not_counted");
    let refused = world.ask(1, |request| fee_within(request, vast, [10, 25]));
    let Outcome::Refused(Refusal::LimitExceeded(reports)) = refused else { panic!("{refused:?}") };
    let in_the_way = |report: &&LimitReport| !report.fits();
    assert!(
        reports.iter().filter(in_the_way).all(|report| report.subject == BY_WALLET && report.fits == Fits::Never),
        "{reports:?}"
    );
    assert_eq!(world.budget(BY_WALLET, "tbtc"), Budget::default());
    assert_eq!(answer(&world.ask(1, |request| fee_within(request, 10, [10, 25]))), "held");
    assert_eq!(world.refusal(1), "held");
}

#[test]
fn the_fees_of_a_wallet_are_summed_up_over_any_day_with_those_of_before() {
    let mut world = World::limited(limit("tbtc", 500));
    world.edit_token(|token| token.expires = at(1_000_000));
    let day = |request: &mut HoldRequest| fee_within(request, 10, [10, 25]);
    // Nobody asked for the day's fees when this one was paid.
    let hold = held(world.ask(1, |request| request.fee = Amount::new(6)));
    world.capture_with_fee(hold.id, Amount::new(7), Amount::new(6));
    world.now = at(3600);
    let hold = held(world.ask(1, day));
    world.capture_with_fee(hold.id, Amount::new(11), Amount::new(10));
    let refused = world.ask(1, day);
    let Outcome::Refused(Refusal::LimitExceeded(reports)) = refused else { panic!("{refused:?}") };
    let [report, fitting @ ..] = &reports[..] else { panic!("{reports:?}") };
    assert!(fitting.iter().all(LimitReport::fits), "{reports:?}");
    assert_eq!((report.captured, report.asked), (Amount::new(16), Amount::new(10)));
    assert_eq!(report.fits, Fits::At(at(86_400)));
    world.now = at(86_399);
    assert_eq!(answer(&world.ask(1, day)), "limit_exceeded");
    world.now = at(86_400);
    assert_eq!(answer(&world.ask(1, day)), "held");
    world.is_conserved();
}

#[test]
fn a_spend_without_a_fee_is_no_matter_of_the_ceiling_of_fees() {
    let mut world = World::limited(unlimited("tbtc"));
    let hold = held(world.ask(1, |request| fee_within(request, 10, [10, 25])));
    world.capture_with_fee(hold.id, Amount::new(11), Amount::new(10));
    // The rail lowered its ceiling below what fees took already.
    assert_eq!(answer(&world.ask(1, |request| fee_within(request, 1, [5, 5]))), "limit_exceeded");
    assert_eq!(answer(&world.ask(1, |request| fee_within(request, 0, [5, 5]))), "held");
}

#[test]
fn an_unlock_lifts_no_ceiling_of_fees() {
    let mut world = World::new();
    world.unlock(at(60));
    assert_eq!(answer(&world.ask(1, |request| fee_within(request, 11, [10, 25]))), "limit_exceeded");
    assert_eq!(answer(&world.ask(1, |request| fee_within(request, 10, [10, 25]))), "held");
}

#[test]
fn the_greatest_fee_is_held_and_the_real_one_captured() {
    let mut world = gas(vec![limit("hteth:usdc", 10), limit("hteth", 10)]);
    let hold = held(world.transfer(4, 9));
    assert_eq!(world.transferring(1, 2), "limit_exceeded");
    world.capture_with_fee(hold.id, Amount::new(4), Amount::new(3));
    assert_eq!(figures(&world.budget(BY_TOKEN, "hteth")), [3, 0, 0]);
    assert_eq!(figures(&world.budget(BY_TOKEN, "hteth:usdc")), [4, 0, 0]);
    assert_eq!(world.transferring(6, 7), "held");
    world.is_conserved();
}

#[test]
fn a_fee_above_what_was_held_is_recorded_and_stops_the_token() {
    for held_fee in [0, 2] {
        let mut world = gas(vec![limit("hteth:usdc", 10), limit("hteth", 10)]);
        let hold = held(world.transfer(4, held_fee));
        world.capture_with_fee(hold.id, Amount::new(4), Amount::new(25));
        for subject in EVERYBODY {
            assert_eq!(figures(&world.budget(subject, "hteth")), [25, 0, 0], "{held_fee} was held");
        }
        world.is_conserved();
        assert_eq!(world.transferring(1, 0), "locked");
        world.edit_token(|token| token.locked = None);
        assert_eq!(world.transferring(1, 1), "limit_exceeded");
    }
}

#[test]
fn a_fee_that_was_spent_stays_spent_when_a_limit_on_fees_comes() {
    let mut world = gas(vec![unlimited("hteth:usdc"), unlimited("hteth")]);
    let hold = held(world.transfer(1, 3));
    world.capture_with_fee(hold.id, Amount::new(1), Amount::new(3));
    world.transfer(1, 4);
    let fees = of(Measure::Fee, limit("hteth:*", 10));
    world.limits(BY_TOKEN, vec![unlimited("hteth:usdc"), unlimited("hteth"), fees]);
    assert_eq!(world.transferring(1, 4), "limit_exceeded");
    assert_eq!(world.transferring(1, 3), "held");
    world.is_conserved();
}

#[test]
fn a_fee_in_the_spent_coin_is_part_of_what_left_whatever_is_said() {
    let mut world = World::limited(limit("tbtc", 100));
    let hold = held(world.ask(5, |request| request.fee = Amount::new(50)));
    world.capture_with_fee(hold.id, Amount::new(7), Amount::new(9));
    let Some(spend) = world.spends().next() else { panic!() };
    assert_eq!(spend.captured().unwrap(), hold.cost.really(Amount::new(9), Amount::new(9)));
    assert_eq!(world.budget(BY_TOKEN, "tbtc").captured, Usage { fee: Amount::new(9), ..Usage::one(Amount::new(9)) });
}

#[test]
fn a_spend_of_nothing_needs_a_limit_and_pays_its_fee() {
    let mut world = World::limited(limit("tbtc", 5));
    assert_eq!(answer(&world.ask(0, |request| request.fee = Amount::new(6))), "limit_exceeded");
    let hold = held(world.ask(0, |request| request.fee = Amount::new(5)));
    world.capture_with_fee(hold.id, Amount::new(5), Amount::new(5));
    assert_eq!(answer(&world.ask(0, |request| request.fee = Amount::new(1))), "limit_exceeded");
    assert_eq!(world.refusal(0), "held");
}
