//! Reads one limit from left to right. Every refusal names the words at fault.

use std::ops::Range;

use super::number::{self, InvalidNumber};
use super::{LimitTextError, UNITS, has_wrong_case};
use crate::amount::Amount;
use crate::coin::Asset;
use crate::decimals::Decimals;
use crate::limit::{CalendarUnit, Ceiling, InvalidLimit, Limit, Measure, Window, Zone};
use crate::time::{Span, Timestamp};

/// Where the reader is in the text, which is plain ASCII.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    decimals: &'a Decimals,
}

/// Some characters and where they stand; empty at the end of the text.
#[derive(Clone)]
struct Word<'a> {
    text: &'a str,
    from: usize,
}

/// A number that is not yet understood, since its unit may follow later.
struct Quantity<'a> {
    word: Word<'a>,
    is_base_units: bool,
}

/// In what a limit's numbers are written.
struct Scale<'a> {
    asset: &'a Asset,
    is_count: bool,
}

type Read<T> = Result<T, LimitTextError>;

impl Word<'_> {
    fn range(&self) -> Range<usize> {
        self.from..self.from.saturating_add(self.text.len())
    }

    fn begins_a_number(&self) -> bool {
        self.text.starts_with(|first: char| first.is_ascii_digit() || "+-.,".contains(first))
    }
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str, decimals: &'a Decimals) -> Self {
        Self { text, at: 0, decimals }
    }

    pub(super) fn limit(mut self) -> Read<Limit> {
        let named = self.asset()?;
        let is_fee = self.take("fees");
        let quantity = self.quantity()?;
        let spends = self.peek();
        let is_count = self.take("spends") || self.take("spend");
        if is_fee && is_count {
            return self.refuse(spends.range(), "fees are amounts, not spends", "write `fees` or `spends`, not both");
        }
        let (asset, place) = match named {
            Some((asset, place)) => (asset, place),
            None if is_count => (Asset::Any, spends.range()),
            None => {
                return self.refuse(quantity.word.range(), "no coin is named", "begin with it: `tbtc 0.5/day`");
            }
        };
        let scale = Scale { asset: &asset, is_count };
        let window_at = self.peek().from;
        let (window, ceiling) = self.window(&quantity, &scale)?;
        let without = self.peek();
        let mut measure = match (is_count, is_fee) {
            (true, _) => Measure::Count,
            (false, true) => Measure::Fee,
            (false, false) => Measure::Amount,
        };
        if self.take("without") {
            self.expect("fees", "write `without fees`")?;
            if measure != Measure::Amount {
                return self.refuse(without.range(), "only amounts can leave fees out", "leave `without fees` away");
            }
            measure = Measure::AmountWithoutFee;
        }
        self.end()?;
        let limit = Limit { asset: asset.clone(), measure, window, ceiling };
        match limit.check() {
            Ok(()) => Ok(limit),
            Err(invalid) => {
                let text = invalid.to_string();
                let (problem, hint) = text.split_once("; ").unwrap_or((&text, ""));
                let at = match invalid {
                    InvalidLimit::AmountOfManyCoins | InvalidLimit::FeeOfAnyCoin => place,
                    _ => window_at..self.text.len(),
                };
                self.refuse(at, &format!("this {problem}"), hint)
            }
        }
    }

    /// The first word, if it names an asset. A ticker may look like a number: then a number follows it.
    fn asset(&mut self) -> Read<Option<(Asset, Range<usize>)>> {
        let mut ahead = self.clone();
        let (first, second) = (ahead.next(), ahead.next());
        let goes_on = second.begins_a_number() || ["unlimited", "fees"].contains(&second.text);
        let is_quantity = first.begins_a_number() || ["unlimited", "fees"].contains(&first.text);
        if is_quantity && !goes_on {
            return Ok(None);
        }
        let asset = match Asset::parse(first.text) {
            Ok(asset) => asset,
            Err(_) => {
                let hint = "write a ticker such as `tbtc` or `hteth:usdc`, or all of a chain, such as `eth:*`";
                return self.refuse(first.range(), "this is no coin", hint);
            }
        };
        if let Asset::Coin(coin) | Asset::Chain(coin) = &asset
            && has_wrong_case(coin)
        {
            let small = first.text.to_ascii_lowercase();
            return self.refuse(first.range(), "tickers are written in lower case", &format!("write `{small}`"));
        }
        self.next();
        Ok(Some((asset, first.range())))
    }

    fn quantity(&mut self) -> Read<Quantity<'a>> {
        let word = self.next();
        if word.text != "unlimited" && !word.begins_a_number() {
            let hint = "write a number, such as `0.5`, or `unlimited`";
            return self.refuse(word.range(), "how much is not said", hint);
        }
        let is_base_units = word.text != "unlimited" && self.take("base");
        if is_base_units {
            self.expect("units", "write `base units`")?;
        }
        Ok(Quantity { word, is_base_units })
    }

    fn ceiling(&self, quantity: &Quantity<'_>, scale: &Scale<'_>) -> Read<Ceiling> {
        match quantity.word.text {
            "unlimited" => Ok(Ceiling::Unlimited),
            _ => self.amount(quantity, scale).map(Ceiling::At),
        }
    }

    fn amount(&self, quantity: &Quantity<'_>, scale: &Scale<'_>) -> Read<Amount> {
        let word = &quantity.word;
        let asset = scale.asset;
        let places = match (scale.is_count, quantity.is_base_units, self.decimals.of_asset(asset)) {
            (true, true, _) => return self.refuse(word.range(), "spends have no base units", "write `20 spends/hour`"),
            (true, false, _) | (false, true, _) => 0,
            (false, false, Some(places)) => places,
            (false, false, None) => {
                if matches!(asset, Asset::Any | Asset::Chain(_)) {
                    let hint = format!("write `{asset} 20 spends/hour`, `{asset} fees …`, or name one coin");
                    return self.refuse(word.range(), "amounts of several coins do not add up", &hint);
                }
                let problem = format!("the decimals of {asset} are not known here");
                let hint = self.way_out(word, asset);
                let refused = self.refuse(word.range(), &problem, &hint);
                return refused
                    .map_err(|error| LimitTextError { lacks_decimals: matches!(asset, Asset::Coin(_)), ..error });
            }
        };
        number::read(word.text, places).or_else(|invalid| {
            let within = |part: Range<usize>| word.from.saturating_add(part.start)..word.from.saturating_add(part.end);
            match invalid {
                InvalidNumber::NotPlain(part) => {
                    let hint = "write digits, and a point with digits behind it if need be: `1000`, `0.5`";
                    self.refuse(within(part), "this stands in no plain number", hint)
                }
                InvalidNumber::TooPrecise(part) if scale.is_count || quantity.is_base_units => {
                    self.refuse(within(part), "this is a fraction of what cannot be divided", "write a whole number")
                }
                InvalidNumber::TooPrecise(part) => {
                    let problem = format!("{asset} has {places} decimal places");
                    self.refuse(within(part), &problem, "write no more than these")
                }
                InvalidNumber::TooLarge => {
                    self.refuse(word.range(), "this is more than 2^256 - 1 base units", "write `unlimited`")
                }
            }
        })
    }

    /// The same limit where a number of the asset is not understood: as a token of a chain if that is known, else in
    /// base units.
    fn way_out(&self, number: &Word<'_>, asset: &Asset) -> String {
        let Range { start, end } = number.range();
        let (before, behind) = (self.text.get(..start).unwrap_or(""), self.text.get(end..).unwrap_or(""));
        let token = Asset::parse(&format!("eth:{asset}"));
        if token.is_ok_and(|token| self.decimals.of_asset(&token).is_some()) {
            let limit = format!("eth:{}{}{behind}", before.trim_start(), number.text);
            return format!("a token is named with its chain, such as `{limit}`");
        }
        let whole = if number.text.bytes().all(|byte| byte.is_ascii_digit()) { number.text } else { "5000" };
        format!("write whole base units: `{before}{whole} base units{behind}`")
    }

    fn window(&mut self, first: &Quantity<'_>, scale: &Scale<'_>) -> Read<(Window, Ceiling)> {
        if !self.take("/") {
            let window = if self.take("per") {
                self.expect("spend", "write `per spend`, or `/day` for a time")?;
                Window::Spend
            } else {
                if self.take("in") {
                    self.expect("total", "write `in total`; a time zone follows `/calendar day in`")?;
                }
                Window::Lifetime
            };
            return Ok((window, self.ceiling(first, scale)?));
        }
        if self.take("calendar") {
            return Ok((self.calendar()?, self.ceiling(first, scale)?));
        }
        let period = self.period()?;
        if self.take("burst") {
            if first.word.text == "unlimited" {
                let hint = "write how much is given back in each period: `tbtc 0.1/hour burst unlimited`";
                return self.refuse(first.word.range(), "nothing wears off without end", hint);
            }
            let rate = self.amount(first, scale)?;
            let burst = self.quantity()?;
            return Ok((Window::Accrual { rate, period }, self.ceiling(&burst, scale)?));
        }
        let window =
            if self.take("from") { Window::Fixed { period, from: self.instant()? } } else { Window::Rolling(period) };
        Ok((window, self.ceiling(first, scale)?))
    }

    fn calendar(&mut self) -> Read<Window> {
        let word = self.next();
        let Some(unit) = CalendarUnit::parse(word.text) else {
            let hint = "write `hour`, `day`, `week` or `month`";
            return self.refuse(word.range(), "this is no unit of the calendar that limits know", hint);
        };
        if !self.take("in") {
            return Ok(Window::Calendar(unit, Zone::UTC));
        }
        // Names of zones have slashes in them.
        let name = self.ahead(&[' ']);
        self.at = name.range().end;
        match Zone::parse(name.text) {
            Ok(zone) => Ok(Window::Calendar(unit, zone)),
            Err(_) => {
                let hint = "write an IANA name in its own spelling, such as `Europe/Zurich`, or `UTC`";
                self.refuse(name.range(), "there is no such time zone", hint)
            }
        }
    }

    fn period(&mut self) -> Read<Span> {
        let first = self.next();
        let is_number = first.begins_a_number();
        let number = match is_number {
            true => {
                let sound = first.text.bytes().all(|byte| byte.is_ascii_digit());
                let number = sound.then(|| first.text.parse::<u64>().ok()).flatten();
                match number {
                    Some(number) => number,
                    None => return self.refuse(first.range(), "this is no whole number", "write `/30 days`"),
                }
            }
            false => 1,
        };
        let word = if is_number { self.next() } else { first.clone() };
        let name = if is_number { word.text.strip_suffix('s').unwrap_or(word.text) } else { word.text };
        if ["month", "year"].contains(&name) {
            let hint = match name {
                "month" => "write `/calendar month` or `/30 days`",
                _ => "write `/365 days`",
            };
            return self.refuse(word.range(), &format!("a {name} has no length of its own"), hint);
        }
        let Some((_, unit)) = UNITS.into_iter().find(|(unit, _)| *unit == name) else {
            let hint = "write `/second`, `/minute`, `/hour`, `/day`, `/week`, `/30 days` or `/calendar day`";
            return self.refuse(word.range(), "this is no period of time", hint);
        };
        let length = Span::from_seconds(number.saturating_mul(unit));
        if (Window::SHORTEST..=Window::LONGEST).contains(&length) {
            return Ok(length);
        }
        let hint = "write 1 second to 366 days, or `in total`";
        self.refuse(first.from..word.range().end, "no limit counts over this time", hint)
    }

    fn instant(&mut self) -> Read<Timestamp> {
        let word = self.next();
        match super::instant(word.text) {
            Some(instant) => Ok(instant),
            None => {
                let hint = "write UTC, to the millisecond at most: `2026-01-05T00:00:00Z`";
                self.refuse(word.range(), "this is no instant", hint)
            }
        }
    }

    fn end(&self) -> Read<()> {
        let rest = self.peek();
        if rest.text.is_empty() {
            return Ok(());
        }
        let hint = "behind the number a limit says `per spend`, `in total`, `/day` or the like, or ends";
        self.refuse(rest.range(), "this does not belong here", hint)
    }

    fn peek(&self) -> Word<'a> {
        self.ahead(&[' ', '/'])
    }

    /// What stands next, up to one of `ends`; a slash is a word if it is one of them.
    fn ahead(&self, ends: &[char]) -> Word<'a> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let word = rest.trim_start_matches(' ');
        let from = self.text.len().saturating_sub(word.len());
        let length = match word.find(ends) {
            Some(0) => 1,
            Some(length) => length,
            None => word.len(),
        };
        Word { text: word.get(..length).unwrap_or(""), from }
    }

    fn next(&mut self) -> Word<'a> {
        let word = self.peek();
        self.at = word.range().end;
        word
    }

    fn take(&mut self, expected: &str) -> bool {
        let word = self.peek();
        let is_there = word.text == expected;
        if is_there {
            self.at = word.range().end;
        }
        is_there
    }

    fn expect(&mut self, expected: &str, hint: &str) -> Read<()> {
        if self.take(expected) {
            return Ok(());
        }
        self.refuse(self.peek().range(), &format!("`{expected}` is expected here"), hint)
    }

    fn refuse<T>(&self, at: Range<usize>, problem: &str, hint: &str) -> Read<T> {
        let (problem, hint) = (problem.to_owned(), hint.to_owned());
        Err(LimitTextError { text: self.text.to_owned(), at, problem, hint, lacks_decimals: false })
    }
}
