//! Numbers and bytes as Ethereum's JSON-RPC writes them.

use std::fmt;

use alloy_primitives::{B256, Bytes, U256, hex};
use bursar_core::amount::Amount;

/// The longest data that is read, in bytes: no node takes a longer transaction into its pool.
pub const LONGEST_DATA: usize = 128 * 1024;

/// The text is no quantity, or too large for its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidQuantity;

/// The text is no data, or too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidData;

/// Reads `0x` and hex digits without leading zeros. Decimal text is refused: nodes differ in what `10` is.
///
/// # Errors
/// Any other text, or more than 256 bits.
pub fn quantity(text: &str) -> Result<U256, InvalidQuantity> {
    let digits = text.strip_prefix("0x").ok_or(InvalidQuantity)?;
    let led = digits.len() > 1 && digits.starts_with('0');
    let sound = (1..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if led || !sound {
        return Err(InvalidQuantity);
    }
    U256::from_str_radix(digits, 16).map_err(|_| InvalidQuantity)
}

/// Reads a quantity that fits a type.
///
/// # Errors
/// It is none, or does not fit.
pub fn narrow<T: TryFrom<U256>>(text: &str) -> Result<T, InvalidQuantity> {
    T::try_from(quantity(text)?).map_err(|_| InvalidQuantity)
}

/// Reads `0x` and an even number of hex digits.
///
/// # Errors
/// Any other text, or more than [`LONGEST_DATA`].
pub fn data(text: &str) -> Result<Bytes, InvalidData> {
    let digits = text.strip_prefix("0x").ok_or(InvalidData)?;
    if digits.len() > 2 * LONGEST_DATA || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(InvalidData);
    }
    hex::decode(digits).map(Bytes::from).map_err(|_| InvalidData)
}

/// Reads a hash: data of 32 bytes.
///
/// # Errors
/// Any other text.
pub fn hash(text: &str) -> Result<B256, InvalidData> {
    B256::try_from(data(text)?.as_ref()).map_err(|_| InvalidData)
}

/// The amount with these units.
pub fn amount(units: U256) -> Amount {
    Amount::from_be_bytes(units.to_be_bytes())
}

/// The units of an amount.
pub fn units(amount: Amount) -> U256 {
    U256::from_be_bytes(amount.to_be_bytes())
}

impl fmt::Display for InvalidQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a quantity that fits; write `0x` and hex digits without leading zeros, zero as `0x0`")
    }
}

impl fmt::Display for InvalidData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not data; write `0x` and two hex digits a byte, at most {LONGEST_DATA} bytes")
    }
}

impl std::error::Error for InvalidQuantity {}
impl std::error::Error for InvalidData {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantity_has_one_spelling() {
        assert_eq!(quantity("0x0"), Ok(U256::ZERO));
        assert_eq!(quantity("0xff"), quantity("0xFF"));
        for text in
            ["", "0x", "10", "0x00", "0x01", "0X1", "-0x1", "0x-1", "0x1.0", "0x1 ", "0x0x1", "1e18", "0x1_0", "0xg"]
        {
            assert_eq!(quantity(text), Err(InvalidQuantity), "{text}");
        }
        assert_eq!(quantity(&format!("0x{}", "f".repeat(64))), Ok(U256::MAX));
        assert_eq!(quantity(&format!("0x1{}", "0".repeat(64))), Err(InvalidQuantity));
        assert_eq!(narrow::<u64>("0xffffffffffffffff"), Ok(u64::MAX));
        assert_eq!(narrow::<u64>("0x10000000000000000"), Err(InvalidQuantity));
    }

    #[test]
    fn data_is_whole_bytes_behind_one_prefix() {
        assert_eq!(data("0x").expect("nothing").len(), 0);
        for text in ["", "00", "0x0", "0x0x00", "0xzz", "0x 0"] {
            assert_eq!(data(text), Err(InvalidData), "{text}");
        }
        assert!(data(&format!("0x{}", "00".repeat(LONGEST_DATA))).is_ok());
        assert!(data(&format!("0x{}", "00".repeat(LONGEST_DATA + 1))).is_err());
        assert!(hash("0x00").is_err());
    }

    proptest! {
        #[test]
        fn quantities_and_amounts_read_back_as_they_were_written(bytes: [u8; 32]) {
            let number = U256::from_be_bytes(bytes);
            prop_assert_eq!(quantity(&format!("{number:#x}")), Ok(number));
            prop_assert_eq!(units(amount(number)), number);
            prop_assert_eq!(amount(number).to_string(), number.to_string());
        }

        #[test]
        fn no_text_makes_it_panic(text in "(0x)?\\PC{0,70}") {
            let _ = (quantity(&text), data(&text), hash(&text), super::super::address::parse(&text));
        }
    }
}
