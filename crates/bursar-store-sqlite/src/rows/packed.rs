//! What belongs to one row and is never searched, packed into one column.
//!
//! Texts and bytes stand behind their length, amounts as their significant bytes behind their number,
//! other numbers as seven bits a byte with the lowest first (LEB128). Lists begin with a version byte and
//! go on to the end. What was cut off or changed does not unpack.

use bursar_core::amount::Amount;
use bursar_core::destination::{Destination, DestinationId};
use bursar_core::hold::Payee;
use bursar_core::limit::{Accrual, Allowed, Counter, Destinations, Rolling, Usage, Window};
use bursar_core::time::Timestamp;

const VERSION: u8 = 1;
const ROLLING: u8 = 1;
const PERIOD: u8 = 2;
const ACCRUAL: u8 = 3;

pub(super) fn pack_usage(usage: Usage) -> Vec<u8> {
    let mut packed = Vec::with_capacity(16);
    put_usage(&mut packed, usage);
    packed
}

pub(super) fn unpack_usage(packed: &[u8]) -> Option<Usage> {
    let mut rest = packed;
    let usage = take_usage(&mut rest)?;
    rest.is_empty().then_some(usage)
}

pub(super) fn pack_payees(payees: &[Payee]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for payee in payees {
        put_bytes(&mut packed, payee.address.as_bytes());
        put_destination(&mut packed, &payee.destination);
        put_amount(&mut packed, payee.amount);
    }
    packed
}

pub(super) fn unpack_payees(packed: &[u8]) -> Option<Vec<Payee>> {
    unpack(packed, |rest| {
        Some(Payee {
            address: take_text(rest)?.to_owned(),
            destination: take_destination(rest)?,
            amount: take_amount(rest)?,
        })
    })
}

/// Destination rules without the limits that each destination has: those have rows of their own.
pub(super) fn pack_destinations(rules: &Destinations) -> Vec<u8> {
    let mut packed = vec![VERSION];
    put_option(&mut packed, rules.at_most, |packed, at_most| put_number(packed, at_most.into()));
    put_option(&mut packed, rules.counted_since, put_time);
    packed.push(u8::from(rules.allowed.is_some()));
    for entry in rules.allowed.iter().flatten() {
        put_bytes(&mut packed, entry.address.as_bytes());
        put_destination(&mut packed, &entry.destination);
    }
    packed
}

pub(super) fn unpack_destinations(packed: &[u8]) -> Option<Destinations> {
    let (&VERSION, mut rest) = packed.split_first()? else { return None };
    let at_most = take_option(&mut rest, |rest| u32::try_from(take_number(rest)?).ok())?;
    let counted_since = take_option(&mut rest, take_time)?;
    let [has_list] = take(&mut rest)?;
    let mut allowed = Vec::new();
    while has_list == 1 && !rest.is_empty() {
        let address = take_text(&mut rest)?.to_owned();
        allowed.push(Allowed { address, destination: take_destination(&mut rest)? });
    }
    let allowed = match has_list {
        0 => None,
        1 => Some(allowed),
        _ => return None,
    };
    rest.is_empty().then_some(Destinations { allowed, at_most, each: Vec::new(), counted_since })
}

pub(super) fn pack_paid(paid: &[DestinationId]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    paid.iter().for_each(|id| packed.extend(id.as_bytes()));
    packed
}

pub(super) fn unpack_paid(packed: &[u8]) -> Option<Vec<DestinationId>> {
    unpack(packed, |rest| Some(DestinationId::from_bytes(take(rest)?)))
}

pub(super) fn pack_windows(windows: &[(Window, Counter)]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for (window, counter) in windows {
        put_bytes(&mut packed, window.to_string().as_bytes());
        match counter {
            Counter::Rolling(rolling) => {
                packed.push(ROLLING);
                put_number(&mut packed, u64::try_from(rolling.entries().len()).unwrap_or(u64::MAX));
                let mut before = 0_i64;
                for (at, usage) in rolling.entries() {
                    // Entries come in order, so their distances are small.
                    put_signed(&mut packed, at.as_millis().wrapping_sub(before));
                    before = at.as_millis();
                    put_usage(&mut packed, *usage);
                }
            }
            Counter::Period { start, end, usage } => {
                packed.push(PERIOD);
                put_time(&mut packed, *start);
                put_time(&mut packed, *end);
                put_usage(&mut packed, *usage);
            }
            Counter::Accrual(accrual) => {
                packed.push(ACCRUAL);
                put_time(&mut packed, accrual.at);
                put_usage(&mut packed, accrual.level);
                accrual.worn.into_iter().for_each(|worn| put_number(&mut packed, worn));
            }
        }
    }
    packed
}

