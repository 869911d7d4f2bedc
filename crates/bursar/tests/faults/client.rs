//! A client of a server and of its operations listener. It sends nothing twice by itself.

use std::time::Instant;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

use crate::server::{PATIENCE, Server};

/// Where spends go.
const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

/// One connection to a server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    operations: String,
    wallet: String,
}

/// A token that may spend.
pub(crate) struct Token {
    pub(crate) id: String,
    secret: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let settings = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
        let [url, operations] = ["url", "operations"].map(|name| server.ready(name).to_owned());
        Self { agent: settings.build().into(), url, operations, wallet: server.wallet().to_owned() }
    }

    /// Logs in and gives the session's secret.
    pub(crate) fn log_in(&self, server: &Server) -> String {
        let [email, password, otp] = ["username", "password", "otp"].map(|name| server.ready(name));
        let body = json!({"email": email, "password": password, "otp": otp});
        self.ask("POST", "/api/v2/user/login", "undefined", "login", Some(&body)).named("access_token")
    }

    /// Asks for a token that may spend `limit` satoshi.
    pub(crate) fn create_token(&self, owner: &str, limit: u64) -> Answer {
        let body = json!({
            "otp": "000000",
            "label": "bot",
            "duration": 3600,
            "scope": ["wallet_view_all", "wallet_spend_all"],
            "spendingLimits": [{"coin": "tbtc", "txValueLimit": limit.to_string()}],
        });
        self.ask("POST", "/api/auth/v1/accesstoken", owner, "create", Some(&body))
    }

    pub(crate) fn revoke(&self, owner: &str, token: &Token) -> Answer {
        self.ask("DELETE", &format!("/api/v1/user/accesstoken/{}", token.id), owner, "revoke", None)
    }

    /// Spends one satoshi under this name, in a request that the answer names again.
    pub(crate) fn spend(&self, token: &Token, name: &str, request: &str) -> Answer {
        let body = json!({"address": ADDRESS, "amount": "1", "sequenceId": name});
        let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", self.wallet);
        self.ask("POST", &path, &token.secret, request, Some(&body))
    }

    /// How many satoshi count against the token's limit.
    pub(crate) fn spent(&self, token: &Token) -> u64 {
        let session = self.ask("GET", "/api/v1/user/session", &token.secret, "spent", None).json();
        session["session"]["unlock"]["spendingLimits"]["tbtc"]["txValue"].as_u64().unwrap()
    }

    /// What the operations listener says.
    pub(crate) fn operate(&self, path: &str) -> Answer {
        let request = Request::get(format!("{}{path}", self.operations)).body(()).unwrap();
        Answer::read(self.agent.run(request))
    }

    /// Asks for readiness until it has this status.
    pub(crate) fn until_readiness(&self, status: u16) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.operate("/readyz");
            if answer.status == status {
                return answer.json();
            }
            assert!(started.elapsed() < PATIENCE, "{answer:?}");
        }
    }

    fn ask(&self, method: &str, path: &str, bearer: &str, request: &str, body: Option<&Value>) -> Answer {
        let asked = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let asked = asked.header("authorization", format!("Bearer {bearer}")).header("request-id", request);
        Answer::read(match body {
            Some(body) => self.agent.run(asked.body(body.to_string()).unwrap()),
            None => self.agent.run(asked.body(()).unwrap()),
        })
    }
}

impl Token {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self { id: answer.named("id"), secret: answer.named("token") }
    }
}

impl Answer {
    fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let mut response = sent.expect("an answer");
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string().expect("a whole answer");
        Self { status: response.status().as_u16(), retry_after, text }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A text in the answer to what was done.
    pub(crate) fn named(&self, name: &str) -> String {
        let text = self.json()[name].as_str().filter(|_| self.status == 200).map(str::to_owned);
        text.unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }

    /// The stable code of an answer to what was not done.
    pub(crate) fn code(&self) -> String {
        self.json()["context"]["code"].as_str().unwrap_or_else(|| panic!("no code in {self:?}")).to_owned()
    }
}
