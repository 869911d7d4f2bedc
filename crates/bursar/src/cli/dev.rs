//! `bursar dev`: what it takes and what it prints.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::authz;
use crate::cli::{output, table};
use crate::dev::{self, Ready, Wishes};
use crate::environment;
use crate::failure::Failure;
use crate::rails;
use crate::server;

#[derive(Args)]
pub(super) struct Dev {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to tell how the server is doing: /healthz, /readyz, /metrics; the next port if nothing is said.
    #[arg(long, value_name = "ADDRESS:PORT")]
    operations: Option<SocketAddr>,
    /// Keep the data in this directory, and its key beside it; otherwise all is gone at the end.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// A file with sections `[rails.NAME]` and `[rail_hosts]`, as in the configuration of a server: chains of test money.
    #[arg(long, value_name = "FILE")]
    rails: Option<PathBuf>,
    /// A file with `trusted_proxies` and sections [[authz.rules]], as in the configuration of a server.
    #[arg(long, value_name = "FILE")]
    proxies: Option<PathBuf>,
    /// Listen beyond this machine, although the second factor is a fixed one.
    #[arg(long)]
    allow_remote: bool,
    /// Hand tokens out encrypted to clients that keep an ECDH key here.
    #[arg(long)]
    ecdh_issuance: bool,
    /// Ask the sandbox that listens at this socket, a process of its own (`sandbox-rail`).
    #[arg(long, value_name = "PATH", hide = true)]
    sandbox_socket: Option<PathBuf>,
    /// Look every so many seconds whether money left wallets by another way.
    #[arg(long, value_name = "SECONDS", default_value_t = server::WATCH_EVERY.as_secs(), hide = true,
        value_parser = clap::value_parser!(u64).range(1..))]
    watch_every: u64,
    /// Freeze wallets from which it did.
    #[arg(long, hide = true)]
    freeze_unexplained_outflows: bool,
    /// Stop when standard input ends.
    #[arg(long, hide = true)]
    end_with_input: bool,
    /// Do something wrong, to see who notices.
    #[cfg(feature = "break-no-hold")]
    #[arg(long = "break", value_name = "FAULT", hide = true)]
    fault: Option<crate::prove::Fault>,
}

impl Dev {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log(if json { "warn" } else { "info" });
        let wishes = Wishes {
            listen: self.listen,
            operations: self.operations,
            data_directory: self.data_dir,
            allow_remote: self.allow_remote,
            ecdh_issuance: self.ecdh_issuance,
            hosted: self.rails.as_deref().map(rails::read).transpose()?.unwrap_or_default(),
            proxies: self.proxies.as_deref().map(authz::read).transpose()?.unwrap_or_default(),
            sandbox_socket: self.sandbox_socket,
            watch_every: Duration::from_secs(self.watch_every),
            freeze_unexplained: self.freeze_unexplained_outflows,
            ends_with_input: self.end_with_input,
            #[cfg(feature = "break-no-hold")]
            ignores_limits: self.fault == Some(crate::prove::Fault::NoHold),
        };
        dev::run(&wishes, |ready| if json { output::json(&document(ready)) } else { output::text(&page(ready)) })
    }
}

fn document(ready: &Ready) -> Value {
    let wallets: Vec<Value> = ready
        .wallets
        .iter()
        .map(|wallet| {
            json!({
                "id": wallet.id.to_string(),
                "coin": wallet.coin,
                "label": wallet.label,
                "address": wallet.address,
                "balance": wallet.balance.to_string(),
            })
        })
        .collect();
    json!({
        "url": ready.url,
        "web": ready.web,
        "operations": ready.operations,
        "username": ready.username,
        "password": ready.password.expose(),
        "otp": ready.otp,
        "dataDir": ready.data_directory,
        "mailDir": ready.mail_directory,
        "pid": std::process::id(),
        "serverXpub": ready.server_xpub,
        "wallets": wallets,
        "rails": ready.rails.iter().map(|(name, url)| json!({"name": name, "url": url})).collect::<Vec<Value>>(),
    })
}

