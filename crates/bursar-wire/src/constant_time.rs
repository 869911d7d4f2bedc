//! Comparing secrets of fixed length in time that depends on neither.

use subtle::{Choice, ConstantTimeEq};

/// Whether two texts of a multiple of 8 bytes are the same. Words, not bytes: this is on the path of every request.
pub(crate) fn is_same<const N: usize>(left: &[u8; N], right: &[u8; N]) -> Choice {
    const { assert!(N.is_multiple_of(8)) };
    let (left, _) = left.as_chunks();
    let (right, _) = right.as_chunks();
    left.iter().zip(right).fold(Choice::from(1), |same, (left, right)| {
        same & u64::from_ne_bytes(*left).ct_eq(&u64::from_ne_bytes(*right))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_changed_bit_anywhere_is_seen() {
        let text: [u8; 32] = std::array::from_fn(|index| index as u8);
        assert!(bool::from(is_same(&text, &text.clone())));
        for bit in 0..256 {
            let mut other = text;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(is_same(&text, &other)), "bit {bit}");
        }
    }
}
