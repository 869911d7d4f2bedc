//! Limits and destinations as flags write them, as requests carry them, and as people read them.

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::{LimitTextError, describe, parse, parse_knowing};
use bursar_core::limit::{Ceiling, Limit, Measure, Window};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::limits::list;
use crate::cli::{output, shown};
use crate::failure::Failure;

/// Where money may go. What is not said is left as it is.
#[derive(Args, Default)]
pub(in crate::cli) struct Destinations {
    /// Where its money may go, and nowhere else: COIN:ADDRESS, or the address alone with --coin; may be given again.
    #[arg(long = "to", value_name = "ADDRESS")]
    to: Vec<String>,
    /// The coin of the addresses in --to; tokens on its chain may go there too.
    #[arg(long, requires = "to")]
    coin: Option<String>,
    /// How many different destinations may ever be paid.
    #[arg(long, value_name = "NUMBER")]
    max_destinations: Option<u32>,
    /// What each destination may get, such as 'tbtc 0.1/day'; may be given again.
    #[arg(long, value_name = "LIMIT", value_parser = said)]
    each: Vec<Said>,
}

impl Destinations {
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.to.is_empty() && self.max_destinations.is_none() && self.each.is_empty()
    }

    /// The rules as a request carries them: those there are, with what is said here in its place.
    ///
    /// # Errors
    /// An address has no coin.
    pub(in crate::cli) fn over(&self, before: &Value) -> Result<Value, Failure> {
        if self.is_empty() {
            return Ok(before.clone());
        }
        let mut rules = Map::new();
        let mut keep = |name: &str, said: Option<Value>| {
            let value = said.or_else(|| before.get(name).cloned()).filter(|value| !value.is_null());
            rules.extend(value.map(|value| (name.to_owned(), value)));
        };
        let allow = self.to.iter().map(|text| self.destination(text)).collect::<Result<Vec<Value>, Failure>>()?;
        keep("allow", Some(allow).filter(|allow| !allow.is_empty()).map(Value::from));
        keep("atMost", self.max_destinations.map(Value::from));
        let each: Vec<Said> = self.each.iter().map(without_fee).collect();
        // Those there are were told as objects with their text, and the text is what the server reads.
        let kept = || list(before, "each").iter().map(written).collect::<Value>();
        let each = if each.is_empty() { kept() } else { texts(&each) };
        keep("each", Some(each).filter(|each| *each != json!([])));
        Ok(Value::Object(rules))
    }

    fn destination(&self, text: &str) -> Result<Value, Failure> {
        let (coin, address) = match &self.coin {
            Some(coin) => (coin.as_str(), text),
            // The chain is enough: what is behind it belongs to the address.
            None => text.split_once(':').ok_or_else(|| {
                Failure::usage(format!("--to `{text}` has no coin")).with_hint("write COIN:ADDRESS, or say --coin")
            })?,
        };
        Ok(json!({"coin": coin, "address": address}))
    }
}

/// What a destination gets has no fee in it.
fn without_fee(said: &Said) -> Said {
    match said {
        Said::Read(limit) if limit.measure == Measure::Amount => {
            Said::Read(Limit { measure: Measure::AmountWithoutFee, ..limit.clone() })
        }
        // Who speaks of fees has said which.
        Said::Unread(text) if !text.split(' ').any(|word| word == "fees") => {
            Said::Unread(format!("{} without fees", text.trim_end()))
        }
        other => other.clone(),
    }
}

/// A limit that a flag says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Said {
    /// It is understood here.
    Read(Limit),
    /// It is sound as far as it is read here; the decimals of its coin are known to the server, or to nobody.
    Unread(String),
}

impl Said {
    /// As a request carries it.
    pub(in crate::cli) fn text(&self) -> String {
        match self {
            Self::Read(limit) => describe(limit),
            Self::Unread(text) => text.clone(),
        }
    }

