//! A blocking client of a Bursar server, for its command line and for small programs.
//!
//! It speaks the BitGo dialect, and beside it Bursar's own, with the token itself as bearer, and passes
//! answers on as they are. Nothing is sent a second time by itself: only a payment with a sequence id, or a
//! spend with an idempotency key, may be. No token and no password may be in what this crate prints.
//!
//! # Where to start
//!
//! A program has a token and pays within its limits. What it does not know to have failed it asks after; it pays no
//! second time under another name:
//!
//! ```no_run
//! use bursar_client::{Client, ClientError, Payment};
//! use bursar_core::secret::Secret;
//!
//! let token = Secret::new(std::env::var("BURSAR_TOKEN")?);
//! let client = Client::new("https://bursar.example.com", Some(token));
//! for wallet in client.wallets(Some("tbtc"))? {
//!     println!("{} holds {}", wallet["label"], wallet["balanceString"]);
//! }
//! let payment = Payment {
//!     wallet: "0198c0de0198c0de0198c0de0198c0de",
//!     coin: "tbtc",
//!     to: "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
//!     amount: "250",
//!     sequence_id: Some("invoice-1042"),
//!     otp: None,
//! };
//! match client.spend(&payment) {
//!     Ok(sent) => println!("sent as {}", sent["txid"]),
//!     // Nobody knows yet whether the money moved: the same again, under the same name, is the same payment.
//!     Err(unknown) if unknown.may_be_done() => return Err(unknown.into()),
//!     Err(ClientError::Declined(no)) => println!("{:?}: {}", no.code(), no.reason().unwrap_or(no.message())),
//!     Err(other) => return Err(other.into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Client::log_in`] gives a person's session, which makes tokens ([`Client::create_token`]) and edits their limits
//! ([`Client::set_limits`]); [`Client::hold`] is for services that move money themselves. `docs/native-api.md` has the
//! documents. The crate is on no registry: name it by `path` or `git`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod answer;
mod authorities;
mod error;
mod factors;
mod native;

use std::fmt;
use std::time::Duration;

use bursar_core::secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::tls::TlsConfig;

pub use authorities::InvalidAuthorities;
pub use error::{ClientError, Declined, Kind};
pub use native::LimitsOf;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Entries of a list asked for at once.
const PAGE: usize = 100;

/// Pages of a list that are asked for: more than anybody has, so that a server cannot keep us for ever.
const MOST_PAGES: usize = 1000;

/// Where templates of tokens are.
const TEMPLATES: &str = "/api/v2/user/accesstokentemplate";

/// What may stand in a path or a query as it is (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Says who asks.
pub type Bearer = Secret<String>;

/// What a login needs.
#[derive(Debug)]
pub struct Login<'a> {
    /// Who.
    pub username: &'a str,
    /// Their password, in clear.
    pub password: &'a Secret<String>,
    /// Their one-time password or recovery code.
    pub otp: Option<&'a str>,
}

/// One payment.
#[derive(Debug)]
pub struct Payment<'a> {
    /// The wallet it comes from.
    pub wallet: &'a str,
    /// The wallet's coin.
    pub coin: &'a str,
    /// Where it goes.
    pub to: &'a str,
    /// How much, in base units.
    pub amount: &'a str,
    /// Names the payment: the same name again is the same payment, not another.
    pub sequence_id: Option<&'a str>,
    /// Allows this one payment beyond the token's limits.
    pub otp: Option<&'a str>,
}

/// One payment to several at once.
#[derive(Debug)]
pub struct Payments<'a> {
    /// The wallet it comes from.
    pub wallet: &'a str,
    /// The wallet's coin.
    pub coin: &'a str,
    /// Where it goes, and how much of it in base units.
    pub recipients: &'a [(String, String)],
    /// Names the payment: the same name again is the same payment, not another.
    pub sequence_id: Option<&'a str>,
}

/// A server, and who asks it.
pub struct Client {
    agent: Agent,
    url: String,
    bearer: Option<Bearer>,
}

impl Client {
    /// A client of the server at `url`, such as `https://bursar.example.com`.
    pub fn new(url: &str, bearer: Option<Bearer>) -> Self {
        Self::with(url, bearer, TlsConfig::default())
    }

    /// The same, where an authority of one's own signed the server's certificate: those in this PEM are believed, and no
    /// others.
    ///
    /// # Errors
    /// There is no certificate in it.
    pub fn trusting(url: &str, bearer: Option<Bearer>, authorities: &[u8]) -> Result<Self, InvalidAuthorities> {
        Ok(Self::with(url, bearer, authorities::only(authorities)?))
    }

    fn with(url: &str, bearer: Option<Bearer>, tls: TlsConfig) -> Self {
        let settings = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            // A redirect would take the token to whom it was not meant for.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("bursar/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: settings.into(), url: url.trim_end_matches('/').to_owned(), bearer }
    }

