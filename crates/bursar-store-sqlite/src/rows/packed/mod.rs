//! Values that belong to one row and are never searched, packed into one column: short, since rows of hot
//! budgets are rewritten with every batch.
//!
//! Numbers are base 128, least significant group first, and signed ones go back and forth (0, -1, 1, -2).
//! Bytes and texts stand behind their length, amounts are big-endian without leading zeros. A list begins
//! with a version byte, and its entries go on until the end.

mod payees;
mod terms;
mod usage;
mod windows;

use bursar_core::amount::Amount;

pub(crate) use terms::{Terms, pack_outcome, pack_terms, unpack_outcome, unpack_terms};
pub(crate) use usage::{pack_usage, unpack_usage};
pub(crate) use windows::{pack_windows, unpack_windows};

const VERSION: u8 = 1;

/// An amount in as few bytes as it needs; nothing if there are more.
fn unpack_amount(packed: &[u8]) -> Option<Amount> {
    if packed.first() == Some(&0) {
        return None;
    }
    let mut whole = [0; 32];
    let begin = whole.len().checked_sub(packed.len())?;
    whole.get_mut(begin..)?.copy_from_slice(packed);
    Some(Amount::from_be_bytes(whole))
}

fn trimmed(bytes: &[u8; 32]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn unpack_list<T>(packed: &[u8], mut entry: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let (&VERSION, mut rest) = packed.split_first()? else {
        return None;
    };
    let mut entries = Vec::new();
    while !rest.is_empty() {
        entries.push(entry(&mut rest)?);
    }
    Some(entries)
}

/// Several values, each packed already.
pub(crate) fn pack_all(entries: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut packed = vec![VERSION];
    entries.for_each(|entry| put_bytes(&mut packed, &entry));
    packed
}

/// Nothing if these bytes are not what [`pack_all`] makes.
pub(crate) fn unpack_all<T>(packed: &[u8], unpack: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    unpack_list(packed, |rest| unpack(take_bytes(rest)?))
}

fn put_number(packed: &mut Vec<u8>, mut number: u64) {
    while let (group, more @ 1..) = (number & 0x7f, number >> 7) {
        packed.push(0x80 | group.to_le_bytes()[0]);
        number = more;
    }
    packed.push(number.to_le_bytes()[0]);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        let group = u64::from(byte & 0x7f);
        let part = group << shift;
        if part >> shift != group {
            return None;
        }
        number |= part;
        if byte & 0x80 == 0 {
            // One number, one form.
            return (byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}

fn put_signed(packed: &mut Vec<u8>, number: i64) {
    put_number(packed, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take_number(rest)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

fn put_bytes(packed: &mut Vec<u8>, bytes: &[u8]) {
    put_number(packed, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    packed.extend(bytes);
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    take_so_many(rest, length)
}

fn take_so_many<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    str::from_utf8(take_bytes(rest)?).ok()
}

fn put_amount(packed: &mut Vec<u8>, amount: Amount) {
    put_bytes(packed, trimmed(&amount.to_be_bytes()));
}

fn take_amount(rest: &mut &[u8]) -> Option<Amount> {
    unpack_amount(take_bytes(rest)?)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_unpack_to_what_was_packed_in_as_few_bytes_as_they_need() {
        for (number, length) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (u64::MAX, 10)] {
            let mut packed = Vec::new();
            put_number(&mut packed, number);
            assert_eq!(packed.len(), length, "{number}");
            assert_eq!(take_number(&mut &packed[..]), Some(number));
            assert_eq!(take_number(&mut &packed[..length - 1]), None);
        }
        for number in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            let mut packed = Vec::new();
            put_signed(&mut packed, number);
            assert_eq!(take_signed(&mut &packed[..]), Some(number));
        }
    }

    #[test]
    fn a_number_has_one_form_and_ends_at_64_bits() {
        for wrong in [&[0x80, 0][..], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert_eq!(take_number(&mut &wrong[..]), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_amount_has_one_form_of_at_most_32_bytes() {
        for (amount, length) in [(Amount::ZERO, 0), (Amount::new(255), 1), (Amount::new(256), 2), (Amount::MAX, 32)] {
            let packed = trimmed(&amount.to_be_bytes()).to_vec();
            assert_eq!((packed.len(), unpack_amount(&packed)), (length, Some(amount)));
        }
        assert_eq!(unpack_amount(&[0, 1]), None);
        assert_eq!(unpack_amount(&[1; 33]), None);
    }
}
