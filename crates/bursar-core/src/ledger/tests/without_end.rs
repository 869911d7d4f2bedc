//! Amounts without end, as allowances have them: granted where the token says `unlimited` and nothing bounds the coin, and
//! counted as the greatest amount there is.

use super::*;
use crate::fixtures::{count_limit, destination, limit, of, over, unlimited};
use crate::hold::{Cost, Payee};
use crate::limit::{Allowed, Ceiling, Destinations, Fits, Measure};
use crate::token::TokenKind;

const USDC: &str = "hteth:usdc";

/// A wallet of the chain, and these limits on the token.
fn chain(limits: Vec<Limit>) -> World {
    let mut world = World::new();
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
    world.limits(BY_TOKEN, limits);
    world
}

fn allows_all(request: &mut HoldRequest) {
    (request.coin, request.fee_coin) = (coin(USDC), coin("hteth"));
    request.payees[0].amount = Cost::WITHOUT_END;
}

fn at_most(ceiling: Amount) -> Limit {
    Limit { ceiling: Ceiling::At(ceiling), ..limit(USDC, 0) }
}

fn each(limits: Vec<Limit>) -> LimitSet {
    LimitSet {
        limits: vec![unlimited(USDC)],
        destinations: Some(Destinations { each: limits, ..Destinations::default() }),
    }
}

impl World {
    /// Asks for an allowance without end; the code of the refusal, or the name of another outcome.
    fn allow_all(&mut self) -> &'static str {
        answer(&self.ask(0, allows_all))
    }

    fn grant_all(&mut self) -> HoldId {
        held(self.ask(0, allows_all)).id
    }

    fn spend_usdc(&mut self, amount: u128) -> &'static str {
        answer(&self.ask(amount, |request| (request.coin, request.fee_coin) = (coin(USDC), coin("hteth"))))
    }
}

fn refused(world: &mut World) -> Refusal {
    match world.ask(0, allows_all) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused but {other:?}"),
    }
}

#[test]
fn it_is_granted_only_to_a_token_that_says_unlimited_of_that_coin() {
    for says_so in
        [unlimited(USDC), over("rolling 60s", unlimited(USDC)), of(Measure::AmountWithoutFee, unlimited(USDC))]
    {
        assert_eq!(chain(vec![says_so]).allow_all(), "held");
    }
    for says_nothing in [vec![], vec![count_limit("*", 9)], vec![unlimited("hteth")], vec![unlimited("*erc20")]] {
        let refusal = refused(&mut chain(says_nothing));
        assert_eq!(refusal, Refusal::NotUnlimited { coin: coin(USDC), bound_by: None });
    }
    for somebody_else in [BY_USER, BY_WALLET, BY_ORGANISATION] {
        let mut world = chain(vec![count_limit("*", 9)]);
        world.limits(somebody_else, vec![unlimited(USDC)]);
        assert_eq!(world.allow_all(), "not_unlimited", "the token has to say it itself");
    }
    let mut dropped = chain(vec![unlimited(USDC)]);
    dropped.edit_token(|token| token.limits_dropped = true);
    assert_eq!(dropped.allow_all(), "not_unlimited");
}

#[test]
fn no_limit_however_high_lets_it_through() {
    for ceiling in [Amount::ZERO, Amount::new(5), Cost::WITHOUT_END, Cost::BOUND, Amount::MAX] {
        let refusal = refused(&mut chain(vec![at_most(ceiling)]));
        assert_eq!(refusal, Refusal::NotUnlimited { coin: coin(USDC), bound_by: Some(BY_TOKEN) }, "{ceiling}");
        for window in ["spend", "rolling 60s", "calendar day UTC"] {
            let both = chain(vec![unlimited(USDC), over(window, at_most(ceiling))]).allow_all();
            assert_eq!(both, "not_unlimited", "{ceiling} over {window}");
        }
    }
    let family = || limit("*erc20", 5);
    assert_eq!(chain(vec![unlimited(USDC), family()]).allow_all(), "held", "its entry takes a coin out of the family");
    assert_eq!(chain(vec![over("rolling 60s", unlimited(USDC)), family()]).allow_all(), "not_unlimited");
    assert_eq!(chain(vec![unlimited(USDC), limit("hteth:dai", 5)]).allow_all(), "held", "that is another coin's");
}

