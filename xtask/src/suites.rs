//! The suites of `cargo xtask test` and of `cargo xtask nightly`, in the order in which they run: what fails
//! fast comes first.

mod foreign;
mod long;
mod mutation;
mod rust;

use std::time::Duration;

use crate::child::Failure;
use crate::tidy;
use crate::workspace::Workspace;

/// The limit of a suite that only reads.
pub(crate) const QUICK: Duration = Duration::from_secs(2 * 60);

/// One suite: what it is called and what it does.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether even a strict run may skip it.
    pub(crate) optional: bool,
    /// The suite that must have passed before.
    pub(crate) needs: Option<&'static str>,
    pub(crate) run: fn(&Workspace) -> Result<(), Stop>,
}

/// Why a suite did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// Something it takes is not to be had here.
    Skipped(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// What every change goes through.
pub(crate) static SUITES: &[Suite] = &[
    Suite { name: "tidy", about: "the house rules", optional: false, needs: None, run: tidy::run },
    Suite { name: "fmt", about: "the code is formatted", optional: false, needs: None, run: rust::fmt },
    Suite {
        name: "deny",
        about: "licences, bans and sources of the dependencies, with `cargo-deny`",
        optional: true,
        needs: None,
        run: rust::deny,
    },
    Suite { name: "clippy", about: "no warning in any target", optional: false, needs: None, run: rust::clippy },
    Suite {
        name: "no-rails",
        about: "the binary compiles without any kind of rail",
        optional: false,
        needs: None,
        run: rust::no_rails,
    },
    Suite {
        name: "doc",
        about: "the documentation builds, every link leads somewhere",
        optional: false,
        needs: None,
        run: rust::doc,
    },
    Suite {
        name: "unit",
        about: "the tests of every crate, crash and race tests included",
        optional: false,
        needs: None,
        run: rust::unit,
    },
    Suite {
        name: "fuzz",
        about: "decoders and classifiers of rails, with inputs at random and broken samples (crates/bursar-rails)",
        optional: false,
        needs: None,
        run: rust::fuzz,
    },
    Suite {
        name: "faults",
        about: "a disk that is full, read-only or failing, and no answer before its sync, under `strace`",
        optional: false,
        needs: None,
        run: rust::faults,
    },
    Suite {
        name: "prove-broken",
        about: "`bursar prove` finds a server that holds nothing",
        optional: false,
        needs: None,
        run: rust::prove_broken,
    },
    Suite {
        name: "build",
        about: "the binary as the tests compiled it, which the suites below use",
        optional: false,
        needs: None,
        run: rust::binary,
    },
    Suite {
        name: "sdk-js",
        about: "the unmodified BitGo SDK for JavaScript (conformance/sdk-js)",
        optional: false,
        needs: Some("build"),
        run: foreign::sdk_js,
    },
    Suite {
        name: "curl",
        about: "curl with a raw bearer token (conformance/curl)",
        optional: false,
        needs: Some("build"),
        run: foreign::curl,
    },
    Suite {
        name: "readers",
        about: "odd forms and JSON, read by what applications read them with (conformance/readers)",
        optional: false,
        needs: Some("build"),
        run: foreign::readers,
    },
    Suite {
        name: "evm",
        about: "ethers, viem, web3.py, cast and the SDK on a chain of anvil's (conformance/evm)",
        optional: false,
        needs: Some("build"),
        run: foreign::evm,
    },
    Suite {
        name: "bitcoin",
        about: "spends on a private Bitcoin chain, by bcoin in memory (conformance/bitcoin)",
        optional: false,
        needs: Some("build"),
        run: foreign::bitcoin,
    },
    Suite {
        name: "bitcoin-core",
        about: "the same with a node of Bitcoin Core, and its `bitcoin-cli`",
        optional: true,
        needs: Some("build"),
        run: foreign::bitcoin_core,
    },
    Suite {
        name: "openapi",
        about: "the OpenAPI document, by a linter and by schemathesis (conformance/openapi)",
        optional: false,
        needs: Some("build"),
        run: foreign::openapi,
    },
    Suite {
        name: "browser",
        about: "the web pages in Chromium, by axe-core too (conformance/browser)",
        optional: false,
        needs: Some("build"),
        run: foreign::browser,
    },
    Suite {
        name: "examples",
        about: "the guide's snippet, chains of one's own, APIs by rules, applications behind nginx and Caddy (examples)",
        optional: false,
        needs: Some("build"),
        run: foreign::examples,
    },
];

/// What takes too long for every change: longer loops and bigger numbers of what `SUITES` does in short, and
/// what tests the tests. A long run of any other kind is one more row.
pub(crate) static NIGHTLY: &[Suite] = &[
    Suite { name: "build", about: "the release binary", optional: false, needs: None, run: rust::release },
    Suite {
        name: "rails-alone",
        about: "the binary compiles with each kind of rail alone",
        optional: false,
        needs: None,
        run: rust::each_rail_alone,
    },
    Suite {
        name: "crash",
        about: "`kill -9` in a loop, with more rounds and more clients",
        optional: false,
        needs: None,
        run: long::crash,
    },
    Suite {
        name: "prove",
        about: "`bursar prove` with bigger numbers",
        optional: false,
        needs: Some("build"),
        run: long::prove,
    },
    Suite {
        name: "prove-broken",
        about: "`bursar prove` finds a server that holds nothing",
        optional: false,
        needs: None,
        run: long::prove_broken,
    },
    Suite {
        name: "simulation",
        about: "worlds by seed that no run before has seen (crates/bursar-sim)",
        optional: false,
        needs: None,
        run: mutation::simulation,
    },
    Suite {
        name: "model",
        about: "long histories in the engine on the real store, and in a model that keeps every spend",
        optional: false,
        needs: None,
        run: mutation::model,
    },
    Suite {
        name: "properties",
        about: "the random tests of the core and of the rails, from beginnings that no run before has seen",
        optional: false,
        needs: None,
        run: long::properties,
    },
    Suite {
        name: "fuzz",
        about: "millions of inputs for each decoder and classifier of the rails",
        optional: false,
        needs: None,
        run: long::fuzz,
    },
    Suite {
        name: "mutation",
        about: "no fault put into the ledger goes unnoticed, with `cargo-mutants`",
        optional: true,
        needs: None,
        run: mutation::mutation,
    },
];

/// What is shown to people, one by one; the suite `examples` runs all of it.
pub(crate) static EXAMPLES: &[Suite] = &[
    Suite { name: "build", about: "the binary", optional: false, needs: None, run: rust::binary },
    Suite {
        name: "sdk-js",
        about: "the guide's snippet: a token made with BitGo's SDK (examples/sdk-js)",
        optional: false,
        needs: Some("build"),
        run: foreign::guide,
    },
    Suite {
        name: "ethereum",
        about: "a transfer within a token's limit on a chain of one's own, and one above it (examples/ethereum)",
        optional: false,
        needs: Some("build"),
        run: foreign::ethereum,
    },
    Suite {
        name: "bitcoin",
        about: "the same on a private Bitcoin chain, with a token made by BitGo's SDK (examples/bitcoin)",
        optional: false,
        needs: Some("build"),
        run: foreign::on_bitcoin,
    },
    Suite {
        name: "nginx",
        about: "payouts of an application behind nginx, which asks Bursar (examples/nginx)",
        optional: false,
        needs: Some("build"),
        run: foreign::nginx,
    },
    Suite {
        name: "caddy",
        about: "the same behind Caddy (examples/caddy)",
        optional: false,
        needs: Some("build"),
        run: foreign::caddy,
    },
    Suite {
        name: "form-api",
        about: "charges at a form API by rules, within a token's limit and above it (examples/form-api)",
        optional: false,
        needs: Some("build"),
        run: foreign::form_api,
    },
    Suite {
        name: "metered-llm",
        about: "calls of a model in micro-dollars, a stream too, within a budget and above it (examples/metered-llm)",
        optional: false,
        needs: Some("build"),
        run: foreign::metered_llm,
    },
    Suite {
        name: "bitgo",
        about: "the money of another Bursar, spent with BitGo's SDK within a token's limit, and above it (examples/bitgo)",
        optional: false,
        needs: Some("build"),
        run: foreign::upstream,
    },
    Suite {
        name: "express",
        about: "the same signed by BitGo Express, which has the key; not part of the suite `examples` (examples/express)",
        optional: false,
        needs: Some("build"),
        run: foreign::express,
    },
];

/// The suite of that name.
pub(crate) fn find(all: &'static [Suite], name: &str) -> Option<&'static Suite> {
    all.iter().find(|suite| suite.name == name)
}

/// The suites of these names with those they need, in running order; all if none is named.
pub(crate) fn choose(all: &'static [Suite], names: &[String]) -> Vec<&'static Suite> {
    let named = |suite: &Suite| names.iter().any(|name| name == suite.name);
    let needed = |suite: &Suite| {
        let mut others = all.iter().filter(|other| named(other));
        others.any(|other| other.needs == Some(suite.name))
    };
    let chosen = all.iter();
    chosen.filter(|suite| names.is_empty() || named(suite) || needed(suite)).collect()
}

#[cfg(test)]
mod tests {
    use super::{EXAMPLES, NIGHTLY, SUITES, choose, find};

    #[test]
    fn what_a_suite_needs_exists_and_runs_before_it() {
        for all in [SUITES, NIGHTLY, EXAMPLES] {
            for (position, suite) in all.iter().enumerate() {
                let Some(needed) = suite.needs else { continue };
                let earlier = all.iter().take(position);
                assert_eq!(earlier.filter(|other| other.name == needed).count(), 1);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for all in [SUITES, NIGHTLY, EXAMPLES] {
            for suite in all {
                let found = find(all, suite.name).unwrap();
                assert!(std::ptr::eq(found, suite), "{}", suite.name);
            }
        }
    }

    #[test]
    fn a_chosen_suite_brings_what_it_needs() {
        let names = |chosen: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
            let suites = choose(SUITES, &chosen);
            suites.iter().map(|suite| suite.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["curl", "tidy"]), ["tidy", "build", "curl"]);
        assert_eq!(names(&["unit"]), ["unit"]);
        assert_eq!(names(&[]).len(), SUITES.len());
    }
}
