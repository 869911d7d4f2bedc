//! A naive model beside the ledger: it keeps nothing but a list of all spends, adds them up anew for every
//! decision, and must come to the same answers with the same figures (I1, I2, I8).

mod compare;
mod naive;
mod steps;
mod sums;

use proptest::prelude::*;

use super::answer;
use super::world::World;
use crate::fixtures::at;
use crate::ledger::Outcome;
use crate::limit::{LimitSet, Subject};
use crate::refusal::Refusal;
use crate::time::Span;
use compare::{agree, everybody, figures, sorted};
use naive::Naive;
use steps::{Spend, Step, TOKENS};

/// All of them, in a store in memory.
fn world() -> World {
    let mut world = World::new();
    everybody().into_iter().for_each(|record| world.put(record));
    world
}

/// Takes a step in both, compares, and tells the answer; waiting gets none.
fn take(step: &Step, world: &mut World, naive: &mut Naive) -> Option<&'static str> {
    if let Step::Wait(pause) = step {
        naive.now = naive.now.plus(Span::from_millis(*pause));
        world.now = naive.now;
        return None;
    }
    let before = naive.rules.clone();
    let target = naive.target(step);
    let command = step.command(world, target, naive.paid(step, target));
    let outcome = world.run(command).outcome;
    if let (Outcome::StepUpNeeded, Step::Limits { stepped_up: false, is_stale: false, .. }) = (&outcome, step) {
        return Some(answer(&outcome));
    }
    let (expected, said) = naive.decide(step, target);
    assert_eq!(answer(&outcome), expected, "{step:?}: {outcome:?}");
    match &outcome {
        Outcome::Held { reports, .. } | Outcome::Refused(Refusal::LimitExceeded(reports)) => {
            assert_eq!(figures(reports), sorted(said), "{step:?}");
        }
        Outcome::Limits { .. } => {
            if let Step::Limits { subject, stepped_up: false, .. } = step {
                let subject = Naive::subjects()[*subject];
                lets_nothing_new_through(naive, subject, before.get(&subject).unwrap_or(&LimitSet::default()));
            }
        }
        _ => {}
    }
    Some(expected)
}

/// What was refused under the old rules of a subject, for whatever reason, is refused under those of now.
fn lets_nothing_new_through(naive: &Naive, subject: Subject, before: &LimitSet) {
    for case in 0..2 * 2 * 4 * 4 * 2 * 3 {
        let (token, case) = (case % 2, case / 2);
        let (wallet, case) = ((case % 2 == 0).then_some(0), case / 2);
        let (coin, case) = (case % 4, case / 4);
        let (amount, case) = ([0, 1, 6, 40][case % 4], case / 4);
        let (fee, case) = ([0, 3][case % 2], case / 2);
        let spend = Spend {
            token,
            wallet,
            of_member: true,
            coin,
            payments: vec![(case, amount)],
            fee,
            key: None,
            meaning: 0,
            stepped_up: false,
            holder: None,
            patience: 1,
            again: None,
        };
        let (now, _) = naive.verdict(&spend, None);
        let (then, _) = naive.verdict(&spend, Some((subject, before)));
        assert!(now != "held" || then == "held", "{spend:?}: {then} before");
    }
}

/// Both at the beginning, with tokens that may spend.
fn beginning() -> (World, Naive) {
    let (mut world, mut naive) = (world(), Naive::beginning(at(0)));
    for subject in 0..TOKENS.len() {
        let step = Step::Limits { subject, rules: steps::first_rules(), is_stale: false, stepped_up: true };
        assert_eq!(take(&step, &mut world, &mut naive), Some("limits"));
    }
    (world, naive)
}

fn run(steps: &[Step], agree_every: usize) {
    let (mut world, mut naive) = beginning();
    for (number, step) in steps.iter().enumerate() {
        let _ = take(step, &mut world, &mut naive);
        if number % agree_every == 0 {
            agree(&world, &naive);
        }
    }
    agree(&world, &naive);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_and_a_list_of_all_spends_come_to_the_same_answers(
        steps in prop::collection::vec(steps::step(), 1..150),
    ) {
        run(&steps, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_still_do_after_thousands_of_commands(steps in prop::collection::vec(steps::step(), 2000..2500)) {
        run(&steps, 250);
    }
}

#[test]
fn a_forgotten_spend_still_counts_when_its_id_is_used_again() {
    let spend = |again| Spend {
        token: 0,
        wallet: None,
        of_member: true,
        coin: 0,
        payments: vec![(0, 0)],
        fee: 0,
        key: None,
        meaning: 0,
        stepped_up: false,
        holder: None,
        patience: 1,
        again,
    };
    let long = steps::KEPT.as_millis() + 1;
    run(
        &[
            Step::Hold(spend(None)),
            Step::Capture(0, 100, 0, steps::By::Rail),
            Step::Wait(long),
            Step::Forget,
            Step::Hold(spend(Some(1))),
        ],
        1,
    );
}

#[test]
fn the_steps_reach_every_answer_and_money_moves() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut seen = std::collections::BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let steps = prop::collection::vec(steps::step(), 200).new_tree(&mut runner).unwrap().current();
        let (mut world, mut naive) = beginning();
        for step in &steps {
            if let Some(answer) = take(step, &mut world, &mut naive) {
                *seen.entry(answer).or_insert(0) += 1;
            }
        }
    }
    assert!(seen["held"] > 300 && seen["settled"] > 200 && seen["limit_exceeded"] > 200, "{seen:?}");
    let answers = [
        "conflict",
        "destination_not_allowed",
        "fee_not_counted",
        "forgotten",
        "held",
        "known",
        "known with another meaning",
        "limit_exceeded",
        "limits",
        "locked",
        "no such hold",
        "no_limit",
        "no_limit_for_coin",
        "no_limit_for_fee",
        "not_a_member",
        "settled",
        "settled before",
        "step-up needed",
        "token",
        "too_many_destinations",
        "unlocked longer",
        "wrong_coin",
    ];
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), answers);
}
