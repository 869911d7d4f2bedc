//! One history of a seed: what happens, in which batches, and when the server is started again.

// The model, from where it stands beside the core.
#[path = "../../../bursar-core/src/ledger/tests/model/compare.rs"]
mod compare;
#[path = "../../../bursar-core/src/ledger/tests/model/naive.rs"]
mod naive;
#[path = "../../../bursar-core/src/ledger/tests/model/steps.rs"]
mod steps;
#[path = "../../../bursar-core/src/ledger/tests/model/sums.rs"]
mod sums;

use std::collections::BTreeMap;
use std::fmt;

use bursar_core::ledger::{Command, Key, Outcome};
use bursar_core::refusal::Refusal;
use bursar_core::time::Span;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::answer::answer;
use crate::fixtures::at;
use crate::world::World;
use compare::{agree, everybody, figures, sorted};
use naive::Naive;
use steps::{Step, TOKENS, first_rules, step};
use sums::Figures;

/// Commands of one batch at most.
const BATCH: usize = 6;
/// How often all budgets are compared, in batches.
const AGREE_EVERY: u32 = 150;
/// How often the server is started again on what is on the disk, in batches.
const RESTART_EVERY: u32 = 60;

/// A step as the engine is asked for it, and what the model says.
struct Asked {
    step: Step,
    command: Command,
    /// Nothing, if only the ledger says whether an edit loosens.
    expected: Option<(&'static str, Vec<Figures>)>,
}

/// What happened, by answers.
#[derive(Default)]
pub(crate) struct Counts {
    answers: BTreeMap<&'static str, u32>,
    batches: u32,
    restarts: u32,
}

impl Counts {
    /// A history in which nothing happens proves nothing.
    pub(crate) fn something_happened(&self) {
        let seen = |answer| self.answers.get(answer).copied().unwrap_or_default();
        let often = [seen("held"), seen("settled"), seen("limit_exceeded")];
        assert!(often.iter().all(|count| *count >= 50), "{self}");
        let some = [seen("limits"), seen("forgotten"), seen("known"), seen("unlocked longer"), self.restarts];
        assert!(some.iter().all(|count| *count >= 2), "{self}");
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batches, {} restarts, {:?}", self.batches, self.restarts, self.answers)
    }
}

/// Plays the history of a seed in the engine and in the model.
pub(crate) fn play(seed: u64, steps: usize) -> Counts {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut history =
        History { world: World::of(everybody()), naive: Naive::beginning(at(0)), counts: Counts::default() };
    let begin = |subject| Step::Limits { subject, rules: first_rules(), is_stale: false, stepped_up: true };
    let mut waiting: Vec<Asked> = (0..TOKENS.len()).filter_map(|subject| history.take(&begin(subject))).collect();
    let strategy = step();
    for _ in 0..steps {
        let step = strategy.new_tree(&mut runner).expect("a step").current();
        if is_alone(&step) || waiting.len() >= BATCH || dice.u8(..4) == 0 {
            history.write(&mut waiting);
            history.between(&mut dice);
        }
        waiting.extend(history.take(&step));
        if is_alone(&step) {
            history.write(&mut waiting);
        }
    }
    history.write(&mut waiting);
    history.world.is_on_disk();
    agree(&history.world, &history.naive);
    history.counts
}

/// What the model can only follow by itself: time, edits that may need a second factor, and what looks at all
/// spends.
fn is_alone(step: &Step) -> bool {
    matches!(step, Step::Wait(_) | Step::Forget | Step::Limits { stepped_up: false, .. })
}

struct History {
    world: World,
    naive: Naive,
    counts: Counts,
}

impl History {
    /// Says what a step asks of the engine and what must come of it. Time passes at once.
    fn take(&mut self, step: &Step) -> Option<Asked> {
        if let Step::Wait(pause) = step {
            self.naive.now = self.naive.now.plus(Span::from_millis(*pause));
            self.world.pass(self.naive.now);
            return None;
        }
        let target = self.naive.target(step);
        let command = step.command(&mut self.world, target, self.naive.paid(step, target));
        let is_open = matches!(step, Step::Limits { stepped_up: false, is_stale: false, .. });
        let expected = (!is_open).then(|| self.naive.decide(step, target));
        if let (Step::Limits { subject, .. }, Some(("limits", _))) = (step, &expected) {
            self.world.is_about_to_change(Key::Limits(Naive::subjects()[*subject]));
        }
        Some(Asked { step: step.clone(), command, expected })
    }

    /// Writes what waits as one batch and compares each answer.
    fn write(&mut self, waiting: &mut Vec<Asked>) {
        if waiting.is_empty() {
            return;
        }
        let commands = waiting.iter().map(|asked| asked.command.clone()).collect();
        let outcomes = self.world.run(commands);
        self.counts.batches += 1;
        for (Asked { step, expected, .. }, outcome) in waiting.drain(..).zip(outcomes) {
            *self.counts.answers.entry(answer(&outcome)).or_default() += 1;
            let Some((expected, said)) = expected.or_else(|| self.open(&step, &outcome)) else { continue };
            assert_eq!(answer(&outcome), expected, "{step:?}: {outcome:?}");
            if let Outcome::Held { reports, .. } | Outcome::Refused(Refusal::LimitExceeded(reports)) = &outcome {
                assert_eq!(figures(reports), sorted(said), "{step:?}");
            }
        }
    }

    /// An edit without a second factor: if it was made, it counts.
    fn open(&mut self, step: &Step, outcome: &Outcome) -> Option<(&'static str, Vec<Figures>)> {
        (!matches!(outcome, Outcome::StepUpNeeded)).then(|| self.naive.decide(step, 0))
    }

    /// Now and then, between batches.
    fn between(&mut self, dice: &mut fastrand::Rng) {
        if dice.u32(..AGREE_EVERY) == 0 {
            agree(&self.world, &self.naive);
        }
        if dice.u32(..RESTART_EVERY) == 0 {
            self.world.is_on_disk();
            self.world.restart([0, 20, 100_000][dice.usize(..3)]);
            self.counts.restarts += 1;
        }
    }
}
