//! Destinations in their normal form: where money goes, as decoded bytes and never as text.

use std::fmt;

use sha2::{Digest, Sha256};

/// Where money goes. Two spellings of one address are one destination.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    family: Box<str>,
    bytes: Box<[u8]>,
    tag: Option<Box<str>>,
}

/// Names a destination among all: a hash of its normal form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId([u8; 32]);

impl Destination {
    /// The destination with these decoded bytes on chains of a family (`bitcoin-testnet`, `evm`, ...), and
    /// the tag or memo that goes with it.
    pub fn new(family: &str, bytes: &[u8], tag: Option<&str>) -> Self {
        Self { family: family.into(), bytes: bytes.into(), tag: tag.map(Into::into) }
    }

    /// The family of chains it lives on.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The decoded address.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The tag or memo that goes with it.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Its name among all destinations.
    pub fn id(&self) -> DestinationId {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.family.as_bytes());
        field(&self.bytes);
        if let Some(tag) = &self.tag {
            field(tag.as_bytes());
        }
        DestinationId(hasher.finalize().into())
    }
}

impl DestinationId {
    /// The name with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.family)?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, "?{tag}"))
    }
}

impl fmt::Debug for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_bytes_and_tag_all_tell_destinations_apart() {
        let one = Destination::new("evm", &[1, 2], None);
        let others = [
            Destination::new("bitcoin", &[1, 2], None),
            Destination::new("evm", &[1, 3], None),
            Destination::new("evm", &[1, 2], Some("7")),
            Destination::new("evm", &[1, 2], Some("")),
        ];
        assert!(others.iter().all(|other| other.id() != one.id()));
        assert_eq!(one.id(), Destination::new("evm", &[1, 2], None).id());
    }
}
