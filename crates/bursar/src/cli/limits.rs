//! `bursar limits …`: how much a user, wallet, organisation or token may spend, and changing that.
//!
//! The server decides; what is read here is read so that a mistake is told with its spot.

mod bars;
mod edit;
mod operated;
mod refused;
mod written;

use bursar_client::{Client, LimitsOf};
use bursar_core::decimals::Decimals;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::cli::wallet::named;
use crate::cli::{organisation, output, shown};
use crate::failure::Failure;

pub(super) use bars::{in_short, list, standing};
pub(super) use edit::Edit;
pub(super) use operated::Operated;
pub(super) use refused::in_flags;
pub(super) use written::{Destinations, Said, rules, said, texts};

#[derive(Subcommand)]
pub(super) enum Limits {
    /// Show the limits and how much of them is used.
    Show {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        connection: Connection,
    },
    /// Change limits: tightening takes effect at once, loosening needs a one-time password.
    Set {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        edit: Edit,
    },
}

/// Whose limits.
#[derive(Args)]
pub(super) struct Whose {
    /// What the limits are attached to.
    kind: Kind,
    /// Its id; of a user also the name, and `me` is whoever asks; of a wallet also the label and of an organisation also the
    /// name, if no other of yours has it.
    id: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    User,
    Wallet,
    Organisation,
    Token,
}

impl Limits {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::Show { whose, connection } => show(whose.by_id(&connection.client()?)?.of(), &connection, json),
            Self::Set { whose, edit } => {
                let whose = whose.by_id(&edit.client()?)?;
                edit.run(whose.of(), json)
            }
        }
    }
}

impl Whose {
    /// The same by its id, which the server knows it by.
    fn by_id(self, client: &Client) -> Result<Self, Failure> {
        let id = match self.kind {
            Kind::Wallet => named(client, self.id)?,
            Kind::Organisation => organisation::id_of(client, &self.id)?,
            Kind::User | Kind::Token => self.id,
        };
        Ok(Self { id, ..self })
    }

    fn of(&self) -> LimitsOf<'_> {
        match self.kind {
            Kind::User => LimitsOf::User(&self.id),
            Kind::Wallet => LimitsOf::Wallet(&self.id),
            Kind::Organisation => LimitsOf::Organisation(&self.id),
            Kind::Token => LimitsOf::Token(&self.id),
        }
    }
}

/// Shows how limits stand.
pub(super) fn show(of: LimitsOf<'_>, connection: &Connection, json: bool) -> Result<(), Failure> {
    let client = connection.client()?;
    let limits = client.limits(of)?;
    if json {
        return output::json(&limits);
    }
    output::text(&told(&limits, &shown::units(&client)))
}

/// Limits for people, with their version.
fn told(limits: &Value, decimals: &Decimals) -> String {
    format!("{}\nversion {}", all(limits, decimals), shown::text(limits, "version"))
}

/// All rules, with what is used of them.
fn all(limits: &Value, decimals: &Decimals) -> String {
    let reports = list(limits, "limits");
    let drawn = if reports.is_empty() {
        "no limits".to_owned()
    } else {
        standing(&shown::text(limits, "subject"), reports, decimals)
    };
    let rules = rules(limits.get("destinations").unwrap_or(&Value::Null));
    std::iter::once(drawn).chain(rules).collect::<Vec<_>>().join("\n")
}
