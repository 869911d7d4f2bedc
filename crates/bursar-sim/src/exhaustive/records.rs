//! The records of a small case: what is durable, and the real transition on top of it.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use bursar_core::audit::Actor;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::conservation::Conservation;
use bursar_core::ledger::{Command, Key, Outcome, Record, Request, State, Versioned, apply, needs};
use bursar_core::limit::Subject;

use crate::town::DAWN;

/// What is durable. Two sets of records are alike if they say the same, whatever their versions: nothing
/// in a small case asks for a version.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(BTreeMap<Key, Versioned<Record>>);

impl Records {
    pub(super) fn hold(&self, id: HoldId) -> Option<&Hold> {
        match self.0.get(&Key::Hold(id)).map(|found| &found.value) {
            Some(Record::Hold(_, hold)) => Some(hold),
            _ => None,
        }
    }

    pub(super) fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.0.values().filter_map(|found| match &found.value {
            Record::Hold(_, hold) => Some(hold),
            _ => None,
        })
    }

    /// Decides the commands, each on what those before it left behind, and writes it all.
    pub(super) fn run(&mut self, base: &BTreeMap<Key, Record>, commands: Vec<Command>) -> Vec<Outcome> {
        let mut state = State::default();
        let mut outcomes = Vec::new();
        for command in commands {
            loop {
                let keys = needs(&state, &command);
                if keys.is_empty() {
                    break;
                }
                for key in keys {
                    let fixed = || base.get(&key).map(|record| Versioned { version: 1, value: record.clone() });
                    let found = self.0.get(&key).cloned().or_else(fixed);
                    state.load(key, found);
                }
            }
            let request = Request { actor: Actor::System, command };
            let applied = apply(&mut state, &request, DAWN).expect("everything it needs is loaded");
            outcomes.push(applied.outcome);
        }
        for change in state.take_changes() {
            match change.record {
                Some(value) => self.0.insert(change.key, Versioned { version: change.version, value }),
                None => self.0.remove(&change.key),
            };
        }
        outcomes
    }

    /// I8.
    pub(super) fn are_conserved(&self, base: &BTreeMap<Key, Record>) -> bool {
        let rules = |subject: Subject| match base.get(&Key::Limits(subject)) {
            Some(Record::Limits(_, rules)) => Some(rules),
            _ => None,
        };
        let mut conservation = Conservation::default();
        self.holds().for_each(|hold| conservation.add(hold, rules));
        let mut differences = 0;
        for found in self.0.values() {
            if let Record::Budget(key, budget) = &found.value {
                differences += conservation.compare(key, budget, true).len();
            }
        }
        differences + conservation.finish().len() == 0
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(own, other)| own.0 == other.0 && own.1.value == other.1.value)
    }
}

impl Eq for Records {}

impl Hash for Records {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (key, found) in &self.0 {
            key.hash(state);
            match &found.value {
                Record::Hold(_, hold) => (rank(&hold.state)).hash(state),
                Record::Budget(_, budget) => {
                    (budget.held.amount, budget.held.count, budget.captured.amount).hash(state);
                    (budget.captured.count, budget.windows.len()).hash(state);
                }
                Record::SpendKey(_, id) => id.hash(state),
                other => format!("{other:?}").hash(state),
            }
        }
    }
}

/// How far a hold has come.
pub(super) const fn rank(state: &HoldState) -> u8 {
    match state {
        HoldState::Open => 0,
        HoldState::Unresolved { .. } => 1,
        HoldState::Captured { .. } => 2,
        HoldState::Released { .. } => 3,
    }
}
