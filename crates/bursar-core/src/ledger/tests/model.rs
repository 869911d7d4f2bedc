//! A naive model beside the ledger: it keeps nothing but a list of all spends, adds them up anew for every
//! decision, and must come to the same answers (I1, I2, I8; what was captured never falls).

mod naive;
mod steps;

use proptest::prelude::*;

use super::{Asset, Budget, BudgetKey, Key, Record, Window, World, at};
use crate::account::WalletRole;
use crate::fixtures::{USER, user, wallet};
use crate::hold::HoldState;
use crate::ledger::Outcome;
use crate::limit::{Ceiling, Measure, Subject, Usage};
use naive::Naive;
use steps::{COINS, Step, TOKENS, WALLETS};

/// Two tokens of one user, two wallets of one organisation.
fn world() -> World {
    let mut world = World::new();
    world.put(Record::User(USER, user(USER)));
    for id in WALLETS {
        world.put(Record::Wallet(id, wallet(id, "hteth")));
        world.put(Record::Role((id, USER), WalletRole::ALL));
    }
    for id in TOKENS {
        world.put(Record::Token(id, crate::fixtures::token(id, USER)));
    }
    world
}

fn stored_budgets(world: &World) -> impl Iterator<Item = (&BudgetKey, &Budget)> {
    world.records.values().filter_map(|found| match &found.value {
        Record::Budget(key, budget) => Some((key, budget)),
        _ => None,
    })
}

/// I8: the sum of open holds equals the held counters.
fn held_counters_equal_open_holds(world: &World) {
    let mut held = 0;
    for (key, budget) in stored_budgets(world) {
        let sum = world
            .records
            .values()
            .filter_map(|found| match &found.value {
                Record::Hold(_, hold) if hold.state.is_held() => Some(hold),
                _ => None,
            })
            .filter(|hold| hold.charges.iter().any(|charge| charge.budget == *key && !charge.overridden))
            .try_fold(Usage::default(), |sum, hold| sum.checked_add(Usage::one(hold.amount)));
        assert_eq!(Some(budget.held), sum, "{key:?}");
        held += 1;
    }
    assert!(held > 0 || !world.records.values().any(|found| matches!(found.value, Record::Hold(..))));
}

/// I1: no limit that a granted hold touches is exceeded; a token's own do not count under an unlock.
fn no_touched_limit_is_exceeded(world: &World, outcome: &Outcome) {
    let Outcome::Held(hold) = outcome else { return };
    for charge in hold.charges.iter().filter(|charge| !charge.overridden) {
        let key = &charge.budget;
        let Some(Record::Limits(_, limits)) = world.records.get(&Key::Limits(key.subject)).map(|f| &f.value) else {
            continue;
        };
        let has_own = limits.iter().any(|limit| limit.asset == Asset::Coin(hold.coin.clone()));
        for limit in limits.iter().filter(|limit| limit.asset == key.asset) {
            if has_own && matches!(limit.asset, Asset::Family(_)) {
                continue;
            }
            let budget = world.budget(key.subject, &key.asset.to_string());
            let used = budget.captured.checked_add(budget.held).unwrap();
            let used = match limit.measure {
                Measure::Amount => used.amount,
                Measure::Count => crate::amount::Amount::new(used.count.into()),
            };
            assert!(!matches!(limit.ceiling, Ceiling::At(ceiling) if used > ceiling), "{key:?} {limit:?} {used}");
        }
    }
}

fn the_model_agrees(world: &World, naive: &Naive) {
    for subject in Naive::subjects() {
        for asset in COINS.iter().copied().chain(["*erc20"]) {
            let key = BudgetKey { subject, asset: Asset::parse(asset).unwrap(), window: Window::Lifetime };
            assert_eq!(world.budget(subject, asset), naive.budget(&key), "{key:?}");
        }
    }
}

fn captured(world: &World) -> Vec<(BudgetKey, Usage)> {
    stored_budgets(world).map(|(key, budget)| (key.clone(), budget.captured)).collect()
}

fn nothing_captured_is_lost(world: &World, before: &[(BudgetKey, Usage)]) {
    for (key, usage) in before {
        let now = world.budget(key.subject, &key.asset.to_string()).captured;
        assert!(now.amount >= usage.amount && now.count >= usage.count, "{key:?}");
    }
}

/// I2: what is settled stays as it was settled.
fn settled(world: &World) -> Vec<(Key, HoldState)> {
    let holds = world.records.iter().filter_map(|(key, found)| match &found.value {
        Record::Hold(_, hold) if !hold.state.is_held() => Some((key.clone(), hold.state.clone())),
        _ => None,
    });
    holds.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_and_a_list_of_all_spends_come_to_the_same_answers(
        steps in prop::collection::vec(steps::step(), 1..80),
    ) {
        let (mut world, mut naive) = (world(), Naive::default());
        for step in steps {
            let before = (captured(&world), settled(&world));
            if let Step::Wait(seconds) = step {
                naive.seconds += i64::from(seconds);
                world.now = at(naive.seconds);
                continue;
            }
            let outcome = step.run(&mut world);
            let expected = naive.decide(&step);
            prop_assert_eq!(steps::answer(&outcome), expected, "{:?}", step);
            no_touched_limit_is_exceeded(&world, &outcome);
            held_counters_equal_open_holds(&world);
            the_model_agrees(&world, &naive);
            nothing_captured_is_lost(&world, &before.0);
            for (key, state) in before.1 {
                let found = world.records.get(&key).map(|found| &found.value);
                prop_assert!(matches!(found, Some(Record::Hold(_, hold)) if hold.state == state));
            }
        }
    }
}

#[test]
fn the_steps_reach_every_answer() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut seen = std::collections::BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let steps = prop::collection::vec(steps::step(), 60..80).new_tree(&mut runner).unwrap().current();
        let mut naive = Naive::default();
        for step in steps {
            if let Step::Wait(seconds) = step {
                naive.seconds += i64::from(seconds);
            } else {
                seen.insert(naive.decide(&step));
            }
        }
    }
    let answers = [
        "held",
        "known",
        "known with another meaning",
        "limit_exceeded",
        "locked",
        "no_limit",
        "no_limit_for_coin",
        "no such hold",
        "settled",
        "settled before",
        "token",
        "unlocked longer",
        "written",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), {
        let mut answers = answers.to_vec();
        answers.sort_unstable();
        answers
    });
}

fn subject_of(index: usize) -> Subject {
    Naive::subjects()[index]
}
