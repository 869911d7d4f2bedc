//! Bursar's own routes: limits, rotation, spends, and the credentials of services.
//!
//! Documents go out and come back as `docs/native-api.md` describes them; nothing is decided here.

use std::fmt;

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::error::ClientError;
use crate::{Client, escaped, put};

/// Whose limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitsOf<'a> {
    /// A token's.
    Token(&'a str),
    /// A user's; `me` is whoever asks.
    User(&'a str),
    /// A wallet's.
    Wallet(&'a str),
    /// An organisation's.
    Organisation(&'a str),
}

impl fmt::Display for LimitsOf<'_> {
    /// Where they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = match self {
            Self::Token(id) => ("tokens", id),
            Self::User(id) => ("users", id),
            Self::Wallet(id) => ("wallets", id),
            Self::Organisation(id) => ("organisations", id),
        };
        write!(f, "/bursar/v1/{kind}/{}/limits", escaped(id))
    }
}

impl Client {
    /// The presented token with its limits as they stand. Every token may ask this of itself.
    ///
    /// # Errors
    /// No such token, or no answer.
    pub fn own(&self) -> Result<Value, ClientError> {
        self.ask(&Method::GET, "/bursar/v1/self", None)
    }

    /// The caller's living sessions.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn sessions(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/sessions", "sessions")
    }

    /// Ends one of the caller's sessions.
    ///
    /// # Errors
    /// There is no such session, or no answer.
    pub fn end_session(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::DELETE, &format!("/bursar/v1/sessions/{}", escaped(id)), None)
    }

    /// Ends all of the caller's sessions, or all but this one.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn end_all_sessions(&self, keep_this: bool) -> Result<Value, ClientError> {
        self.ask(&Method::POST, "/bursar/v1/sessions/revoke-all", Some(&json!({"keepThis": keep_this})))
    }

    /// The limits of a subject as they stand, and their version.
    ///
    /// # Errors
    /// There is no such subject that the caller may see, or no answer.
    pub fn limits(&self, of: LimitsOf<'_>) -> Result<Value, ClientError> {
        self.ask(&Method::GET, &of.to_string(), None)
    }

    /// A token's limits as they stand, with what it spent since an instant, by the `hour` or by the `day`.
    ///
    /// # Errors
    /// There is no such token that the caller may see, the instant is too long ago, or no answer.
    pub fn history(&self, token: &str, bucket: &str, since: Option<&str>) -> Result<Value, ClientError> {
        let since = since.map(|since| format!("&since={}", escaped(since))).unwrap_or_default();
        let path = format!("{}?bucket={}{since}", LimitsOf::Token(token), escaped(bucket));
        self.ask(&Method::GET, &path, None)
    }

    /// Gives a subject new limits: `version` as it was seen, `limits`, and `destinations` and `otp` if any.
    ///
    /// # Errors
    /// They changed in the meantime, cannot be, or need a second factor; or no answer.
    pub fn set_limits(&self, of: LimitsOf<'_>, edit: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::PUT, &of.to_string(), Some(edit))
    }

    /// What a token's limits would say to a spend; nothing is held.
    ///
    /// # Errors
    /// The spend cannot be, or no answer. A refusal of the spend is an answer.
    pub fn dry_run(&self, token: &str, spend: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &format!("/bursar/v1/tokens/{}/limits:dry-run", escaped(token)), Some(spend))
    }

    /// Gives a token a new secret; the answer has its text as `token`, this once. The old one goes on for
    /// `overlap_s` seconds.
    ///
    /// # Errors
    /// A second factor is needed, two secrets are in use, or no answer; then it may be asked again.
    pub fn rotate(&self, token: &str, overlap_s: u64, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({"overlap": overlap_s});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, &format!("/bursar/v1/tokens/{}/rotate", escaped(token)), Some(&body))
    }

    /// Ends the old secret of a rotation now, before its time.
    ///
    /// # Errors
    /// The token has no old secret, or is not the caller's; or no answer.
    pub fn end_old_secret(&self, token: &str) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &format!("/bursar/v1/tokens/{}/end-old-secret", escaped(token)), None)
    }

    /// All spends of a token that are kept, newest first.
    ///
    /// # Errors
    /// There is no such token of the caller's, or no answer.
    pub fn spends(&self, token: &str) -> Result<Vec<Value>, ClientError> {
        self.list(&format!("/bursar/v1/tokens/{}/spends", escaped(token)), "spends")
    }

    /// The rails of the server, each asked whether it answers.
    ///
    /// # Errors
    /// The caller runs no organisation, or no answer.
    pub fn rails(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/rails", "rails")
    }

    /// In which units the server tells and reads limits: the decimals that Bursar knows, and those that its rails declare.
    ///
    /// # Errors
    /// The token is not good, or no answer.
    pub fn decimals(&self) -> Result<Decimals, ClientError> {
        let one = |told: Value| {
            let coin = Coin::parse(told.get("coin")?.as_str()?).ok()?;
            Some((coin, told.get("decimals")?.as_u64()?.try_into().ok()?))
        };
        Ok(Decimals::declared(self.list("/bursar/v1/coins", "coins")?.into_iter().filter_map(one)))
    }

    /// The spends whose outcome nobody knows, among those the caller may resolve.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn unresolved(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/spends?unresolved=true", "spends")
    }

    /// The spends that nobody has settled, open or unresolved, among those the caller may resolve.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn unsettled(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/spends?unsettled=true", "spends")
    }

    /// Asks the rail what became of a spend, which settles it if the rail knows.
    ///
    /// # Errors
    /// There is none that the caller may resolve, or no answer; then it may be asked again.
    pub fn reconcile(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &place(id, "/reconcile"), None)
    }

    /// One spend.
    ///
    /// # Errors
    /// There is none that the caller may see, or no answer.
    pub fn spend_of_id(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&Method::GET, &place(id, ""), None)
    }

    /// Settles a spend on a person's word: `moved`, `evidence`, and `amount`, `fee`, `reference`, `otp`.
    ///
    /// # Errors
    /// It was settled before, a second factor is needed, or no answer.
    pub fn resolve(&self, id: &str, finding: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &place(id, "/resolve"), Some(finding))
    }

    /// The caller's organisations, and what they are in each.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn organisations(&self) -> Result<Vec<Value>, ClientError> {
        self.list("/bursar/v1/organisations", "organisations")
    }

    /// Keeps a wallet from being spent from; for so many seconds, or until somebody lifts it.
    ///
    /// # Errors
    /// There is no such wallet that the caller may freeze, or no answer.
    pub fn freeze_wallet(&self, id: &str, reason: Option<&str>, duration_s: Option<u64>) -> Result<Value, ClientError> {
        let mut body = json!({});
        put(&mut body, "reason", reason);
        put(&mut body, "duration", duration_s);
        self.ask(&Method::POST, &format!("/bursar/v1/wallets/{}/freeze", escaped(id)), Some(&body))
    }

    /// Lifts the freeze of a wallet.
    ///
    /// # Errors
    /// The caller does not administer it, it is not frozen, a one-time password is needed, or no answer.
    pub fn unfreeze_wallet(&self, id: &str, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, &format!("/bursar/v1/wallets/{}/unfreeze", escaped(id)), Some(&body))
    }

    /// Makes the credential of a service; the answer has its text as `token`, this once.
    ///
    /// # Errors
    /// A field cannot be, a second factor is needed, or no answer.
    pub fn create_service(&self, wishes: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, "/bursar/v1/services", Some(wishes))
    }

    /// The caller's living credentials of services, oldest first.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn services(&self) -> Result<Vec<Value>, ClientError> {
        let mut tokens = self.list("/bursar/v1/tokens", "tokens")?;
        tokens.retain(|token| token.get("kind").and_then(Value::as_str) == Some("service"));
        Ok(tokens)
    }

    /// Holds a spend that a service will carry out itself. The key names it: the same key again is the same
    /// spend, not another.
    ///
    /// # Errors
    /// Refused with the reason, or no answer; then it may be asked again under the same key.
    pub fn hold(&self, spend: &Value, key: &str) -> Result<Value, ClientError> {
        self.ask_under(Some(key), &Method::POST, "/bursar/v1/spends", Some(spend))
    }

    /// The money of a held spend moved: `reference`, and what recipients got as `amount` and what was paid for it as `fee`, where they
    /// differ from what is held. With
    /// `otp` also that of a spend that was released by mistake.
    ///
    /// # Errors
    /// The service does not hold it, or no answer; then it may be asked again.
    pub fn capture(&self, id: &str, capture: &Value) -> Result<Value, ClientError> {
        self.ask(&Method::POST, &place(id, "/capture"), Some(capture))
    }

    /// The money of a held spend did not move, and will not. After the deadline that takes a second factor.
    ///
    /// # Errors
    /// The service does not hold it, it was captured before, or no answer; then it may be asked again.
    pub fn release(&self, id: &str, reason: &str, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({"reason": reason});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, &place(id, "/release"), Some(&body))
    }
}

fn place(spend: &str, action: &str) -> String {
    format!("/bursar/v1/spends/{}{action}", escaped(spend))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_part_of_the_path() {
        assert_eq!(LimitsOf::User("me").to_string(), "/bursar/v1/users/me/limits");
        assert_eq!(LimitsOf::Token("../a?b").to_string(), "/bursar/v1/tokens/..%2Fa%3Fb/limits");
        assert_eq!(place("1/x", "/capture"), "/bursar/v1/spends/1%2Fx/capture");
    }
}
