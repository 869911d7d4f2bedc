//! A client that tells an answer from none. It sends nothing twice by itself.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

use crate::server::Server;

/// How long an answer may take. Longer is a failure of the test, no crash of the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Transfers asked for at once: few, so that lists have many pages.
const PAGE: usize = 100;

/// A token whose creation was answered.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) id: String,
    secret: String,
    /// What it may spend, in satoshi.
    pub(crate) limit: u64,
    /// Where its spends go, and nobody else's.
    pub(crate) address: String,
}

/// What became of a spend.
#[derive(Debug)]
pub(crate) enum Spend {
    /// It moved money under this name of the rail's.
    Done(String),
    /// It was refused with this code.
    Refused(String),
    /// There was no answer.
    CutOff,
}

/// What a token's session says.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It works, and so many spends count against its limit.
    Works { spends: u64 },
    /// It was revoked.
    Revoked,
}

/// A spend as the server lists it.
pub(crate) struct Listed {
    pub(crate) txid: Option<String>,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) address: String,
}

/// One connection to a server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    wallet: String,
}

struct Answer {
    status: u16,
    body: Value,
}

impl Client {
    pub(crate) fn new(url: &str, wallet: &str) -> Self {
        let settings = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
        Self { agent: settings.build().into(), url: url.to_owned(), wallet: wallet.to_owned() }
    }

    /// Logs in and gives the session's secret.
    pub(crate) fn log_in(&self, server: &Server) -> String {
        let [email, password, otp] = ["username", "password", "otp"].map(|name| server.ready(name));
        let body = json!({"email": email, "password": password, "otp": otp});
        self.ask("POST", "/api/v2/user/login", "undefined", Some(&body)).expect("an answer").text("access_token")
    }

    /// Whose wallet it is.
    pub(crate) fn organisation(&self, owner: &str) -> String {
        let path = format!("/api/v2/tbtc/wallet/{}", self.wallet);
        self.ask("GET", &path, owner, None).expect("an answer").text("enterprise")
    }

    /// Makes a token, the `number`th; nothing if there was no answer.
    pub(crate) fn create_token(&self, owner: &str, number: u64, limit: u64) -> Option<Token> {
        let body = json!({
            "otp": "000000",
            "label": format!("token {number}"),
            "duration": 3600,
            "scope": ["wallet_view_all", "wallet_spend_all"],
            "spendingLimits": [{"coin": "tbtc", "txValueLimit": limit.to_string()}],
        });
        let made = self.ask("POST", "/api/auth/v1/accesstoken", owner, Some(&body))?;
        let address = format!("sandbox-{number:040x}");
        Some(Token { id: made.text("id"), secret: made.text("token"), limit, address })
    }

    /// Revokes a token; nothing if there was no answer.
    pub(crate) fn revoke(&self, owner: &str, token: &Token) -> Option<()> {
        let answer = self.ask("DELETE", &format!("/api/v1/user/accesstoken/{}", token.id), owner, None)?;
        assert_eq!((answer.status, answer.text("id")), (200, token.id.clone()), "{}", answer.body);
        Some(())
    }

    /// Spends one satoshi.
    pub(crate) fn spend(&self, token: &Token, name: &str) -> Spend {
        let body = json!({"address": token.address, "amount": "1", "sequenceId": name});
        let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", self.wallet);
        match self.ask("POST", &path, &token.secret, Some(&body)) {
            None => Spend::CutOff,
            Some(answer) if answer.status == 200 => Spend::Done(answer.text("txid")),
            Some(answer) => Spend::Refused(answer.code()),
        }
    }

    /// What a token's own session says.
    pub(crate) fn standing(&self, token: &Token) -> Standing {
        let answer = self.ask("GET", "/api/v1/user/session", &token.secret, None).expect("an answer");
        if answer.status == 200 {
            let session = &answer.body["session"];
            assert_eq!(session["id"], token.id);
            let spends = session["unlock"]["spendingLimits"]["tbtc"]["txValue"].as_u64();
            return Standing::Works { spends: spends.unwrap_or_else(|| panic!("{}", answer.body)) };
        }
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_revoked"));
        Standing::Revoked
    }

    /// Every spend the server knows of.
    pub(crate) fn transfers(&self, owner: &str) -> Vec<Listed> {
        let mut all = Vec::new();
        let mut path = format!("/api/v2/tbtc/wallet/{}/transfer?limit={PAGE}", self.wallet);
        loop {
            let page = self.ask("GET", &path, owner, None).expect("an answer").body;
            let list = page["transfers"].as_array().unwrap_or_else(|| panic!("{page}"));
            assert!(list.len() <= PAGE);
            all.extend(list.iter().map(Listed::read));
            let Some(next) = page["nextBatchPrevId"].as_str() else { return all };
            path = format!("/api/v2/tbtc/wallet/{}/transfer?limit={PAGE}&prevId={next}", self.wallet);
        }
    }

    fn ask(&self, method: &str, path: &str, bearer: &str, body: Option<&Value>) -> Option<Answer> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {bearer}"));
        let sent = match body {
            Some(body) => self.agent.run(request.body(body.to_string()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = answered(sent)?;
        let text = answered(response.body_mut().read_to_string())?;
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        Some(Answer { status: response.status().as_u16(), body })
    }
}

impl Answer {
    fn text(&self, name: &str) -> String {
        let text = self.body[name].as_str().filter(|_| self.status == 200);
        text.unwrap_or_else(|| panic!("no `{name}` in {}: {}", self.status, self.body)).to_owned()
    }

    fn code(&self) -> String {
        let code = self.body["context"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no code in {}: {}", self.status, self.body)).to_owned()
    }
}

impl Listed {
    fn read(shown: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{shown}")).to_owned();
        Self {
            txid: shown["txid"].as_str().map(str::to_owned),
            state: text(&shown["state"]),
            name: text(&shown["sequenceId"]),
            address: text(&shown["entries"][0]["address"]),
        }
    }
}

/// An answer, or nothing if the connection broke. A server that hangs is neither.
fn answered<T>(result: Result<T, ureq::Error>) -> Option<T> {
    assert!(!matches!(result, Err(ureq::Error::Timeout(_))), "no answer within {PATIENCE:?}");
    result.ok()
}