    /// The same server, asked by another over the same connections.
    #[must_use]
    pub fn on_behalf_of(&self, bearer: Bearer) -> Self {
        Self { agent: self.agent.clone(), url: self.url.clone(), bearer: Some(bearer) }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Logs in; the answer has the session's token as `access_token`.
    ///
    /// # Errors
    /// Wrong password or one-time password, or no answer.
    pub fn log_in(&self, login: &Login<'_>) -> Result<Value, ClientError> {
        let mut body = json!({"email": login.username, "password": login.password.expose(), "forceV1Auth": true});
        put(&mut body, "otp", login.otp);
        self.ask(&Method::POST, "/api/v2/user/login", Some(&body))
    }

    /// Ends the session whose token is presented.
    ///
    /// # Errors
    /// No such session, or no answer.
    pub fn log_out(&self) -> Result<Value, ClientError> {
        self.ask(&Method::GET, "/api/v2/user/logout", None)
    }

    /// The presented token: its scopes, limits and unlock.
    ///
    /// # Errors
    /// No such token, or no answer.
    pub fn session(&self) -> Result<Value, ClientError> {
        self.ask(&Method::GET, "/api/v2/user/session", None).map(|answer| part(answer, "session"))
    }

    /// The owner of the presented token.
    ///
    /// # Errors
    /// No such token, or no answer.
    pub fn me(&self) -> Result<Value, ClientError> {
        self.ask(&Method::GET, "/api/v2/user/me", None).map(|answer| part(answer, "user"))
    }

    /// Makes an access token; the answer has its text as `token`, this once.
    ///
    /// # Errors
    /// A field cannot be, a second factor is needed, or no answer.
    pub fn create_token(&self, wishes: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, "/api/v2/user/accesstoken", Some(wishes))
    }

    /// All living access tokens of the owner, oldest first.
    ///
    /// # Errors
    /// Not allowed, or no answer.
    pub fn tokens(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/tokens", "tokens")
    }

