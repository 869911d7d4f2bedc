//! `bursar spend`: one payment.

use bursar_client::{ClientError, Payment};
use bursar_core::coin::Coin;
use bursar_core::limit::text;
use clap::Args;
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::cli::{output, shown};
use crate::environment;
use crate::failure::Failure;

#[derive(Args)]
pub(super) struct Spend {
    /// The wallet it comes from.
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
        let amount = in_base_units(&self.amount, &self.coin)?;
        let payment = Payment {
            wallet: &self.wallet,
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
            output::printable(&shown::amount(&amount, &self.coin)),
            output::printable(&self.to),
            shown::text(&sent, "txid"),
            shown::text(transfer, "id"),
            shown::text(transfer, "state"),
        ))
    }
}

/// An amount as the interface takes it.
fn in_base_units(text: &str, ticker: &str) -> Result<String, Failure> {
    let Some((number, unit)) = text.split_once(' ') else { return Ok(text.to_owned()) };
    let coin = Coin::parse(ticker).map_err(|problem| Failure::usage(format!("--coin: {problem}")))?;
    if unit != ticker {
        return Err(Failure::usage(format!("--amount is in `{unit}`, and --coin is `{ticker}`")));
    }
    let decimals = coin.decimals().ok_or_else(|| {
        Failure::usage(format!("how many decimals {ticker} has is not known here; give --amount in base units"))
    })?;
    let amount = text::amount(number, decimals)
        .ok_or_else(|| Failure::usage(format!("--amount: `{number}` is no number of {ticker}, such as 0.1")))?;
    Ok(amount.to_string())
}

/// Whoever does not know whether it was sent must not send another one, but the same again.
fn failed(error: ClientError, sequence_id: &str) -> Failure {
    let may_be_done = match &error {
        ClientError::Unreachable { .. } | ClientError::Unreadable { .. } => true,
        ClientError::Declined(declined) => declined.status() >= 500 || declined.code() == Some("outcome_pending"),
    };
    let failure = Failure::from(error);
    if may_be_done {
        return failure
            .with_context("sequenceId", sequence_id)
            .with_hint(format!("it may have been sent; send it again with --sequence-id {sequence_id}"));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_in_base_units_or_in_units_of_the_coin() {
        let read = |text: &str| in_base_units(text, "tbtc").map_err(|failure| failure.to_string());
        assert_eq!(read("600"), Ok("600".to_owned()));
        assert_eq!(read("0.1 tbtc"), Ok("10000000".to_owned()));
        for wrong in ["0.1 btc", "0.123456789 tbtc", "1e3 tbtc", "-1 tbtc", "0,1 tbtc"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(in_base_units("1 xyz", "xyz").is_err());
    }
}