    /// What is compared with limits there are, in the units of their server.
    ///
    /// # Errors
    /// It is no limit in them.
    pub(super) fn limit(&self, decimals: &Decimals) -> Result<Limit, Failure> {
        match self {
            Self::Read(limit) => Ok(limit.clone()),
            Self::Unread(text) => parse_knowing(text, decimals).map_err(|error| Failure::usage(pointed(&error))),
        }
    }
}

/// Reads a limit, or leaves it to the server if only the decimals of its coin are missing here.
///
/// # Errors
/// As those of [`limit`].
pub(in crate::cli) fn said(text: &str) -> Result<Said, String> {
    match parse(text) {
        Err(error) if error.lacks_decimals && !text.contains('=') => Ok(Said::Unread(text.to_owned())),
        _ => limit(text).map(Said::Read),
    }
}

/// Reads a limit: as `docs/limits.md` has it, or `COIN=BASE_UNITS` for life.
///
/// # Errors
/// Why it is none; the first line says it all, and the others point at the spot.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    match text.split_once('=') {
        Some((coin, amount)) => for_life(coin, amount),
        None => parse(text).map_err(|error| pointed(&error)),
    }
}

/// What is wrong in one line, and below it where.
pub(super) fn pointed(error: &LimitTextError) -> String {
    let drawn = format!("{error:#}");
    let spot: Vec<String> = drawn.lines().take(2).map(|line| format!("    {line}")).collect();
    format!("{error}\n\n{}", spot.join("\n"))
}

fn for_life(coin: &str, amount: &str) -> Result<Limit, String> {
    let coin = Coin::parse(coin).map_err(|error| format!("`{coin}` {error}"))?;
    let ceiling = match amount {
        "unlimited" => Ceiling::Unlimited,
        _ => Ceiling::At(Amount::parse(amount).map_err(
            |_| "the amount is a whole number of base units, or `unlimited`; such as tbtc=1000000, or 'tbtc 0.01'",
        )?),
    };
    Ok(Limit { asset: Asset::Coin(coin), measure: Measure::Amount, window: Window::Lifetime, ceiling })
}

/// Limits as a request carries them.
pub(in crate::cli) fn texts(limits: &[Said]) -> Value {
    limits.iter().map(Said::text).collect()
}

/// Rules about destinations for people, a line for each.
pub(in crate::cli) fn rules(destinations: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(allow) = destinations.get("allow").and_then(Value::as_array) {
        if allow.is_empty() {
            lines.push("to nobody".to_owned());
        }
        let one = |to: &Value| format!("to {} ({})", shown::text(to, "address"), shown::text(to, "coin"));
        lines.extend(allow.iter().map(one));
    }
    if let Some(at_most) = destinations.get("atMost").filter(|at_most| !at_most.is_null()) {
        let paid = destinations.get("paid").and_then(Value::as_u64);
        let paid = paid.map_or_else(String::new, |paid| format!(", {paid} paid so far"));
        lines.push(format!("to at most {at_most} destinations{paid}"));
    }
    lines.extend(list(destinations, "each").iter().map(|each| format!("to each {}", written(each))));
    lines
}

