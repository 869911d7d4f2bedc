//! Bitcoin amounts as JSON carries them: decimal text of whole bitcoin, read into satoshi exactly and never through a float.

use bitcoin::Amount;

use crate::Forbidden;
use crate::json::Json;

/// Decimal places between a bitcoin and a satoshi.
const DECIMALS: usize = 8;

/// Reads an amount of a request: a number or a text with at most 8 decimals, no sign, no exponent.
///
/// # Errors
/// It is anything else, or more than there will ever be.
pub fn read(json: &Json) -> Result<Amount, Forbidden> {
    match json {
        Json::Number(text) | Json::Text(text) => parse(text),
        _ => Err(unreadable(&json.to_string())),
    }
}

/// Reads the text of an amount.
///
/// # Errors
/// It is not digits with at most 8 decimals behind a point, or more than there will ever be.
pub fn parse(text: &str) -> Result<Amount, Forbidden> {
    let satoshi = fixed_point(text, DECIMALS).ok_or_else(|| unreadable(text))?;
    let amount = Amount::from_sat(satoshi);
    if amount > Amount::MAX_MONEY {
        return Err(Forbidden::undecodable("an amount is more than 21000000 BTC; write it in bitcoin, not in satoshi"));
    }
    Ok(amount)
}

/// The amount as it is sent to a node: a number with all its 8 decimals.
pub fn write(amount: Amount) -> Json {
    Json::Number(to_decimal(amount.to_sat(), DECIMALS).into())
}

/// Reads what a node answers, which may have a sign and, from nodes that count in floats, an exponent; without its sign.
pub fn of_answer(json: &Json) -> Option<Amount> {
    let Json::Number(text) = json else { return None };
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return parse(text).ok() };
    let exponent: usize = exponent.strip_prefix('-')?.parse().ok()?;
    let places = DECIMALS.checked_sub(exponent)?;
    let amount = Amount::from_sat(fixed_point(mantissa, places)?);
    (amount <= Amount::MAX_MONEY).then_some(amount)
}

/// Reads digits with at most `places` decimals as a whole number of the smallest of them.
pub(super) fn fixed_point(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let fraction = match fraction {
        None => "",
        Some(fraction) if is_digits(fraction) && fraction.len() <= places => fraction,
        Some(_) => return None,
    };
    let digits = format!("{whole}{fraction:0<places$}");
    digits.parse().ok()
}

/// Writes a whole number of the smallest of `places` decimals, which are at least one.
pub(super) fn to_decimal(number: u64, places: usize) -> String {
    let digits = format!("{number:0>width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    format!("{whole}.{fraction}")
}

fn unreadable(text: &str) -> Forbidden {
    let shown: String = text.chars().take(40).collect();
    Forbidden::undecodable(format!(
        "`{}` is not an amount; write bitcoin as digits with at most 8 decimals, such as `0.00012`",
        shown.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_plain_decimals_are_amounts() {
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "-0",
            "1e-8",
            "1E8",
            "0.1 ",
            " 0.1",
            "0.123456789",
            "0.100000000",
            "NaN",
            "Infinity",
            "0x1",
            "01",
            "00.1",
            ".5",
            "5.",
            "1,5",
            "1_000",
            "1.1.1",
            "٣",
            "0.٣",
            "184467440737095516160",
        ] {
            assert!(parse(text).is_err(), "{text}");
            assert!(read(&Json::Text(text.into())).is_err(), "{text}");
        }
        for json in [Json::Null, Json::Bool(true), Json::List(Vec::new())] {
            assert!(read(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn text_and_number_mean_the_same_to_the_satoshi() {
        for (text, satoshi) in [
            ("0", 0),
            ("0.0", 0),
            ("0.00000001", 1),
            ("0.1", 10_000_000),
            ("0.10", 10_000_000),
            ("1", 100_000_000),
            ("20999999.97690000", 2_099_999_997_690_000),
            ("21000000", 2_100_000_000_000_000),
        ] {
            assert_eq!(read(&Json::Number(text.into())), Ok(Amount::from_sat(satoshi)), "{text}");
            assert_eq!(read(&Json::Text(text.into())), Ok(Amount::from_sat(satoshi)), "{text}");
        }
    }

    #[test]
    fn more_than_there_will_ever_be_is_refused() {
        assert!(parse("21000000.00000001").expect_err("too much").detail.contains("21000000 BTC"));
        assert!(parse("99999999999").is_err());
    }

    #[test]
    fn answers_of_nodes_that_count_in_floats_are_read_exactly() {
        let read = |text: &str| of_answer(&Json::Number(text.into())).map(Amount::to_sat);
        assert_eq!(read("-0.00000141"), Some(141));
        assert_eq!(read("1e-8"), Some(1));
        assert_eq!(read("-1.41e-6"), Some(141));
        assert_eq!(read("1.5e-8"), None, "half a satoshi");
        assert_eq!(read("1e8"), None);
        assert_eq!(read("1e-9"), None);
        assert_eq!(of_answer(&Json::Text("0.1".into())), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(satoshi in 0..=Amount::MAX_MONEY.to_sat()) {
            let amount = Amount::from_sat(satoshi);
            prop_assert_eq!(read(&write(amount)), Ok(amount));
            prop_assert_eq!(of_answer(&write(amount)), Some(amount));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = parse(&text);
            let _ = of_answer(&Json::Number(text.into()));
        }

        #[test]
        fn what_is_read_is_the_number_that_was_written(text in "(0|[1-9][0-9]{0,6})(\\.[0-9]{1,8})?") {
            let satoshi = parse(&text).expect("an amount").to_sat();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let of = |digits: &str| digits.parse::<u64>().expect("digits");
            prop_assert_eq!(satoshi, of(whole) * 100_000_000 + of(&format!("{fraction:0<8}")));
        }
    }
}
