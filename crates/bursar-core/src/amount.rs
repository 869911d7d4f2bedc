//! Money: unsigned 256-bit integers of base units. Never a float, never negative, never clipped.

use std::fmt;

use ruint::aliases::U256;

/// A number of base units (satoshi, wei, ...) of some coin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(U256);

/// Why a text is not an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidAmount {
    /// Nothing was given. Empty is not zero: BitGo's users lost days to that reading.
    Empty,
    /// Something other than decimal digits: a sign, a fraction, an exponent, hex, spaces.
    NotDecimalInteger,
    /// More than 2^256 - 1.
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);
    /// 2^256 - 1 base units.
    pub const MAX: Self = Self(U256::MAX);

    /// `units` base units.
    pub fn new(units: u128) -> Self {
        Self(U256::from(units))
    }

    /// 2 to the power of `exponent`, which is below 256.
    pub const fn power_of_two(exponent: usize) -> Self {
        Self(U256::ONE.wrapping_shl(exponent))
    }

    /// 2 to the power of `exponent`, which is from 1 to 255, less 1.
    pub const fn all_ones(exponent: usize) -> Self {
        Self(U256::MAX.wrapping_shr(256_usize.saturating_sub(exponent)))
    }

    /// Reads decimal digits, as every wire of Bursar writes amounts.
    ///
    /// # Errors
    /// Anything but digits, or a number that does not fit.
    pub fn parse(text: &str) -> Result<Self, InvalidAmount> {
        if text.is_empty() {
            return Err(InvalidAmount::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidAmount::NotDecimalInteger);
        }
        // Bounds the work: no amount has more digits, leading zeros aside.
        let digits = text.trim_start_matches('0');
        if digits.len() > 78 {
            return Err(InvalidAmount::TooLarge);
        }
        U256::from_str_radix(if digits.is_empty() { "0" } else { digits }, 10)
            .map(Self)
            .map_err(|_| InvalidAmount::TooLarge)
    }

    /// The sum, or nothing if it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing if it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The difference, or zero if it would be negative.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, or the greatest amount if it does not fit. For figures that are shown or that record what
    /// happened, never to decide whether something fits.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The product, or nothing if it does not fit.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// The product, or the greatest amount if it does not fit.
    pub fn saturating_mul(self, other: Self) -> Self {
        Self(self.0.saturating_mul(other.0))
    }

    /// The quotient, rounded down; nothing if the divisor is zero.
    pub fn checked_div(self, divisor: Self) -> Option<Self> {
        self.0.checked_div(divisor.0).map(Self)
    }

    /// The quotient, rounded up; nothing if the divisor is zero.
    pub fn checked_div_ceil(self, divisor: Self) -> Option<Self> {
        let (quotient, rest) = (self.0.checked_div(divisor.0)?, self.0.checked_rem(divisor.0)?);
        if rest.is_zero() { Some(Self(quotient)) } else { quotient.checked_add(U256::ONE).map(Self) }
    }

    /// Whether four amounts as great as this one still have a sum.
    pub(crate) const fn is_below_a_quarter(&self) -> bool {
        self.0.as_limbs()[3] < u64::MAX / 4
    }

    /// The amount as a small number, if it is one.
    pub fn as_u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    /// Big-endian bytes, the stored form.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The amount with these big-endian bytes.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for InvalidAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => {
                "is empty; give a whole number of base units, `\"0\"` to allow nothing, or leave the limit out"
            }
            Self::NotDecimalInteger => {
                "is not a whole number of base units; write decimal digits without sign, fraction or exponent"
            }
            Self::TooLarge => "is more than 2^256 - 1 base units",
        })
    }
}

impl std::error::Error for InvalidAmount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_integers_are_amounts() {
        for text in ["-1", "+1", "1.0", "1e3", "0x10", " 1", "1 ", "1_000", "١"] {
            assert_eq!(Amount::parse(text), Err(InvalidAmount::NotDecimalInteger), "{text}");
        }
        assert_eq!(Amount::parse(""), Err(InvalidAmount::Empty));
        assert_eq!(Amount::parse("007"), Ok(Amount::new(7)));
    }

    #[test]
    fn the_largest_amount_is_2_to_the_256_minus_1() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(Amount::parse(largest), Ok(Amount::MAX));
        assert_eq!(Amount::MAX.to_string(), largest);
        let above = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(Amount::parse(above), Err(InvalidAmount::TooLarge));
        assert_eq!(Amount::parse(&"9".repeat(1_000_000)), Err(InvalidAmount::TooLarge));
        assert_eq!(Amount::MAX.checked_add(Amount::new(1)), None);
    }
}
