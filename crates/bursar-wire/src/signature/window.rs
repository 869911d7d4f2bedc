//! The time window of signed messages: 5 minutes back, 60 seconds ahead, both inclusive (WC §2.5, §2.7).
//!
//! The same window that the client demands of answers is demanded of requests.

use std::fmt;

use bursar_core::time::{Span, Timestamp};

/// How old a signed message may be.
pub const PAST: Span = Span::from_seconds(5 * 60);
/// How far ahead of our clock a signed message may be.
pub const FUTURE: Span = Span::from_seconds(60);

/// A timestamp header is not a decimal number of at most 16 digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MalformedTimestamp;

impl fmt::Display for MalformedTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the timestamp must be a Unix time in decimal digits")
    }
}

impl std::error::Error for MalformedTimestamp {}

/// Reads the Unix milliseconds of a v2 or v3 timestamp header.
///
/// # Errors
/// The text is anything but 1 to 16 decimal digits.
pub fn read_millis(text: &str) -> Result<Timestamp, MalformedTimestamp> {
    digits(text).map(Timestamp::from_millis)
}

/// Reads the Unix seconds of a v4 timestamp header.
///
/// # Errors
/// The text is anything but 1 to 16 decimal digits, or beyond the representable times.
pub fn read_seconds(text: &str) -> Result<Timestamp, MalformedTimestamp> {
    let ms = digits(text)?.checked_mul(1000).ok_or(MalformedTimestamp)?;
    Ok(Timestamp::from_millis(ms))
}

fn digits(text: &str) -> Result<i64, MalformedTimestamp> {
    if (1..=16).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit()) {
        text.parse().map_err(|_| MalformedTimestamp)
    } else {
        Err(MalformedTimestamp)
    }
}

/// A signed message from outside of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutsideWindow {
    /// It is older than [`PAST`].
    TooOld {
        /// How old it is.
        age: Span,
        /// Our clock.
        now: Timestamp,
    },
    /// It is more than [`FUTURE`] ahead.
    TooFarAhead {
        /// How far ahead of our clock it is.
        lead: Span,
        /// Our clock.
        now: Timestamp,
    },
}

impl OutsideWindow {
    /// By how much the message misses the window.
    pub const fn excess(self) -> Span {
        let (distance, allowed) = match self {
            Self::TooOld { age, .. } => (age, PAST),
            Self::TooFarAhead { lead, .. } => (lead, FUTURE),
        };
        Span::from_millis(distance.as_millis().saturating_sub(allowed.as_millis()))
    }
}

impl fmt::Display for OutsideWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (distance, direction, allowed, now) = match self {
            Self::TooOld { age, now } => (age, "old", PAST, now),
            Self::TooFarAhead { lead, now } => (lead, "ahead", FUTURE, now),
        };
        let (distance, allowed) = (distance.as_millis(), allowed.as_millis() / 1000);
        write!(
            f,
            "the request's timestamp is {}.{:03} s {direction}, {allowed} s are allowed; \
             the server's time is {now} ({}): set the clock or sign the request again",
            distance / 1000,
            distance % 1000,
            now.as_millis(),
        )
    }
}

impl std::error::Error for OutsideWindow {}

/// Checks a message's time against our clock.
///
/// # Errors
/// It lies outside of the window; the refusal says by how much.
pub fn check(message: Timestamp, now: Timestamp) -> Result<(), OutsideWindow> {
    let (age, lead) = (now.since(message), message.since(now));
    if age > PAST {
        Err(OutsideWindow::TooOld { age, now })
    } else if lead > FUTURE {
        Err(OutsideWindow::TooFarAhead { lead, now })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_123);

    #[test]
    fn both_ends_belong_to_the_window_and_a_millisecond_more_does_not() {
        assert_eq!(check(NOW, NOW), Ok(()));
        assert_eq!(check(NOW.minus(PAST), NOW), Ok(()));
        assert_eq!(check(NOW.plus(FUTURE), NOW), Ok(()));
        let past = check(NOW.minus(Span::from_millis(300_001)), NOW).unwrap_err();
        let future = check(NOW.plus(Span::from_millis(60_001)), NOW).unwrap_err();
        assert!(matches!(past, OutsideWindow::TooOld { .. }) && matches!(future, OutsideWindow::TooFarAhead { .. }));
        assert_eq!((past.excess(), future.excess()), (Span::from_millis(1), Span::from_millis(1)));
    }

    #[test]
    fn a_refusal_says_by_how_much_and_what_time_it_is() {
        let refusal = check(NOW.minus(Span::from_millis(301_500)), NOW).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the request's timestamp is 301.500 s old, 300 s are allowed; the server's time is \
             2026-09-21T14:13:20.123Z (1790000000123): set the clock or sign the request again"
        );
    }

    #[test]
    fn the_ends_of_time_are_outside_and_do_not_overflow() {
        assert!(check(Timestamp::from_millis(i64::MIN), NOW).is_err());
        assert!(check(Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)).is_err());
    }

    #[test]
    fn only_decimal_digits_are_a_timestamp() {
        assert_eq!(read_millis("1790000000123"), Ok(NOW));
        assert_eq!(read_seconds("1790000000"), Ok(Timestamp::from_millis(1_790_000_000_000)));
        for wrong in ["", "+1", "-1", "1.0", "1e3", " 1", "0x1", "12345678901234567", "١"] {
            assert_eq!(read_millis(wrong), Err(MalformedTimestamp), "{wrong}");
        }
        assert_eq!(read_seconds("9999999999999999"), Err(MalformedTimestamp));
    }
}
