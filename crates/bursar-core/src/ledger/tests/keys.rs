//! A key names a spend, not an attempt.

use super::*;
use crate::fixtures::limit;
use crate::hold::SpendKey;
use crate::id::{TokenId, WalletId};

fn sequence(text: &str) -> Option<SpendKey> {
    Some(SpendKey::Sequence(WALLET, text.to_owned()))
}

fn spend(world: &mut World, key: &str, meaning: u8, amount: u128) -> Outcome {
    world.ask(amount, |request| {
        request.key = sequence(key);
        request.meaning = [meaning; 32];
    })
}

#[test]
fn asking_twice_with_a_key_is_spending_once() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(spend(&mut world, "a", 1, 6));
    let records = world.records.clone();
    let Outcome::Known { hold, same: true } = spend(&mut world, "a", 1, 6) else { panic!() };
    assert_eq!(*hold, first);
    assert_eq!(world.records, records);
    assert_eq!(answer(&spend(&mut world, "b", 1, 4)), "held");
}

#[test]
fn another_meaning_under_the_same_key_is_told_apart() {
    let mut world = World::limited(limit("tbtc", 10));
    held(spend(&mut world, "a", 1, 6));
    let records = world.records.clone();
    assert_eq!(answer(&spend(&mut world, "a", 2, 1)), "known with another meaning");
    assert_eq!(world.records, records);
}

#[test]
fn a_key_answers_also_when_the_limit_is_used_up_or_the_token_locked() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(spend(&mut world, "a", 1, 10));
    world.lock();
    assert_eq!(answer(&spend(&mut world, "a", 1, 10)), "known");
    world.capture(first.id, Amount::new(9));
    let Outcome::Known { hold, same: true } = spend(&mut world, "a", 1, 10) else { panic!() };
    assert_eq!(hold.state.name(), "captured");
}

#[test]
fn a_token_that_may_not_spend_learns_nothing_from_a_key() {
    let mut world = World::limited(limit("tbtc", 10));
    held(spend(&mut world, "a", 1, 1));
    world.run(Command::Revoke { token: TOKEN });
    assert_eq!(answer(&spend(&mut world, "a", 1, 1)), "token_revoked");
}

#[test]
fn a_refusal_does_not_occupy_its_key() {
    let mut world = World::limited(limit("tbtc", 10));
    assert_eq!(answer(&spend(&mut world, "a", 1, 11)), "limit_exceeded");
    assert_eq!(answer(&spend(&mut world, "a", 2, 10)), "held");
}

#[test]
fn a_released_spend_frees_its_key_and_an_unresolved_one_does_not() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(spend(&mut world, "a", 1, 6)).id;
    world.expire(first);
    assert_eq!(answer(&spend(&mut world, "a", 1, 6)), "known");
    world.release(first);
    let second = held(spend(&mut world, "a", 2, 7)).id;
    world.release(first);
    assert_eq!(answer(&spend(&mut world, "a", 2, 7)), "known");
    world.capture(second, Amount::new(7));
    assert_eq!(answer(&spend(&mut world, "a", 2, 7)), "known");
}

#[test]
fn a_key_is_per_wallet_over_all_tokens() {
    const OTHER_TOKEN: TokenId = TokenId::from_bytes([12; 16]);
    const OTHER_WALLET: WalletId = WalletId::from_bytes([13; 16]);
    let mut world = World::limited(limit("tbtc", 10));
    world.put(Record::Token(OTHER_TOKEN, token(OTHER_TOKEN, USER)));
    world.limits(Subject::Token(OTHER_TOKEN), vec![limit("tbtc", 10)]);
    world.put(Record::Wallet(OTHER_WALLET, wallet(OTHER_WALLET, "tbtc")));
    world.put(Record::Role((OTHER_WALLET, USER), WalletRole::ALL));
    held(spend(&mut world, "a", 1, 1));
    let by_other_token = world.ask(1, |request| {
        request.token = OTHER_TOKEN;
        request.key = sequence("a");
        request.meaning = [1; 32];
    });
    assert_eq!(answer(&by_other_token), "known");
    let from_other_wallet = world.ask(1, |request| {
        request.wallet = Some(OTHER_WALLET);
        request.key = Some(SpendKey::Sequence(OTHER_WALLET, "a".to_owned()));
    });
    assert_eq!(answer(&from_other_wallet), "held");
}

