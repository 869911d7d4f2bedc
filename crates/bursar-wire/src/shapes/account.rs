//! A user and what the server keeps for them (WC §1.5, §1.7).

use bursar_core::account::User;
use bursar_core::ledger::{Credential, CredentialKind};
use bursar_core::time::Timestamp;
use serde_json::Value;

use super::object::Object;

/// A user. The username is lower-case already, as the password's verifier needs it (WC §3.2).
pub fn user(user: &User, factors: &[Credential], now: Timestamp) -> Value {
    let mut words = user.full_name.split_whitespace();
    let (first, last) = (words.next(), words.next_back());
    let name = Object::new()
        .with("first", first.unwrap_or_default())
        .with("full", user.full_name.as_str())
        .with("last", last.unwrap_or_default());
    let email = Object::new()
        .with("email", user.username.as_str())
        .with("verified", true);
    let phone = Object::new().with("phone", "").with("verified", false);
    let freeze = user.freeze.as_ref().filter(|freeze| freeze.holds_at(now));
    let devices = factors.iter().filter(|factor| factor.kind == CredentialKind::Totp);
    Object::new()
        .with("id", user.id.to_string())
        .with("isActive", true)
        .with("name", name)
        .with("username", user.username.as_str())
        .with("email", email)
        .with("phone", phone)
        .with("country", "")
        .with("isFrozen", freeze.is_some())
        .with_some("freezeReason", freeze.map(|freeze| freeze.reason.as_str()))
        .with_some("freeze", freeze.map(|freeze| {
            Object::new()
                .with("time", freeze.since.to_string())
                .with_some("expires", freeze.until.map(|until| until.to_string()))
        }))
        .with("otpDevices", devices.map(device).collect::<Value>())
        .into()
}

/// The settings that are stored, if any; an object in any case, for the client demands one.
pub fn settings(stored: Option<&[u8]>) -> Value {
    let settings = stored.and_then(|stored| serde_json::from_slice(stored).ok());
    let settings = settings.filter(Value::is_object).unwrap_or_else(|| Object::new().into());
    Object::new().with("settings", settings).into()
}

/// A private key that the client keeps here, sealed by itself.
pub fn keychain(xpub: &str, encrypted_xprv: &str) -> Value {
    Object::new()
        .with("xpub", xpub)
        .with("encryptedXprv", encrypted_xprv)
        .into()
}

fn device(factor: &Credential) -> Value {
    Object::new()
        .with("id", factor.id.to_string())
        .with("createDate", factor.created.to_string())
        .with("label", factor.label.as_str())
        .with("type", "totp")
        .with("verified", true)
        .with_some("lastValidatedDate", factor.last_used.map(|time| time.to_string()))
        .into()
}
