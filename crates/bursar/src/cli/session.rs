//! Logging in and out, and who one is.

use bursar_client::Client;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::connection::{Connection, DEFAULT_URL};
use crate::cli::credentials::{self, Credentials};
use crate::cli::password::{From, Typed};
use crate::cli::{output, shown};
use crate::failure::Failure;

#[derive(Args)]
pub(super) struct Login {
    /// The server.
    #[arg(long, env = "BURSAR_URL", default_value = DEFAULT_URL)]
    url: String,
    /// Who logs in.
    #[arg(long, env = "BURSAR_USERNAME")]
    username: String,
    /// A one-time password, or a recovery code.
    #[arg(long)]
    otp: Option<String>,
    #[command(flatten)]
    password: From,
}

impl Login {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let password = self.password.read(Typed::Known, true)?;
        let client = Client::new(&self.url, None);
        let login = bursar_client::Login { username: &self.username, password: &password, otp: self.otp.as_deref() };
        let answer = client.log_in(&login)?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Failure::new("the server handed out no token"))?;
        let mine = Client::new(&self.url, Some(bursar_core::secret::Secret::new(token.to_owned())));
        let session = mine.session()?;
        let kept = Credentials {
            url: client.url().to_owned(),
            username: self.username,
            token: token.to_owned(),
            expires: shown::text(&session, "expires"),
        };
        let path = credentials::save(&kept)?;
        if json {
            return output::json(&json!({
                "url": kept.url,
                "username": kept.username,
                "expires": kept.expires,
                "session": session,
                "credentials": path,
            }));
        }
        output::text(&format!(
            "logged in to {} as {} until {}; kept in {}",
            kept.url,
            kept.username,
            kept.expires,
            path.display()
        ))
    }
}

pub(super) fn logout(connection: &Connection, json: bool) -> Result<(), Failure> {
    connection.client()?.log_out()?;
    if !connection.has_token() {
        credentials::forget()?;
    }
    if json { output::json(&json!({"done": true})) } else { output::text("logged out") }
}

pub(super) fn whoami(connection: &Connection, json: bool) -> Result<(), Failure> {
    let client = connection.client()?;
    let (user, session) = (client.me()?, client.session()?);
    if json {
        return output::json(&json!({"url": client.url(), "user": user, "session": session}));
    }
    let name = user.get("name").map(|name| shown::text(name, "full")).unwrap_or_default();
    output::text(&format!(
        "Server   {}\nUser     {} {}\n{}",
        output::printable(client.url()),
        shown::text(&user, "username"),
        if name.is_empty() { String::new() } else { format!("({name})") },
        shown::token(&session),
    ))
}