#[test]
fn two_spends_with_one_key_in_one_batch_are_one() {
    let mut world = World::limited(limit("tbtc", 10));
    let mut state = State::default();
    let mut ask = |world: &mut World| {
        let mut request = world.request(Amount::new(6));
        request.key = sequence("a");
        let command = Command::Hold(Box::new(request));
        world.load(&mut state, &command);
        answer(&apply(&mut state, &Request { actor: Actor::System, command }, at(0)).unwrap().outcome)
    };
    assert_eq!([ask(&mut world), ask(&mut world)], ["held", "known"]);
}

#[test]
fn an_id_names_one_spend() {
    let mut world = World::limited(limit("tbtc", 10));
    let again = |meaning| {
        move |request: &mut HoldRequest| {
            request.id = world::hold_id(1);
            request.meaning = [meaning; 32];
        }
    };
    let first = world.hold(6);
    let records = world.records.clone();
    assert_eq!(answer(&world.ask(6, again(0))), "known");
    assert_eq!(answer(&world.ask(1, again(1))), "known with another meaning");
    assert_eq!(world.records, records);
    world.release(first);
    assert_eq!(answer(&world.ask(6, again(0))), "known");
}

#[test]
fn a_spend_that_came_to_nothing_takes_no_new_name() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = world.hold(6);
    world.release(first);
    let again = |request: &mut HoldRequest| {
        request.id = first;
        request.key = sequence("a");
    };
    assert_eq!(answer(&world.ask(6, again)), "known");
    assert_eq!(answer(&world.ask(6, |request| request.key = sequence("a"))), "held");
}

#[test]
fn one_transaction_under_two_names_is_one_spend() {
    let mut world = World::limited(limit("tbtc", 10));
    let built = |name: &str| {
        let key = sequence(name);
        move |request: &mut HoldRequest| {
            request.key = key;
            request.instruction = vec![1, 2, 3];
        }
    };
    let first = held(world.ask(6, built("a")));
    let Outcome::Known { hold, same: true } = world.ask(6, built("b")) else { panic!() };
    assert_eq!(hold.id, first.id);
    let Outcome::Known { hold, same: true } = world.ask(6, |request| request.key = sequence("b")) else { panic!() };
    assert_eq!(hold.id, first.id);
    world.release(first.id);
    assert_eq!(answer(&world.ask(6, built("a"))), "held");
}

fn built(name: &str) -> impl FnOnce(&mut HoldRequest) {
    let key = sequence(name);
    move |request| {
        request.key = key;
        request.instruction = vec![1, 2, 3];
    }
}

fn names(world: &World) -> usize {
    world.records.keys().filter(|key| matches!(key, Key::SpendKey(_))).count()
}

#[test]
fn of_two_names_of_two_spends_the_one_that_means_something_else_decides() {
    let mut world = World::limited(limit("tbtc", 10));
    held(spend(&mut world, "a", 1, 2));
    held(world.ask(2, |request| {
        request.instruction = vec![1, 2, 3];
        request.meaning = [2; 32];
    }));
    let records = world.records.clone();
    for meaning in [1, 2, 3] {
        let asked = world.ask(2, |request| {
            built("a")(request);
            request.meaning = [meaning; 32];
        });
        assert_eq!(answer(&asked), "known with another meaning", "{meaning}");
        assert_eq!(world.records, records);
    }
}

