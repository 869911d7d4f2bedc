//! A naive model beside the ledger: it keeps nothing but a list of all spends, adds them up anew for every
//! decision, and must come to the same answers with the same figures (I1, I2, I8).

mod naive;
mod steps;
mod sums;

use proptest::prelude::*;

use super::world::World;
use super::{answer, budget_key};
use crate::account::{MemberRole, Membership, WalletRole};
use crate::coin::Asset;
use crate::fixtures::{ORGANISATION, USER, at, wallet};
use crate::ledger::{Outcome, Record};
use crate::limit::{Budget, LimitReport, LimitSet, Subject};
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};
use crate::token::{Token, TokenKind};
use naive::Naive;
use steps::{COINS, SERVICES, Spend, Step, TOKENS, WALLETS};
use sums::Figures;

/// Two tokens of one user, two wallets of one organisation.
fn world() -> World {
    let mut world = World::new();
    for id in WALLETS {
        world.put(Record::Wallet(id, wallet(id, "hteth")));
        world.put(Record::Role((id, USER), WalletRole::ALL));
    }
    for id in SERVICES {
        world.put(Record::Token(
            id,
            Token {
                kind: TokenKind::Service,
                expires: Timestamp::from_millis(i64::MAX),
                ..crate::fixtures::token(id, USER)
            },
        ));
    }
    for id in TOKENS {
        let expires = Timestamp::from_millis(i64::MAX);
        world.put(Record::Token(id, Token { expires, ..crate::fixtures::token(id, USER) }));
    }
    let membership = Membership { organisation: ORGANISATION, user: USER, role: MemberRole::Admin };
    world.put(Record::Membership((ORGANISATION, USER), membership));
    world
}

fn subject_of(index: usize) -> Subject {
    Naive::subjects()[index]
}

/// All that limits say, in an order of its own.
fn figures(reports: &[LimitReport]) -> Vec<Figures> {
    let figures = reports.iter().map(|report| {
        let units = |amount: crate::amount::Amount| amount.as_u64().unwrap();
        Figures {
            subject: report.subject,
            limit: format!("{:?}", report.limit),
            captured: units(report.captured),
            held: units(report.held),
            asked: units(report.asked),
            ceiling: report.remaining().map(|_| match report.limit.ceiling {
                crate::limit::Ceiling::At(ceiling) => units(ceiling),
                crate::limit::Ceiling::Unlimited => unreachable!(),
            }),
        }
    });
    sorted(figures.collect())
}

fn sorted(mut figures: Vec<Figures>) -> Vec<Figures> {
    figures.sort_unstable();
    figures
}

/// Takes a step in both, compares, and tells the answer; waiting gets none.
fn take(step: &Step, world: &mut World, naive: &mut Naive) -> Option<&'static str> {
    if let Step::Wait(pause) = step {
        naive.now = naive.now.plus(Span::from_millis(*pause));
        world.now = naive.now;
        return None;
    }
    let before = naive.rules.clone();
    let target = step.target(world);
    let outcome = step.run(world, naive.paid(step, target));
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
                let subject = subject_of(*subject);
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

/// All budgets say what the model adds up, in every window that limits look at.
fn agree(world: &World, naive: &Naive) {
    world.is_conserved();
    let all = world.budgets().map(|(key, _)| key.clone());
    let totals = Naive::subjects().into_iter().flat_map(|subject| COINS.map(|coin| budget_key(subject, coin)));
    let none = LimitSet::default();
    for key in all.chain(totals) {
        let found = world.budgets().find(|(own, _)| **own == key).map(|(_, budget)| budget.clone());
        let budget = found.unwrap_or_else(Budget::default);
        let sums = naive.sums(&key);
        assert_eq!(budget.held, sums.held, "{key:?}");
        if key.destination.is_none() {
            assert_eq!(budget.captured, sums.captured, "{key:?}");
        }
        if matches!(key.asset, Asset::Coin(_)) && key.destination.is_none() {
            assert_eq!((budget.overridden, budget.rolled), (sums.overridden, sums.rolled), "{key:?}");
        }
        let rules = naive.rules.get(&key.subject).unwrap_or(&none);
        let (list, to) = match &key.destination {
            Some(id) => (rules.each(), Some(sums::place_of(id))),
            None => (&rules.limits[..], None),
        };
        for limit in list.iter().filter(|limit| limit.asset == key.asset && budget.counts(&limit.window)) {
            let used = budget.used(&limit.window, world.now).measured(limit.measure);
            assert_eq!(used.as_u64(), Some(naive.captured(key.subject, rules, limit, to)), "{key:?} {limit:?}");
        }
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
