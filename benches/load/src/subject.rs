//! What is measured: `bursar dev` with tokens to spend from, on a data directory that is removed at the end.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use bursar_client::{Client, Login};
use bursar_core::secret::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::figures::percentile;
use crate::requests::{self, Guesses, Kind, Requests, Spends};
use crate::server::Server;
use crate::{Options, Problem};

/// Tokens, each with a budget of its own; connections take turns with them.
const TOKENS: usize = 64;

/// How many appends show what a durable write costs on this disk.
const APPENDS: usize = 300;

/// The limits of a token that a service presents: ten windows of one coin, none of which is ever reached.
const LIMITS: [&str; 10] = [
    "tbtc 1000 per spend",
    "tbtc 1000000/hour",
    "tbtc 1000000/day",
    "tbtc 1000000/7 days",
    "tbtc 1000000/30 days from 2026-01-05T00:00:00Z",
    "tbtc 1000000/calendar day",
    "tbtc 1000000/calendar month in Europe/Zurich",
    "tbtc 1000000 in total",
    "tbtc 1000000/hour burst 1000000",
    "tbtc 1000000000 spends/day",
];

/// What requests are made with.
struct Credentials {
    /// Tokens that spend by themselves, one limit each.
    own: Vec<String>,
    /// Tokens that are spent from by the service, ten limits each.
    presented: Vec<String>,
    /// The service's own, where one is needed.
    service: String,
}

/// A server with tokens.
pub(crate) struct Subject {
    // First: it is killed before its directory is removed.
    server: Server,
    home: TempDir,
    credentials: Credentials,
    wallet: String,
    destination: String,
    guesses: Guesses,
}

impl Subject {
    /// Makes a data directory, starts the server on it and makes its tokens. So many wrong passwords will be tried.
    pub(crate) async fn start(options: &Options, guesses: u64) -> Result<Self, Problem> {
        Self::with_rails(options, guesses, None).await
    }

    /// The same with rails of a file beside the sandbox.
    pub(crate) async fn with_rails(options: &Options, guesses: u64, rails: Option<&Path>) -> Result<Self, Problem> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("bursar-bench-");
        let home = match &options.data_in {
            Some(place) => builder.tempdir_in(place)?,
            None => builder.tempdir()?,
        };
        // With accounts that are guessed at, the test user is not the one who runs the organisation.
        let is_flooded = guesses > 0;
        if is_flooded {
            set_up(&options.bursar, home.path(), Guesses::accounts(guesses))?;
        }
        let server = Server::dev(&options.bursar, &home.path().join("data"), rails, options.server_cores.as_deref())?;
        let (wallet, destination) = (of_wallet(&server.ready, "id")?, of_wallet(&server.ready, "address")?);
        let (url, ready) = (server.url()?.to_owned(), server.ready.clone());
        let credentials = tokio::task::spawn_blocking(move || make_credentials(&url, &ready, !is_flooded)).await??;
        Ok(Self { server, home, credentials, wallet, destination, guesses: Guesses::default() })
    }

    /// Stops the server, does something to its data directory, and starts it on that again.
    pub(crate) fn restarted(
        self,
        options: &Options,
        meanwhile: impl FnOnce(&Path) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        let Self { server, home, credentials, wallet, destination, guesses } = self;
        drop(server);
        let data = home.path().join("data");
        meanwhile(&data)?;
        let server = Server::dev(&options.bursar, &data, None, options.server_cores.as_deref())?;
        Ok(Self { server, home, credentials, wallet, destination, guesses })
    }

    /// The data directory of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    /// The requests of one connection, named unlike those of any other measurement.
    pub(crate) fn requests(&self, kind: Kind, connection: u16) -> Requests {
        let own = |tokens: &[String]| tokens.get(usize::from(connection) % TOKENS).cloned().unwrap_or_default();
        let Credentials { own: tokens, presented, service } = &self.credentials;
        let (token, spender) = match kind {
            Kind::Hold => (service.clone(), own(presented)),
            Kind::HotHold => (service.clone(), presented.first().cloned().unwrap_or_default()),
            Kind::OneLimitHold => (service.clone(), own(tokens)),
            Kind::Session | Kind::Own | Kind::Spend | Kind::Chain | Kind::Charge | Kind::WrongLogin => {
                (own(tokens), String::new())
            }
        };
        let name = format!("{}-{connection}", requests::now());
        let spends = Spends { spender: &spender, wallet: &self.wallet, destination: &self.destination, name };
        Requests::new(kind, &token, spends, self.guesses.clone())
    }

    /// What the disk costs: one append of 128 bytes, made durable.
    pub(crate) fn disk(&self) -> Result<String, Problem> {
        let mut file = OpenOptions::new().append(true).create(true).open(self.home.path().join("appended"))?;
        let mut took = Vec::new();
        for _ in 0..APPENDS {
            let started = Instant::now();
            file.write_all(&[0; 128])?;
            file.sync_data()?;
            took.push(u32::try_from(started.elapsed().as_micros())?);
        }
        took.sort_unstable();
        let (p50, p99) = (percentile(&took, 0.5), percentile(&took, 0.99));
        Ok(format!("one durable append of 128 bytes: p50 {p50:.0} us, p99 {p99:.0} us\n"))
    }
}

