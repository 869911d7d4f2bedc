//! Somebody at their desk: logged in to a server of their own, with its test money.

use bursar_client::Client;
use bursar_core::secret::Secret;

use crate::support::{Home, Ran, Server};

pub(crate) const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
pub(crate) const OTP: [&str; 2] = ["--otp", "000000"];

const DEV: [&str; 4] = ["dev", "--json", "--listen", "127.0.0.1:0"];

/// Somebody who is logged in to a server of their own.
pub(crate) struct Desk {
    pub(crate) home: Home,
    pub(crate) server: Server,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        let server = home.serve(&DEV);
        let login = ["login", "--username", server.ready("username"), "--otp", server.ready("otp")];
        let environment = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
        home.run(&login, &environment).text();
        Self { home, server }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments, &[])
    }

    /// Makes a token that may spend within these limits: its id and its text.
    pub(crate) fn token(&self, limits: &[&str]) -> (String, String) {
        let create = ["token", "create", "--json", "--label", "bot", "--scope", "wallet_view_all,wallet_spend_all"];
        let created = self.run(&[&create[..], limits, &OTP].concat()).json();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    pub(crate) fn spend(&self, token: &str, to: &str, amount: &str) -> Ran {
        let payment = ["spend", "--json", "--coin", "tbtc", "--to", to, "--amount", amount];
        let payment = [&payment[..], &["--wallet", self.server.wallet("tbtc")]].concat();
        self.home.run(&payment, &[("BURSAR_TOKEN", token), ("BURSAR_URL", self.server.ready("url"))])
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(self.server.ready("url"), Some(Secret::new(token.to_owned())))
    }

    /// The organisation that owns the wallets.
    pub(crate) fn organisation(&self) -> String {
        let wallets = self.run(&["wallet", "list", "--json"]).json();
        wallets["wallets"][0]["enterprise"].as_str().unwrap().to_owned()
    }
}