/// The text of a limit, be it told as a text or with its figures.
pub(super) fn written(limit: &Value) -> String {
    match limit {
        Value::String(text) => output::printable(text),
        told => shown::text(told, "rule"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        describe(&limit(text).unwrap())
    }

    #[test]
    fn a_limit_is_a_text_or_a_number_of_base_units_for_life() {
        assert_eq!(read("tbtc 0.5/day"), "tbtc 0.5/day");
        assert_eq!(read("20 spends/hour"), "20 spends/hour");
        assert_eq!(read("tbtc=10"), "tbtc 0.0000001 in total");
        assert_eq!(read("hteth:usdc=0"), "hteth:usdc 0 in total");
        assert_eq!(read("tsol=7"), "tsol 7 base units in total");
        assert_eq!(read("tbtc=unlimited"), "tbtc unlimited");
        for text in ["tbtc=", "=1", "tbtc=1.5", "tbtc=-1", "tbtc=1e8", "tbtc=0x1", "tbtc=max", "tbtc"] {
            assert!(limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_of_a_coin_that_only_the_server_knows_is_sent_as_it_was_said() {
        let unread = |text: &str| Said::Unread(text.to_owned());
        assert_eq!(said("eth:mycoin 1.5/day"), Ok(unread("eth:mycoin 1.5/day")));
        assert_eq!(said("tbtc 0.50/day").unwrap().text(), "tbtc 0.5/day");
        assert_eq!(without_fee(&unread("gold 1.5/day")), unread("gold 1.5/day without fees"));
        for text in ["gold fees 1.5/day", "gold 1.5/day without fees"] {
            assert_eq!(without_fee(&unread(text)), unread(text));
        }
        // What is wrong anyway is told here, with its spot.
        for text in ["eth:mycoin 1.5/mnoth", "eth:mycoin=1.5", "* 1.5/day"] {
            assert!(said(text).is_err(), "{text}");
        }
        let declared = Decimals::declared([(Coin::parse("gold").unwrap(), 3)]);
        assert_eq!(unread("gold 1.5").limit(&declared).unwrap(), limit("gold=1500").unwrap());
        let unknown = unread("gold 1.5").limit(&Decimals::default()).unwrap_err().to_string();
        assert!(unknown.contains("the decimals of gold are not known here; write whole base units"), "{unknown}");
    }

    #[test]
    fn a_mistake_is_told_in_one_line_and_pointed_at_in_the_next() {
        let told = limit("tbtc 0.5/mnoth").unwrap_err();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("at character 10, `mnoth`: this is no period of time; write "), "{told}");
        assert_eq!(lines[1..], ["", "    tbtc 0.5/mnoth", "             ^^^^^"]);
    }

    #[test]
    fn rules_about_destinations_are_told_in_words() {
        let each = json!({"asset": "tbtc", "measure": "count", "ceiling": "2", "rule": "tbtc 2 spends/60 seconds"});
        let shown = json!({"allow": [{"coin": "eth", "address": "0x"}], "atMost": 5, "paid": 1, "each": [each, "b"]});
        let told = [
            "to 0x (eth)",
            "to at most 5 destinations, 1 paid so far",
            "to each tbtc 2 spends/60 seconds",
            "to each b",
        ];
        assert_eq!(rules(&shown), told);
        assert_eq!(rules(&json!({"allow": [], "atMost": null, "each": []})), ["to nobody"]);
        assert_eq!(rules(&Value::Null), [""; 0]);
    }

    #[test]
    fn destinations_are_sent_as_said_and_otherwise_left_as_they_are() {
        let before = json!({"allow": [{"coin": "f", "address": "a"}], "atMost": 5, "each": [{"rule": "f 1/day"}]});
        assert_eq!(Destinations::default().over(&before).unwrap(), before);
        let said = Destinations {
            to: vec!["tbtc:sandbox:never".to_owned()],
            each: vec![said("tbtc 0.1/day").unwrap()],
            ..Destinations::default()
        };
        let after = json!({
            "allow": [{"coin": "tbtc", "address": "sandbox:never"}], "atMost": 5,
            "each": ["tbtc 0.1/day without fees"],
        });
        assert_eq!(said.over(&before).unwrap(), after);
        let fewer = Destinations { max_destinations: Some(1), ..Destinations::default() };
        let kept = json!({"allow": [{"coin": "f", "address": "a"}], "atMost": 1, "each": ["f 1/day"]});
        assert_eq!(fewer.over(&before).unwrap(), kept);
        let of_coin = Destinations { to: vec!["a:b".to_owned()], coin: Some("x".to_owned()), ..Default::default() };
        assert_eq!(of_coin.over(&Value::Null).unwrap(), json!({"allow": [{"coin": "x", "address": "a:b"}]}));
        let nowhere = Destinations { to: vec!["tb1q".to_owned()], ..Default::default() };
        assert!(nowhere.over(&Value::Null).unwrap_err().to_string().contains("COIN:ADDRESS"));
    }
}
