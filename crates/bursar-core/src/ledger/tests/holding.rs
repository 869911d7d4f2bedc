//! What a hold takes, and from whom.

use super::*;
use crate::fixtures::{count_limit, freeze, limit, of, over, scopes, unlimited};
use crate::hold::Cost;
use crate::token::{Narrowing, TokenKind};

#[test]
fn a_limit_is_exact_at_its_ceiling() {
    let mut world = World::limited(limit("tbtc", 10));
    world.hold(7);
    assert_eq!(world.refusal(4), "limit_exceeded");
    world.hold(3);
    assert_eq!(world.refusal(1), "limit_exceeded");
}

#[test]
fn one_unit_spends_against_a_hundred_succeed_a_hundred_times() {
    let mut world = World::limited(limit("tbtc", 100));
    let granted = (0..200).filter(|_| world.refusal(1) == "held").count();
    assert_eq!(granted, 100);
}

#[test]
fn every_subject_has_a_say_and_all_are_held_or_none() {
    for strict in EVERYBODY {
        let mut world = World::new();
        for subject in EVERYBODY {
            world.limits(subject, vec![limit("tbtc", if subject == strict { 4 } else { 10 })]);
        }
        let before = world.records.clone();
        assert_eq!(world.refusal(5), "limit_exceeded", "{}", strict.kind());
        assert_eq!(world.records, before);
        world.hold(4);
        for subject in EVERYBODY {
            assert_eq!(figures(&world.budget(subject, "tbtc")), [0, 4, 0], "{}", subject.kind());
        }
    }
}

#[test]
fn every_exceeded_limit_is_reported_with_its_figures() {
    let mut world = World::limited(limit("tbtc", 10));
    world.limits(BY_WALLET, vec![limit("tbtc", 8), count_limit("tbtc", 9)]);
    let first = world.hold(6);
    world.capture(first, Amount::new(5));
    world.hold(2);
    let outcome = world.ask(4, |_| ());
    let seen: Vec<_> =
        reports(outcome).iter().map(|r| (r.subject, r.captured, r.held, r.asked, r.remaining())).collect();
    let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(Amount::new);
    assert_eq!(seen, [(BY_TOKEN, five, two, four, Some(three)), (BY_WALLET, five, two, four, Some(one))]);
}

#[test]
fn a_count_limit_counts_spends_whatever_their_amount() {
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), count_limit("tbtc", 2)]);
    world.hold(1_000_000);
    world.hold(0);
    assert_eq!(world.refusal(0), "limit_exceeded");
}

#[test]
fn a_refusal_changes_nothing_and_is_told() {
    let mut world = World::limited(limit("tbtc", 1));
    let before = world.records.clone();
    let request = world.request(Amount::new(2));
    let applied = world.run(Command::Hold(Box::new(request)));
    assert_eq!(world.records, before);
    let event = applied.event.unwrap();
    assert_eq!((event.action.as_str(), event.time), ("spend.refuse", world.now));
    assert!(event.data.contains(&("code".to_owned(), "limit_exceeded".to_owned())));
}

#[test]
fn a_fee_is_money() {
    let mut world = World::limited(limit("tbtc", 10));
    assert_eq!(answer(&world.ask(8, |request| request.fee = Amount::new(3))), "limit_exceeded");
    let hold = held(world.ask(8, |request| request.fee = Amount::new(2)));
    assert_eq!((hold.cost.amount, hold.cost.fee), (Amount::new(10), Amount::new(2)));
}

#[test]
fn recipients_are_added_up() {
    let mut world = World::limited(limit("tbtc", 10));
    let twice = |request: &mut HoldRequest| request.payees.extend(request.payees.clone());
    assert_eq!(answer(&world.ask(6, twice)), "limit_exceeded");
    assert_eq!(held(world.ask(5, twice)).cost.amount, Amount::new(10));
}

#[test]
fn a_spend_of_nothing_needs_a_limit() {
    assert_eq!(World::new().refusal(0), "no_limit");
    assert_eq!(World::limited(limit("hteth", 5)).refusal(0), "no_limit_for_coin");
    assert_eq!(World::limited(limit("tbtc", 1)).refusal(0), "held");
    assert_eq!(World::limited(limit("tbtc", 0)).refusal(1), "limit_exceeded");
}

#[test]
fn sums_near_2_to_the_256_are_refused_and_never_wrap() {
    let mut world = World::limited(unlimited("tbtc"));
    let most = Cost::BOUND.saturating_sub(Amount::new(1));
    for (amount, fee) in [(1, Amount::MAX), (0, Amount::MAX), (0, Cost::BOUND), (1, most)] {
        assert_eq!(answer(&world.ask(amount, |request| request.fee = fee)), "amount_too_large");
    }
    assert_eq!(answer(&world.ask(0, |request| request.fee = most)), "held");
    assert_eq!(world.budget(BY_TOKEN, "tbtc").held, Usage { fee: most, ..Usage::one(most) });
    assert_eq!(world.refusal(1), "held", "nobody is kept from spending by somebody who holds a lot");
}

