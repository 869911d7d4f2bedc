//! The name a person logs in with: an e-mail address or a plain name, always in lower case.
//!
//! The lower-case text is the key of the password verifier on the client's side (WC §3.2), so what is
//! stored must be exactly what JavaScript's `toLowerCase` makes of what was typed: nothing is trimmed,
//! composed or folded here, only lower-cased or refused.

use std::fmt;

/// The longest username in bytes of UTF-8, as for a mail path (RFC 5321 §4.5.3.1.3).
pub const MAX_BYTES: usize = 254;

/// A username in its normal form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Username(String);

/// Why a text is not a username.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidUsername {
    /// There is nothing in it.
    Empty,
    /// More than [`MAX_BYTES`] bytes.
    TooLong,
    /// White space, which a person cannot tell from none at an end, and does not expect inside.
    WhiteSpace,
    /// A control character, or one that is not seen and can make two names look alike.
    Invisible,
    /// It has an `@` but is not `local@domain`.
    NotAnAddress,
}

impl Username {
    /// Lower-cases a name as JavaScript does, and refuses what cannot be one.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        let name = text.to_lowercase();
        if name.is_empty() {
            return Err(InvalidUsername::Empty);
        }
        if name.len() > MAX_BYTES {
            return Err(InvalidUsername::TooLong);
        }
        if name.chars().any(char::is_whitespace) {
            return Err(InvalidUsername::WhiteSpace);
        }
        if name.chars().any(is_invisible) {
            return Err(InvalidUsername::Invisible);
        }
        match name.split_once('@') {
            Some((local, domain)) if local.is_empty() || domain.is_empty() || domain.contains('@') => {
                Err(InvalidUsername::NotAnAddress)
            }
            _ => Ok(Self(name)),
        }
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`, or the whole of a plain name.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or(self.as_str(), |(local, _)| local)
    }
}

/// Control characters, and those of Unicode's format characters that hide or turn text around.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a username is not empty",
            Self::TooLong => "a username has at most 254 bytes",
            Self::WhiteSpace => "a username has no white space",
            Self::Invisible => "a username has no control or invisible characters",
            Self::NotAnAddress => "a username with an `@` is an e-mail address",
        })
    }
}

impl std::error::Error for InvalidUsername {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_lower_cased_as_javascript_does() {
        // The right column is what `toLowerCase()` gives; final sigma and dotted I included.
        for (typed, stored) in [
            ("User@Example.COM", "user@example.com"),
            ("ÄÖ", "äö"),
            ("ΟΔΟΣ", "οδος"),
            ("İ", "i\u{307}"),
            ("alice", "alice"),
        ] {
            assert_eq!(Username::parse(typed).unwrap().as_str(), stored);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_not_repaired() {
        for (typed, why) in [
            ("", InvalidUsername::Empty),
            (" alice", InvalidUsername::WhiteSpace),
            ("alice ", InvalidUsername::WhiteSpace),
            ("al ice", InvalidUsername::WhiteSpace),
            ("alice\u{a0}", InvalidUsername::WhiteSpace),
            ("al\0ice", InvalidUsername::Invisible),
            ("al\u{200b}ice", InvalidUsername::Invisible),
            ("al\u{202e}ice", InvalidUsername::Invisible),
            ("@example.com", InvalidUsername::NotAnAddress),
            ("alice@", InvalidUsername::NotAnAddress),
            ("a@b@c", InvalidUsername::NotAnAddress),
        ] {
            assert_eq!(Username::parse(typed), Err(why), "{typed:?}");
        }
    }

    #[test]
    fn the_bound_is_on_the_bytes_that_are_stored() {
        assert!(Username::parse(&"a".repeat(MAX_BYTES)).is_ok());
        assert_eq!(Username::parse(&"a".repeat(MAX_BYTES + 1)), Err(InvalidUsername::TooLong));
        // Each `İ` has two bytes as typed and three in lower case.
        assert_eq!(Username::parse(&"İ".repeat(MAX_BYTES / 2)), Err(InvalidUsername::TooLong));
    }

    #[test]
    fn the_local_part_stands_before_the_at_sign() {
        assert_eq!(Username::parse("Alice@example.com").unwrap().local_part(), "alice");
        assert_eq!(Username::parse("alice").unwrap().local_part(), "alice");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(typed in any::<String>()) {
            if let Ok(name) = Username::parse(&typed) {
                prop_assert_eq!(Username::parse(name.as_str()), Ok(name));
            }
        }
    }
}
