//! The answer to a login (WC §3.1).

use bursar_core::account::User;
use bursar_core::ledger::Credential;
use bursar_core::time::Timestamp;
use bursar_core::token::Token;
use serde_json::Value;

use super::account::user;
use super::object::{Object, texts};
use super::token::Handed;

/// A new session with all that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The session.
    pub token: &'a Token,
    /// Its text.
    pub handed: Handed<'a>,
    /// The client's ECDH key as the server keeps it, encrypted by the client; needed to open an encrypted token.
    pub encrypted_ecdh_key: Option<&'a str>,
    /// Whose it is.
    pub user: &'a User,
    /// What they log in with.
    pub factors: &'a [Credential],
    /// What time it is.
    pub now: Timestamp,
}

/// The answer to a login. `expires_at` is in seconds, unlike every other time.
pub fn login(login: &Login<'_>) -> Value {
    let token = login.token;
    let lasts = token.expires.since(login.now).as_millis() / 1000;
    let object = Object::new()
        .with("user", user(login.user, login.factors, login.now))
        .with("token_type", "bearer")
        .with("grant_type", "password")
        .with("expires_in", lasts)
        .with("expires_at", token.expires.as_seconds())
        .with("scope", texts(token.grant.scopes.iter()))
        .with("token_id", token.id.to_string());
    match login.handed {
        Handed::Plain(text) => object.with("access_token", text.expose()),
        Handed::Encrypted(issued) => object
            .with("encryptedToken", issued.encrypted_token.as_str())
            .with("derivationPath", issued.derivation_path.as_str())
            .with_some("encryptedECDHXprv", login.encrypted_ecdh_key),
    }
    .into()
}
