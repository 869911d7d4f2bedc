//! Users and logins (WC §1.7, §3.1).

use bursar_core::account::User;
use bursar_core::ledger::{Credential, CredentialKind};
use bursar_core::time::Timestamp;
use bursar_core::token::Token;
use serde_json::{Map, Value, json};

use crate::ecdh::IssuedToken;
use crate::token_text::TokenText;

#[cfg(test)]
mod tests;

/// A user, as the guide's sample shows one.
pub fn user(user: &User, factors: &[Credential], now: Timestamp) -> Map<String, Value> {
    let (first, last) = user.full_name.split_once(' ').unwrap_or((&user.full_name, ""));
    let freeze = user.freeze.as_ref().filter(|freeze| freeze.holds_at(now));
    let devices: Vec<Value> = factors.iter().map(device).collect();
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("id", user.id.to_string().into());
    put("isActive", freeze.is_none().into());
    put("name", json!({"first": first, "full": user.full_name, "last": last}));
    put("username", user.username.clone().into());
    let email = user.email.as_ref();
    // Clients read a text here, also of an account without an address.
    let address = email.map_or(user.username.as_str(), |email| email.address.as_str());
    put("email", json!({"email": address, "verified": email.is_some_and(|email| email.is_verified)}));
    put("phone", json!({"phone": "", "verified": false}));
    put("country", "".into());
    put("otpDevices", devices.into());
    put("isFrozen", freeze.is_some().into());
    if let Some(freeze) = freeze {
        let mut times = json!({"time": freeze.since.to_string()});
        if let Some(until) = freeze.until {
            times["expires"] = until.to_string().into();
        }
        put("freezeReason", freeze.reason.clone().into());
        put("freeze", times);
    }
    shown
}

/// A second factor, as BitGo lists them (WC §1.7).
pub fn device(factor: &Credential) -> Value {
    let is_passkey = factor.kind == CredentialKind::Passkey;
    json!({
        "id": factor.id.to_string(),
        "createDate": factor.created.to_string(),
        "label": factor.label,
        "type": if is_passkey { "webauthn" } else { factor.kind.as_str() },
        "isPasskey": is_passkey,
        "verified": true,
        "lastValidatedDate": factor.last_used.map(|at| at.to_string()),
    })
}

/// The answer to a login. A client without an ECDH key always gets a plain token (WC §3.1, §3.4).
pub fn login(
    token: &Token,
    text: Result<&TokenText, &IssuedToken>,
    encrypted_ecdh_key: Option<&str>,
    user: Map<String, Value>,
    grant: &str,
) -> Value {
    let seconds = token.expires.since(token.created).as_millis() / 1000;
    let mut shown = json!({
        "user": Value::Object(user),
        "token_type": "bearer",
        "grant_type": grant,
        "expires_in": seconds,
        "expires_at": token.expires.as_seconds(),
        "scope": token.grant.scopes.iter().map(|scope| scope.to_string()).collect::<Vec<_>>(),
        "token_id": token.id.to_string(),
    });
    match text {
        Ok(text) => shown["access_token"] = text.expose().into(),
        Err(sealed) => {
            shown["encryptedToken"] = sealed.encrypted_token.clone().into();
            shown["derivationPath"] = sealed.derivation_path.clone().into();
            shown["encryptedECDHXprv"] = encrypted_ecdh_key.into();
        }
    }
    shown
}
