//! Over which time a limit counts. Pure arithmetic on instants: the caller says what time it is.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ZonedDateTime};

use crate::amount::Amount;
use crate::time::{Span, Timestamp};

/// Over which time a limit counts (docs/limits.md).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Window {
    /// Each spend by itself.
    Spend,
    /// From the subject's beginning to its end.
    Lifetime,
    /// Any interval of this length: a spend counts for so long after it was captured.
    Rolling(Span),
    /// From one beginning of the unit to the next, on the clocks of a zone.
    Calendar(CalendarUnit, Zone),
    /// Periods of this length, one of which begins at an instant.
    Fixed {
        /// How long each is.
        period: Span,
        /// When one of them begins.
        from: Timestamp,
    },
    /// What was spent wears off steadily; the limit's ceiling is the most that may be spent at once.
    Accrual {
        /// How much wears off in each period, in the limit's measure.
        rate: Amount,
        /// The period.
        period: Span,
    },
}

/// A unit of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CalendarUnit {
    /// From minute 0 to minute 0.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

/// An IANA time zone, whose rules are compiled in.
#[derive(Clone)]
pub struct Zone(TimeZone);

/// By the name, of which a zone has one; the library compares by the rules, with every limit of every spend.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

/// The instants from `start` up to, but without, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// The first instant of it.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

/// Why a text is not a window, or a window cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidWindow(&'static str);

impl Window {
    /// The shortest window, in seconds.
    pub const SHORTEST: Span = Span::from_seconds(1);
    /// The longest window: a leap year. History is kept at least as long.
    pub const LONGEST: Span = Span::from_seconds(366 * 86_400);
    /// The greatest rate, so that no product leaves 256 bits.
    const GREATEST_RATE: Amount = Amount::power_of_two(192);

    /// Whether the window can be counted over.
    ///
    /// # Errors
    /// Its length is zero, not whole seconds, or more than a leap year; or its rate is absurd.
    pub fn check(&self) -> Result<(), InvalidWindow> {
        let length = match self {
            Self::Spend | Self::Lifetime | Self::Calendar(..) => return Ok(()),
            Self::Accrual { rate, .. } if *rate >= Self::GREATEST_RATE => {
                return Err(InvalidWindow("has a rate of more than 2^192 base units"));
            }
            Self::Rolling(length) | Self::Fixed { period: length, .. } | Self::Accrual { period: length, .. } => {
                *length
            }
        };
        if let Self::Fixed { from, .. } = self
            && jiff::Timestamp::from_millisecond(from.as_millis()).is_err()
        {
            return Err(InvalidWindow("begins at an instant that no calendar reaches"));
        }
        if length < Self::SHORTEST || length > Self::LONGEST {
            return Err(InvalidWindow("must be at least 1 second and at most 366 days long"));
        }
        if length.as_millis().checked_rem(1000) != Some(0) {
            return Err(InvalidWindow("must be whole seconds long"));
        }
        Ok(())
    }

    /// Whether a budget has to keep a counter for it.
    pub const fn is_counted(&self) -> bool {
        !matches!(self, Self::Spend | Self::Lifetime)
    }

    /// The period around an instant, for windows that are cut into periods.
    pub fn period_at(&self, at: Timestamp) -> Option<Period> {
        match self {
            Self::Calendar(unit, zone) => Some(zone.period(*unit, at).unwrap_or(Period::ALWAYS)),
            Self::Fixed { period, from } => Some(fixed(*period, *from, at).unwrap_or(Period::ALWAYS)),
            Self::Spend | Self::Lifetime | Self::Rolling(_) | Self::Accrual { .. } => None,
        }
    }

    /// How far back spends can count now; nothing for windows that never forget.
    pub const fn reach(&self) -> Option<Span> {
        match self {
            Self::Spend => Some(Span::ZERO),
            Self::Lifetime => None,
            Self::Rolling(length) | Self::Fixed { period: length, .. } => Some(*length),
            // Generously: clocks are put back, too.
            Self::Calendar(CalendarUnit::Hour | CalendarUnit::Day, _) => Some(Span::from_seconds(2 * 86_400)),
            Self::Calendar(CalendarUnit::Week | CalendarUnit::Month, _) => Some(Span::from_seconds(32 * 86_400)),
            Self::Accrual { .. } => Some(Self::LONGEST),
        }
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidWindow> {
        const UNKNOWN: InvalidWindow = InvalidWindow(
            "is no window; there are `spend`, `lifetime`, `rolling 86400s`, `calendar day Europe/Zurich`, \
             `fixed 604800s from 2026-01-05T00:00:00.000Z` and `accrual 5000 per 86400s`",
        );
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(UNKNOWN);
        let window = match word()? {
            "spend" => Self::Spend,
            "lifetime" => Self::Lifetime,
            "rolling" => Self::Rolling(seconds(word()?).ok_or(UNKNOWN)?),
            "calendar" => {
                let unit = CalendarUnit::parse(word()?).ok_or(UNKNOWN)?;
                Self::Calendar(unit, Zone::parse(word()?)?)
            }
            "fixed" => {
                let period = seconds(word()?).ok_or(UNKNOWN)?;
                if word()? != "from" {
                    return Err(UNKNOWN);
                }
                let from: jiff::Timestamp = word()?.parse().map_err(|_| UNKNOWN)?;
                Self::Fixed { period, from: Timestamp::from_millis(from.as_millisecond()) }
            }
            "accrual" => {
                let rate = Amount::parse(word()?).map_err(|_| UNKNOWN)?;
                if word()? != "per" {
                    return Err(UNKNOWN);
                }
                Self::Accrual { rate, period: seconds(word()?).ok_or(UNKNOWN)? }
            }
            _ => return Err(UNKNOWN),
        };
        if words.next().is_some() {
            return Err(UNKNOWN);
        }
        window.check()?;
        Ok(window)
    }
}

fn seconds(text: &str) -> Option<Span> {
    let digits = text.strip_suffix('s')?;
    let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| digits.parse().ok().map(Span::from_seconds)).flatten()
}

