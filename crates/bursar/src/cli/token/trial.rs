//! `bursar token try`: what a token's limits would say to a spend. Nothing is held, nothing moves.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::amount::in_base_units;
use crate::cli::connection::Connection;
use crate::cli::wallet::named;
use crate::cli::{limits, output, shown};
use crate::failure::{Exit, Failure};

/// Which field of the request each flag becomes.
const FLAGS: &[(&str, &str)] = &[
    ("coin", "--coin"),
    ("amount", "--amount"),
    ("destination", "--to"),
    ("address", "--to"),
    ("wallet", "--wallet"),
    ("organisation", "--organisation"),
];

#[derive(Args)]
pub(in crate::cli) struct Try {
    /// The token's id.
    id: String,
    /// The coin.
    #[arg(long)]
    coin: String,
    /// Where it would go.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// How much: in base units, or in units of the coin with its ticker, such as '0.1 tbtc'.
    #[arg(long)]
    amount: String,
    /// The wallet it would come from, by its id, or by its label if no other of yours has it.
    #[arg(long, required_unless_present = "organisation")]
    wallet: Option<String>,
    /// The organisation whose money it would be, by its id, where a service spends it from no wallet.
    #[arg(long, conflicts_with = "wallet")]
    organisation: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Try {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let decimals = shown::units(&client);
        let amount = in_base_units("--amount", &self.amount, &self.coin, &decimals)?;
        let mut spend = Map::new();
        spend.insert("coin".to_owned(), self.coin.into());
        spend.insert("destination".to_owned(), self.to.into());
        spend.insert("amount".to_owned(), amount.into());
        if let Some(wallet) = self.wallet {
            spend.insert("wallet".to_owned(), named(&client, wallet)?.into());
        }
        spend.extend(self.organisation.map(|id| ("organisation".to_owned(), id.into())));
        let answer = client.dry_run(&self.id, &Value::Object(spend));
        let answer = answer.map_err(|error| Failure::from(error).with_flags(FLAGS))?;
        let is_allowed = answer.get("allowed") == Some(&Value::Bool(true));
        if json {
            output::json(&answer)?;
            return if is_allowed { Ok(()) } else { Err(refused(&answer).printed()) };
        }
        let told = if is_allowed { &answer } else { answer.get("refusal").unwrap_or(&Value::Null) };
        let reports = limits::list(told, "limits");
        if !reports.is_empty() {
            output::text(&limits::standing("token", reports, &decimals))?;
        }
        for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            output::text(&format!("note: {warning}"))?;
        }
        if is_allowed { output::text("it would pass") } else { Err(refused(&answer)) }
    }
}

/// Why it would not pass, as the server tells it of a spend that is refused.
fn refused(answer: &Value) -> Failure {
    let refusal = answer.get("refusal").unwrap_or(&Value::Null);
    let said = |name| Some(shown::text(refusal, name)).filter(|text| !text.is_empty());
    let why = said("detail").unwrap_or_default();
    let failure = Failure::new(format!("it would not pass: {why}")).with_exit(Exit::Refused);
    match said("code") {
        Some(code) => failure.with_code(code),
        None => failure,
    }
}
