//! Addresses: read strictly, and turned into destinations that all rails share.

use std::fmt;

use alloy_primitives::Address;
use bursar_core::amount::Amount;
use bursar_core::destination::Destination;
use bursar_core::hold::Payee;

/// The family of destinations on Ethereum's kind of chains: one address is one account on all of them.
pub const FAMILY: &str = "evm";

/// Why a text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidAddress {
    /// Anything but `0x` and 40 hex digits: a name, another length, other signs.
    Form,
    /// Upper and lower case are mixed in another way than EIP-55 says: most likely a digit is wrong.
    Checksum,
}

/// Reads `0x` and 40 hex digits; where their case is mixed it must be the checksum of EIP-55.
///
/// # Errors
/// Any other text.
pub fn parse(text: &str) -> Result<Address, InvalidAddress> {
    let digits = text.strip_prefix("0x").ok_or(InvalidAddress::Form)?;
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(InvalidAddress::Form);
    }
    let address: Address = digits.parse().map_err(|_| InvalidAddress::Form)?;
    let has = |test: fn(&u8) -> bool| digits.as_bytes().iter().any(test);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    if mixed && address.to_checksum(None) != text { Err(InvalidAddress::Checksum) } else { Ok(address) }
}

/// Where money goes that goes to this address.
pub fn destination(address: &Address) -> Destination {
    Destination::new(FAMILY, address.as_slice(), None)
}

/// Somebody who gets an amount, the address in its written form with the checksum.
pub fn payee(address: &Address, amount: Amount) -> Payee {
    Payee { address: address.to_checksum(None), destination: destination(address), amount }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not an address; write `0x` and 40 hex digits",
            Self::Checksum => {
                "is mistyped: the case of its letters is not its checksum (EIP-55); copy it again, or write it in lower case"
            }
        })
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the examples of EIP-55.
    const WRITTEN: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn all_spellings_of_an_address_are_one_destination() {
        let upper = format!("0x{}", WRITTEN[2..].to_uppercase());
        let all = [WRITTEN, &WRITTEN.to_lowercase(), &upper].map(|text| destination(&parse(text).expect(text)));
        assert!(all.iter().all(|one| *one == all[0] && one.family() == "evm" && one.bytes().len() == 20));
    }

    #[test]
    fn a_mistyped_address_is_refused() {
        assert_eq!(parse(&WRITTEN.replace("5aA", "5AA")), Err(InvalidAddress::Checksum));
        let unprefixed = &WRITTEN[2..];
        for text in
            ["", "0x", unprefixed, &WRITTEN[..41], &format!("{WRITTEN}0"), "vitalik.eth", &format!(" {WRITTEN}")]
        {
            assert_eq!(parse(text), Err(InvalidAddress::Form), "{text}");
        }
        assert_eq!(parse(&WRITTEN.replace("0x", "0X")), Err(InvalidAddress::Form));
        assert_eq!(parse(&format!("0x0x{}", &WRITTEN[4..])), Err(InvalidAddress::Form));
    }
}