fn page(ready: &Ready) -> String {
    let rows: Vec<[String; 5]> = ready
        .wallets
        .iter()
        .map(|wallet| {
            let (id, balance) = (wallet.id.to_string(), wallet.balance.to_string());
            [wallet.coin.to_owned(), id, wallet.label.to_owned(), balance, wallet.address.clone()]
        })
        .collect();
    let wallets = table::draw(["COIN", "WALLET", "LABEL", "BALANCE (base units)", "ADDRESS"], &rows);
    let operations = &ready.operations;
    let mails = ready.mail_directory.display();
    let (url, web) = (&ready.url, &ready.web);
    let (username, password, otp) = (ready.username, ready.password.expose(), ready.otp);
    let kept = match ready.is_ephemeral {
        true => "removed at the end (--data-dir keeps it)".to_owned(),
        false => format!(
            "{} (a password changed since is not shown here)\nMaster key {}",
            ready.data_directory.display(),
            dev::key_beside(&ready.data_directory).display(),
        ),
    };
    let rails: String = ready.rails.iter().map(|(name, url)| format!("Rail {name:9} {url}\n")).collect();
    let rails = if rails.is_empty() { String::new() } else { format!("{}\n\n", rails.trim_end()) };
    let wallet = ready.wallets.iter().find(|wallet| wallet.coin == "tbtc").map(|wallet| wallet.id.to_string());
    let wallet = wallet.unwrap_or_default();
    let bursar = program();
    let money = money(!ready.rails.is_empty());
    format!(
        "Bursar test environment. {money}\n\n\
         URL        {url}\n\
         Web page   {web}\n\
         User       {username}\n\
         Password   {password}\n\
         OTP        {otp}\n\
         Data       {kept}\n\
         Mail       {mails}\n\
         Operations {operations}/readyz, /metrics, /healthz\n\n\
         {rails}\
         {wallets}\n\n\
         In another terminal:\n\n\
         export PASS='{password}'\n\
         export BITGO_CUSTOM_ROOT_URI={url}\n\
         export BURSAR_PASSWORD='{password}'\n\
         export BURSAR_URL={url}\n\
         export WALLET={wallet}\n\n\
         A token that may spend, with the BitGo SDK (from Bursar's checkout):\n\n\
         cd examples/sdk-js && npm ci && node create-access-token.js\n\n\
         or with the command line:\n\n\
         {bursar} login --username {username} --otp {otp}\n\
         {bursar} token create --label bot --scope wallet_view_all,wallet_spend_all --limit tbtc=1000 --otp {otp}\n\n\
         What either prints as the token, v2x…, spends:\n\n\
         export TOKEN=v2x…\n\
         {CURL}\n\n\
         Stop with Ctrl-C."
    )
}

/// Whose money it is: that of other rails is no sandbox's, and test money because nothing else is let in.
const fn money(has_rails: bool) -> &'static str {
    match has_rails {
        false => "The money is the sandbox's: nothing here is real.",
        true => {
            "The money of the wallets below is the sandbox's. On its other rails test money of theirs moves, \
             and Bursar cannot give it back."
        }
    }
}

/// A payment of the sandbox, with what is exported above it.
const CURL: &str = r#"curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
     -d '{"address":"tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx","amount":"250"}' \
     "$BURSAR_URL/api/v2/tbtc/wallet/$WALLET/sendcoins""#;

/// This program as it is called from where it was started.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "bursar".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(&path).display().to_string();
    let is_plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    if is_plain { path } else { "bursar".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_of_other_rails_is_not_said_to_be_the_sandboxs() {
        assert!(money(false).contains("nothing here is real"));
        assert!(money(true).contains("other rails") && !money(true).contains("nothing here is real"));
    }
}
