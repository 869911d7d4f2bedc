//! `bursar 2fa …`: one's second factors.

use bursar_identity::totp;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::otp::Otp;
use crate::cli::{output, shown, table, terminal};
use crate::failure::Failure;

#[derive(Subcommand)]
pub(super) enum TwoFactor {
    /// List authenticator apps and passkeys, and how many recovery codes are left.
    List(Connection),
    /// Authenticator apps.
    #[command(subcommand)]
    Totp(Totp),
    /// Replace the recovery codes; the new ones are shown this once.
    RecoveryCodes(Proven),
    /// Give one another name.
    Rename(Rename),
    /// Remove one; the last one stays if an organisation demands one.
    Remove(Remove),
}

#[derive(Subcommand)]
pub(super) enum Totp {
    /// Enrol an authenticator app: shows a QR code and asks for the first code.
    Add(Add),
}

#[derive(Args)]
pub(super) struct Proven {
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(super) struct Add {
    /// What to call it.
    #[arg(long, default_value = "authenticator")]
    label: String,
    /// Confirm an enrolment that was begun before, instead of beginning one.
    #[arg(long, value_name = "ID", requires = "code")]
    confirm: Option<String>,
    /// The first code the app shows; it is asked for if somebody is there.
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    proven: Proven,
}

#[derive(Args)]
pub(super) struct Rename {
    /// Its id.
    id: String,
    /// Its new name.
    #[arg(long)]
    label: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(super) struct Remove {
    /// Its id.
    id: String,
    #[command(flatten)]
    proven: Proven,
}

impl TwoFactor {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::List(connection) => list(&connection.client()?.factors()?, json),
            Self::Totp(Totp::Add(add)) => add.run(json),
            Self::RecoveryCodes(Proven { otp, connection }) => {
                let client = connection.client()?;
                let made = otp.present(|otp| client.regenerate_recovery_codes(otp))?;
                if json { output::json(&made) } else { output::text(&codes(&made)) }
            }
            Self::Rename(Rename { id, label, connection }) => {
                let renamed = connection.client()?.rename_factor(&id, &label)?;
                if json { output::json(&renamed) } else { output::text("renamed") }
            }
            Self::Remove(Remove { id, proven: Proven { otp, connection } }) => {
                let client = connection.client()?;
                otp.present(|otp| client.remove_factor(&id, otp))?;
                if json { output::json(&json!({"done": true})) } else { output::text("removed") }
            }
        }
    }
}

impl Add {
    fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.proven.connection.client()?;
        if let (Some(id), Some(code)) = (&self.confirm, &self.code) {
            return added(&client.confirm_totp(id, code)?, json);
        }
        let begun = self.proven.otp.present(|otp| client.enrol_totp(&self.label, otp))?;
        // A program computes the code from the secret and comes back with it.
        if json {
            return output::json(&begun);
        }
        let (id, uri) = (shown::text(&begun, "id"), shown::text(&begun, "uri"));
        let drawn = totp::terminal_qr(&uri).map_err(|error| Failure::new(error.to_string()))?;
        output::text(&format!(
            "{}\n\nScan this with an authenticator app, or type the secret\n\n{}\n",
            drawn.expose(),
            shown::text(&begun, "secret"),
        ))?;
        if !terminal::is_there() {
            return output::text(&format!("Then: bursar 2fa totp add --confirm {id} --code CODE"));
        }
        let code = terminal::ask("Code it shows: ")?;
        added(&client.confirm_totp(&id, &code)?, json)
    }
}

fn added(added: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(added);
    }
    let label = output::printable(&shown::text(added, "label"));
    let codes = if added.get("recoveryCodes").is_some() { format!("\n\n{}", codes(added)) } else { String::new() };
    output::text(&format!("`{label}` is a second factor from now on{codes}"))
}

fn codes(made: &Value) -> String {
    let list = made.get("recoveryCodes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    format!("Recovery codes, shown this once; each passes once, when the device is lost:\n\n{}", list.join("\n"))
}

fn list(found: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(found);
    }
    let factors = found.get("factors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<[String; 5]> = factors
        .iter()
        .map(|factor| ["id", "kind", "label", "added", "lastUsed"].map(|name| shown::text(factor, name)))
        .collect();
    let left = found.pointer("/recoveryCodes/left").and_then(Value::as_u64).and_then(|left| usize::try_from(left).ok());
    let drawn = table::draw(["ID", "KIND", "LABEL", "ADDED", "LAST USED"], &rows);
    output::table(&drawn, "there are no second factors")?;
    output::text(&format!("{} left", output::counted(left.unwrap_or_default(), "recovery code")))
}
