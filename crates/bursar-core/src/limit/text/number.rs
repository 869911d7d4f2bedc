//! Decimal numbers and base units: exact both ways, or refused.

use std::ops::Range;

use crate::amount::Amount;

/// Why a text is no number with so many places, and which part of it is at fault.
pub(super) enum InvalidNumber {
    /// Something other than digits with at most one point between them.
    NotPlain(Range<usize>),
    /// Digits beyond the last place.
    TooPrecise(Range<usize>),
    /// More than 2^256 - 1 base units.
    TooLarge,
}

/// Reads a decimal number with at most so many places into base units.
pub(super) fn read(text: &str, places: u8) -> Result<Amount, InvalidNumber> {
    let one_at = |at: usize| at..at.saturating_add(1).min(text.len());
    if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.') {
        return Err(InvalidNumber::NotPlain(one_at(at)));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let point = whole.len();
    let behind = point.saturating_add(1);
    if whole.is_empty() || fraction.is_empty() {
        return Err(InvalidNumber::NotPlain(one_at(point)));
    }
    if let Some(second) = fraction.find('.') {
        return Err(InvalidNumber::NotPlain(one_at(behind.saturating_add(second))));
    }
    let places = usize::from(places);
    let has_point = point < text.len();
    if has_point && fraction.len() > places {
        let first = if places == 0 { point } else { behind.saturating_add(places) };
        return Err(InvalidNumber::TooPrecise(first..text.len()));
    }
    let fraction = if has_point { fraction } else { "" };
    Amount::parse(&format!("{whole}{fraction:0<places$}")).map_err(|_| InvalidNumber::TooLarge)
}

/// A decimal number with at most so many places in base units; nothing if it is no such number.
pub fn amount(text: &str, places: u8) -> Option<Amount> {
    read(text, places).ok()
}

/// Base units as a decimal number of a unit with so many places, without trailing zeros.
pub fn decimal(amount: Amount, places: u8) -> String {
    let places = usize::from(places);
    let digits = format!("{:0>width$}", amount.to_string(), width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at_checked(digits.len().saturating_sub(places)).unwrap_or((&digits, ""));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}
