//! `bursar token …`: access tokens.

mod create;
mod history;
mod rotate;
mod trial;

use bursar_client::{Client, LimitsOf};
use bursar_core::decimals::Decimals;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::limits::{self, Edit};
use crate::cli::otp::Otp;
use crate::cli::{output, shown, table};
use crate::configuration::parse_duration;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make an access token; its text is shown this once.
    Create(create::Create),
    /// List the living access tokens.
    List(Connection),
    /// Show one access token.
    Show {
        /// The token's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show a token's limits and how much of them is used.
    Limits {
        /// The token's id.
        id: String,
        #[command(flatten)]
        past: history::Past,
        #[command(flatten)]
        connection: Connection,
    },
    /// Change a token's limits: tightening takes effect at once, loosening needs a one-time password.
    SetLimits {
        /// The token's id.
        id: String,
        #[command(flatten)]
        edit: Edit,
    },
    /// Ask whether a token may spend, without spending.
    Try(trial::Try),
    /// Give a token a new text; the old one goes on for a while.
    Rotate(rotate::Rotate),
    /// End the old text of a rotation now, before its time.
    EndOldSecret {
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
        /// Also lift a lock for good; otherwise the token is locked again after the unlock.
        #[arg(long)]
        resume: bool,
        /// Another token of one's own, by its id.
        id: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Lift a lock: of the presented token (the login's, or --token), or of another of one's own. Its limits hold as before.
    Resume {
        /// Its id.
        id: Option<String>,
        #[command(flatten)]
        otp: Otp,
        #[command(flatten)]
        connection: Connection,
    },
    /// Keep a token from spending: the presented one (the login's, or --token), or another of one's own.
    Lock {
        /// Its id.
        id: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Token {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(json),
            Self::List(connection) => {
                let client = connection.client()?;
                let tokens = client.tokens()?;
                if json {
                    output::json(&json!({"accessTokens": tokens}))
                } else {
                    output::table(&list(&tokens, &shown::units(&client)), "there are no tokens")
                }
            }
            Self::Show { id, connection } => {
                let client = connection.client()?;
                let tokens = client.tokens()?;
                let found = tokens.into_iter().find(|token| shown::text(token, "id") == id);
                let found = found.ok_or_else(|| Failure::new("there is no living access token of this id"))?;
                show(&found, &client, json)
            }
            Self::Limits { id, past, connection } => match past.is_asked_for() {
                true => past.show(&id, &connection, json),
                false => limits::show(LimitsOf::Token(&id), &connection, json),
            },
            Self::SetLimits { id, edit } => edit.run(LimitsOf::Token(&id), json),
            Self::Try(trial) => trial.run(json),
            Self::Rotate(rotate) => rotate.run(json),
            Self::EndOldSecret { id, connection } => {
                let client = connection.client()?;
                let token = client.end_old_secret(&id)?;
                if json {
                    return output::json(&token);
                }
                let told = match token.get("oldSecretEnded") {
                    Some(Value::Bool(false)) => "no old text went on: nothing changed",
                    _ => "old text ended: only the newest counts now",
                };
                output::text(&format!("{told}\n\n{}", shown::token(&token, &shown::units(&client))))
            }
            Self::Revoke { id, connection } => {
                let revoked = connection.client()?.revoke(&id)?;
                if json {
                    output::json(&revoked)
                } else {
                    output::text(&format!("revoked {}", shown::text(&revoked, "id")))
                }
            }
            Self::Unlock { otp, duration, resume, id, connection } => {
                let client = connection.client()?;
                let unlock = |otp: Option<&str>| match &id {
                    Some(id) => client.unlock_token(id, otp, duration, resume),
                    None => client.unlock(otp, duration, resume),
                };
                let unlocked = otp.present(unlock)?;
                show(&in_full(&client, id.as_deref(), unlocked), &client, json)
            }
            Self::Resume { id, otp, connection } => {
                let client = connection.client()?;
                let resume = |otp: Option<&str>| match &id {
                    Some(id) => client.resume_token(id, otp),
                    None => client.resume(otp),
                };
                let resumed = otp.present(resume)?;
                show(&in_full(&client, id.as_deref(), resumed), &client, json)
            }
            Self::Lock { id, connection } => {
                let client = connection.client()?;
                let locked = id.as_deref().map_or_else(|| client.lock(), |id| client.lock_token(id))?;
                show(&in_full(&client, id.as_deref(), locked), &client, json)
            }
        }
    }
}

/// The presented token with its limits, which the answer to its own unlock leaves out.
fn in_full(client: &Client, id: Option<&str>, answered: Value) -> Value {
    if id.is_some() {
        return answered;
    }
    match (answered, client.own()) {
        (Value::Object(mut answered), Ok(Value::Object(own))) => {
            answered.extend(own.into_iter().filter(|(name, _)| name == "limits"));
            answered.into()
        }
        (answered, _) => answered,
    }
}

fn show(token: &Value, client: &Client, json: bool) -> Result<(), Failure> {
    if json { output::json(token) } else { output::text(&shown::token(token, &shown::units(client))) }
}

fn list(tokens: &[Value], decimals: &Decimals) -> String {
    let row = |token: &Value| {
        let used = token.get("lastUsed").map(|used| shown::text(used, "time")).unwrap_or_default();
        let mut limits = shown::limits(token, decimals).join(", ");
        let beyond = shown::beyond(token, decimals).join(", ");
        if !beyond.is_empty() {
            limits = format!("{limits}; beyond them {beyond}").trim_start_matches("; ").to_owned();
        }
        let (label, id) = (shown::text(token, "label"), shown::text(token, "id"));
        // The sentences of `token show` would make every other row as wide.
        let minute = |instant: String| instant.replacen('T', " ", 1).chars().take("2026-11-30 15:22".len()).collect();
        let is_soon = shown::expires(token).ends_with("(soon)");
        let expires = shown::text(token, "expires").chars().take("2026-11-30".len()).collect::<String>();
        let expires = if is_soon { format!("{expires} (soon)") } else { expires };
        [label, id, shown::state_in_short(token).to_owned(), expires, minute(used), limits]
    };
    let rows: Vec<[String; 6]> = tokens.iter().map(row).collect();
    table::draw(["LABEL", "ID", "STATE", "EXPIRES", "LAST USED", "SPENT OF LIMIT"], &rows)
}

pub(super) fn seconds(text: &str) -> Result<u64, String> {
    parse_duration(text).map(bursar_core::time::Span::as_seconds_ceil)
}
