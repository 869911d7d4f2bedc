//! What counts in the windows of a budget: for each its text, the kind of its counter, and the counter's
//! figures. The captures of a rolling window stand behind their number, each dated by how long it came
//! after the one before.

use bursar_core::limit::{Accrual, Counter, Rolling, Usage, Window};
use bursar_core::time::Timestamp;

use super::usage::{put_usage, take_usage};
use super::{VERSION, put_bytes, put_number, put_signed, take, take_number, take_signed, take_text, unpack_list};

const ROLLING: u8 = 1;
const PERIOD: u8 = 2;
const ACCRUAL: u8 = 3;

pub(crate) fn pack_windows(windows: &[(Window, Counter)]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for (window, counter) in windows {
        put_bytes(&mut packed, window.to_string().as_bytes());
        match counter {
            Counter::Rolling(rolling) => {
                packed.push(ROLLING);
                put_rolling(&mut packed, rolling);
            }
            Counter::Period { start, end, usage } => {
                packed.push(PERIOD);
                put_signed(&mut packed, start.as_millis());
                put_signed(&mut packed, end.as_millis());
                put_usage(&mut packed, *usage);
            }
            Counter::Accrual(Accrual { at, level, worn }) => {
                packed.push(ACCRUAL);
                put_signed(&mut packed, at.as_millis());
                put_usage(&mut packed, *level);
                worn.iter().for_each(|worn| put_number(&mut packed, *worn));
            }
        }
    }
    packed
}

/// Nothing if these bytes are not what [`pack_windows`] makes.
pub(crate) fn unpack_windows(packed: &[u8]) -> Option<Vec<(Window, Counter)>> {
    unpack_list(packed, |rest| {
        let window = Window::parse(take_text(rest)?).ok()?;
        let instant = |rest: &mut &[u8]| take_signed(rest).map(Timestamp::from_millis);
        let counter = match take(rest)? {
            [ROLLING] => Counter::Rolling(take_rolling(rest)?),
            [PERIOD] => Counter::Period { start: instant(rest)?, end: instant(rest)?, usage: take_usage(rest)? },
            [ACCRUAL] => Counter::Accrual(Accrual {
                at: instant(rest)?,
                level: take_usage(rest)?,
                worn: [take_number(rest)?, take_number(rest)?, take_number(rest)?],
            }),
            _ => return None,
        };
        Some((window, counter))
    })
}

fn put_rolling(packed: &mut Vec<u8>, rolling: &Rolling) {
    let entries = rolling.entries();
    put_number(packed, u64::try_from(entries.len()).unwrap_or(u64::MAX));
    let mut before = 0_i64;
    for (at, usage) in entries {
        // Around the end of time it wraps, and wraps back when it is read.
        put_signed(packed, at.as_millis().wrapping_sub(before));
        put_usage(packed, *usage);
        before = at.as_millis();
    }
}

fn take_rolling(rest: &mut &[u8]) -> Option<Rolling> {
    let number = take_number(rest)?;
    let mut entries: Vec<(Timestamp, Usage)> = Vec::new();
    let mut before = 0_i64;
    for _ in 0..number {
        before = before.wrapping_add(take_signed(rest)?);
        entries.push((Timestamp::from_millis(before), take_usage(rest)?));
    }
    Some(Rolling::from_entries(entries))
}

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;
    use bursar_core::time::Span;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn windows() -> Vec<(Window, Counter)> {
        let most = Usage { amount: Amount::MAX, fee: Amount::MAX, count: u64::MAX };
        let window = |text| Window::parse(text).unwrap();
        let entries = [(i64::MIN, most), (-1, Usage::default()), (0, Usage::one(Amount::new(5))), (i64::MAX, most)];
        let rolling = |entries: &[(i64, Usage)]| {
            Counter::Rolling(Rolling::from_entries(entries.iter().map(|(ms, usage)| (at(*ms), *usage))))
        };
        vec![
            (window("rolling 86400s"), rolling(&entries)),
            (window("rolling 1s"), rolling(&[])),
            (window("calendar month Europe/Zurich"), Counter::Period { start: at(i64::MIN), end: at(9), usage: most }),
            (
                window("fixed 604800s from 2026-01-05T00:00:00.000Z"),
                Counter::Period { start: at(-9), end: at(i64::MAX), usage: Usage::default() },
            ),
            (
                window("accrual 5000 per 60s"),
                Counter::Accrual(Accrual { at: at(7), level: most, worn: [u64::MAX, 0, 1] }),
            ),
        ]
    }

    #[test]
    fn counters_unpack_to_what_was_packed() {
        assert_eq!(unpack_windows(&pack_windows(&windows())), Some(windows()));
        assert_eq!(unpack_windows(&pack_windows(&[])), Some(Vec::new()));
    }

    #[test]
    fn a_thousand_captures_of_a_day_take_at_most_twelve_bytes_each() {
        // Around 1 ETH, a minute and a half apart.
        let entry = |number: i64| {
            let amount = Amount::new(1_000_000_000_000_000_000 + u128::from(number.unsigned_abs()));
            (at(1_790_000_000_000 + number * 86_400), Usage::one(amount))
        };
        let counter = Counter::Rolling(Rolling::from_entries((0..1_000).map(entry)));
        let budget = [(Window::Rolling(Span::from_seconds(86_400)), counter)];
        let packed = pack_windows(&budget);
        assert!(packed.len() <= 12_050, "{} bytes", packed.len());
        assert_eq!(unpack_windows(&packed).as_deref(), Some(&budget[..]));
    }

    #[test]
    fn bytes_that_were_cut_off_or_changed_do_not_unpack() {
        let packed = pack_windows(&windows());
        let whole = |length: usize| (0..=5).any(|count| pack_windows(&windows()[..count]).len() == length);
        for length in 0..packed.len() {
            assert_eq!(unpack_windows(&packed[..length]).is_some(), whole(length), "{length} bytes");
        }
        let one = pack_windows(&windows()[1..2]);
        // Version, length of the text, text, kind, number of captures.
        for (place, wrong) in [(0, 2), (1, 11), (1, 255), (2, b's'), (12, 0), (12, 4), (13, 1)] {
            let mut changed = one.clone();
            changed[place] = wrong;
            assert_eq!(unpack_windows(&changed), None, "byte {place}");
        }
    }
}
