//! What is asked, signed as the SDK signs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bursar_wire::signature::{AuthVersion, Request, SigningKey};
use bursar_wire::token_text::BearerHash;

/// Which request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `GET session`.
    Session,
    /// `GET /bursar/v1/self`.
    Own,
    /// A service's hold on a token of ten limits: each connection has a token of its own.
    Hold,
    /// The same, all connections on one token.
    HotHold,
    /// A service's hold on a token of one limit: each connection has a token of its own.
    OneLimitHold,
    /// `sendcoins`, each under a name of its own.
    Spend,
    /// A read of a chain in the protocol of its nodes.
    Chain,
    /// A request to an API that costs money: held, sent on, settled.
    Charge,
    /// A login with a wrong password.
    WrongLogin,
}

/// Makes the requests of one connection.
pub(crate) struct Requests {
    kind: Kind,
    bearer: String,
    key: SigningKey,
    path: String,
    wallet: String,
    destination: String,
    /// The text of the token that a service presents.
    spender: String,
    /// Begins every name of a spend of this connection.
    name: String,
    made: u64,
    guesses: Guesses,
}

/// How many wrong passwords were tried on one server, over all connections.
#[derive(Clone, Default)]
pub(crate) struct Guesses(Arc<AtomicU64>);

/// How many wrong passwords are tried on an account. The server hashes no more than nine in 15 minutes before it
/// answers without hashing, which would be no flood.
const GUESSES_EACH: u64 = 8;

/// When a hold is overdue, in seconds: not while it is measured.
const DEADLINE: u32 = 86_400;

impl Guesses {
    /// How many accounts are needed for this many guesses.
    pub(crate) const fn accounts(guesses: u64) -> u64 {
        guesses.div_ceil(GUESSES_EACH)
    }

    fn next_account(&self) -> String {
        account(self.0.fetch_add(1, Ordering::Relaxed) / GUESSES_EACH)
    }
}

/// An account whose password is guessed.
pub(crate) fn account(number: u64) -> String {
    format!("user-{number}@example.com")
}

/// Whose spends, where they go and what they are called.
pub(crate) struct Spends<'a> {
    /// The text of the token that spends, where another signs.
    pub(crate) spender: &'a str,
    pub(crate) wallet: &'a str,
    pub(crate) destination: &'a str,
    /// Unlike that of any other connection.
    pub(crate) name: String,
}

impl Requests {
    /// The requests of the holder of `token`, a text of more than 64 characters.
    pub(crate) fn new(kind: Kind, token: &str, spends: Spends<'_>, guesses: Guesses) -> Self {
        let hash = BearerHash::of(token);
        let path = match kind {
            Kind::Session => "/api/v2/user/session".to_owned(),
            Kind::Own => "/bursar/v1/self".to_owned(),
            Kind::Hold | Kind::HotHold | Kind::OneLimitHold => "/bursar/v1/spends".to_owned(),
            Kind::Spend => format!("/api/v2/tbtc/wallet/{}/sendcoins", spends.wallet),
            Kind::Chain => format!("/rail/{}", crate::gateway::RAIL),
            Kind::Charge => format!("/rail/{}/charges", crate::gateway::API),
            Kind::WrongLogin => "/api/v2/user/login".to_owned(),
        };
        let (bearer, key) = (hash.to_hex().expose().clone(), SigningKey::new(&hash));
        let Spends { spender, wallet, destination, name } = spends;
        let [spender, wallet, destination] = [spender, wallet, destination].map(str::to_owned);
        Self { kind, bearer, key, path, wallet, destination, spender, name, made: 0, guesses }
    }

    /// Whether this is the status of a good answer. The bare server says 200 to everything.
    pub(crate) const fn is_good(&self, status: u16) -> bool {
        match self.kind {
            Kind::Session | Kind::Own | Kind::Spend | Kind::Chain | Kind::Charge => status == 200,
            Kind::Hold | Kind::HotHold | Kind::OneLimitHold => status == 201 || status == 200,
            Kind::WrongLogin => status == 401,
        }
    }

    /// The bytes of the next request.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        self.made += 1;
        let (path, made, name) = (&self.path, self.made, &self.name);
        let (method, body) = match self.kind {
            Kind::Session | Kind::Own => ("GET", String::new()),
            Kind::Hold | Kind::HotHold | Kind::OneLimitHold => {
                let Self { spender, wallet, destination, .. } = self;
                let body = format!(
                    r#"{{"token":"{spender}","coin":"tbtc","destination":"{destination}","amount":"1000","wallet":"{wallet}","deadline":{DEADLINE},"comment":"{name}-{made}"}}"#
                );
                ("POST", body)
            }
            Kind::Spend => {
                let destination = &self.destination;
                ("POST", format!(r#"{{"address":"{destination}","amount":"1000","sequenceId":"{name}-{made}"}}"#))
            }
            Kind::Chain => {
                ("POST", format!(r#"{{"jsonrpc":"2.0","id":{made},"method":"eth_blockNumber","params":[]}}"#))
            }
            Kind::Charge => ("POST", format!(r#"{{"amount":"1000","to":"acct_1","memo":"{name}-{made}"}}"#)),
            Kind::WrongLogin => {
                let username = self.guesses.next_account();
                ("POST", format!(r#"{{"email":"{username}","password":"wrong-{name}-{made}","otp":"000000"}}"#))
            }
        };
        let length = body.len();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
        );
        if matches!(self.kind, Kind::Hold | Kind::HotHold | Kind::OneLimitHold | Kind::Charge) {
            head += &format!("Idempotency-Key: {name}-{made}\r\n");
        }
        if self.kind != Kind::WrongLogin {
            let timestamp = now().to_string();
            let subject = Request {
                version: AuthVersion::V2,
                method,
                timestamp: &timestamp,
                target: path,
                body: body.as_bytes(),
            };
            let signature = self.key.sign(&subject);
            head += "BitGo-Auth-Version: 2.0\r\nAuthorization: Bearer ";
            for part in [&self.bearer, "\r\nAuth-Timestamp: ", &timestamp, "\r\nHMAC: ", signature.as_str(), "\r\n"] {
                head += part;
            }
        }
        head += "\r\n";
        head += &body;
        head.into_bytes()
    }
}

/// Unix milliseconds.
pub(crate) fn now() -> u128 {
    #[expect(clippy::disallowed_methods, reason = "a client has a clock of its own, and this is one")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
