//! `bursar spends hold`, `capture` and `release`: for applications that move the money themselves, with the
//! credential of a service as the presented token.

use std::net::IpAddr;

use bursar_core::amount::Amount;
use bursar_core::decimals::Decimals;
use clap::Args;
use serde_json::{Map, Value};

use super::{FLAGS, show};
use crate::cli::amount::{in_base_units, of_spend};
use crate::cli::connection::Connection;
use crate::cli::otp::Otp;
use crate::cli::shown;
use crate::cli::token::seconds;
use crate::failure::Failure;

/// Which field of a hold each flag becomes.
const OF_HOLD: &[(&str, &str)] = &[
    ("token", "--for"),
    ("coin", "--coin"),
    ("destination", "--to"),
    ("recipients", "--to"),
    ("feeCoin", "--fee-coin"),
    ("wallet", "--wallet"),
    ("deadline", "--deadline"),
    ("address", "--to"),
    ("comment", "--comment"),
    ("Idempotency-Key", "--key"),
];

#[derive(Args)]
pub(in crate::cli) struct Hold {
    /// The token of whoever spends: its text, better in BURSAR_SPENDER, since arguments are seen by others.
    #[arg(long = "for", env = "BURSAR_SPENDER", hide_env_values = true, value_name = "TOKEN")]
    spender: String,
    /// The coin.
    #[arg(long)]
    coin: String,
    /// Where it goes.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// What the recipient gets, without the fee: in base units, or in units of the coin with its ticker, such as '0.1 tbtc'.
    #[arg(long)]
    amount: String,
    /// The fee that may come to it at most, in the same way; it is held, too.
    #[arg(long)]
    fee: Option<String>,
    /// The coin of the fee, if it is another.
    #[arg(long, requires = "fee")]
    fee_coin: Option<String>,
    /// The wallet it comes from; none if the money is in no wallet of Bursar's.
    #[arg(long)]
    wallet: Option<String>,
    /// After how long nobody knows what became of it, unless that was said: seconds, or with a unit.
    #[arg(long, value_parser = seconds)]
    deadline: Option<u64>,
    /// The address that whoever spends asks from; its token may be bound to some.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// What it is for.
    #[arg(long)]
    comment: Option<String>,
    /// Names the spend: the same key again is the same spend, and not another.
    #[arg(long)]
    key: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(in crate::cli) struct Capture {
    /// The spend's id.
    id: String,
    /// What the money's own books call it, such as a transaction's id.
    #[arg(long)]
    reference: String,
    /// What the recipient got, without the fee, in base units or such as '0.1 tbtc'; what was held for it if nothing is said.
    #[arg(long)]
    amount: Option<String>,
    /// The fee that was paid for it, in the same way; what was held for it if nothing is said.
    #[arg(long)]
    fee: Option<String>,
    /// More than was held moved: recorded in full, which cannot be taken back and locks the token.
    #[arg(long)]
    more_than_held: bool,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(in crate::cli) struct Release {
    /// The spend's id.
    id: String,
    /// Why the money did not move.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Hold {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let decimals = shown::units(&client);
        let amount = in_base_units("--amount", &self.amount, &self.coin, &decimals)?;
        let of_fee = self.fee_coin.as_ref().unwrap_or(&self.coin);
        let fee = self.fee.map(|fee| in_base_units("--fee", &fee, of_fee, &decimals)).transpose()?;
        let deadline = self.deadline.map(Value::from);
        let texts = [
            ("token", Some(self.spender)),
            ("coin", Some(self.coin)),
            ("destination", Some(self.to)),
            ("amount", Some(amount)),
            ("fee", fee),
            ("feeCoin", self.fee_coin),
            ("wallet", self.wallet),
            ("address", self.from.map(|from| from.to_string())),
            ("comment", self.comment),
        ];
        let mut spend = said(texts);
        spend.extend(deadline.map(|deadline| ("deadline".to_owned(), deadline)));
        let held = client.hold(&spend.into(), &self.key);
        show(&held.map_err(|error| Failure::from(error).with_flags(OF_HOLD).with_flags(FLAGS))?, &client, json)
    }
}

impl Capture {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let [amount, fee] = of_spend(&client, &self.id, self.amount, self.fee)?;
        if !self.more_than_held && (amount.is_some() || fee.is_some()) {
            within(&client.spend_of_id(&self.id)?, amount.as_deref(), fee.as_deref(), &shown::units(&client))?;
        }
        let captured = self.otp.present(|otp| {
            let capture = said([
                ("reference", Some(self.reference.as_str())),
                ("amount", amount.as_deref()),
                ("fee", fee.as_deref()),
                ("otp", otp),
            ]);
            client.capture(&self.id, &capture.into())
        });
        show(&captured.map_err(|failure| failure.with_flags(FLAGS))?, &client, json)
    }
}

impl Release {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let released = self.otp.present(|otp| client.release(&self.id, &self.reason, otp));
        show(&released.map_err(|failure| failure.with_flags(&[("reason", "--reason")]))?, &client, json)
    }
}

/// Whether what moved is within what was held: a slip of the finger cannot be taken back, and it stops the token.
///
/// # Errors
/// It is more, for the recipients or of fees; what cannot be read is left to the server.
fn within(spend: &Value, amount: Option<&str>, fee: Option<&str>, decimals: &Decimals) -> Result<(), Failure> {
    let read = |text: &str| Amount::parse(text).ok();
    let sides = [("--amount", amount, "amount", "coin"), ("--fee", fee, "fee", "feeCoin")];
    let more = sides.into_iter().find_map(|(flag, moved, field, coin)| {
        let (moved, held) = (moved.and_then(read)?, read(&shown::text(spend, field))?);
        let told = |amount: Amount| shown::amount(&amount.to_string(), &shown::text(spend, coin), decimals);
        (moved > held).then(|| (flag, [moved, held].map(told)))
    });
    let Some((flag, [moved, held])) = more else { return Ok(()) };
    let told = format!("`{flag}` is {moved}, more than the {held} that were held for it; nothing was recorded");
    let does = "records it in full, which cannot be taken back, and locks the token that spends";
    Err(Failure::new(told).with_code("more_than_held").with_hint(format!("--more-than-held {does}")))
}

/// What was said, by the names of a request's fields.
pub(super) fn said<const N: usize, Text: Into<Value>>(texts: [(&str, Option<Text>); N]) -> Map<String, Value> {
    texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_than_was_held_is_told_for_the_recipients_and_of_fees() {
        let spend = json!({"amount": "900", "fee": "100", "total": "1000", "coin": "tbtc", "feeCoin": "tbtc"});
        let of = |amount, fee| within(&spend, amount, fee, &Decimals::default()).map_err(|failure| failure.to_string());
        for (amount, fee) in [(Some("900"), Some("100")), (Some("900"), None), (None, Some("10")), (Some("x"), None)] {
            assert_eq!(of(amount, fee), Ok(()));
        }
        for (amount, fee, what) in [
            (Some("901"), Some("10"), "`--amount` is 0.00000901 tbtc, more than the 0.000009 tbtc"),
            (None, Some("101"), "`--fee` is 0.00000101 tbtc, more than the 0.000001 tbtc"),
        ] {
            assert!(of(amount, fee).unwrap_err().contains(what));
        }
    }
}
