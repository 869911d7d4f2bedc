//! `bursar rail …`: where money moves.

mod credential;
#[cfg(feature = "http")]
mod outcome;
#[cfg(feature = "http")]
mod request;
#[cfg(feature = "http")]
mod rules;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::{output, shown, table};
use crate::failure::Failure;

#[derive(Subcommand)]
pub(super) enum Rail {
    /// List the rails of the server and whether they answer, as one who runs an organisation.
    List(Connection),
    /// Credentials of rails, sealed in the store, for the operator on the server's machine.
    #[command(subcommand)]
    Credential(credential::Credential),
    /// Check the rules in a file: a configuration, or one with the sections of rails alone.
    #[cfg(feature = "http")]
    Check(rules::Check),
    /// Show what a request would mean by the rules in a file, and an answer to it. Nothing is sent.
    #[cfg(feature = "http")]
    Explain(rules::Explain),
}

impl Rail {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::List(connection) => {
                let rails = connection.client()?.rails()?;
                if json {
                    output::json(&json!({"rails": rails}))
                } else {
                    output::table(&list(&rails), "there are no rails")
                }
            }
            Self::Credential(command) => command.run(json),
            #[cfg(feature = "http")]
            Self::Check(command) => command.run(json),
            #[cfg(feature = "http")]
            Self::Explain(command) => command.run(json),
        }
    }
}

fn list(rails: &[Value]) -> String {
    let row = |rail: &Value| {
        let is_sandbox = rail.get("isSandbox") == Some(&Value::Bool(true));
        let wallets = rail.get("wallets").map(Value::to_string).unwrap_or_default();
        let caveat = rail.get("caveat").and_then(Value::as_str).unwrap_or_default();
        [
            shown::text(rail, "name"),
            shown::text(rail, "kind"),
            if is_sandbox { "sandbox" } else { "its own" }.to_owned(),
            wallets,
            // Codes are written with underscores; people read words.
            shown::text(rail, "health").replace('_', " "),
            caveat.to_owned(),
        ]
    };
    let rows: Vec<[String; 6]> = rails.iter().map(row).collect();
    table::draw(["RAIL", "KIND", "MONEY", "YOUR WALLETS", "HEALTH", "CAVEAT"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rail_that_was_never_run_against_its_node_says_so() {
        let rails = [
            json!({"name": "bitcoin", "kind": "bitcoin", "isSandbox": false, "wallets": 2, "health": "wallet_unknown",
                "caveat": "tested with Bitcoin Knots 29, not with Bitcoin Core itself"}),
            json!({"name": "sandbox", "kind": "sandbox", "isSandbox": true, "wallets": 0, "health": "not_asked",
                "caveat": null}),
        ];
        let drawn = list(&rails);
        let lines: Vec<Vec<&str>> = drawn.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected =
            "bitcoin bitcoin its own 2 wallet unknown tested with Bitcoin Knots 29, not with Bitcoin Core itself";
        assert_eq!(lines[1], expected.split(' ').collect::<Vec<_>>());
        assert_eq!(lines[2], ["sandbox", "sandbox", "sandbox", "0", "not", "asked"]);
    }
}
