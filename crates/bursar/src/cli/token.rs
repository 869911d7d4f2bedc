//! `bursar token …`: access tokens.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::connection::Connection;
use crate::cli::otp::Otp;
use crate::cli::{output, shown, table};
use crate::configuration::parse_duration;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make an access token; its text is shown this once.
    Create(Create),
    /// List the living access tokens.
    List(Connection),
    /// Show one access token.
    Show {
        /// The token's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// End an access token for good.
    Revoke {
        /// The token's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Let the presented token (the login's, or --token) spend without its limits for a time.
    Unlock {
        #[command(flatten)]
        otp: Otp,
        /// For how long, at most an hour: seconds, or with a unit. Ten minutes if nothing is said.
        #[arg(long, value_parser = seconds)]
        duration: Option<u64>,
        /// Also lift a lock.
        #[arg(long)]
        resume: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Keep the presented token (the login's, or --token) from spending.
    Lock(Connection),
}

#[derive(Args)]
pub(super) struct Create {
    /// The token's name.
    #[arg(long)]
    label: String,
    /// What it may do, such as wallet_view_all; may be given again, or several with commas.
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// What it may spend by itself, for good: COIN=BASE_UNITS or COIN=unlimited; may be given again.
    #[arg(long = "limit", value_name = "COIN=AMOUNT", value_parser = limit)]
    limits: Vec<(String, Ceiling)>,
    /// Addresses or ranges it may be used from; may be given again.
    #[arg(long = "ip", value_name = "ADDRESS", value_delimiter = ',')]
    ips: Vec<String>,
    /// How long it lasts: seconds, or with a unit, such as 30d or 12h.
    #[arg(long, value_parser = seconds)]
    duration: Option<u64>,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

/// How much a token may spend of a coin.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ceiling {
    At(String),
    Unlimited,
}

impl Token {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(json),
            Self::List(connection) => {
                let tokens = connection.client()?.tokens()?;
                if json { output::json(&json!({"accessTokens": tokens})) } else { output::text(&list(&tokens)) }
            }
            Self::Show { id, connection } => {
                let tokens = connection.client()?.tokens()?;
                let found = tokens.into_iter().find(|token| shown::text(token, "id") == id);
                let found = found.ok_or_else(|| Failure::new("there is no living access token of this id"))?;
                show(&found, json)
            }
            Self::Revoke { id, connection } => {
                let revoked = connection.client()?.revoke(&id)?;
                if json {
                    output::json(&revoked)
                } else {
                    output::text(&format!("revoked {}", shown::text(&revoked, "id")))
                }
            }
            Self::Unlock { otp, duration, resume, connection } => {
                let client = connection.client()?;
                show(&otp.present(|otp| client.unlock(otp, duration, resume))?, json)
            }
            Self::Lock(connection) => show(&connection.client()?.lock()?, json),
        }
    }
}

impl Create {
    fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let created = self.otp.present(|otp| client.create_token(&self.wishes(otp)))?;
        if json {
            return output::json(&created);
        }
        let warnings = created.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for warning in warnings.iter().filter_map(Value::as_str) {
            output::remark(&format!("warning: {}", output::printable(warning)));
        }
        let text = shown::text(&created, "token");
        output::text(&format!("{}\n\n{text}\n\nThis text is the token. It is shown only now.", shown::token(&created)))
    }

    fn wishes(&self, otp: Option<&str>) -> Value {
        let mut wishes = Map::new();
        wishes.insert("label".to_owned(), self.label.clone().into());
        wishes.insert("scope".to_owned(), self.scopes.clone().into());
        if !self.limits.is_empty() {
            let entry = |(coin, ceiling): &(String, Ceiling)| match ceiling {
                Ceiling::At(amount) => json!({"coin": coin, "txValueLimit": amount}),
                Ceiling::Unlimited => json!({"coin": coin, "maxLimit": true}),
            };
            wishes.insert("spendingLimits".to_owned(), self.limits.iter().map(entry).collect());
        }
        if !self.ips.is_empty() {
            wishes.insert("ipRestrict".to_owned(), self.ips.clone().into());
        }
        if let Some(duration) = self.duration {
            wishes.insert("duration".to_owned(), duration.into());
        }
        if let Some(otp) = otp {
            wishes.insert("otp".to_owned(), otp.into());
        }
        wishes.into()
    }
}

fn show(token: &Value, json: bool) -> Result<(), Failure> {
    if json { output::json(token) } else { output::text(&shown::token(token)) }
}

fn list(tokens: &[Value]) -> String {
    let row = |token: &Value| {
        let used = token.get("lastUsed").map(|used| shown::text(used, "time")).unwrap_or_default();
        let limits = shown::limits(token).join(", ");
        let (label, id) = (shown::text(token, "label"), shown::text(token, "id"));
        [label, id, shown::state(token), limits, shown::text(token, "expires"), used]
    };
    let rows: Vec<[String; 6]> = tokens.iter().map(row).collect();
    table::draw(["LABEL", "ID", "STATE", "SPENT OF LIMIT", "EXPIRES", "LAST USED"], &rows)
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_duration(text).map(bursar_core::time::Span::as_seconds_ceil)
}

fn limit(text: &str) -> Result<(String, Ceiling), String> {
    let (coin, amount) = text.split_once('=').ok_or("write COIN=BASE_UNITS, such as tbtc=1000000")?;
    if coin.is_empty() {
        return Err("the coin is missing".to_owned());
    }
    let is_number = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit());
    match amount {
        "unlimited" => Ok((coin.to_owned(), Ceiling::Unlimited)),
        _ if is_number => Ok((coin.to_owned(), Ceiling::At(amount.to_owned()))),
        _ => Err("the amount is a whole number of base units, or `unlimited`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_of_base_units_or_said_to_be_none() {
        assert_eq!(limit("tbtc=10"), Ok(("tbtc".to_owned(), Ceiling::At("10".to_owned()))));
        assert_eq!(limit("hteth:usdc=0"), Ok(("hteth:usdc".to_owned(), Ceiling::At("0".to_owned()))));
        assert_eq!(limit("tbtc=unlimited"), Ok(("tbtc".to_owned(), Ceiling::Unlimited)));
        for text in ["tbtc", "tbtc=", "=1", "tbtc=1.5", "tbtc=-1", "tbtc=1e8", "tbtc=0x1", "tbtc=max"] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
