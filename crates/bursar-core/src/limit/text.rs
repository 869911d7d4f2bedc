//! Limits as people write them: `tbtc 0.5/day`, `hteth:usdc 100 per spend`, `20 spends/hour`.
//!
//! One text has one meaning, and what is in doubt is refused with the spot and a way out. [`describe`]
//! writes what [`parse`] reads, and [`describe_knowing`] what [`parse_knowing`] does. Numbers are decimal digits, never floats.
//!
//! ```text
//! limit     = [ asset ] what [ window ] [ "without fees" ]
//! asset     = ticker | ticker ":*" | "*" | "*erc20" | "*bitcoin"     (may be left out before `spends`)
//! what      = [ "fees" ] quantity | ceiling ( "spends" | "spend" )
//! quantity  = ceiling [ "base units" ]
//! ceiling   = number | "unlimited"
//! number    = digit { digit } [ "." digit { digit } ]                (no sign, exponent or separator)
//! window    = "per spend"
//!           | "in total"                                             (also if nothing is said)
//!           | "/" period                                             (any interval of that length)
//!           | "/" period "from" instant                              (periods, one of which begins then)
//!           | "/" period "burst" quantity                            (wears off; at most the burst at once)
//!           | "/" "calendar" ( "hour" | "day" | "week" | "month" ) [ "in" zone ]      (UTC if no zone)
//! period    = unit | digit { digit } ( unit | unit "s" )
//! unit      = "second" | "minute" | "hour" | "day" | "week"
//! ```
//!
//! `/day` is any 24 hours: the strictest reading. A month has no length, so `/month` is refused.

mod number;
mod reader;

use std::fmt;
use std::ops::Range;

use crate::amount::Amount;
use crate::coin::{Asset, Coin, Family};
use crate::decimals::Decimals;
use crate::hold::Cost;
use crate::limit::{Ceiling, Limit, Measure, Window, Zone};
use crate::time::{Span, Timestamp};

pub use number::{amount, decimal};

