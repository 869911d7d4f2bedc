//! Where a token may be used from (WC §6). Addresses are compared as numbers, never as text.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// One entry of an IP restriction: a single address, or a block from /24 (IPv4) or /64 (IPv6) down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpRule(IpNet);

/// Why a text is not an entry of an IP restriction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidIpRule {
    /// Neither an address nor a CIDR block.
    NotAnAddress,
    /// A block wider than /24 (IPv4) or /64 (IPv6).
    TooWide,
    /// A block with bits set behind its prefix, such as `10.0.0.1/24`: what was meant is not clear.
    HostBitsSet,
}

/// The addresses a token may be used from. No entry at all means no restriction (WC §6).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IpRestriction(Vec<IpRule>);

impl IpRule {
    /// Reads an address or a CIDR block.
    ///
    /// # Errors
    /// A text that is neither, or a block that is too wide or not in normal form.
    pub fn parse(text: &str) -> Result<Self, InvalidIpRule> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(unmapped(address))));
        }
        let block: IpNet = text.parse().map_err(|_| InvalidIpRule::NotAnAddress)?;
        let block = match block {
            // ::ffff:203.0.113.0/120 is 203.0.113.0/24 in another notation.
            IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some() && six.prefix_len() >= 96 => {
                IpNet::new(unmapped(IpAddr::V6(six.addr())), six.prefix_len().saturating_sub(96))
                    .map_err(|_| InvalidIpRule::NotAnAddress)?
            }
            other => other,
        };
        let widest = match block {
            IpNet::V4(_) => 24,
            IpNet::V6(_) => 64,
        };
        if block.prefix_len() < widest {
            Err(InvalidIpRule::TooWide)
        } else if block.trunc() != block {
            Err(InvalidIpRule::HostBitsSet)
        } else {
            Ok(Self(block))
        }
    }

    /// The first address inside.
    pub fn first(&self) -> IpAddr {
        self.0.addr()
    }

    /// Whether the address lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&unmapped(address))
    }
}

impl IpRestriction {
    /// The restriction to these entries; none means that there is no restriction.
    pub fn new(rules: Vec<IpRule>) -> Self {
        Self(rules)
    }

    /// The entries.
    pub fn rules(&self) -> &[IpRule] {
        &self.0
    }

    /// Whether a token with this restriction may be used from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|rule| rule.contains(address))
    }
}

/// The address itself, with an IPv4 address taken out of its IPv6 wrapping (`::ffff:203.0.113.7`).
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
        four => four,
    }
}

/// The network an address is throttled by: itself for IPv4, its /64 for IPv6, which is what one customer gets.
pub fn source_network(address: IpAddr) -> IpAddr {
    match unmapped(address) {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
        four => four,
    }
}

impl fmt::Display for IpRule {
    /// A single address without its prefix, as it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl fmt::Display for InvalidIpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnAddress => "is neither an IP address nor a CIDR block",
            Self::TooWide => "is too wide; blocks from /24 to /32 (IPv4) and /64 to /128 (IPv6) are allowed",
            Self::HostBitsSet => "has bits set behind its prefix; write the block's first address",
        })
    }
}

impl std::error::Error for InvalidIpRule {}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_are_24_to_32_and_64_to_128() {
        for text in ["203.0.113.0/24", "203.0.113.7/32", "203.0.113.7", "2001:db8::/64", "::1", "0.0.0.0"] {
            assert!(IpRule::parse(text).is_ok(), "{text}");
        }
        assert_eq!(IpRule::parse("203.0.112.0/23"), Err(InvalidIpRule::TooWide));
        assert_eq!(IpRule::parse("2001:db8::/63"), Err(InvalidIpRule::TooWide));
        assert_eq!(IpRule::parse("::ffff:203.0.113.0/110"), Err(InvalidIpRule::TooWide));
        assert_eq!(IpRule::parse("203.0.113.7/24"), Err(InvalidIpRule::HostBitsSet));
        assert_eq!(IpRule::parse("localhost"), Err(InvalidIpRule::NotAnAddress));
        assert_eq!(IpRule::parse("203.0.113.0/33"), Err(InvalidIpRule::NotAnAddress));
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_its_ipv6_wrapping() {
        let rule = IpRule::parse("203.0.113.0/24").unwrap();
        assert!(rule.contains(address("::ffff:203.0.113.9")));
        assert!(!rule.contains(address("203.0.114.9")));
        assert_eq!(IpRule::parse("::ffff:203.0.113.0/120"), Ok(rule));
    }

    #[test]
    fn no_entry_means_no_restriction() {
        assert!(IpRestriction::default().allows(address("192.0.2.1")));
        let one = IpRestriction::new(vec![IpRule::parse("192.0.2.7").unwrap()]);
        assert!(one.allows(address("192.0.2.7")));
        assert!(!one.allows(address("192.0.2.8")));
    }
}
