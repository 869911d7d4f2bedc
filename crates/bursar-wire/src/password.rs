//! The wire verifier: what BitGo's client sends in place of a password (WC §3.2).
//!
//! It is as good as the password. At rest only a slow hash of it may exist; it never appears in a log.

use bursar_core::secret::Secret;
use hmac::Mac;
use subtle::ConstantTimeEq;

use crate::signature::keyed;

/// HMAC-SHA256 of the clear password, keyed by the lower-cased username, as 64 lower-case hex characters.
#[derive(Clone, Debug)]
pub struct WireVerifier(Secret<String>);

impl WireVerifier {
    /// The verifier of a username, in any case, and a clear password.
    pub fn compute(username: &str, password: &str) -> Self {
        let username = lower_case(username);
        let mut mac = keyed(username.as_bytes());
        mac.update(password.as_bytes());
        Self(Secret::new(base16ct::lower::encode_string(&mac.finalize().into_bytes())))
    }

    /// Takes a text that already is a verifier.
    pub fn read(text: &str) -> Option<Self> {
        looks_like_a_verifier(text).then(|| Self(Secret::new(text.to_owned())))
    }

    /// What a presented password may stand for: the verifier of it as a clear password and, where it looks like one,
    /// itself. Routes that take both forms try both.
    pub fn candidates(username: &str, presented: &str) -> (Self, Option<Self>) {
        (Self::compute(username, presented), Self::read(presented))
    }

    /// The 64 characters; every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl PartialEq for WireVerifier {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for WireVerifier {}

/// Whether the text could be a verifier: 64 lower-case hex characters. A clear password may look so too.
pub fn looks_like_a_verifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A username as JavaScript lower-cases it: by Unicode, independent of any locale. Usernames are returned to the
/// client in this form, since it keys later verifiers with them unchanged.
pub fn lower_case(username: &str) -> String {
    username.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_lower_cased_as_javascript_does() {
        // Results of `toLowerCase()`: the sigma at the end of a word, the dotted I, letters outside of ASCII.
        for (username, expected) in [("ÄÖ", "äö"), ("ΟΔΟΣ", "οδος"), ("İ", "i\u{307}"), ("ẞ", "ß"), ("K", "k")]
        {
            assert_eq!(lower_case(username), expected);
        }
    }

    #[test]
    fn only_64_lower_case_hex_characters_look_like_a_verifier() {
        assert!(looks_like_a_verifier(&"0a".repeat(32)));
        for text in ["", "hunter2", &"0A".repeat(32), &"0a".repeat(31), &"0g".repeat(32)] {
            assert!(!looks_like_a_verifier(text), "{text}");
        }
    }

    #[test]
    fn a_presented_password_is_tried_as_clear_text_and_as_verifier() {
        let verifier = WireVerifier::compute("alice", "hunter2");
        let (from_clear, none) = WireVerifier::candidates("Alice", "hunter2");
        assert!(from_clear == verifier && none.is_none());
        let (from_clear, itself) = WireVerifier::candidates("Alice", verifier.expose());
        assert!(from_clear != verifier && itself == Some(verifier));
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", WireVerifier::compute("a", "b")), "WireVerifier(Secret(..))");
    }

    #[test]
    fn a_username_longer_than_a_hash_block_is_a_key_like_any_other() {
        let long = "a".repeat(65);
        let mut mac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(long.as_bytes()).unwrap();
        mac.update(b"pw");
        let expected = base16ct::lower::encode_string(&mac.finalize().into_bytes());
        assert_eq!(WireVerifier::compute(&long, "pw").expose(), expected);
    }
}
