//! Money in a wallet that Bursar knows, and money in none.

use super::*;
use crate::account::{MemberRole, Membership};
use crate::fixtures::{limit, scopes, token};
use crate::id::{OrganisationId, TokenId};
use crate::token::Narrowing;

const ELSEWHERE: OrganisationId = OrganisationId::from_bytes([44; 16]);
const SERVICE: TokenId = TokenId::from_bytes([55; 16]);

/// A token whose owner belongs to the organisation and has no wallet.
fn member() -> World {
    let mut world = World::limited(limit("tbtc", 10));
    let membership = Membership { organisation: ORGANISATION, user: USER, role: MemberRole::Admin };
    world.put(Record::Membership((ORGANISATION, USER), membership));
    world.put(Record::Token(SERVICE, token(SERVICE, USER)));
    world
}

fn of_organisation(organisation: Option<OrganisationId>) -> impl FnOnce(&mut HoldRequest) {
    move |request| {
        request.wallet = None;
        request.organisation = organisation;
    }
}

fn served(request: &mut HoldRequest) {
    of_organisation(Some(ORGANISATION))(request);
    request.holder = Some(SERVICE);
}

#[test]
fn money_in_no_wallet_is_spent_by_members_of_its_organisation() {
    let mut world = member();
    let hold = held(world.ask(7, of_organisation(Some(ORGANISATION))));
    assert_eq!((hold.wallet, hold.organisation), (None, ORGANISATION));
    for subject in [BY_TOKEN, BY_USER, BY_ORGANISATION] {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [0, 7, 0], "{}", subject.kind());
    }
    assert_eq!(world.budget(BY_WALLET, "tbtc"), Budget::default());
    world.is_conserved();
    assert_eq!(answer(&world.ask(7, of_organisation(Some(ORGANISATION)))), "limit_exceeded");
    assert_eq!(answer(&world.ask(1, of_organisation(Some(ELSEWHERE)))), "not_a_member");
    assert_eq!(answer(&world.ask(1, of_organisation(None))), "wallet_unknown");
}

#[test]
fn an_organisation_limits_what_its_members_spend_from_no_wallet() {
    let mut world = member();
    world.limits(BY_ORGANISATION, vec![limit("tbtc", 4)]);
    assert_eq!(answer(&world.ask(5, of_organisation(Some(ORGANISATION)))), "limit_exceeded");
    world.hold(3);
    assert_eq!(answer(&world.ask(2, of_organisation(Some(ORGANISATION)))), "limit_exceeded");
    assert_eq!(answer(&world.ask(1, of_organisation(Some(ORGANISATION)))), "held");
}

#[test]
fn a_token_tied_to_wallets_or_to_another_organisation_spends_none_of_it() {
    let refused = |edit: &dyn Fn(&mut crate::token::Token)| {
        let mut world = member();
        world.edit_token(edit);
        answer(&world.ask(1, of_organisation(Some(ORGANISATION))))
    };
    assert_eq!(refused(&|token| token.grant.narrowing = Narrowing::Wallets(vec![WALLET])), "wallet_not_permitted");
    let elsewhere = || Narrowing::Organisations(vec![ELSEWHERE]);
    assert_eq!(refused(&|token| token.grant.narrowing = elsewhere()), "wallet_not_permitted");
    assert_eq!(refused(&|token| token.grant.organisation = Some(ELSEWHERE)), "wallet_not_permitted");
    assert_eq!(refused(&|token| token.grant.scopes = scopes(&["wallet_view_all"])), "scope_missing");
    let here = || Narrowing::Organisations(vec![ORGANISATION]);
    assert_eq!(refused(&|token| token.grant.narrowing = here()), "held");
}

#[test]
fn a_service_settles_what_it_held_and_nothing_else() {
    let mut world = member();
    let hold = held(world.ask(5, served)).id;
    let other = held(world.ask(5, of_organisation(Some(ORGANISATION)))).id;
    let service = |token| Settler::Service { token, stepped_up: false };
    let capture =
        |hold, by| Command::Capture { hold, amount: Amount::new(5), fee: Amount::ZERO, reference: String::new(), by };
    for by in [service(TOKEN), service(SERVICE)] {
        assert!(matches!(world.run(capture(other, by)).outcome, Outcome::NoSuchHold));
    }
    assert!(matches!(world.run(capture(hold, service(TOKEN))).outcome, Outcome::NoSuchHold));
    let applied = world.run(capture(hold, service(SERVICE)));
    assert!(!settled(applied.outcome).1);
    assert!(applied.event.unwrap().data.contains(&("service".to_owned(), SERVICE.to_string())));
}

