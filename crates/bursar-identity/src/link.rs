//! Secrets of links in mails: whose they are, 192 random bits, and nothing else.
//!
//! A link works once and for a while; what it opens is kept elsewhere, under a hash of it. The text is hex digits, so
//! that no mail client breaks it and no log tool takes it for more than a word.

use std::fmt;

use bursar_core::secret::Secret;
use sha2::{Digest, Sha256};

/// Random bytes of a link.
pub const SECRET_BYTES: usize = 24;
/// Hex digits of what a link belongs to.
const OWNER_DIGITS: usize = 32;
/// Hex digits of a whole link.
const DIGITS: usize = OWNER_DIGITS + 2 * SECRET_BYTES;

/// The secret part of a link. It does not print.
pub struct LinkSecret {
    text: Secret<String>,
    owner: [u8; 16],
}

impl LinkSecret {
    /// A new secret, of an account or an invitation.
    pub fn new(owner: [u8; 16], random: [u8; SECRET_BYTES]) -> Self {
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { text: Secret::new(digits(&owner) + &digits(&random)), owner }
    }

    /// Reads what somebody presents.
    pub fn read(text: &str) -> Option<Self> {
        let is_sound = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let owner = u128::from_str_radix(text.get(..OWNER_DIGITS).filter(|_| is_sound)?, 16).ok()?;
        Some(Self { text: Secret::new(text.to_owned()), owner: owner.to_be_bytes() })
    }

    /// What the link belongs to.
    pub const fn owner(&self) -> [u8; 16] {
        self.owner
    }

    /// The text, for the link itself.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is kept of it, under a further hash.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.expose()).into()
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reads_back_and_names_its_owner() {
        let link = LinkSecret::new([0xa1; 16], [7; SECRET_BYTES]);
        let read = LinkSecret::read(link.expose()).unwrap();
        assert_eq!((read.owner(), read.hash()), ([0xa1; 16], link.hash()));
        assert_ne!(link.hash(), LinkSecret::new([0xa1; 16], [8; SECRET_BYTES]).hash());
        assert_eq!(format!("{link:?}"), "LinkSecret(..)");
    }

    #[test]
    fn what_is_not_exactly_a_link_is_none() {
        let text = LinkSecret::new([0xa1; 16], [0xb7; SECRET_BYTES]).expose().to_owned();
        for other in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('b', "+"), "ä"] {
            assert!(LinkSecret::read(other).is_none(), "{other}");
        }
    }
}
