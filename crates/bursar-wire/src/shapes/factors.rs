//! Sign-ins by steps and second factors, as Bursar's own interface and the dialect show them.

use bursar_core::ledger::Credential;
use bursar_core::secret::Secret;
use bursar_core::time::Timestamp;
use serde_json::{Value, json};

/// A sign-in whose password was right: what it may be finished with, and until when.
pub fn sign_in(ticket: &str, ends: Timestamp, offers: (bool, bool, bool), passkey: Option<&Value>) -> Value {
    let (otp, recovery, none) = offers;
    json!({
        "ticket": ticket,
        "expires": ends.to_string(),
        "offers": {"otp": otp, "recovery": recovery, "passkey": passkey, "none": none},
    })
}

/// A second factor of a user's.
pub fn factor(factor: &Credential) -> Value {
    json!({
        "id": factor.id.to_string(),
        "kind": factor.kind.as_str(),
        "label": factor.label,
        "added": factor.created.to_string(),
        "lastUsed": factor.last_used.map(|at| at.to_string()),
    })
}

/// A new second factor, with recovery codes if it is the first; they are shown this once.
pub fn added_factor(added: &Credential, recovery_codes: Option<&[Secret<String>]>) -> Value {
    let mut shown = factor(added);
    if let Some(codes) = recovery_codes {
        shown["recoveryCodes"] = recovery_code_texts(codes);
    }
    shown
}

/// Recovery codes, shown this once.
pub fn recovery_code_texts(codes: &[Secret<String>]) -> Value {
    codes.iter().map(|code| code.expose().as_str()).collect()
}
