//! Worlds by seed. `BURSAR_SIM_SEED=7` runs one again; `BURSAR_SIM_SEEDS=100000` runs that many, beginning
//! with `BURSAR_SIM_FIRST`.

use bursar_sim::Breakage;
use bursar_sim::simulation::{Counts, STEPS, run};

/// Half a minute of one slow core.
const SEEDS: u64 = 1000;

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
    let mut counts = Counts::default();
    for seed in first..first + seeds {
        match run(seed, STEPS, None) {
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
    for breakage in Breakage::ALL {
        let found = (0..SEEDS).find_map(|seed| run(seed, STEPS, Some(breakage)).err());
        let failure = found.unwrap_or_else(|| panic!("nobody noticed {breakage:?}"));
        println!("{breakage:?}: {failure}\n");
        // The same seed tells the same story again.
        assert_eq!(run(failure.seed, STEPS, Some(breakage)).err().as_ref(), Some(&failure), "{breakage:?}");
    }
}