/// The longest text of a limit, in bytes: two amounts of 256 bits and a ticker fit.
const LONGEST: usize = 400;
/// Units of time by their length in seconds, the longest first.
const UNITS: [(&str, u64); 5] = [("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];

/// Why a text is no limit, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitTextError {
    text: String,
    /// The bytes at fault; empty at the end if something is missing there.
    pub at: Range<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to write; may be empty.
    pub hint: String,
    /// Whether nothing is wrong up to here but that the decimals of a coin are not known.
    pub lacks_decimals: bool,
}

/// Reads a limit.
///
/// # Errors
/// The spot at which the text cannot be understood, or says something that no limit can be.
pub fn parse(text: &str) -> Result<Limit, LimitTextError> {
    parse_knowing(text, &Decimals::default())
}

/// Reads a limit where more decimals are known than Bursar's own.
///
/// # Errors
/// As those of [`parse`].
pub fn parse_knowing(text: &str, decimals: &Decimals) -> Result<Limit, LimitTextError> {
    let refuse = |at: Range<usize>, problem: &str| {
        Err(LimitTextError {
            text: text.chars().take(LONGEST).collect(),
            at,
            problem: problem.to_owned(),
            hint: "write a limit such as `tbtc 0.5/day`".to_owned(),
            lacks_decimals: false,
        })
    };
    if text.trim().is_empty() {
        return refuse(0..text.len(), "nothing is written");
    }
    if text.len() > LONGEST {
        return refuse(LONGEST..text.len(), "this is too long for a limit");
    }
    let strange = text.char_indices().find(|(_, character)| !character.is_ascii_graphic() && *character != ' ');
    if let Some((at, character)) = strange {
        return refuse(at..at.saturating_add(character.len_utf8()), "this character stands in no limit");
    }
    reader::Reader::new(text, decimals).limit()
}

/// Writes a limit as [`parse`] reads it: in units of the coin where its decimals are known, else in base units.
pub fn describe(limit: &Limit) -> String {
    describe_knowing(limit, &Decimals::default())
}

/// Writes a limit as [`parse_knowing`] reads it where the same decimals are known.
pub fn describe_knowing(limit: &Limit, decimals: &Decimals) -> String {
    let Limit { asset, measure, window, ceiling } = limit;
    let quantity = |ceiling: &Ceiling| match (ceiling, measure, decimals.of_asset(asset)) {
        (Ceiling::Unlimited, ..) => "unlimited".to_owned(),
        (Ceiling::At(number), Measure::Count, _) => number.to_string(),
        (Ceiling::At(amount), _, Some(places)) => decimal(*amount, places),
        (Ceiling::At(amount), _, None) => format!("{amount} base units"),
    };
    let first = match window {
        Window::Accrual { rate, .. } => quantity(&Ceiling::At(*rate)),
        _ => quantity(ceiling),
    };
    let what = match measure {
        Measure::Count if *asset == Asset::Any => format!("{first} spends"),
        Measure::Count => format!("{asset} {first} spends"),
        Measure::Fee => format!("{asset} fees {first}"),
        Measure::Amount | Measure::AmountWithoutFee => format!("{asset} {first}"),
    };
    let window = match window {
        Window::Spend => " per spend".to_owned(),
        Window::Lifetime if *ceiling == Ceiling::Unlimited => String::new(),
        Window::Lifetime => " in total".to_owned(),
        Window::Rolling(length) => format!("/{}", period(*length)),
        Window::Calendar(unit, zone) if *zone == Zone::UTC => format!("/calendar {}", unit.as_str()),
        Window::Calendar(unit, zone) => format!("/calendar {} in {}", unit.as_str(), zone.name()),
        Window::Fixed { period: length, from } => format!("/{} from {from}", period(*length)),
        Window::Accrual { period: length, .. } => format!("/{} burst {}", period(*length), quantity(ceiling)),
    };
    let without = if *measure == Measure::AmountWithoutFee { " without fees" } else { "" };
    format!("{what}{window}{without}")
}

/// An amount of an asset for people: in units where its decimals are known, else in base units; or that it is without end.
pub fn amount_of(amount: Amount, asset: &Asset, decimals: &Decimals) -> String {
    let unit = match asset {
        Asset::Coin(coin) | Asset::Chain(coin) => coin.as_str(),
        Asset::Family(Family::Bitcoin) => "bitcoin",
        Asset::Family(Family::Erc20) | Asset::Any => "",
    };
    match decimals.of_asset(asset) {
        _ if amount == Cost::WITHOUT_END && unit.is_empty() => "an amount without end".to_owned(),
        _ if amount == Cost::WITHOUT_END => format!("{unit} without end"),
        Some(places) => format!("{} {unit}", decimal(amount, places)),
        None if unit.is_empty() => format!("{amount} base units"),
        None => format!("{amount} base units of {unit}"),
    }
}

/// Reads an instant: ISO 8601 in UTC, to the millisecond at most.
pub fn instant(text: &str) -> Option<Timestamp> {
    let instant = text.parse::<jiff::Timestamp>().ok().filter(|_| text.ends_with('Z'))?;
    let is_exact = instant.subsec_nanosecond().checked_rem(1_000_000) == Some(0);
    is_exact.then(|| Timestamp::from_millis(instant.as_millisecond()))
}

/// Whether a ticker is written as no chain's is: upper case stands behind the colon only (`tavaxc:LINK`).
pub fn has_wrong_case(coin: &Coin) -> bool {
    coin.chain().bytes().any(|byte| byte.is_ascii_uppercase())
}

fn period(length: Span) -> String {
    let seconds = length.as_seconds_ceil();
    let whole = |(name, unit): (&'static str, u64)| {
        let number = seconds.checked_div(unit).filter(|number| number.checked_mul(unit) == Some(seconds))?;
        // Two weeks are 14 days: people count that way, and one length has one text.
        (unit < 604_800 || number == 1).then_some((name, number))
    };
    match UNITS.into_iter().find_map(whole) {
        Some((name, 1)) => name.to_owned(),
        Some((name, number)) => format!("{number} {name}s"),
        None => format!("{seconds} seconds"),
    }
}

impl LimitTextError {
    fn explanation(&self) -> String {
        if self.hint.is_empty() { self.problem.clone() } else { format!("{}; {}", self.problem, self.hint) }
    }

    /// The text with everything that terminals might act on replaced, one character for one.
    fn shown(&self, range: Range<usize>) -> String {
        let plain = |character: char| if character.is_ascii_graphic() || character == ' ' { character } else { '?' };
        self.text.get(range).unwrap_or("").chars().map(plain).collect()
    }
}

impl fmt::Display for LimitTextError {
    /// One line; with `#` the text, a line of carets under the spot, and the explanation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spot = self.shown(self.at.clone());
        let before = self.shown(0..self.at.start).chars().count();
        if f.alternate() {
            let carets = "^".repeat(spot.chars().count().max(1));
            let whole = self.shown(0..self.text.len());
            return write!(f, "{whole}\n{:before$}{carets}\n{}", "", self.explanation());
        }
        if spot.is_empty() {
            write!(f, "at the end: {}", self.explanation())
        } else {
            write!(f, "at character {}, `{spot}`: {}", before.saturating_add(1), self.explanation())
        }
    }
}

impl std::error::Error for LimitTextError {}
