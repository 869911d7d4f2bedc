//! What authenticators answer, as JSON text: read leniently in form, since BitGo's clients send less than browsers
//! (WC §3.3), and not at all in content, which is judged elsewhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use crate::pending::Name;

/// The longest answer that is read, in bytes: attestations carry certificates.
const LONGEST: usize = 16 * 1024;

/// An answer to a challenge.
pub(crate) struct Answer {
    /// The name of the challenge it claims to answer.
    pub(crate) challenge: Name,
    pub(crate) credential: PublicKeyCredential,
}

/// A new passkey.
pub(crate) struct NewPasskey {
    /// The name of the challenge it claims to answer.
    pub(crate) challenge: Name,
    pub(crate) credential: RegisterPublicKeyCredential,
}

/// Whether a proof is an answer of an authenticator rather than a code.
pub(crate) fn is_one(proof: &str) -> bool {
    proof.trim_start().starts_with('{')
}

/// Reads an answer to a challenge.
pub(crate) fn read(text: &str) -> Option<Answer> {
    let credential: PublicKeyCredential = serde_json::from_value(completed(text)?).ok()?;
    Some(Answer { challenge: challenge(&credential.response.client_data_json)?, credential })
}

/// Reads what a registration answers.
pub(crate) fn read_new(text: &str) -> Option<NewPasskey> {
    let credential: RegisterPublicKeyCredential = serde_json::from_value(completed(text)?).ok()?;
    Some(NewPasskey { challenge: challenge(&credential.response.client_data_json)?, credential })
}

/// Fills in what may be left out, and writes binary members as the library reads them.
fn completed(text: &str) -> Option<Value> {
    if text.len() > LONGEST {
        return None;
    }
    let Value::Object(mut fields) = serde_json::from_str(text).ok()? else { return None };
    let id = fields.get("rawId").or_else(|| fields.get("id"))?.clone();
    fields.insert("rawId".to_owned(), id);
    fields.entry("type").or_insert_with(|| "public-key".into());
    plain_base64(&mut fields, "rawId");
    if let Some(Value::Object(response)) = fields.get_mut("response") {
        response.entry("userHandle").or_insert(Value::Null);
        for name in ["authenticatorData", "clientDataJSON", "signature", "userHandle", "attestationObject"] {
            plain_base64(response, name);
        }
    }
    Some(fields.into())
}

/// The two alphabets of base64 differ in two letters, and some write the padding.
fn plain_base64(fields: &mut Map<String, Value>, name: &str) {
    if let Some(Value::String(text)) = fields.get_mut(name) {
        *text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    }
}

fn challenge(client_data: &[u8]) -> Option<Name> {
    let client_data: Value = serde_json::from_slice(client_data).ok()?;
    let text = client_data.get("challenge")?.as_str()?;
    Some(Name::of(&URL_SAFE_NO_PAD.decode(text).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn client_data() -> String {
        STANDARD.encode(json!({"type": "webauthn.get", "challenge": "AQID", "origin": "https://x"}).to_string())
    }

    #[test]
    fn an_answer_as_bitgo_s_clients_send_it_is_read() {
        let text = json!({
            "id": "+/+/",
            "response": {
                "authenticatorData": "AQ==", "clientDataJSON": client_data(), "signature": "AQ==", "userHandle": "AQ==",
            },
        });
        let answer = read(&text.to_string()).unwrap();
        assert_eq!(answer.credential.raw_id, [0xfb, 0xff, 0xbf]);
        assert_eq!(answer.challenge, Name::of(&[1, 2, 3]));
    }

    #[test]
    fn what_is_no_answer_is_not_read() {
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "{\"id\":\"a\"}",
            &"{".repeat(9000),
            &format!("{{\"id\":\"{}\"}}", "a".repeat(LONGEST)),
        ] {
            assert!(read(text).is_none());
            assert!(read_new(text).is_none());
        }
        assert!(is_one(" {\"id\":1}") && !is_one("000000"));
    }
}
