//! What was spent, in a few bytes: a head with the length of the amount and two marks (a fee follows, a
//! number of spends other than one follows), the amount, then what the marks say.

use bursar_core::amount::Amount;
use bursar_core::limit::Usage;

use super::{put_amount, put_number, take, take_amount, take_number, take_so_many, trimmed, unpack_amount};

const LENGTH: u8 = 0x3f;
const FEE: u8 = 0x40;
const NUMBER: u8 = 0x80;

/// A column of its own: nothing for nothing.
pub(crate) fn pack_usage(usage: Usage) -> Vec<u8> {
    let mut packed = Vec::new();
    if !usage.is_zero() {
        put_usage(&mut packed, usage);
    }
    packed
}

/// Nothing if these bytes are not what [`pack_usage`] makes.
pub(crate) fn unpack_usage(mut packed: &[u8]) -> Option<Usage> {
    if packed.is_empty() {
        return Some(Usage::default());
    }
    let usage = take_usage(&mut packed)?;
    (packed.is_empty() && !usage.is_zero()).then_some(usage)
}

pub(super) fn put_usage(packed: &mut Vec<u8>, usage: Usage) {
    let bytes = usage.amount.to_be_bytes();
    let amount = trimmed(&bytes);
    let has_fee = usage.fee > Amount::ZERO;
    let mut head = amount.len().to_le_bytes()[0];
    if has_fee {
        head |= FEE;
    }
    if usage.count != 1 {
        head |= NUMBER;
    }
    packed.push(head);
    packed.extend(amount);
    if has_fee {
        put_amount(packed, usage.fee);
    }
    if usage.count != 1 {
        put_number(packed, usage.count);
    }
}

pub(super) fn take_usage(rest: &mut &[u8]) -> Option<Usage> {
    let [head] = take(rest)?;
    let amount = unpack_amount(take_so_many(rest, usize::from(head & LENGTH))?)?;
    let fee = match head & FEE {
        0 => Amount::ZERO,
        _ => take_amount(rest).filter(|fee| *fee > Amount::ZERO)?,
    };
    let count = match head & NUMBER {
        0 => 1,
        _ => take_number(rest).filter(|count| *count != 1)?,
    };
    Some(Usage { amount, fee, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_unpacks_to_what_was_packed_and_is_short() {
        let usage = |amount, fee, count| Usage { amount, fee, count };
        let (none, some) = (Amount::ZERO, Amount::new(1_000_000));
        for (usage, length) in [
            (Usage::default(), 0),
            (Usage::one(none), 1),
            (Usage::one(some), 4),
            (usage(some, Amount::new(7), 1), 6),
            (usage(none, none, 300), 3),
            (usage(none, some, 0), 6),
            (usage(Amount::MAX, Amount::MAX, u64::MAX), 76),
        ] {
            let packed = pack_usage(usage);
            assert_eq!((packed.len(), unpack_usage(&packed)), (length, Some(usage)));
            for end in 1..length {
                assert_eq!(unpack_usage(&packed[..end]), None, "{usage:?} cut off at {end}");
            }
        }
    }

    #[test]
    fn bytes_that_nothing_packs_to_do_not_unpack() {
        // Nothing said at length, a fee of nothing, one spend said twice, a leading zero, too long, too much.
        for wrong in [&[0x80, 0][..], &[0x40, 0], &[0x80, 1], &[1, 0], &[33], &[0, 0]] {
            assert_eq!(unpack_usage(wrong), None, "{wrong:?}");
        }
    }
}