pub(super) fn unpack_windows(packed: &[u8]) -> Option<Vec<(Window, Counter)>> {
    unpack(packed, |rest| {
        let window = Window::parse(take_text(rest)?).ok()?;
        let [kind] = take(rest)?;
        let counter = match kind {
            ROLLING => {
                let mut entries = Vec::new();
                let mut before = 0_i64;
                for _ in 0..take_number(rest)? {
                    before = before.wrapping_add(take_signed(rest)?);
                    entries.push((Timestamp::from_millis(before), take_usage(rest)?));
                }
                Counter::Rolling(Rolling::from_entries(entries))
            }
            PERIOD => Counter::Period { start: take_time(rest)?, end: take_time(rest)?, usage: take_usage(rest)? },
            ACCRUAL => {
                let (at, level) = (take_time(rest)?, take_usage(rest)?);
                let worn = [take_number(rest)?, take_number(rest)?, take_number(rest)?];
                Counter::Accrual(Accrual { at, level, worn })
            }
            _ => return None,
        };
        Some((window, counter))
    })
}

fn unpack<T>(packed: &[u8], mut entry: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let (&VERSION, mut rest) = packed.split_first()? else { return None };
    let mut entries = Vec::new();
    while !rest.is_empty() {
        entries.push(entry(&mut rest)?);
    }
    Some(entries)
}

fn put_destination(packed: &mut Vec<u8>, destination: &Destination) {
    put_bytes(packed, destination.family().as_bytes());
    put_bytes(packed, destination.bytes());
    put_option(packed, destination.tag(), |packed, tag| put_bytes(packed, tag.as_bytes()));
}

fn take_destination(rest: &mut &[u8]) -> Option<Destination> {
    let (family, bytes) = (take_text(rest)?, take_bytes(rest)?);
    Some(Destination::new(family, bytes, take_option(rest, take_text)?))
}

fn put_usage(packed: &mut Vec<u8>, usage: Usage) {
    put_amount(packed, usage.amount);
    put_amount(packed, usage.fee);
    put_number(packed, usage.count);
}

fn take_usage(rest: &mut &[u8]) -> Option<Usage> {
    Some(Usage { amount: take_amount(rest)?, fee: take_amount(rest)?, count: take_number(rest)? })
}

fn put_amount(packed: &mut Vec<u8>, amount: Amount) {
    let bytes = amount.to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).and_then(|first| bytes.get(first..)).unwrap_or_default();
    put_bytes(packed, significant);
}

fn take_amount<'a>(rest: &mut &'a [u8]) -> Option<Amount> {
    let significant: &'a [u8] = take_bytes(rest)?;
    let mut bytes = [0; 32];
    bytes.get_mut(32_usize.checked_sub(significant.len())?..)?.copy_from_slice(significant);
    // One amount, one form.
    (significant.first() != Some(&0)).then(|| Amount::from_be_bytes(bytes))
}

fn put_time(packed: &mut Vec<u8>, time: Timestamp) {
    packed.extend(time.as_millis().to_be_bytes());
}

fn take_time(rest: &mut &[u8]) -> Option<Timestamp> {
    take(rest).map(i64::from_be_bytes).map(Timestamp::from_millis)
}

fn put_option<T>(packed: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    packed.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(packed, value);
    }
}

#[expect(clippy::option_option, reason = "the outer one says whether the bytes are sound")]
fn take_option<'a, T>(rest: &mut &'a [u8], taken: impl FnOnce(&mut &'a [u8]) -> Option<T>) -> Option<Option<T>> {
    match take(rest)? {
        [0] => Some(None),
        [1] => taken(rest).map(Some),
        _ => None,
    }
}

fn put_bytes(packed: &mut Vec<u8>, bytes: &[u8]) {
    put_number(packed, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    packed.extend(bytes);
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    str::from_utf8(take_bytes(rest)?).ok()
}

/// The sign in the lowest bit, so that small distances stay small.
fn put_signed(packed: &mut Vec<u8>, number: i64) {
    put_number(packed, (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take_number(rest)?;
    Some((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
}

fn put_number(packed: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return packed.push(low);
        }
        packed.push(low | 0x80);
    }
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        let part = u64::from(byte & 0x7f);
        if part.checked_shl(shift)? >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}

#[cfg(test)]
mod tests;