#[test]
fn a_service_releases_late_only_with_a_second_factor_and_captures_late_without() {
    let release = |world: &mut World, hold, stepped_up| {
        let by = Settler::Service { token: SERVICE, stepped_up };
        answer(&world.run(Command::Release { hold, reason: String::new(), by }).outcome)
    };
    let mut world = member();
    let [early, late, marked, paid] = [1, 1, 1, 1].map(|amount| held(world.ask(amount, served)).id);
    world.now = at(59);
    assert_eq!(release(&mut world, early, false), "settled");
    world.expire(marked);
    assert_eq!(release(&mut world, marked, false), "step-up needed");
    world.now = at(60);
    assert_eq!(release(&mut world, late, false), "step-up needed");
    assert_eq!(release(&mut world, late, true), "settled");
    assert_eq!(release(&mut world, marked, true), "settled");
    let by = Settler::Service { token: SERVICE, stepped_up: false };
    let capture =
        Command::Capture { hold: paid, amount: Amount::new(1), fee: Amount::ZERO, reference: String::new(), by };
    assert_eq!(answer(&world.run(capture).outcome), "settled");
    world.is_conserved();
}

#[test]
fn a_late_capture_of_less_is_a_release_and_takes_what_a_release_takes() {
    let paying = |request: &mut HoldRequest| {
        served(request);
        request.fee = Amount::new(4);
    };
    let capture = |world: &mut World, hold, amount, fee, stepped_up| {
        let by = Settler::Service { token: SERVICE, stepped_up };
        let (amount, fee) = (Amount::new(amount), Amount::new(fee));
        let command = Command::Capture { hold, amount, fee, reference: "txid".to_owned(), by };
        answer(&world.run(command).outcome)
    };
    let mut world = member();
    world.limits(BY_TOKEN, vec![limit("tbtc", 100)]);
    let [early, late, unresolved, whole] = [10; 4].map(|amount| held(world.ask(amount, paying)).id);
    world.expire(unresolved);
    assert_eq!(capture(&mut world, early, 0, 0, false), "settled");
    for (hold, now) in [(unresolved, at(59)), (late, at(60))] {
        world.now = now;
        let records = world.records.clone();
        // Nothing, a little, a fee that was less, and all of it by what is said, but in the name of a fee.
        for (amount, fee) in [(0, 0), (9, 0), (11, 1), (14, 5)] {
            assert_eq!(capture(&mut world, hold, amount, fee, false), "step-up needed");
        }
        assert_eq!(world.records, records);
        assert_eq!(capture(&mut world, hold, 9, 0, true), "settled");
    }
    assert_eq!(capture(&mut world, whole, 14, 4, false), "settled", "it gives nothing back");
    world.is_conserved();
}

#[test]
fn a_person_resolves_with_what_they_saw() {
    let mut world = member();
    let hold = world.hold(5);
    world.expire(hold);
    let by = Settler::Person { evidence: "not on the chain after 6 blocks".to_owned() };
    let event = world.run(Command::Release { hold, reason: String::new(), by }).event.unwrap();
    assert_eq!(event.action, "spend.resolve");
    for told in [("became", "released"), ("evidence", "not on the chain after 6 blocks")] {
        assert!(event.data.contains(&(told.0.to_owned(), told.1.to_owned())));
    }
}

#[test]
fn a_service_asks_for_spends_only_while_its_owner_runs_the_organisation() {
    for wallet in [None, Some(WALLET)] {
        let asking = |request: &mut HoldRequest| {
            served(request);
            request.wallet = wallet;
        };
        let mut world = member();
        for role in [MemberRole::Owner, MemberRole::Admin] {
            world.put(Record::Membership(
                (ORGANISATION, USER),
                Membership { organisation: ORGANISATION, user: USER, role },
            ));
            assert_eq!(answer(&world.ask(1, asking)), "held");
        }
        for role in [MemberRole::Member, MemberRole::Auditor] {
            world.put(Record::Membership(
                (ORGANISATION, USER),
                Membership { organisation: ORGANISATION, user: USER, role },
            ));
            assert_eq!(answer(&world.ask(1, asking)), "not_a_member");
        }
        world.records.remove(&Key::Membership((ORGANISATION, USER)));
        assert_eq!(answer(&world.ask(1, asking)), "not_a_member");
    }
}

#[test]
fn a_service_that_released_wrongly_says_so_with_a_second_factor() {
    let mut world = member();
    let hold = held(world.ask(5, served)).id;
    let by = |token, stepped_up| Settler::Service { token, stepped_up };
    let release = Command::Release { hold, reason: String::new(), by: by(SERVICE, false) };
    assert_eq!(answer(&world.run(release).outcome), "settled");
    let capture =
        |by| Command::Capture { hold, amount: Amount::new(7), fee: Amount::ZERO, reference: "txid".to_owned(), by };
    let records = world.records.clone();
    assert_eq!(answer(&world.run(capture(by(TOKEN, true))).outcome), "no such hold");
    assert_eq!(answer(&world.run(capture(by(SERVICE, false))).outcome), "step-up needed");
    assert_eq!(world.records, records);
    let applied = world.run(capture(by(SERVICE, true)));
    assert!(!settled(applied.outcome).1);
    let event = applied.event.unwrap();
    assert_eq!(event.action, "spend.correct");
    assert!(event.data.contains(&("alarm".to_owned(), "captured_after_release".to_owned())));
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [7, 0, 0]);
    assert_eq!(answer(&world.ask(1, served)), "locked");
    world.is_conserved();
}