    /// The caller's templates of tokens.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn templates(&self) -> Result<Vec<Value>, ClientError> {
        self.list(TEMPLATES, "accessTokenTemplates")
    }

    /// One template.
    ///
    /// # Errors
    /// There is none of this id, or no answer.
    pub fn template(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::GET, &template(id), None)
    }

    /// Makes a template: `name`, and what its tokens have.
    ///
    /// # Errors
    /// A field cannot be, the name is taken, or no answer.
    pub fn create_template(&self, wishes: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, TEMPLATES, Some(wishes))
    }

    /// Changes a template; what is not mentioned stays.
    ///
    /// # Errors
    /// There is none of this id, a field cannot be, or no answer.
    pub fn edit_template(&self, id: &str, edit: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::PATCH, &template(id), Some(edit))
    }

    /// Removes a template.
    ///
    /// # Errors
    /// There is none of this id, or no answer.
    pub fn remove_template(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::DELETE, &template(id), None)
    }

    /// Ends a token for good.
    ///
    /// # Errors
    /// There is none of this id, or no answer.
    pub fn revoke(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::DELETE, &format!("/api/v2/user/accesstoken/{}", escaped(id)), None)
    }

    /// Lets the presented token spend without its limits for a time, and lifts its lock if `resume`. The limits stay
    /// and hold again afterwards, also where a server is set to drop them.
    ///
    /// # Errors
    /// The one-time password is wrong, or no answer.
    pub fn unlock(&self, otp: Option<&str>, duration_s: Option<u64>, resume: bool) -> Result<Value, ClientError> {
        let body = unlocking(otp, duration_s, resume);
        self.ask(&Method::POST, "/api/v2/user/unlock", Some(&body)).map(|answer| part(answer, "session"))
    }

    /// Lifts the lock of the presented token, which spends within its limits again.
    ///
    /// # Errors
    /// The one-time password is wrong, or no answer.
    pub fn resume(&self, otp: Option<&str>) -> Result<Value, ClientError> {
        self.unlock(otp, Some(0), true)
    }

    /// The same for another token of the owner's, by its id.
    ///
    /// # Errors
    /// There is none of this id, the one-time password is wrong, or no answer.
    pub fn resume_token(&self, id: &str, otp: Option<&str>) -> Result<Value, ClientError> {
        self.unlock_token(id, otp, Some(0), true)
    }

    /// As [`Client::unlock`] for another token of the owner's, by its id.
    ///
    /// # Errors
    /// There is none of this id, the one-time password is wrong, or no answer.
    pub fn unlock_token(
        &self,
        id: &str,
        otp: Option<&str>,
        duration_s: Option<u64>,
        resume: bool,
    ) -> Result<Value, ClientError> {
        let path = format!("/bursar/v1/tokens/{}/unlock", escaped(id));
        self.ask(&Method::POST, &path, Some(&unlocking(otp, duration_s, resume)))
    }

    /// Keeps a token of the owner's from spending, by its id.
    ///
    /// # Errors
    /// There is none of this id, or no answer.
    pub fn lock_token(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &format!("/bursar/v1/tokens/{}/lock", escaped(id)), None)
    }

    /// Ends the presented token's unlock and keeps it from spending until it is resumed.
    ///
    /// # Errors
    /// No answer.
    pub fn lock(&self) -> Result<Value, ClientError> {
        self.ask(&Method::POST, "/api/v2/user/lock", None).map(|answer| part(answer, "session"))
    }

    /// The wallets the owner has a part in, of one coin or of all.
    ///
    /// # Errors
    /// Not allowed, or no answer.
    pub fn wallets(&self, coin: Option<&str>) -> Result<Vec<Value>, ClientError> {
        let path = coin.map_or("/api/v2/wallets".to_owned(), |coin| format!("/api/v2/{}/wallet", escaped(coin)));
        self.list(&path, "wallets")
    }

    /// Sends money.
    ///
    /// # Errors
    /// Refused by a limit, the rail would not, its outcome is not known yet, or no answer. After no answer
    /// the same payment may be sent again if it has a sequence id.
    pub fn spend(&self, payment: &Payment<'_>) -> Result<Value, ClientError> {
        let mut body = json!({"address": payment.to, "amount": payment.amount});
        put(&mut body, "sequenceId", payment.sequence_id);
        put(&mut body, "otp", payment.otp);
        let path = format!("/api/v2/{}/wallet/{}/sendcoins", escaped(payment.coin), escaped(payment.wallet));
        self.ask(&Method::POST, &path, Some(&body))
    }

    /// Sends money to several at once, all of it or nothing.
    ///
    /// # Errors
    /// As [`Client::spend`].
    pub fn spend_many(&self, payments: &Payments<'_>) -> Result<Value, ClientError> {
        let one = |(to, amount): &(String, String)| json!({"address": to, "amount": amount});
        let mut body = json!({"recipients": payments.recipients.iter().map(one).collect::<Vec<_>>()});
        put(&mut body, "sequenceId", payments.sequence_id);
        let path = format!("/api/v2/{}/wallet/{}/sendmany", escaped(payments.coin), escaped(payments.wallet));
        self.ask(&Method::POST, &path, Some(&body))
    }

    /// Every spend from a wallet, whatever became of it.
    ///
    /// # Errors
    /// Not allowed, or no answer.
    pub fn transfers(&self, coin: &str, wallet: &str) -> Result<Vec<Value>, ClientError> {
        self.list(&format!("/api/v2/{}/wallet/{}/transfer", escaped(coin), escaped(wallet)), "transfers")
    }

    fn list(&self, path: &str, name: &str) -> Result<Vec<Value>, ClientError> {
        let mut entries = Vec::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut path_and_query = format!("{path}{joint}limit={PAGE}");
        for _ in 0..MOST_PAGES {
            let mut answer = self.ask(&Method::GET, &path_and_query, None)?;
            match answer.get_mut(name).map(Value::take) {
                Some(Value::Array(page)) => entries.extend(page),
                _ => return Err(ClientError::unreadable(format!("it has no list `{name}`"))),
            }
            // BitGo's lists say the one, Bursar's own the other.
            let next = answer.get("nextBatchPrevId").or_else(|| answer.get("next"));
            let Some(next) = next.and_then(Value::as_str) else { break };
            path_and_query = format!("{path}{joint}limit={PAGE}&prevId={}", escaped(next));
        }
        Ok(entries)
    }

    fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        self.ask_under(None, method, path, body)
    }

    /// Asks under a key: the same again is the same, not another.
    fn ask_under(
        &self,
        key: Option<&str>,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.url);
        let mut request = Request::builder().method(method).uri(&url).header("Accept", "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header("Authorization", format!("Bearer {}", bearer.expose()));
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let cannot_be = |error: ureq::http::Error| ClientError::unreachable(&self.url, error.to_string());
        let sent = match body {
            Some(body) => {
                let body = Secret::new(body.to_string().into_bytes());
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.expose().as_slice()).map_err(cannot_be)?)
            }
            None => self.agent.run(request.body(()).map_err(cannot_be)?),
        };
        answer::read(sent.map_err(|error| ClientError::unreachable(&self.url, error.to_string()))?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where one template is.
fn template(id: &str) -> String {
    format!("{TEMPLATES}/{}", escaped(id))
}

fn escaped(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

fn unlocking(otp: Option<&str>, duration_s: Option<u64>, resume: bool) -> Value {
    let mut body = json!({});
    put(&mut body, "otp", otp);
    put(&mut body, "duration", duration_s);
    put(&mut body, "resume", resume.then_some(true));
    put(&mut body, "keepSpendingLimits", Some(true));
    body
}

fn put(body: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Value::Object(fields), Some(value)) = (body, value) {
        fields.insert(name.to_owned(), value.into());
    }
}

/// A part of an answer, or the whole if it has none of that name.
fn part(mut answer: Value, name: &str) -> Value {
    match answer.as_object_mut().and_then(|fields: &mut Map<String, Value>| fields.remove(name)) {
        Some(part) => part,
        None => answer,
    }
}