#[test]
fn a_total_that_is_full_refuses_also_where_no_limit_looks_at_it() {
    let mut world = World::limited(unlimited("tbtc"));
    let full = Budget { captured: Usage::one(Amount::MAX), ..Budget::default() };
    let key = |subject| budget_key(subject, "tbtc");
    world.put(Record::Budget(key(BY_ORGANISATION), full));
    assert_eq!(world.refusal(1), "amount_too_large");
}

#[test]
fn an_unlimited_coin_is_spent_and_counted() {
    let mut world = World::limited(unlimited("tbtc"));
    world.hold(1_000_000_000);
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 1_000_000_000, 0]);
}

#[test]
fn a_ceiling_of_zero_lets_no_spend_through_not_even_of_nothing() {
    use crate::limit::{Fits, Measure};
    for measure in [Measure::Amount, Measure::AmountWithoutFee] {
        for window in ["lifetime", "rolling 60s", "spend"] {
            let closed = over(window, of(measure, limit("tbtc", 0)));
            let mut world = World::limited(closed);
            let Outcome::Refused(Refusal::LimitExceeded(reports)) = world.ask(0, |_| ()) else { panic!("{window}") };
            assert!(reports.iter().all(|report| report.fits == Fits::Never));
        }
    }
    let mut world = World::new();
    world.limits(BY_TOKEN, vec![unlimited("tbtc"), of(Measure::Fee, limit("tbtc", 0))]);
    assert_eq!(answer(&world.ask(1, |request| request.fee = Amount::new(1))), "limit_exceeded");
    assert_eq!(world.refusal(0), "held");
}

#[test]
fn a_token_that_dropped_its_limits_spends_only_unlocked() {
    let mut world = World::limited(limit("tbtc", 10));
    world.edit_token(|token| token.limits_dropped = true);
    assert_eq!(world.refusal(1), "no_limit");
}

#[test]
fn a_family_limit_covers_tokens_together_but_not_those_with_a_limit_of_their_own() {
    let mut world = World::new();
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth")));
    world.limits(BY_TOKEN, vec![limit("*erc20", 10), limit("hteth:usdc", 3)]);
    let mut spend = |ticker, amount| answer(&world.ask(amount, |request| request.coin = coin(ticker)));
    assert_eq!(spend("hteth:dai", 6), "held");
    assert_eq!(spend("hteth:usdt", 5), "limit_exceeded");
    assert_eq!(spend("hteth:usdt", 4), "held");
    assert_eq!(spend("hteth:usdc", 3), "held");
    assert_eq!(spend("hteth:usdc", 1), "limit_exceeded");
    assert_eq!(spend("hteth", 1), "no_limit_for_coin");
    assert_eq!(figures(&world.budget(BY_TOKEN, "*erc20")), [0, 10, 0]);
    assert_eq!(figures(&world.budget(BY_TOKEN, "hteth:dai")), [0, 6, 0]);
}

#[test]
fn a_wallet_pays_only_in_coins_of_its_chain() {
    let mut world = World::limited(limit("tbtc", 10));
    let other = |request: &mut HoldRequest| request.coin = coin("hteth");
    assert_eq!(answer(&world.ask(1, other)), "wrong_coin");
    world.put(Record::Wallet(WALLET, wallet(WALLET, "hteth:usdc")));
    assert_eq!(answer(&world.ask(1, other)), "wrong_coin");
    assert_eq!(answer(&world.ask(1, |request| request.coin = coin("hteth:dai"))), "wrong_coin");
}

#[test]
fn a_token_spends_only_while_it_may() {
    let refused = |edit: &dyn Fn(&mut World)| {
        let mut world = World::limited(limit("tbtc", 10));
        world.hold(1);
        edit(&mut world);
        let before = world.records.clone();
        let code = world.refusal(1);
        assert_eq!(world.records, before);
        code
    };
    assert_eq!(refused(&|world| world.edit_token(|token| token.revoked = Some(at(-1)))), "token_revoked");
    assert_eq!(refused(&|world| world.now = at(1000)), "token_expired");
    assert_eq!(refused(&|world| world.edit_user(|owner| owner.freeze = Some(freeze(None)))), "owner_frozen");
    assert_eq!(refused(&|world| world.edit_wallet(|wallet| wallet.freeze = Some(freeze(None)))), "wallet_frozen");
    let view = scopes(&["wallet_view_all"]);
    assert_eq!(refused(&|world| world.edit_token(|token| token.grant.scopes = view.clone())), "scope_missing");
    let viewer = WalletRole { view: true, ..WalletRole::default() };
    assert_eq!(refused(&|world| world.put(Record::Role((WALLET, USER), viewer))), "role_missing");
    let nowhere = Narrowing::Organisations(Vec::new());
    assert_eq!(
        refused(&|world| world.edit_token(|token| token.grant.narrowing = nowhere.clone())),
        "wallet_not_permitted"
    );
    assert_eq!(refused(&|world| world.edit_token(|token| token.kind = TokenKind::Session)), "not_unlocked");
}
