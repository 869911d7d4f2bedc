//! `bursar organisation …`: organisations, for whoever runs the machine, and one's own for everybody else.

use std::path::Path;

use bursar_client::Client;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::limits::Operated;
use crate::cli::operator::Place;
use crate::cli::{output, shown, table};
use crate::environment;
use crate::failure::Failure;
use crate::operator::{self, Answer, LimitsOf, Request};

#[derive(Subcommand)]
pub(super) enum Organisation {
    /// List the organisations: all of the server's, for the operator on its machine; one's own where there is no
    /// configuration, or with --url or --token and no --config.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the limits of an organisation, or change them, as the operator on the server's machine.
    Limits {
        /// The organisation's id, or its name if no other has it; the one that every server has if nothing is said.
        organisation: Option<String>,
        #[command(flatten)]
        limits: Operated,
    },
}

impl Organisation {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let (place, connection) = match self {
            Self::Limits { organisation, limits } => return limits.run(LimitsOf::Organisation(organisation), json),
            Self::List { place, connection } => (place, connection),
        };
        let is_elsewhere = place.configuration().is_some_and(|configuration| !Path::exists(configuration));
        if place.is_usual() && (connection.is_said() || is_elsewhere) {
            return list_own(&connection.client()?, json);
        }
        environment::start_log("warn");
        match place.answer(Request::Organisations)? {
            Answer::Organisations { organisations } if json => {
                output::json(&json!({"organisations": serde_json::to_value(organisations).unwrap_or(Value::Null)}))
            }
            Answer::Organisations { organisations } => {
                output::table(&list(&organisations), "there are no organisations")
            }
            Answer::Failed { message } => Err(Failure::new(message)),
            _ => Err(Failure::new("the server answered something else than was asked")),
        }
    }
}

fn list_own(client: &Client, json: bool) -> Result<(), Failure> {
    let organisations = client.organisations()?;
    if json {
        return output::json(&json!({"organisations": organisations}));
    }
    let row = |one: &Value| ["name", "role", "id"].map(|name| shown::text(one, name));
    let rows: Vec<[String; 3]> = organisations.iter().map(row).collect();
    output::table(&table::draw(["NAME", "ROLE", "ID"], &rows), "you are in no organisation")
}

fn list(organisations: &[operator::Organisation]) -> String {
    let row = |one: &operator::Organisation| {
        let state = one.frozen.as_ref().map_or_else(|| "active".to_owned(), |reason| format!("frozen: {reason}"));
        [one.name.clone(), state, one.members.to_string(), one.wallets.to_string(), one.id.clone()]
    };
    let rows: Vec<[String; 5]> = organisations.iter().map(row).collect();
    table::draw(["NAME", "STATE", "MEMBERS", "WALLETS", "ID"], &rows)
}

/// The id of one of the caller's organisations, by its id or by a name that no other of them has.
///
/// # Errors
/// None of them is called so, or several are.
pub(super) fn id_of(client: &Client, said: &str) -> Result<String, Failure> {
    if is_id(said) {
        return Ok(said.to_owned());
    }
    only(&client.organisations()?, said)
}

fn is_id(said: &str) -> bool {
    said.len() == 32 && said.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn only(organisations: &[Value], said: &str) -> Result<String, Failure> {
    let named = organisations.iter().filter(|one| shown::text(one, "name") == said);
    match named.map(|one| shown::text(one, "id")).collect::<Vec<_>>().as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::usage(format!("you are in no organisation `{said}`")).with_hint("bursar organisation list")),
        ids => Err(Failure::usage(format!("several of your organisations are called `{said}`"))
            .with_hint(format!("give the id of one: {}", ids.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_meant_by_a_name_that_only_it_has() {
        let one = |name: &str, id: &str| json!({"name": name, "id": id, "role": "owner"});
        let own = [one("Lab", "01"), one("Shop", "02"), one("Shop", "03")];
        assert_eq!(only(&own, "Lab").ok().as_deref(), Some("01"));
        for unclear in ["Shop", "lab", "", "04"] {
            assert!(only(&own, unclear).is_err(), "{unclear}");
        }
        assert!(is_id(&"0a".repeat(16)) && !is_id("Lab"));
    }
}
