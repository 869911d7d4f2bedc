//! The model that stands beside the pure ledger in `bursar-core`, beside the real engine on the real SQLite
//! store: long histories by seed, in batches, with restarts. It is compiled here once more from where it is,
//! so that there is one reading of the rules and not two.
//!
//! `BURSAR_SIM_SEED=7` runs one history again; `BURSAR_SIM_SEEDS=100` runs that many, beginning with
//! `BURSAR_SIM_FIRST`; `BURSAR_SIM_STEPS` says how long each is.

#[path = "../../../bursar-core/src/ledger/tests/answer.rs"]
mod answer;
#[expect(dead_code, reason = "they serve all tests of the core, and only some of them are needed here")]
#[path = "../../../bursar-core/src/fixtures.rs"]
mod fixtures;
mod model;
mod world;

// The model names what it needs as the core's tests do.
use bursar_core::{account, amount, coin, destination, hold, id, ledger, limit, scope, time, token};

use fixtures::{ORGANISATION, USER};
use limit::{BudgetKey, Subject};

const BY_USER: Subject = Subject::User(USER);
const BY_ORGANISATION: Subject = Subject::Organisation(ORGANISATION);

/// Some seconds each on one slow core.
const SEEDS: u64 = 3;
const STEPS: usize = 3000;

fn budget_key(subject: Subject, asset: &str) -> BudgetKey {
    BudgetKey { subject, asset: coin::Asset::parse(asset).unwrap(), destination: None }
}

#[expect(clippy::disallowed_methods, reason = "who runs the tests says which seeds")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn the_engine_and_a_list_of_all_spends_come_to_the_same_answers_for_thousands_of_commands() {
    let (first, seeds) = match number("BURSAR_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (number("BURSAR_SIM_FIRST").unwrap_or(0), number("BURSAR_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let steps = number("BURSAR_SIM_STEPS").map_or(STEPS, |steps| usize::try_from(steps).expect("a number of steps"));
    for seed in first..first + seeds {
        let counts = std::panic::catch_unwind(|| model::play(seed, steps)).unwrap_or_else(|broken| {
            println!("again: BURSAR_SIM_SEED={seed} BURSAR_SIM_STEPS={steps} cargo test -p bursar-sim --test model");
            std::panic::resume_unwind(broken)
        });
        println!("seed {seed}: {counts}");
        if steps >= STEPS {
            counts.something_happened();
        }
    }
}
