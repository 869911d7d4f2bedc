//! The records of a small case: what is durable, and the real transition on top of it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bursar_core::audit::Actor;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::conservation::Conservation;
use bursar_core::ledger::{Command, Key, Outcome, Record, Request, State, Versioned, apply, needs};
use bursar_core::limit::Subject;

use crate::town::DAWN;

/// What is durable. Two sets of records are alike if they say the same, whatever their versions: nothing
/// in a small case asks for a version.
///
/// Most of what happens does not touch them: copies share them, and what they say of themselves is worked
/// out when they change.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    found: Arc<BTreeMap<Key, Versioned<Record>>>,
    digest: u64,
    /// I8: whether budgets do not say what spends say.
    pub(super) differ: bool,
}

impl Records {
    pub(super) fn hold(&self, id: HoldId) -> Option<&Hold> {
        match self.found.get(&Key::Hold(id)).map(|found| &found.value) {
            Some(Record::Hold(_, hold)) => Some(hold),
            _ => None,
        }
    }

    pub(super) fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.found.values().filter_map(|found| match &found.value {
            Record::Hold(_, hold) => Some(&**hold),
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
                    let found = self.found.get(&key).cloned().or_else(fixed);
                    state.load(key, found);
                }
            }
            let request = Request { actor: Actor::System, command };
            let applied = apply(&mut state, &request, DAWN).expect("everything it needs is loaded");
            outcomes.push(applied.outcome);
        }
        let found = Arc::make_mut(&mut self.found);
        for change in state.take_changes() {
            match change.record {
                Some(value) => found.insert(change.key, Versioned { version: change.version, value }),
                None => found.remove(&change.key),
            };
        }
        self.digest = self.digest();
        self.differ = self.differences(base) > 0;
        outcomes
    }

    fn differences(&self, base: &BTreeMap<Key, Record>) -> usize {
        let rules = |subject: Subject| match base.get(&Key::Limits(subject)) {
            Some(Record::Limits(_, rules)) => Some(rules),
            _ => None,
        };
        let mut conservation = Conservation::new(DAWN, true);
        self.holds().for_each(|hold| conservation.add(hold, rules));
        let budgets = self.found.values().filter_map(|found| match &found.value {
            Record::Budget(key, budget) => Some((key, budget)),
            _ => None,
        });
        let budgets: usize =
            budgets.map(|(key, budget)| conservation.compare(key, budget, rules(key.subject)).len()).sum();
        budgets + conservation.finish().len()
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let hasher = &mut hasher;
        for (key, found) in self.found.iter() {
            key.hash(hasher);
            match &found.value {
                Record::Hold(_, hold) => rank(&hold.state).hash(hasher),
                Record::Budget(_, budget) => {
                    (budget.held.amount, budget.held.count).hash(hasher);
                    (budget.captured.amount, budget.captured.count).hash(hasher);
                }
                Record::SpendKey(_, id) => id.hash(hasher),
                other => format!("{other:?}").hash(hasher),
            }
        }
        hasher.finish()
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.found.len() == other.found.len()
            && self.found.iter().zip(&*other.found).all(|(own, other)| own.0 == other.0 && own.1.value == other.1.value)
    }
}

impl Eq for Records {}

impl Hash for Records {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
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