/// Makes the accounts whose passwords are guessed, and puts the master key where the test environment looks for it.
///
/// They are made as in production, so that their passwords are hashed at its cost; the cost of the test
/// environment's own user is a fraction of it. The test environment does not limit the rate of logins.
fn set_up(bursar: &Path, home: &Path, accounts: u64) -> Result<(), Problem> {
    let run = |arguments: &[&str], place: &str, path: &Path| -> Result<(), Problem> {
        let mut command = Command::new(bursar);
        command.args(arguments).arg(place).arg(path);
        command.env("BURSAR_PASSWORD", "violet harbour 31").stdin(Stdio::null()).stdout(Stdio::null());
        match command.status()?.success() {
            true => Ok(()),
            false => Err(format!("`bursar {}` failed", arguments.join(" ")).into()),
        }
    };
    run(&["init", "--json", "--non-interactive", "--username", "owner@example.com"], "--dir", home)?;
    for number in 0..accounts {
        let username = requests::account(number);
        run(&["user", "add", "--json", &username], "--config", &home.join("bursar.toml"))?;
    }
    fs::copy(home.join("master.key"), home.join("data.key"))?;
    Ok(())
}

fn of_wallet(ready: &Value, field: &str) -> Result<String, Problem> {
    let wallets = ready.get("wallets").and_then(Value::as_array).into_iter().flatten();
    let mut found = wallets.filter(|wallet| wallet.get("coin").is_some_and(|coin| coin == "tbtc"));
    text(found.next().unwrap_or(&Value::Null), field)
}

fn text(value: &Value, field: &str) -> Result<String, Problem> {
    let text = value.get(field).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("no `{field}` in what the server said").into())
}

fn make_credentials(url: &str, ready: &Value, with_service: bool) -> Result<Credentials, Problem> {
    let (username, password, otp) = (text(ready, "username")?, text(ready, "password")?, text(ready, "otp")?);
    let login = Login { username: &username, password: &Secret::new(password), otp: Some(&otp) };
    let session = text(&Client::new(url, None).log_in(&login)?, "access_token")?;
    let client = Client::new(url, Some(Secret::new(session)));
    let make = |number: usize, limits: (&str, Value)| {
        let mut wishes = json!({
            "otp": otp,
            "label": format!("bench {number}"),
            "duration": 3600,
            "scope": ["openid", "profile", "wallet_view_all", "wallet_spend_all"],
        });
        wishes[limits.0] = limits.1;
        text(&client.create_token(&wishes)?, "token")
    };
    let one_limit = json!([{"coin": "tbtc", "txValueLimit": "1000000000000"}]);
    let own =
        (0..TOKENS).map(|number| make(number, ("spendingLimits", one_limit.clone()))).collect::<Result<_, _>>()?;
    let presented = (0..TOKENS).map(|number| make(number, ("limits", json!(LIMITS)))).collect::<Result<_, _>>()?;
    let mut service = String::new();
    if with_service {
        let wallet = client.wallets(Some("tbtc"))?.into_iter().next().unwrap_or_default();
        let wishes = json!({"otp": otp, "label": "bench", "organisation": text(&wallet, "enterprise")?});
        service = text(&client.create_service(&wishes)?, "token")?;
    }
    Ok(Credentials { own, presented, service })
}
