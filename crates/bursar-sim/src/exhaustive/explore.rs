//! What must hold wherever a small case stands, and the search through all of it.

use std::collections::BTreeMap;

use bursar_core::hold::HoldState;
use bursar_core::ledger::{Key, Record};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::exhaustive::records::rank;
use crate::exhaustive::{Action, Case, Standing};

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explored {
    /// How many different standings there are.
    pub standings: usize,
    /// Promises that do not hold, each with the shortest way to break it.
    pub broken: Vec<(&'static str, Vec<String>)>,
    /// What ought to happen somewhere and does nowhere.
    pub never: Vec<&'static str>,
}

struct Search {
    case: Case,
    base: BTreeMap<Key, Record>,
}

/// Goes through all standings of a case, or until a promise is found broken.
pub fn explore(case: Case, threads: usize) -> Explored {
    let base = case.base();
    let search = Search { case, base };
    let expected: Vec<&'static str> = SOMEWHERE.iter().map(|(name, _)| *name).collect();
    let done = search.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut broken = Vec::new();
    let mut seen = Vec::new();
    for (name, path) in done.discoveries() {
        if expected.contains(&name) {
            seen.push(name);
        } else {
            broken.push((name, path.into_actions().iter().map(|action| format!("{action:?}")).collect()));
        }
    }
    let never = expected.into_iter().filter(|name| !seen.contains(name)).collect();
    Explored { standings: done.unique_state_count(), broken, never }
}

type Condition = fn(&Search, &Standing) -> bool;

/// What holds in every standing.
const EVERYWHERE: [(&str, Condition); 8] = [
    ("P1: no limit is exceeded by what moved", |search, at| within(search, at, |id| at.book.get(&id) == Some(&true))),
    ("P1: no limit is exceeded by what is captured or held", |search, at| {
        within(search, at, |id| at.records.hold(id).is_some_and(|hold| rank(&hold.state) < 3))
    }),
    ("P2: what was answered is there", |_, at| {
        at.promised.iter().all(|(id, promised)| {
            at.records.hold(*id).is_some_and(|hold| match *promised {
                settled @ 2.. => rank(&hold.state) == settled,
                held => rank(&hold.state) >= held,
            })
        })
    }),
    ("P4: what is released has not moved and will not", |_, at| {
        at.records.holds().filter(|hold| rank(&hold.state) == 3).all(|hold| at.book.get(&hold.id) == Some(&false))
    }),
    ("at most once per key", |search, at| {
        let moved = at.book.iter().filter(|(_, moved)| **moved);
        let mut keys: Vec<_> = moved.map(|(id, _)| search.case.key_of(*id)).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        keys.len() == count
    }),
    ("I6: what was refused was never sent", |_, at| at.refused.is_disjoint(&at.called)),
    ("I7: what was sent was held", |_, at| {
        at.calls.iter().chain(&at.called).all(|id| at.records.hold(*id).is_some())
            && at.calls.iter().all(|id| at.called.contains(id))
    }),
    ("I8: budgets say what spends say", |_, at| !at.records.differ),
];

/// What happens in some standing: a search that never gets there has proved nothing.
const SOMEWHERE: [(&str, Condition); 6] = [
    ("a limit refuses", |_, at| !at.refused.is_empty()),
    ("money moves and the server does not hear of it", |search, at| {
        let unheard = |id| !at.listens.contains(id);
        at.crashes == search.case.crashes && at.book.iter().any(|(id, moved)| *moved && unheard(id))
    }),
    ("what moved unheard is captured", |search, at| {
        let captured = |hold: &bursar_core::hold::Hold| matches!(hold.state, HoldState::Captured { .. });
        at.crashes == search.case.crashes
            && at.records.holds().any(|hold| captured(hold) && !at.said.contains_key(&hold.id))
    }),
    ("what the rail refused is released, and its room is used", |_, at| {
        at.records.holds().any(|hold| rank(&hold.state) == 3) && at.book.values().any(|moved| *moved)
    }),
    ("a spend that was never sent is released", |_, at| {
        at.records.holds().any(|hold| rank(&hold.state) == 3 && !at.called.contains(&hold.id))
    }),
    ("the rail answers twice", |_, at| at.said.values().any(|said| *said > 1)),
];

/// Whether spends of 1 each stay within the limits of their tokens and of the user.
fn within(search: &Search, at: &Standing, counts: impl Fn(bursar_core::id::HoldId) -> bool) -> bool {
    let counted: Vec<_> = at.records.holds().filter(|hold| counts(hold.id)).collect();
    let per_token = |token| counted.iter().filter(|hold| hold.token == token).count();
    counted.len() <= usize::from(search.case.per_user)
        && counted.iter().all(|hold| per_token(hold.token) <= usize::from(search.case.per_token))
}

impl Model for Search {
    type State = Standing;
    type Action = Action;

    fn init_states(&self) -> Vec<Standing> {
        vec![self.case.begin()]
    }

    fn actions(&self, at: &Standing, actions: &mut Vec<Action>) {
        self.case.actions(at, actions);
    }

    fn next_state(&self, at: &Standing, action: Action) -> Option<Standing> {
        Some(self.case.after(at, &self.base, &action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = EVERYWHERE.iter().map(|(name, holds)| Property::always(name, *holds));
        let sometimes = SOMEWHERE.iter().map(|(name, holds)| Property::sometimes(name, *holds));
        always.chain(sometimes).collect()
    }
}
