//! Small cases in full.

use bursar_sim::exhaustive::{Broken, Case, Explored, explore};

const THREADS: usize = 2;

/// Two clients with a spend each, and room for one of them.
fn two_spends() -> Case {
    let clients = vec![(0, 0), (0, 1)];
    Case { clients, per_token: 1, per_user: 1, attempts: 2, crashes: 2, answers: 2, broken: None }
}

/// Two processes that want the same spend, and room for two.
fn same_spend() -> Case {
    Case { clients: vec![(0, 0), (0, 0)], per_token: 2, per_user: 2, ..two_spends() }
}

/// Nothing breaks, and everything happens but for what cannot in this case.
fn holds_everywhere(case: Case, cannot: &[&str]) -> usize {
    let Explored { standings, broken, never } = explore(case, THREADS);
    assert_eq!(broken, [], "after {standings} standings");
    assert_eq!(never, cannot, "after {standings} standings");
    assert!(standings > 10_000, "{standings} standings are few");
    standings
}

#[test]
fn of_two_spends_with_room_for_one_only_one_ever_moves() {
    println!("{} standings", holds_everywhere(two_spends(), &[]));
}

#[test]
fn a_spend_that_two_ask_for_again_and_again_moves_once() {
    println!("{} standings", holds_everywhere(same_spend(), &["a limit refuses"]));
}

#[test]
fn three_spends_of_two_tokens_stay_within_the_limits_of_both_and_of_their_user() {
    let clients = vec![(0, 0), (0, 1), (1, 2)];
    let case = Case { clients, per_user: 2, attempts: 1, crashes: 1, answers: 1, ..two_spends() };
    println!("{} standings", holds_everywhere(case, &["the rail answers twice"]));
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
