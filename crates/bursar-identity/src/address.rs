//! E-mail addresses: which are taken, and their normal form.
//!
//! Narrower than RFC 5321 allows: what a mail server would have to quote, or a mail client could read in two ways, is
//! refused. Nothing that passes can end a header's line or begin a second address.

use std::fmt;

/// The longest local part, in bytes (RFC 5321 §4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest address, in bytes (RFC 5321 §4.5.3.1.3).
const LONGEST: usize = 254;
/// The longest part of a domain between dots, in bytes (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;

/// An e-mail address in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address(String);

/// The text is no address that mail is sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidAddress;

impl Address {
    /// Reads an address. Letters are lower-cased, in the local part too, as every mail server of today has it.
    ///
    /// # Errors
    /// [`InvalidAddress`]
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.split_once('@').ok_or(InvalidAddress)?;
        let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let local_is_sound = (1..=LONGEST_LOCAL).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom));
        let domain_is_sound = domain.split('.').count() >= 2 && domain.split('.').all(is_label);
        match local_is_sound && domain_is_sound && text.len() <= LONGEST {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(InvalidAddress),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an e-mail address, such as `name@example.com`, of ASCII characters")
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_lower_cased() {
        assert_eq!(Address::parse("First.Last+Bot@Example.COM").unwrap().as_str(), "first.last+bot@example.com");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a@b@example.com",
            "a@example.com\r\nBcc: x@example.com",
            "a\n@example.com",
            "a b@example.com",
            "\"a\"@example.com",
            "a@[127.0.0.1]",
            "<a@example.com>",
            "a@example.com,b@example.com",
            "a@example.com;",
            "a..b@example.com",
            ".a@example.com",
            "a@-example.com",
            "a@example..com",
            "a@example.com.",
            "ä@example.com",
            "a@exämple.com",
            "a\u{202e}@example.com",
            "a(comment)@example.com",
        ] {
            assert_eq!(Address::parse(text), Err(InvalidAddress), "{text:?}");
        }
        assert!(Address::parse(&format!("{}@example.com", "a".repeat(64))).is_ok());
        assert!(Address::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_passes_leaves_a_line_or_names_a_second_address(text in "\\PC{0,40}|[ -~\r\n\t]{0,40}@[a-z.\r\n,<>-]{1,20}") {
            if let Ok(address) = Address::parse(&text) {
                let text = address.as_str();
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!text.contains([',', ';', '<', '>', '"', '(', ')', '[', ']', '\\', ':']));
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert_eq!(Address::parse(text), Ok(address.clone()));
            }
        }
    }
}
