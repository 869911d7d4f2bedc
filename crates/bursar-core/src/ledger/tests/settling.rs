//! How a spend ends: once, and with nothing lost.

use super::*;
use crate::fixtures::{limit, unlimited};
use crate::hold::Cost;
use crate::refusal::Refusal;
use crate::token::{Lock, LockedBy};

#[test]
fn a_capture_returns_what_was_held_too_much() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(10);
    world.capture(spend, Amount::new(6));
    for subject in EVERYBODY {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [6, 0, 0]);
    }
    assert_eq!(world.refusal(5), "limit_exceeded");
    world.hold(4);
}

#[test]
fn a_release_returns_everything() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(10);
    world.release(spend);
    for subject in EVERYBODY {
        assert_eq!(world.budget(subject, "tbtc"), Budget::default());
    }
    world.hold(10);
}

#[test]
fn a_spend_settles_once() {
    let settle: [fn(&mut World, HoldId) -> Outcome; 3] = [
        |world, spend| world.capture(spend, Amount::new(6)),
        |world, spend| world.release(spend),
        |world, spend| world.capture(spend, Amount::new(9)),
    ];
    for (number, first) in settle.into_iter().enumerate() {
        for (again, second) in settle.into_iter().enumerate() {
            // That money moved after all is another matter: see below.
            if number == 1 && again != 1 {
                continue;
            }
            let mut world = World::limited(limit("tbtc", 10));
            let spend = world.hold(10);
            let (state, before) = settled(first(&mut world, spend));
            assert!(!before);
            let records = world.records.clone();
            assert_eq!(settled(second(&mut world, spend)), (state.clone(), true));
            assert_eq!(settled(world.expire(spend)), (state, true));
            assert_eq!(world.records, records);
        }
    }
}

#[test]
fn a_second_settlement_leaves_no_trace() {
    let mut world = World::limited(limit("tbtc", 10));
    let hold = world.hold(10);
    let release = || Command::Release { hold, reason: "refused by the rail".to_owned(), by: Settler::Rail };
    assert_eq!(world.run(release()).event.unwrap().action, "spend.release");
    assert_eq!(world.run(release()).event, None);
}

#[test]
fn what_a_person_saw_is_told_once() {
    for (reason, is_told) in [("nothing in the explorer", false), ("not sent", true)] {
        let mut world = World::limited(limit("tbtc", 10));
        let hold = world.hold(10);
        world.expire(hold);
        let by = Settler::Person { evidence: "nothing in the explorer".to_owned() };
        let event = world.run(Command::Release { hold, reason: reason.to_owned(), by }).event.unwrap();
        let told = |name: &str| event.data.iter().any(|(known, _)| known == name);
        assert_eq!((told("reason"), told("evidence")), (is_told, true), "{:?}", event.data);
    }
}

#[test]
fn an_unresolved_spend_counts_until_it_is_settled() {
    for captured in [true, false] {
        let mut world = World::limited(limit("tbtc", 10));
        let spend = world.hold(10);
        assert_eq!(settled(world.expire(spend)), (HoldState::unresolved(at(0), "no answer"), false));
        world.now = at(999);
        assert_eq!(settled(world.expire(spend)), (HoldState::unresolved(at(0), "no answer"), true));
        assert_eq!(world.refusal(1), "limit_exceeded");
        assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [0, 10, 0]);
        let outcome = if captured { world.capture(spend, Amount::new(4)) } else { world.release(spend) };
        assert!(!settled(outcome).1);
        assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [if captured { 4 } else { 0 }, 0, 0]);
    }
}

#[test]
fn time_alone_releases_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    world.hold(10);
    world.now = at(999);
    assert_eq!(world.refusal(1), "limit_exceeded");
}

#[test]
fn a_spend_settles_whatever_became_of_its_token_wallet_and_limits() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(10);
    world.run(Command::Revoke { token: TOKEN });
    world.limits(BY_TOKEN, Vec::new());
    world.records.remove(&Key::Wallet(WALLET));
    world.capture(spend, Amount::new(10));
    for subject in EVERYBODY {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [10, 0, 0]);
    }
}

