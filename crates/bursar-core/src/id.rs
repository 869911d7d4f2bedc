//! Identifiers: 16 bytes, written as 32 lower-case hex characters (WC §1.1), a type for each kind of thing.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::time::Timestamp;

/// The text is not 32 lower-case hex characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 32 lower-case hex characters")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with exactly these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// An id that sorts by `time`: 48 bits of milliseconds, then 80 random bits.
            ///
            /// Tables that grow are keyed by these, since a random key costs a page per row.
            pub const fn time_ordered(time: Timestamp, random: [u8; 10]) -> Self {
                let [_, _, a, b, c, d, e, f] = time.as_millis().to_be_bytes();
                let [g, h, i, j, k, l, m, n, o, p] = random;
                Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
            }
        }

        /// As one number: a decision looks up a dozen records by id.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                state.write_u128(u128::from_ne_bytes(self.0));
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(str::from_utf8(&hex(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// A user's account.
    UserId
    /// A token, session or access: the public half, never the secret.
    TokenId
    /// An organisation, `enterprise` on the wire.
    OrganisationId
    /// A wallet.
    WalletId
    /// A place in an organisation that is offered to somebody.
    InvitationId
    /// A spend, from its hold to its settlement.
    HoldId
    /// A second factor or a set of recovery codes.
    FactorId
    /// An access-token template.
    TemplateId
}

/// By hand, since every audit event tells several ids.
fn hex(bytes: &[u8; 16]) -> [u8; 32] {
    let digit = |value: u8| if value < 10 { value.wrapping_add(b'0') } else { value.wrapping_add(b'a' - 10) };
    let mut text = [0; 32];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
    text
}

fn parse(text: &str) -> Result<[u8; 16], InvalidId> {
    let mut bytes = [0; 16];
    if text.len() != 32 {
        return Err(InvalidId);
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = match pair {
            [high, low] => digit(*high)? << 4 | digit(*low)?,
            _ => return Err(InvalidId),
        };
    }
    Ok(bytes)
}

const fn digit(byte: u8) -> Result<u8, InvalidId> {
    match byte {
        b'0'..=b'9' => Ok(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(InvalidId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree_both_ways() {
        let id = UserId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string(), "30313233343536373839616263646566");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn anything_but_32_lower_case_hex_is_refused() {
        for text in [
            "",
            "30",
            "3031323334353637383961626364656G",
            "3031323334353637383961626364656F",
            "é031323334353637383961626364656",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn ids_made_later_sort_later() {
        let early = HoldId::time_ordered(Timestamp::from_millis(1_790_000_000_000), [255; 10]);
        let late = HoldId::time_ordered(Timestamp::from_millis(1_790_000_000_001), [0; 10]);
        assert!(early < late);
    }
}
