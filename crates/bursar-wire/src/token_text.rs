//! Token text: `v2x`, 56 random hex characters, and 8 hex characters that check what stands before (WC §2.1).
//!
//! The checksum lets a token that was cut off or mistyped be told from one that is unknown, without a look-up.
//! The hash of a token is itself a credential (WC §2.6): neither it nor the text may reach a log, an error or a trace.

use std::fmt;

use bursar_core::secret::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::constant_time::is_same;

const PREFIX: &str = "v2x";
const CHECKED_LENGTH: usize = PREFIX.len() + 56;
/// How many characters a token has: what the client takes for a token that signs its requests (WC §2.1).
pub const LENGTH: usize = CHECKED_LENGTH + 8;

/// The text of a token, as its holder keeps it.
#[derive(Clone, Debug)]
pub struct TokenText(Secret<String>);

impl TokenText {
    /// The token made of these 224 random bits.
    pub fn from_random(random: [u8; 28]) -> Self {
        let random = Zeroizing::new(random);
        let mut digits = Zeroizing::new([0; 56]);
        let digits = base16ct::lower::encode_str(&*random, &mut *digits).unwrap_or_default();
        // Capacity for the whole text, so that growing leaves no copy behind.
        let mut text = String::with_capacity(LENGTH);
        text.push_str(PREFIX);
        text.push_str(digits);
        let mut checksum = [0; 8];
        text.push_str(checksum_of(&text, &mut checksum));
        Self(Secret::new(text))
    }

    /// The text itself; every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The hash that finds the token and keys its signatures.
    pub fn bearer_hash(&self) -> BearerHash {
        BearerHash::of(self.expose())
    }
}

/// SHA-256 of a token's text: what a client in HMAC mode sends as its bearer, and an equivalent signing key for
/// tokens of more than 64 characters (WC §2.6). A credential: compared in constant time, wiped when dropped.
#[derive(Clone, Debug)]
pub struct BearerHash(Secret<[u8; 32]>);

impl BearerHash {
    /// The hash of a raw bearer text.
    pub fn of(text: &str) -> Self {
        Self(Secret::new(Sha256::digest(text.as_bytes()).into()))
    }

    /// The hash with exactly these bytes, as they were sealed at rest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Reads 64 lower-case hex characters, in time that does not depend on them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        let length = base16ct::lower::decode(text, &mut *bytes).ok()?.len();
        (length == bytes.len()).then(|| Self::from_bytes(*bytes))
    }

    /// The bytes themselves; every call is a place to look at in a review.
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// 64 lower-case hex characters, as a client in HMAC mode sends them.
    pub fn to_hex(&self) -> Secret<String> {
        Secret::new(base16ct::lower::encode_string(self.expose()))
    }
}

impl ConstantTimeEq for BearerHash {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        is_same(self.expose(), other.expose())
    }
}

impl PartialEq for BearerHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for BearerHash {}

/// What can be said of a presented bearer text without looking it up.
#[derive(Clone, Debug)]
pub enum Diagnosis {
    /// The checksum fits: if this token is unknown, it is revoked, expired or of another server.
    WellFormed(TokenText),
    /// Part of a token: characters are missing.
    CutOff,
    /// A token in which characters were changed or added.
    Mistyped,
    /// Not a token of ours: of another issuer or an older format.
    OtherFormat,
}

impl Diagnosis {
    /// Looks at a raw bearer text.
    pub fn of(text: &str) -> Self {
        let looks_like_ours = text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        if looks_like_ours {
            return match text.len() {
                LENGTH if is_whole(text) => Self::WellFormed(TokenText(Secret::new(text.to_owned()))),
                LENGTH.. => Self::Mistyped,
                _ => Self::CutOff,
            };
        }
        if !text.is_empty() && PREFIX.starts_with(text) {
            return Self::CutOff;
        }
        // The rest of the text may still be whole, with the prefix changed or missing.
        let with_prefix = |rest: &str| is_whole(&Zeroizing::new(format!("{PREFIX}{rest}")));
        match text.len() {
            LENGTH if text.get(PREFIX.len()..).is_some_and(with_prefix) => Self::Mistyped,
            length if length + PREFIX.len() == LENGTH && with_prefix(text) => Self::CutOff,
            _ => Self::OtherFormat,
        }
    }
}

impl fmt::Display for Diagnosis {
    /// A sentence for whoever presented the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WellFormed(_) => "the token is well-formed",
            Self::CutOff => "the token is cut off: it has 67 characters, and some are missing",
            Self::Mistyped => "the token is mistyped: its last 8 characters do not fit the others; copy it again",
            Self::OtherFormat => "this is not a token of this server: those start with `v2x` and have 67 characters",
        })
    }
}