fn fixed(period: Span, from: Timestamp, at: Timestamp) -> Option<Period> {
    let length = i64::try_from(period.as_millis()).ok()?;
    let into = at.as_millis().checked_sub(from.as_millis())?.checked_rem_euclid(length)?;
    let start = at.as_millis().checked_sub(into)?;
    Some(Period { start: Timestamp::from_millis(start), end: Timestamp::from_millis(start.checked_add(length)?) })
}

impl Period {
    /// What is left when the calendar does not reach an instant: one period that never ends lets nothing
    /// through twice.
    const ALWAYS: Self = Self { start: Timestamp::from_millis(i64::MIN), end: Timestamp::from_millis(i64::MAX) };
}

impl CalendarUnit {
    /// Reads what [`CalendarUnit::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Week, Self::Month].into_iter().find(|unit| unit.as_str() == text)
    }

    /// The unit's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The day on which the unit around a day begins; an hour begins on its day.
    fn first(self, date: Date) -> Option<Date> {
        match self {
            Self::Week if date.weekday() != Weekday::Monday => date.nth_weekday(-1, Weekday::Monday).ok(),
            Self::Hour | Self::Day | Self::Week => Some(date),
            Self::Month => Some(date.first_of_month()),
        }
    }

    /// The day on which the unit after the one that begins on `first` begins.
    fn next(self, first: Date) -> Option<Date> {
        match self {
            Self::Hour | Self::Day => first.tomorrow().ok(),
            Self::Week => first.nth_weekday(1, Weekday::Monday).ok(),
            Self::Month => first.last_of_month().tomorrow().ok(),
        }
    }
}

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of this IANA name.
    ///
    /// # Errors
    /// There is none, or it is no zone with a name.
    pub fn parse(name: &str) -> Result<Self, InvalidWindow> {
        let unknown = InvalidWindow("names no time zone; write an IANA name such as `Europe/Zurich`, or `UTC`");
        if name == "UTC" {
            return Ok(Self::UTC);
        }
        let zone = jiff::tz::db().get(name).map_err(|_| unknown.clone())?;
        // The canonical spelling only: two spellings of one zone would be two windows.
        if zone.iana_name() == Some(name) && !zone.is_unknown() { Ok(Self(zone)) } else { Err(unknown) }
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn period(&self, unit: CalendarUnit, at: Timestamp) -> Option<Period> {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let here = instant.to_zoned_datetime(self.0.clone());
        if unit == CalendarUnit::Hour {
            return self.hour(&here, instant);
        }
        let first = unit.first(here.date())?;
        let next = unit.next(first)?;
        let (mut start, mut end) = (self.first_of(first)?, self.first_of(next)?);
        // A clock that is put back over midnight shows a day again that has ended.
        if instant >= end.timestamp() {
            (start, end) = (end, self.first_of(unit.next(next)?)?);
        }
        Some(Period { start: millis(start.timestamp()), end: millis(end.timestamp()) })
    }

    fn first_of(&self, date: Date) -> Option<ZonedDateTime> {
        date.to_zoned_datetime(self.0.clone()).ok()?.start_of_day().ok()
    }

    /// An hour of the clock, cut where the clock is put forward or back within it.
    fn hour(&self, here: &ZonedDateTime, instant: jiff::Timestamp) -> Option<Period> {
        let clock = here.time();
        let on_the_hour = clock.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?;
        let start = instant.checked_sub(clock.duration_since(on_the_hour)).ok()?;
        let end = start.checked_add(SignedDuration::from_hours(1)).ok()?;
        // A change at this very instant is already behind it.
        let after = instant.checked_add(SignedDuration::from_nanos(1)).ok()?;
        let last_change = self.0.preceding(after).next().map_or(start, |change| change.timestamp());
        let next_change = self.0.following(instant).next().map_or(end, |change| change.timestamp());
        Some(Period { start: millis(start.max(last_change)), end: millis(end.min(next_change)) })
    }
}

fn millis(instant: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(instant.as_millisecond())
}

impl fmt::Display for Window {
    /// The canonical form, which is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |span: &Span| span.as_seconds_ceil();
        match self {
            Self::Spend => f.write_str("spend"),
            Self::Lifetime => f.write_str("lifetime"),
            Self::Rolling(length) => write!(f, "rolling {}s", seconds(length)),
            Self::Calendar(unit, zone) => write!(f, "calendar {} {}", unit.as_str(), zone.name()),
            Self::Fixed { period, from } => write!(f, "fixed {}s from {from}", seconds(period)),
            Self::Accrual { rate, period } => write!(f, "accrual {rate} per {}s", seconds(period)),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for InvalidWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidWindow {}

#[cfg(test)]
mod tests;
