//! The bytes of [`Attempts`] for the store: a version, two counts, then entries of fixed size.
//!
//! Big-endian. A text that is not exactly such a record is refused, never read in part: a record read
//! as empty would give every guess back.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bursar_core::id::TokenId;
use bursar_core::time::Timestamp;

use super::{AddressPrefix, Attempts, Counter, Credential, Failure, Known, Source};

const VERSION: u8 = 1;
const TOKEN: u8 = 1;
const IPV6: u8 = 2;
const OWN: u8 = 4;

/// The bytes are not a record of attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record of attempts is damaged")
    }
}

impl std::error::Error for Damaged {}

/// One entry: flags, how slowed, token id, prefix, time.
type Entry = [u8; 34];

impl Attempts {
    /// The record as bytes: 5 and 34 for each entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let known = u16::try_from(self.known.len()).unwrap_or(u16::MAX);
        let failures = u16::try_from(self.failures.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![VERSION];
        bytes.extend(known.to_be_bytes());
        bytes.extend(failures.to_be_bytes());
        for known in self.known.iter().take(known.into()) {
            bytes.extend(write(known.source, 0, 0, known.succeeded));
        }
        for failure in self.failures.iter().take(failures.into()) {
            let own = if failure.counter == Counter::Own { OWN } else { 0 };
            bytes.extend(write(failure.source, own, failure.slowed, failure.at));
        }
        bytes
    }

    /// The record of bytes that [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    /// [`Damaged`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let Some(([VERSION, a, b, c, d], rest)) = bytes.split_first_chunk() else {
            return Err(Damaged);
        };
        let known = usize::from(u16::from_be_bytes([*a, *b]));
        let failures = usize::from(u16::from_be_bytes([*c, *d]));
        let (entries, []) = rest.as_chunks() else {
            return Err(Damaged);
        };
        if entries.len() != known + failures {
            return Err(Damaged);
        }
        let (known, failures) = entries.split_at_checked(known).ok_or(Damaged)?;
        Ok(Self {
            known: known.iter().map(read_known).collect::<Result<_, _>>()?,
            failures: failures.iter().map(read_failure).collect::<Result<_, _>>()?,
        })
    }
}

fn read_known(entry: &Entry) -> Result<Known, Damaged> {
    match read(entry)? {
        (source, 0, 0, succeeded) => Ok(Known { source, succeeded }),
        _ => Err(Damaged),
    }
}

fn read_failure(entry: &Entry) -> Result<Failure, Damaged> {
    let (source, flags, slowed, at) = read(entry)?;
    let counter = match flags {
        0 => Counter::Shared,
        OWN => Counter::Own,
        _ => return Err(Damaged),
    };
    Ok(Failure { source, at, counter, slowed })
}

fn write(source: Source, flags: u8, slowed: u8, time: Timestamp) -> Vec<u8> {
    let (token, id) = match source.credential {
        Credential::Login => (0, [0; 16]),
        Credential::Token(id) => (TOKEN, *id.as_bytes()),
    };
    let (v6, prefix) = match source.prefix.address() {
        IpAddr::V4(v4) => (0, u64::from(v4.to_bits())),
        IpAddr::V6(v6) => (IPV6, u64::try_from(v6.to_bits() >> 64).unwrap_or(0)),
    };
    let mut entry = vec![flags | token | v6, slowed];
    entry.extend(id);
    entry.extend(prefix.to_be_bytes());
    entry.extend(time.as_millis().to_be_bytes());
    entry
}

/// The source, the flags that are not part of it, how slowed, and the time.
fn read(entry: &Entry) -> Result<(Source, u8, u8, Timestamp), Damaged> {
    let ([flags, slowed], rest) = entry.split_first_chunk().ok_or(Damaged)?;
    let (id, rest) = rest.split_first_chunk::<16>().ok_or(Damaged)?;
    let (prefix, rest) = rest.split_first_chunk().ok_or(Damaged)?;
    let (prefix, time) = (u64::from_be_bytes(*prefix), rest.first_chunk().ok_or(Damaged)?);
    let address: IpAddr = match flags & IPV6 {
        0 => Ipv4Addr::from_bits(u32::try_from(prefix).map_err(|_| Damaged)?).into(),
        _ => Ipv6Addr::from_bits(u128::from(prefix) << 64).into(),
    };
    let credential = match flags & TOKEN {
        0 if *id == [0; 16] => Credential::Login,
        0 => return Err(Damaged),
        _ => Credential::Token(TokenId::from_bytes(*id)),
    };
    let source = Source { credential, prefix: AddressPrefix::of(address) };
    if source.prefix.address() != address {
        return Err(Damaged);
    }
    Ok((source, flags & !(TOKEN | IPV6), *slowed, Timestamp::from_millis(i64::from_be_bytes(*time))))
}
