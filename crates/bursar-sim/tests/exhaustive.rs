//! Small cases in full.

use bursar_sim::exhaustive::{Broken, Case, Explored, explore};

const THREADS: usize = 2;

/// Two clients with a spend each, and room for one of them.
fn two_spends() -> Case {
    let clients = vec![(0, 0), (0, 1)];
    Case { clients, per_token: 1, per_user: 1, attempts: 2, crashes: 1, answers: 2, broken: None }
}

/// Two processes that want the same spend, and one that wants another.
fn same_spend() -> Case {
    Case { clients: vec![(0, 0), (0, 0)], per_token: 2, per_user: 2, ..two_spends() }
}

fn holds_everywhere(case: Case) -> usize {
    let Explored { standings, broken, never } = explore(case, THREADS);
    assert_eq!(broken, [], "after {standings} standings");
    assert_eq!(never, Vec::<&str>::new(), "after {standings} standings");
    println!("{standings} standings");
    standings
}

#[test]
fn two_spends_and_room_for_one() {
    assert!(holds_everywhere(two_spends()) > 1000);
}

#[test]
fn one_spend_that_two_ask_for() {
    let Explored { standings, broken, never } = explore(same_spend(), THREADS);
    println!("{standings} standings, {never:?}");
    assert_eq!(broken, []);
}

#[test]
fn three_spends_of_two_tokens_and_room_for_two() {
    let clients = vec![(0, 0), (0, 1), (1, 2)];
    let case = Case { clients, per_token: 1, per_user: 2, attempts: 1, crashes: 1, answers: 1, broken: None };
    let Explored { standings, broken, never } = explore(case, THREADS);
    println!("{standings} standings, {never:?}");
    assert_eq!(broken, []);
}

#[test]
fn a_broken_promise_is_found_with_the_shortest_way_to_it() {
    let found = |broken| {
        let found = explore(Case { broken: Some(broken), ..same_spend() }, 1);
        println!("{broken:?}: {:?} after {} standings", found.broken, found.standings);
        found.broken.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(found(Broken::ReleasesOnTimeout), ["P4: what is released has not moved and will not"]);
    assert_eq!(found(Broken::AsksWithoutKey), ["at most once per key"]);
    assert_eq!(found(Broken::SendsWhatIsKnown), ["I7: what was sent was held"]);
}
