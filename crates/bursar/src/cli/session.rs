//! Logging in and out, and who one is.

use bursar_client::{Client, ClientError, Kind};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::connection::{self, Authorities, Connection, DEFAULT_URL};
use crate::cli::credentials::{self, Credentials};
use crate::cli::otp::Otp;
use crate::cli::password::{From, Typed};
use crate::cli::{output, shown, table};
use crate::failure::Failure;

#[derive(Args)]
pub(super) struct Login {
    /// The server.
    #[arg(long, env = "BURSAR_URL", default_value = DEFAULT_URL)]
    url: String,
    /// Who logs in.
    #[arg(long, env = "BURSAR_USERNAME", required_unless_present = "list")]
    username: Option<String>,
    /// List the servers that one is logged in to.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    password: From,
    #[command(flatten)]
    authorities: Authorities,
}

/// One's own sessions.
#[derive(Subcommand)]
pub(super) enum Session {
    /// List where one is logged in.
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// End a session.
    Revoke {
        /// Its id.
        #[arg(required_unless_present_any = ["all", "others"])]
        id: Option<String>,
        /// End all of them, this one too.
        #[arg(long, conflicts_with_all = ["id", "others"])]
        all: bool,
        /// End all but this one.
        #[arg(long, conflicts_with = "id")]
        others: bool,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Session {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::List { connection } => {
                let sessions = connection.client()?.sessions()?;
                match json {
                    true => output::json(&json!({"sessions": sessions})),
                    false => output::table(&list(&sessions), "there are no sessions"),
                }
            }
            Self::Revoke { id, others, connection, .. } => {
                let client = connection.client()?;
                match &id {
                    Some(id) => client.end_session(id)?,
                    None => client.end_all_sessions(others)?,
                };
                if json { output::json(&json!({"done": true})) } else { output::text("done") }
            }
        }
    }
}

fn list(sessions: &[Value]) -> String {
    let row = |session: &Value| {
        let used = session.get("lastUsed").filter(|used| !used.is_null());
        let used = used.map(|used| format!("{} from {}", shown::text(used, "at"), shown::text(used, "from")));
        let is_this = session.get("current") == Some(&Value::Bool(true));
        [
            shown::text(session, "id"),
            if is_this { "this one".to_owned() } else { String::new() },
            shown::text(session, "created"),
            shown::text(session, "createdFrom"),
            used.unwrap_or_default(),
            shown::text(session, "expires"),
        ]
    };
    let rows: Vec<[String; 6]> = sessions.iter().map(row).collect();
    table::draw(["SESSION", "", "SINCE", "FROM", "LAST USED", "EXPIRES"], &rows)
}

impl Login {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        // Without a name the command line takes nothing but the list.
        let (false, Some(name)) = (self.list, self.username) else { return logins(json) };
        let url = connection::checked_url(&self.url)?;
        // A session that cannot be kept is not begun.
        credentials::all()?;
        let password = self.password.read(Typed::Known, true)?;
        let ca_file = self.authorities.file()?;
        let client = connection::reach(&url, None, ca_file.as_deref())?;
        let username = name.as_str();
        let answer =
            self.otp.present(|otp| client.log_in(&bursar_client::Login { username, password: &password, otp }))?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Failure::new("the server handed out no token"))?;
        let mine = client.on_behalf_of(bursar_core::secret::Secret::new(token.to_owned()));
        let session = mine.session()?;
        let kept = Credentials {
            url: client.url().to_owned(),
            username: name,
            token: token.to_owned(),
            expires: shown::text(&session, "expires"),
            ca_file,
        };
        let path = credentials::save(kept.clone()).inspect_err(|_| {
            // Nobody could end it by this command any more. If that fails, too, it ends by itself.
            mine.log_out().ok();
        })?;
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

/// Where one is logged in, the last one first.
fn logins(json: bool) -> Result<(), Failure> {
    let logins = credentials::all()?;
    if json {
        let shown =
            |login: &Credentials| json!({"url": login.url, "username": login.username, "expires": login.expires});
        return output::json(&json!({"logins": logins.iter().map(shown).collect::<Vec<_>>()}));
    }
    let row = |login: &Credentials| [login.url.clone(), login.username.clone(), login.expires.clone()];
    let rows: Vec<[String; 3]> = logins.iter().map(row).collect();
    output::table(&table::draw(["SERVER", "USER", "UNTIL"], &rows), "nobody is logged in")
}

pub(super) fn logout(connection: &Connection, json: bool) -> Result<(), Failure> {
    let client = connection.client()?;
    if connection.has_token() && shown::text(&client.session()?, "kind") == "access" {
        return Err(Failure::new("an access token has no session to end").with_hint("bursar token revoke ID"));
    }
    if connection.has_token() {
        client.log_out()?;
    } else {
        end(&client)?;
    }
    let next = if connection.has_token() { None } else { credentials::load(None)?.map(|login| login.url) };
    match next {
        _ if json => output::json(&json!({"done": true, "next": next})),
        Some(next) => output::text(&format!(
            "logged out of {}; without --url, commands go to {} from now on",
            output::printable(client.url()),
            output::printable(&next)
        )),
        None => output::text("logged out"),
    }
}

/// Ends the login's session, and forgets it also if it has ended by itself.
fn end(client: &Client) -> Result<(), Failure> {
    match client.log_out() {
        Err(ClientError::Declined(declined)) if declined.kind() == Kind::Unauthenticated => {}
        ended => drop(ended?),
    }
    credentials::forget(client.url())
}

pub(super) fn whoami(connection: &Connection, json: bool) -> Result<(), Failure> {
    let client = connection.client()?;
    let session = client.own()?;
    let user = match client.me() {
        Ok(user) => Some(user),
        // Without the scope `profile` a token may not tell whose it is.
        Err(ClientError::Declined(declined)) if declined.kind() == Kind::Refused => None,
        Err(error) => return Err(error.into()),
    };
    if json {
        let mut shown = json!({"url": client.url(), "session": session});
        if let (Some(fields), Some(user)) = (shown.as_object_mut(), user) {
            fields.insert("user".to_owned(), user);
        }
        return output::json(&shown);
    }
    let user = user.map(|user| named(&user)).unwrap_or_default();
    let shown = shown::token(&session, &shown::units(&client));
    output::text(&format!("Server   {}\n{user}{shown}", output::printable(client.url())))
}

fn named(user: &Value) -> String {
    let name = user.get("name").map(|name| shown::text(name, "full")).unwrap_or_default();
    let name = if name.is_empty() { name } else { format!(" ({name})") };
    format!("User     {}{name}\n", shown::text(user, "username"))
}
