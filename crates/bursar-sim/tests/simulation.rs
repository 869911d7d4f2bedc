//! Worlds by seed. `BURSAR_SIM_SEED=7` runs one again; `BURSAR_SIM_SEEDS=100000` runs that many, beginning
//! with `BURSAR_SIM_FIRST`; `BURSAR_SIM_STEPS` says how long each is.

use bursar_sim::Breakage;
use bursar_sim::simulation::{Counts, Failure, STEPS, run};

/// Half a minute of one slow core.
const SEEDS: u64 = 2000;

#[expect(clippy::disallowed_methods, reason = "who runs the tests says which seeds")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn simulation() {
    let (first, seeds) = match number("BURSAR_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (number("BURSAR_SIM_FIRST").unwrap_or(0), number("BURSAR_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let steps = number("BURSAR_SIM_STEPS").map_or(STEPS, |steps| usize::try_from(steps).expect("a number of steps"));
    let mut counts = Counts::default();
    for seed in first..first + seeds {
        match run(seed, steps, None) {
            Ok(more) => counts = counts.and(more),
            Err(failure) => panic!("{failure}"),
        }
    }
    if seeds >= SEEDS {
        something_happened(counts, seeds);
    }
    println!("{seeds} seeds: {counts:?}");
}

/// A world in which nothing goes wrong proves nothing.
fn something_happened(counts: Counts, seeds: u64) {
    let Counts {
        granted, refused_by_limit, known, edits, failures, crashes, lost, histories, moved, forgotten, ..
    } = counts;
    let often = [granted, refused_by_limit, known, edits, failures, crashes, histories, moved];
    assert!(often.iter().all(|count| *count >= seeds), "{counts:?}");
    assert!(lost * 10 >= seeds && forgotten * 10 >= seeds, "{counts:?}");
}

#[test]
fn whoever_breaks_a_promise_is_found_within_the_seeds_of_every_run() {
    let breakages = [
        (Breakage::AnswersBeforeSync, "I7"),
        (Breakage::TransactionsTear, "I8"),
        (Breakage::DurableIsLost, "P2"),
        (Breakage::PastIsLost, "P1"),
        (Breakage::ReadsAreStale, "I8"),
        (Breakage::ReleasesOnTimeout, "P4"),
        (Breakage::ForwardsBeforeHold, "I7"),
    ];
    for (breakage, promise) in breakages {
        let is_meant = |failure: &Failure| failure.broken.starts_with(&format!("{promise}: "));
        let mut failures = (0..SEEDS).filter_map(|seed| run(seed, STEPS, Some(breakage)).err());
        let failure =
            failures.find(|failure| is_meant(failure)).unwrap_or_else(|| panic!("nobody noticed {breakage:?}"));
        println!("{breakage:?}: {failure}\n");
        // The same seed tells the same story again.
        assert_eq!(run(failure.seed, STEPS, Some(breakage)).err().as_ref(), Some(&failure), "{breakage:?}");
    }
}