#[test]
fn a_limit_of_anybody_on_the_coins_amount_bounds_it() {
    for subject in EVERYBODY {
        let mut world = chain(vec![unlimited(USDC)]);
        world.limits(subject, vec![unlimited(USDC), over("spend", at_most(Amount::MAX))]);
        assert_eq!(refused(&mut world), Refusal::NotUnlimited { coin: coin(USDC), bound_by: Some(subject) });
        let told = refused(&mut world).sentence(&crate::decimals::Decimals::default());
        assert!(told.starts_with(&format!("the {} has a limit on amounts of {USDC}", subject.kind())), "{told}");
        world.limits(subject, vec![unlimited(USDC), count_limit(USDC, 9), of(Measure::Fee, limit("hteth", 9))]);
        assert_eq!(world.allow_all(), "held", "limits on other things do not bound it");

        let mut world = chain(vec![unlimited(USDC)]);
        let to_each = over("rolling 60s", of(Measure::AmountWithoutFee, at_most(Amount::MAX)));
        assert_eq!(answer(&world.edit(subject, each(vec![to_each]), true)), "limits");
        assert_eq!(world.allow_all(), "not_unlimited", "what each destination gets has a bound");
        assert_eq!(answer(&world.edit(subject, each(vec![count_limit(USDC, 9)]), true)), "limits");
        assert_eq!(world.allow_all(), "held");
    }
}

#[test]
fn no_unlock_and_no_code_stands_in_for_the_word() {
    for limits in [vec![], vec![limit(USDC, 5)], vec![unlimited("hteth")]] {
        let mut world = chain(limits);
        let with_code = |request: &mut HoldRequest| {
            allows_all(request);
            request.stepped_up = true;
        };
        assert_eq!(answer(&world.ask(0, with_code)), "not_unlimited");
        world.unlock(at(60));
        assert_eq!(world.allow_all(), "not_unlimited");
        let told = refused(&mut world).sentence(&crate::decimals::Decimals::default());
        assert!(told.ends_with("; no unlock stands in for that; name the amount that is to be spent"), "{told}");
        world.edit_token(|token| token.kind = TokenKind::Session);
        assert_eq!(world.allow_all(), "not_unlimited");
    }
}

#[test]
fn all_other_rules_hold_as_ever() {
    let mut locked = chain(vec![unlimited(USDC)]);
    locked.lock();
    assert_eq!(locked.allow_all(), "locked");
    let mut counted = chain(vec![unlimited(USDC), count_limit("*", 1)]);
    assert_eq!([counted.allow_all(), counted.allow_all()], ["held", "limit_exceeded"]);
    let mut fees = chain(vec![unlimited(USDC), of(Measure::Fee, limit("hteth", 5))]);
    let paying = |fee| {
        move |request: &mut HoldRequest| {
            allows_all(request);
            request.fee = Amount::new(fee);
        }
    };
    assert_eq!(answer(&fees.ask(0, paying(6))), "limit_exceeded");
    assert_eq!(answer(&fees.ask(0, paying(5))), "held");
    let mut elsewhere = chain(vec![unlimited(USDC)]);
    let allowed = Allowed { destination: destination("2NA"), address: "2NA".to_owned(), coin: coin(USDC) };
    let only = Destinations { allowed: Some(vec![allowed]), ..Destinations::default() };
    elsewhere.edit(BY_WALLET, LimitSet { destinations: Some(only), ..LimitSet::default() }, true);
    assert_eq!(elsewhere.allow_all(), "destination_not_allowed");
}