#[test]
fn a_spend_that_is_not_there_cannot_be_settled() {
    let mut world = World::new();
    let nothing = HoldId::from_bytes([9; 16]);
    assert!(matches!(world.capture(nothing, Amount::ZERO), Outcome::NoSuchHold));
    assert!(matches!(world.release(nothing), Outcome::NoSuchHold));
    assert!(matches!(world.expire(nothing), Outcome::NoSuchHold));
}

#[test]
fn what_recipients_got_above_the_hold_stops_the_token_also_where_the_fee_makes_up_for_it() {
    let mut world = World::limited(unlimited("tbtc"));
    let hold = held(world.ask(1, |request| request.fee = Amount::new(9))).id;
    let (amount, fee) = (Amount::new(10), Amount::ZERO);
    let command = Command::Capture { hold, amount, fee, reference: "txid".to_owned(), by: Settler::Rail };
    let event = world.run(command).event.unwrap();
    assert!(event.data.contains(&("alarm".to_owned(), "captured_above_hold".to_owned())));
    assert_eq!(world.refusal(1), "locked");
}

#[test]
fn a_capture_above_its_hold_is_recorded_in_full_and_both_figures_are_told() {
    let mut world = World::limited(limit("tbtc", 10));
    let hold = world.hold(6);
    let (amount, fee) = (Amount::new(25), Amount::ZERO);
    let command = Command::Capture { hold, amount, fee, reference: "txid".to_owned(), by: Settler::Rail };
    let event = world.run(command).event.unwrap();
    assert!(event.data.contains(&("amount".to_owned(), "25".to_owned())));
    assert!(event.data.contains(&("held".to_owned(), "6".to_owned())));
    for subject in EVERYBODY {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [25, 0, 0]);
    }
    assert!(event.data.contains(&("alarm".to_owned(), "captured_above_hold".to_owned())));
    assert_eq!(world.refusal(0), "locked");
    world.edit_token(|token| token.locked = None);
    assert_eq!(world.refusal(0), "limit_exceeded");
}

#[test]
fn a_capture_above_its_hold_ends_an_unlock() {
    let mut world = World::limited(limit("tbtc", 100));
    let hold = world.hold(6);
    world.unlock(at(60));
    world.capture(hold, Amount::new(7));
    assert_eq!((world.token().locked, world.token().unlock), (Some(Lock { since: at(0), by: LockedBy::Rail }), None));
    assert_eq!(world.refusal(1), "locked");
}

#[test]
fn the_trail_tells_what_was_held_and_paid_and_a_fee_only_where_there_is_one() {
    for (held_fee, paid_fee) in [(0, 0), (2, 0), (0, 2), (2, 1)] {
        let mut world = World::limited(unlimited("tbtc"));
        let mut request = world.request(Amount::new(5));
        request.fee = Amount::new(held_fee);
        let event = world.run(Command::Hold(Box::new(request))).event.unwrap();
        let fee = [("fee".to_owned(), format!("{held_fee} tbtc")), ("total".to_owned(), (5 + held_fee).to_string())];
        let fee = fee.into_iter().filter(|_| held_fee > 0);
        let told = [("token", TOKEN.to_string()), ("wallet", WALLET.to_string()), ("coin", "tbtc".to_owned())];
        let mut wanted: Vec<_> = told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        wanted.push(("amount".to_owned(), "5".to_owned()));
        wanted.extend(fee);
        wanted.push(("to".to_owned(), "2N9".to_owned()));
        wanted.push(("overridden".to_owned(), "false".to_owned()));
        assert_eq!(event.data, wanted);

        let (hold, amount, fee) = (world.id_of(1), Amount::new(5 + paid_fee), Amount::new(paid_fee));
        let command = Command::Capture { hold, amount, fee, reference: "txid".to_owned(), by: Settler::Rail };
        let event = world.run(command).event.unwrap();
        let told = event.data.iter().find(|(name, _)| name == "fee").map(|(_, value)| value.as_str());
        assert!(event.data.contains(&("amount".to_owned(), "5".to_owned())), "{:?}", event.data);
        let wanted = format!("{paid_fee} tbtc");
        assert_eq!(told, (held_fee > 0 || paid_fee > 0).then_some(wanted.as_str()), "{held_fee} {paid_fee}");
    }
}