/// Whether the text has the length, the alphabet and the checksum of a token.
fn is_whole(text: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let (Some(checked), Some(presented)) = (text.get(..CHECKED_LENGTH), text.get(CHECKED_LENGTH..)) else {
        return false;
    };
    checked.strip_prefix(PREFIX).is_some_and(is_hex) && presented == checksum_of(checked, &mut [0; 8])
}

/// The first four bytes of SHA-256 over `checked`, as hex written into `buffer`.
fn checksum_of<'a>(checked: &str, buffer: &'a mut [u8; 8]) -> &'a str {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(checked.as_bytes()).into();
    base16ct::lower::encode_str(&[a, b, c, d], buffer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(random: [u8; 28]) -> String {
        TokenText::from_random(random).expose().to_owned()
    }

    proptest! {
        #[test]
        fn a_token_is_well_formed_and_67_characters_long(random: [u8; 28]) {
            let text = token(random);
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert!(text.starts_with(PREFIX));
            let Diagnosis::WellFormed(read) = Diagnosis::of(&text) else { panic!("not well-formed") };
            prop_assert_eq!(read.expose(), text);
        }

        #[test]
        fn any_single_changed_character_is_mistyped(random: [u8; 28], at in 0..LENGTH, other in any::<char>()) {
            let text = token(random);
            let mut characters: Vec<char> = text.chars().collect();
            prop_assume!(characters[at] != other && other.is_ascii());
            characters[at] = other;
            let changed: String = characters.into_iter().collect();
            prop_assert!(matches!(Diagnosis::of(&changed), Diagnosis::Mistyped), "{at} {other:?}");
        }

        #[test]
        fn any_changed_hex_digit_is_mistyped(random: [u8; 28], at in 3..LENGTH, other in "[0-9a-f]") {
            let mut text = token(random);
            prop_assume!(text[at..=at] != other);
            text.replace_range(at..=at, &other);
            prop_assert!(matches!(Diagnosis::of(&text), Diagnosis::Mistyped));
        }

        #[test]
        fn any_truncation_is_cut_off(random: [u8; 28], length in 1..LENGTH) {
            prop_assert!(matches!(Diagnosis::of(&token(random)[..length]), Diagnosis::CutOff));
        }

        #[test]
        fn no_text_panics_and_none_is_well_formed_by_chance(text in any::<String>()) {
            prop_assert!(!matches!(Diagnosis::of(&text), Diagnosis::WellFormed(_)));
        }
    }

    #[test]
    fn the_checksum_is_the_start_of_the_hash_of_the_59_characters_before() {
        let text = token([0xab; 28]);
        let hash = base16ct::lower::encode_string(&Sha256::digest(&text[..59]));
        assert_eq!(text[59..], hash[..8]);
    }

    #[test]
    fn a_missing_prefix_is_cut_off_and_a_longer_text_is_mistyped() {
        let text = token([7; 28]);
        assert!(matches!(Diagnosis::of(&text[3..]), Diagnosis::CutOff));
        assert!(matches!(Diagnosis::of(&format!("{text}0")), Diagnosis::Mistyped));
        assert!(matches!(Diagnosis::of(&text.to_uppercase()), Diagnosis::Mistyped));
    }

    #[test]
    fn tokens_of_others_are_another_format() {
        for text in ["", "deadbeef", &"a".repeat(64), &"a".repeat(67), "ä2x"] {
            assert!(matches!(Diagnosis::of(text), Diagnosis::OtherFormat), "{text}");
        }
    }

    #[test]
    fn neither_text_nor_hash_is_printed() {
        let token = TokenText::from_random([1; 28]);
        let shown = format!("{token:?} {:?} {:?}", token.bearer_hash(), Diagnosis::of(token.expose()));
        assert_eq!(shown, "TokenText(Secret(..)) BearerHash(Secret(..)) WellFormed(TokenText(Secret(..)))");
    }

    #[test]
    fn a_hash_is_read_from_64_lower_case_hex_characters_only() {
        let hash = BearerHash::of("x");
        let text = hash.to_hex();
        assert_eq!(BearerHash::from_hex(text.expose()), Some(hash));
        assert_eq!(BearerHash::from_hex(&text.expose().to_uppercase()), None);
        assert_eq!(BearerHash::from_hex(&text.expose()[..62]), None);
        assert_eq!(BearerHash::from_hex(&format!("{}00", text.expose())), None);
        assert_eq!(BearerHash::from_hex(""), None);
    }
}
