//! `bursar token create`: an access token, with what it may do and how much it may spend.

use bursar_core::scope::ScopeName;
use clap::Args;
use serde_json::{Map, Value};

use crate::cli::connection::Connection;
use crate::cli::limits::{Destinations, Said, in_flags, said, texts};
use crate::cli::otp::Otp;
use crate::cli::token::seconds;
use crate::cli::{output, shown};
use crate::failure::Failure;

/// Which field of the request each flag becomes.
const FLAGS: &[(&str, &str)] = &[
    ("label", "--label"),
    ("scope", "--scope"),
    ("ipRestrict", "--ip"),
    ("duration", "--duration"),
    ("accessTokenTemplateId", "--template"),
];

#[derive(Args)]
pub(in crate::cli) struct Create {
    /// The token's name.
    #[arg(long)]
    label: String,
    /// What it may do, such as wallet_view_all; may be given again, or several with commas. --help lists them all.
    #[arg(long = "scope", required_unless_present = "template", value_delimiter = ',', long_help = scopes())]
    scopes: Vec<String>,
    /// The template it is made from; what is said here goes before what the template says.
    #[arg(long, value_name = "ID")]
    template: Option<String>,
    /// What it may spend by itself, such as 'tbtc 0.5/day' or '20 spends/hour'; may be given again, and all hold.
    /// COIN=BASE_UNITS is for life.
    #[arg(long = "limit", value_name = "LIMIT", value_parser = said)]
    limits: Vec<Said>,
    #[command(flatten)]
    destinations: Destinations,
    /// Addresses or ranges it may be used from; may be given again.
    #[arg(long = "ip", value_name = "ADDRESS", value_delimiter = ',')]
    ips: Vec<String>,
    /// How long it lasts: seconds, or with a unit, such as 90d or 12h. The server's default, often ten years, if
    /// nothing is said.
    #[arg(long, value_parser = seconds)]
    duration: Option<u64>,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Create {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let wishes = self.wishes()?;
        let created = self.otp.present(|otp| {
            let mut wishes = wishes.clone();
            wishes.extend(otp.map(|otp| ("otp".to_owned(), otp.into())));
            client.create_token(&Value::Object(wishes))
        });
        let created = created.map_err(|failure| in_flags(failure.with_flags(FLAGS), &wishes.into(), &client))?;
        if json {
            return output::json(&created);
        }
        output::warnings(&created);
        output::text(&shown::once(&created, &shown::units(&client)))
    }

    fn wishes(&self) -> Result<Map<String, Value>, Failure> {
        let mut wishes = Map::new();
        wishes.insert("label".to_owned(), self.label.clone().into());
        if !self.scopes.is_empty() {
            wishes.insert("scope".to_owned(), self.scopes.clone().into());
        }
        wishes.extend(self.template.as_deref().map(|id| ("accessTokenTemplateId".to_owned(), id.into())));
        if !self.limits.is_empty() {
            wishes.insert("limits".to_owned(), texts(&self.limits));
        }
        if !self.destinations.is_empty() {
            wishes.insert("destinations".to_owned(), self.destinations.over(&Value::Null)?);
        }
        if !self.ips.is_empty() {
            wishes.insert("ipRestrict".to_owned(), self.ips.clone().into());
        }
        wishes.extend(self.duration.map(|duration| ("duration".to_owned(), duration.into())));
        Ok(wishes)
    }
}

/// Every scope there is, for `--help`.
fn scopes() -> String {
    let mut text = "What it may do; may be given again, or several with commas. The scopes are:\n".to_owned();
    for scope in ScopeName::ALL {
        let wallet = if scope.needs_wallet() { ":WALLET" } else { "" };
        text.extend(["\n  ", scope.as_str(), wallet]);
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    #[test]
    fn what_the_flags_say_is_what_is_asked_for() {
        let line = [
            "x",
            "--label",
            "bot",
            "--scope",
            "wallet_view_all,profile",
            "--limit",
            "tbtc 0.50/day",
            "--limit",
            "20 spends/hour",
            "--limit",
            "hteth=1000",
            "--to",
            "tbtc:tb1q",
            "--max-destinations",
            "3",
            "--each",
            "tbtc 0.1/day",
            "--ip",
            "10.0.0.0/8",
            "--duration",
            "30d",
        ];
        let wishes = Line::try_parse_from(line).unwrap().create.wishes().unwrap();
        let asked = json!({
            "label": "bot", "scope": ["wallet_view_all", "profile"],
            "limits": ["tbtc 0.5/day", "20 spends/hour", "hteth 0.000000000000001 in total"],
            "destinations": {
                "allow": [{"coin": "tbtc", "address": "tb1q"}], "atMost": 3, "each": ["tbtc 0.1/day without fees"],
            },
            "ipRestrict": ["10.0.0.0/8"], "duration": 2_592_000,
        });
        assert_eq!(Value::Object(wishes), asked);
    }

    #[test]
    fn help_names_every_scope() {
        let text = scopes();
        for scope in ScopeName::ALL {
            assert!(text.contains(scope.as_str()), "{scope:?}");
        }
        assert!(text.contains("wallet_spend:WALLET"));
    }
}