#[test]
fn a_deadline_is_over_at_its_very_instant_and_not_before() {
    let person = || Settler::Person { evidence: "seen on the chain".to_owned() };
    for (seconds, is_over) in [(59, false), (60, true), (61, true)] {
        let mut world = World::limited(unlimited("tbtc"));
        let hold = world.hold(5);
        world.now = at(seconds);
        let mut other = World { records: world.records.clone(), now: world.now, holds: world.holds };
        let (state, before) =
            settled(other.run(Command::Expire { hold, overdue: true, reason: String::new() }).outcome);
        assert_eq!((matches!(state, HoldState::Unresolved { .. }), before), (is_over, !is_over), "{seconds}");
        let release = Command::Release { hold, reason: "lost".to_owned(), by: person() };
        let outcome = world.run(release).outcome;
        assert_eq!(matches!(outcome, Outcome::Settled { before: false, .. }), is_over, "{seconds}");
    }
}

#[test]
fn a_capture_of_more_than_any_coin_has_is_refused_and_the_hold_goes_on() {
    let mut world = World::limited(unlimited("tbtc"));
    let spend = world.hold(5);
    for (amount, fee) in [(Amount::MAX, Amount::ZERO), (Cost::BOUND, Amount::ZERO), (Amount::new(5), Cost::BOUND)] {
        assert!(matches!(world.capture_with_fee(spend, amount, fee), Outcome::Refused(Refusal::AmountTooLarge)));
    }
    assert_eq!(figures(&world.budget(BY_WALLET, "tbtc")), [0, 5, 0]);
}

#[test]
fn who_calls_an_amount_a_fee_is_noticed() {
    let mut world = World::limited(unlimited("tbtc"));
    let spend = world.hold(100);
    world.capture_with_fee(spend, Amount::new(100), Amount::new(100));
    assert_eq!(world.refusal(1), "locked");
}

#[test]
fn a_capture_is_recorded_even_if_the_held_counter_is_wrong() {
    let mut world = World::limited(limit("tbtc", 10));
    let spend = world.hold(6);
    let key = budget_key(BY_TOKEN, "tbtc");
    let wrong = Budget { held: Usage::one(Amount::new(2)), ..Budget::default() };
    world.put(Record::Budget(key, wrong));
    world.capture(spend, Amount::new(6));
    assert_eq!(figures(&world.budget(BY_TOKEN, "tbtc")), [6, 2, 0]);
}

#[test]
fn a_settlement_that_misses_a_record_changes_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    let hold = world.hold(6);
    let command = Command::Release { hold, reason: String::new(), by: Settler::Rail };
    let mut state = State::default();
    let load = |state: &mut State, keys: &[Key]| {
        for key in keys {
            state.load(key.clone(), world.records.get(key).cloned());
        }
    };
    load(&mut state, &[Key::Hold(hold)]);
    let budgets = needs(&state, &command);
    load(&mut state, &budgets[1..]);
    let request = Request { actor: Actor::System, command };
    assert!(apply(&mut state, &request, at(0)).is_err());
    assert_eq!(state.take_changes(), []);
}

#[test]
fn money_that_moved_after_a_person_said_it_had_not_is_counted_and_stops_the_token() {
    let mut world = World::limited(limit("tbtc", 100));
    let spend = world.hold(60);
    let evidence = || Settler::Person { evidence: "nothing in the explorer".to_owned() };
    let release = |by| Command::Release { hold: spend, reason: "not sent".to_owned(), by };
    assert!(matches!(world.run(release(evidence())).outcome, Outcome::Conflict(_)), "the rail is at it");
    world.expire(spend);
    assert!(matches!(world.run(release(evidence())).outcome, Outcome::Settled { before: false, .. }));
    let other = world.hold(30);
    let late = Command::Capture {
        hold: spend,
        amount: Amount::new(60),
        fee: Amount::ZERO,
        reference: "txid".to_owned(),
        by: Settler::Rail,
    };
    let event = world.run(late).event.unwrap();
    assert_eq!(event.action, "spend.correct");
    for subject in EVERYBODY {
        assert_eq!(figures(&world.budget(subject, "tbtc")), [60, 30, 0], "{other}");
    }
    assert_eq!(world.refusal(1), "locked");
}
