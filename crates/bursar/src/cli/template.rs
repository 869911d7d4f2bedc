//! `bursar template …`: what tokens of one purpose have in common, written once.

use bursar_client::{Client, ClientError};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::connection::Connection;
use crate::cli::limits::{self, Destinations, Said, in_flags, said, texts};
use crate::cli::{output, shown, table};
use crate::failure::Failure;

/// Which field of the request each flag becomes.
const FLAGS: &[(&str, &str)] =
    &[("name", "--name"), ("tokenScopes", "--scope"), ("allowedIPs", "--ip"), ("permittedWallets", "--wallet")];

#[derive(Subcommand)]
pub(super) enum Template {
    /// Make a template; `token create --template ID` makes tokens from it. This, changing and removing take an unlocked
    /// login (`bursar token unlock`).
    Create {
        /// Its name, unique among one's own.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        connection: Connection,
    },
    /// List one's templates.
    List(Connection),
    /// Show one template.
    Show {
        /// The template's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Change a template: what is said takes the place of what was there. Tokens made before stay as they are.
    Edit {
        /// The template's id.
        id: String,
        /// Another name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove a template. Tokens made from it stay.
    Remove {
        /// The template's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
}

/// What tokens made from a template have, unless they say otherwise.
#[derive(Args)]
pub(super) struct Common {
    /// What they may do, such as wallet_view_all; may be given again, or several with commas.
    #[arg(long = "scope", value_delimiter = ',')]
    scopes: Vec<String>,
    /// What each may spend by itself, such as 'tbtc 0.5/day'; may be given again, and all hold. With rules about
    /// destinations it is one thing: to change either say both.
    #[arg(long = "limit", value_name = "LIMIT", value_parser = said)]
    limits: Vec<Said>,
    #[command(flatten)]
    destinations: Destinations,
    /// Addresses or ranges they may be used from; may be given again.
    #[arg(long = "ip", value_name = "ADDRESS", value_delimiter = ',')]
    ips: Vec<String>,
    /// The only wallets they may touch; may be given again.
    #[arg(long = "wallet", value_name = "ID", value_delimiter = ',')]
    wallets: Vec<String>,
}

impl Template {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let told = |error: ClientError, wishes: &Value, client: &Client| {
            in_flags(Failure::from(error).with_flags(FLAGS), wishes, client)
        };
        match self {
            Self::Create { name, common, connection } => {
                let client = connection.client()?;
                let wishes = common.wishes(Some(name))?;
                show(&client.create_template(&wishes).map_err(|error| told(error, &wishes, &client))?, json)
            }
            Self::List(connection) => {
                let templates = connection.client()?.templates()?;
                if json {
                    output::json(&json!({"templates": templates}))
                } else {
                    output::table(&list(&templates), "there are no templates")
                }
            }
            Self::Show { id, connection } => show(&connection.client()?.template(&id)?, json),
            Self::Edit { id, name, common, connection } => {
                let wishes = common.wishes(name)?;
                if wishes.as_object().is_some_and(Map::is_empty) {
                    return Err(
                        Failure::usage("there is nothing to change").with_hint("say --name, --scope or --limit")
                    );
                }
                let client = connection.client()?;
                show(&client.edit_template(&id, &wishes).map_err(|error| told(error, &wishes, &client))?, json)
            }
            Self::Remove { id, connection } => {
                let removed = connection.client()?.remove_template(&id)?;
                match json {
                    true => output::json(&removed),
                    false => output::text(&format!("removed {}", shown::text(&removed, "id"))),
                }
            }
        }
    }
}

impl Common {
    fn wishes(&self, name: Option<String>) -> Result<Value, Failure> {
        let mut wishes = Map::new();
        wishes.extend(name.map(|name| ("name".to_owned(), name.into())));
        let lists = [("tokenScopes", &self.scopes), ("allowedIPs", &self.ips), ("permittedWallets", &self.wallets)];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            wishes.insert(field.to_owned(), list.clone().into());
        }
        let mut rules = Map::new();
        if !self.limits.is_empty() {
            rules.insert("limits".to_owned(), texts(&self.limits));
        }
        if !self.destinations.is_empty() {
            rules.insert("destinations".to_owned(), self.destinations.over(&Value::Null)?);
        }
        if !rules.is_empty() {
            wishes.insert("tokenLimits".to_owned(), rules.into());
        }
        Ok(wishes.into())
    }
}

fn list(templates: &[Value]) -> String {
    let row = |template: &Value| {
        let [name, id, scopes] =
            [shown::text(template, "name"), shown::text(template, "id"), shown::texts(template, "tokenScopes")];
        [name, id, scopes, rules(template).join(", ")]
    };
    let rows: Vec<[String; 4]> = templates.iter().map(row).collect();
    table::draw(["NAME", "ID", "SCOPES", "LIMITS"], &rows)
}

/// The limits of a template, each as it was written.
fn rules(template: &Value) -> Vec<String> {
    let own = template.get("tokenLimits").unwrap_or(&Value::Null);
    let said = limits::list(own, "limits").iter().map(|limit| match limit {
        Value::String(text) => output::printable(text),
        other => output::printable(&other.to_string()),
    });
    let of_bitgo =
        own.as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "limits" | "destinations"));
    said.chain(of_bitgo.map(|(name, value)| output::printable(&format!("{name} {value}")))).collect()
}

fn show(template: &Value, json: bool) -> Result<(), Failure> {
    if json { output::json(template) } else { output::text(&one(template)) }
}

/// A template, line by line.
fn one(template: &Value) -> String {
    let mut lines = vec![format!("Template  {} {}", shown::text(template, "id"), shown::text(template, "name"))];
    let lists = [("Scopes", "tokenScopes"), ("From", "allowedIPs"), ("Wallets", "permittedWallets")];
    let lists = lists.iter().map(|(title, name)| (*title, shown::texts(template, name)));
    let rules = rules(template).into_iter().map(|rule| ("Limit", rule));
    let destinations = template.pointer("/tokenLimits/destinations").map(|rules| output::printable(&rules.to_string()));
    let said = lists.chain(rules).chain(destinations.map(|rules| ("To", rules)));
    lines.extend(said.filter(|(_, text)| !text.is_empty()).map(|(title, text)| format!("{title:<9} {text}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_shown_with_what_its_tokens_will_have() {
        let template = json!({
            "id": "t", "name": "payouts", "tokenScopes": ["wallet_view_all"], "permittedWallets": ["w"],
            "tokenLimits": {"limits": ["tbtc 0.5/day"], "txValueLimit": "5", "destinations": {"atMost": 2}},
        });
        let shown = [
            "Template  t payouts",
            "Scopes    wallet_view_all",
            "Wallets   w",
            "Limit     tbtc 0.5/day",
            "Limit     txValueLimit \"5\"",
            "To        {\"atMost\":2}",
        ];
        assert_eq!(one(&template).lines().collect::<Vec<_>>(), shown);
        assert!(list(&[template]).contains("payouts  t   wallet_view_all  tbtc 0.5/day, txValueLimit \"5\""));
    }
}
