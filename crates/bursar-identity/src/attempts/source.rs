//! Where a guess comes from: what was presented, and a part of the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bursar_core::id::TokenId;

/// What was presented together with the guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Credential {
    /// The account's username and password, or a session that came of them.
    Login,
    /// An access token of the account.
    Token(TokenId),
}

/// The network part of an address: /24 of IPv4, /64 of IPv6, which is what one customer gets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressPrefix(IpAddr);

impl AddressPrefix {
    /// The prefix that `address` lies in; an IPv4 address mapped into IPv6 counts as what it is.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Ipv4Addr::new(a, b, c, 0).into()
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }

    /// The first address of the prefix.
    pub const fn address(&self) -> IpAddr {
        self.0
    }
}

/// A credential at an address: what is slowed down, and what can become known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Source {
    /// What was presented.
    pub credential: Credential,
    /// From where.
    pub prefix: AddressPrefix,
}

impl Source {
    /// `credential`, presented from `address`.
    pub fn new(credential: Credential, address: IpAddr) -> Self {
        Self { credential, prefix: AddressPrefix::of(address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_prefix_and_others_do_not() {
        let prefix = |text: &str| AddressPrefix::of(text.parse().unwrap());
        assert_eq!(prefix("203.0.113.7"), prefix("203.0.113.250"));
        assert_ne!(prefix("203.0.113.7"), prefix("203.0.114.7"));
        assert_eq!(prefix("2001:db8:1:2::7"), prefix("2001:db8:1:2:ffff::1"));
        assert_ne!(prefix("2001:db8:1:2::7"), prefix("2001:db8:1:3::7"));
        assert_eq!(prefix("::ffff:203.0.113.9"), prefix("203.0.113.7"));
        assert_eq!(prefix("203.0.113.7").address().to_string(), "203.0.113.0");
    }
}
