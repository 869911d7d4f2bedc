//! `bursar spend`: one payment.

use bursar_client::{ClientError, Payment};
use clap::Args;
use serde_json::Value;

use crate::cli::amount::in_base_units;
use crate::cli::connection::Connection;
use crate::cli::wallet::named;
use crate::cli::{output, shown};
use crate::environment;
use crate::failure::{Exit, Failure};

#[derive(Args)]
pub(super) struct Spend {
    /// The wallet it comes from, by its id, or by its label if no other of yours has it.
    #[arg(long)]
    wallet: String,
    /// The wallet's coin.
    #[arg(long)]
    coin: String,
    /// Where it goes.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// How much: in base units, or in units of the coin with its ticker, such as '0.1 tbtc'.
    #[arg(long)]
    amount: String,
    /// A one-time password, which allows this payment beyond the token's limits.
    #[arg(long)]
    otp: Option<String>,
    /// Names the payment: the same name again is the same payment. A random one if nothing is said.
    #[arg(long)]
    sequence_id: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Spend {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let sequence_id =
            self.sequence_id.unwrap_or_else(|| base16ct::lower::encode_string(&environment::random_bytes::<16>()));
        let decimals = shown::units(&client);
        let amount = in_base_units("--amount", &self.amount, &self.coin, &decimals)?;
        if amount.bytes().all(|digit| digit == b'0') {
            return Err(Failure::usage(format!("--amount: `{}` pays nothing", output::printable(&self.amount))));
        }
        let wallet = named(&client, self.wallet)?;
        let payment = Payment {
            wallet: &wallet,
            coin: &self.coin,
            to: &self.to,
            amount: &amount,
            sequence_id: Some(&sequence_id),
            otp: self.otp.as_deref(),
        };
        let sent = client.spend(&payment).map_err(|error| failed(error, &sequence_id))?;
        if json {
            return output::json(&sent);
        }
        let transfer = sent.get("transfer").unwrap_or(&Value::Null);
        output::text(&format!(
            "sent {} to {}\ntxid      {}\ntransfer  {} ({})\nsequence  {sequence_id}",
            output::printable(&shown::amount(&amount, &self.coin, &decimals)),
            output::printable(&self.to),
            shown::text(&sent, "txid"),
            shown::text(transfer, "id"),
            shown::text(transfer, "state"),
        ))
    }
}

/// Whoever does not know whether it was sent must not send another one; the same under its name is never sent twice.
fn failed(error: ClientError, sequence_id: &str) -> Failure {
    let may_be_done = error.may_be_done();
    let is_unreachable = matches!(error, ClientError::Unreachable { .. });
    let failure = Failure::from(error);
    // Of a spend that is known its hint says how to ask after it.
    let is_pending = failure.exit() == Exit::Unknown;
    if !is_pending && !may_be_done {
        return failure;
    }
    let failure = if is_unreachable { failure } else { failure.with_exit(Exit::Unknown) };
    failure
        .with_context("sequenceId", sequence_id)
        .and_hint(&format!("the same again with --sequence-id {sequence_id} is safe: it is never sent twice"))
}