#[test]
fn it_counts_in_full_for_whatever_limit_comes_later_and_is_never_given_back() {
    for subject in EVERYBODY {
        let mut world = chain(vec![unlimited(USDC)]);
        let hold = world.grant_all();
        world.capture(hold, Cost::WITHOUT_END);
        // Set back to nothing on the chain, it has been granted all the same.
        assert_eq!(world.spend_usdc(0), "held");
        world.is_conserved();
        world.limits(subject, vec![unlimited(USDC), over("rolling 60s", limit(USDC, 5))]);
        let Outcome::Refused(Refusal::LimitExceeded(reports)) =
            world.ask(1, |request| (request.coin, request.fee_coin) = (coin(USDC), coin("hteth")))
        else {
            panic!("{subject:?} has no room")
        };
        assert!(reports.iter().all(|report| report.captured == Cost::WITHOUT_END));
        assert!(reports.iter().any(|report| report.fits == Fits::At(at(60))), "a window forgets it as it does others");
        world.limits(subject, vec![limit(USDC, 5)]);
        world.now = at(900);
        assert_eq!(world.spend_usdc(1), "limit_exceeded", "for life it is used up");
        world.is_conserved();
    }
}

#[test]
fn what_was_reverted_is_given_back() {
    let mut world = chain(vec![unlimited(USDC)]);
    let hold = world.grant_all();
    assert_eq!(world.budget(BY_WALLET, USDC).held, Usage::one(Cost::WITHOUT_END));
    world.release(hold);
    world.limits(BY_TOKEN, vec![limit(USDC, 5)]);
    assert_eq!(world.spend_usdc(5), "held");
    world.is_conserved();
}

#[test]
fn many_of_them_have_a_sum_and_stop_nobody() {
    let mut world = chain(vec![unlimited(USDC), over("rolling 60s", unlimited(USDC))]);
    for second in 0..100 {
        world.now = at(second / 10);
        let hold = world.grant_all();
        if second % 2 == 0 {
            world.capture(hold, Cost::WITHOUT_END);
        }
    }
    let fifty = Cost::WITHOUT_END.checked_mul(Amount::new(50)).unwrap();
    let budget = world.budget(BY_TOKEN, USDC);
    assert_eq!([budget.captured, budget.held].map(|usage| usage.amount), [fifty; 2]);
    world.is_conserved();
    let kept = Command::Forget { holds: world.spends().map(|hold| hold.id).collect(), kept: Span::ZERO };
    world.now = at(11);
    assert!(matches!(world.run(kept).outcome, Outcome::Forgotten { spends: 50 }));
    assert_eq!(world.budget(BY_TOKEN, USDC).rolled.amount, fifty);
    world.is_conserved();
    assert_eq!([world.spend_usdc(7), world.allow_all()], ["held"; 2]);
}

#[test]
fn an_edit_that_begins_to_look_at_destinations_finds_it() {
    let mut world = chain(vec![unlimited(USDC)]);
    for _ in 0..2 {
        let hold = world.grant_all();
        world.capture(hold, Cost::WITHOUT_END);
    }
    let to_each = over("rolling 60s", of(Measure::AmountWithoutFee, limit(USDC, 5)));
    assert_eq!(answer(&world.edit(BY_TOKEN, each(vec![to_each]), true)), "limits");
    assert_eq!(world.spend_usdc(1), "limit_exceeded");
    let elsewhere = |request: &mut HoldRequest| {
        (request.coin, request.fee_coin) = (coin(USDC), coin("hteth"));
        request.payees = vec![Payee { destination: destination("2NA"), ..request.payees[0].clone() }];
    };
    assert_eq!(answer(&world.ask(5, elsewhere)), "held");
    world.is_conserved();
}

#[test]
fn people_read_that_it_is_without_end() {
    let mut world = chain(vec![unlimited(USDC)]);
    let mut request = world.request(Amount::ZERO);
    allows_all(&mut request);
    let event = world.run(Command::Hold(Box::new(request))).event.unwrap();
    let (name, amount) = event.data.iter().find(|(name, _)| *name == "amount").unwrap();
    assert_eq!(*amount, Cost::WITHOUT_END.to_string(), "figures of the trail are base units throughout");
    let decimals = crate::decimals::Decimals::default();
    assert_eq!(event.fact_in_units(name, amount, None, &decimals), "hteth:usdc without end");
}