#[test]
fn a_released_spend_frees_every_name_it_was_asked_for_by() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(world.ask(6, built("a")));
    assert_eq!(answer(&world.ask(6, built("b"))), "known");
    assert_eq!(names(&world), 3);
    world.release(first.id);
    assert_eq!(names(&world), 0);
    assert_eq!(answer(&world.ask(6, |request| request.key = sequence("b"))), "held");
}

#[test]
fn a_spend_that_is_forgotten_takes_every_name_with_it() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(world.ask(6, built("a")));
    world.ask(6, built("b"));
    world.capture(first.id, Amount::new(6));
    world.now = at(100);
    world.run(Command::Forget { holds: vec![first.id], kept: Span::from_seconds(1) });
    assert_eq!(names(&world), 0);
}

#[test]
fn a_spend_has_few_names_and_each_new_one_leaves_a_trace() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(world.ask(6, built("a")));
    let asking = |world: &mut World, name: &str| {
        let mut request = world.request(Amount::new(6));
        built(name)(&mut request);
        world.run(Command::Hold(Box::new(request)))
    };
    for number in 0..Hold::MOST_ALIASES {
        let applied = asking(&mut world, &number.to_string());
        assert_eq!(answer(&applied.outcome), "known");
        let event = applied.event.unwrap();
        assert_eq!((event.action.as_str(), event.subject), ("spend.name", format!("spend:{}", first.id)));
    }
    let before = names(&world);
    let applied = asking(&mut world, "more");
    assert_eq!(answer(&applied.outcome), "known with another meaning");
    assert_eq!(applied.event.unwrap().action, "spend.conflict");
    assert_eq!(names(&world), before);
    assert!(asking(&mut world, "0").event.is_none());
}

#[test]
fn a_key_that_is_used_for_something_else_leaves_a_trace() {
    let mut world = World::limited(limit("tbtc", 10));
    let first = held(spend(&mut world, "a", 1, 6));
    let mut request = world.request(Amount::new(1));
    request.key = sequence("a");
    request.meaning = [2; 32];
    let event = world.run(Command::Hold(Box::new(request))).event.unwrap();
    assert_eq!((event.action.as_str(), event.subject), ("spend.conflict", format!("token:{TOKEN}")));
    assert!(event.data.contains(&("spend".to_owned(), first.id.to_string())));
}

#[test]
fn money_that_moved_after_all_takes_its_names_back() {
    let mut world = World::limited(limit("tbtc", 20));
    let first = held(world.ask(6, built("a")));
    world.ask(6, built("b"));
    world.release(first.id);
    let other = held(spend(&mut world, "b", 9, 1));
    world.capture(first.id, Amount::new(6));
    world.edit_token(|token| token.locked = None);
    assert_eq!(answer(&world.ask(6, built("a"))), "known");
    assert_eq!(answer(&world.ask(6, built("c"))), "known");
    // What took a name meanwhile keeps it.
    let Outcome::Known { hold, same: true } = spend(&mut world, "b", 9, 1) else { panic!() };
    assert_eq!(hold.id, other.id);
}

#[test]
fn a_repeat_that_relies_on_its_name_is_held_as_nothing_else_once_the_name_is_free() {
    let mut world = World::limited(limit("tbtc", 20));
    let first = held(spend(&mut world, "a", 1, 6));
    let name = Key::SpendKey(sequence("a").unwrap());
    let seen = world.version(&name);
    let repeat = |world: &mut World, meaning| {
        let mut request = world.request(Amount::new(1));
        (request.key, request.meaning, request.read) = (sequence("a"), [meaning; 32], vec![(name.clone(), seen)]);
        answer(&world.run(Command::Hold(Box::new(request))).outcome)
    };
    assert_eq!(repeat(&mut world, 1), "known");
    assert_eq!(repeat(&mut world, 2), "known with another meaning");
    world.release(first.id);
    assert_eq!([repeat(&mut world, 1), repeat(&mut world, 2)], ["conflict"; 2]);
}
