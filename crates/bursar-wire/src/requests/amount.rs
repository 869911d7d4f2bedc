//! Amounts as BitGo's clients write them: decimal text, or a JSON integer while that is exact (WC §4.3, rule 1).

use bursar_core::amount::{Amount, InvalidAmount};

use crate::json::{FieldError, Fields, Json};

/// 2^53 - 1: above it JavaScript, and with it many a client, rounds JSON numbers.
pub const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// An amount in base units.
///
/// # Errors
/// It is absent, empty, not a whole number, negative, more than 2^256 - 1, or a JSON number that may have been rounded.
pub fn amount_field(fields: &Fields<'_>, name: &str) -> Result<Amount, FieldError> {
    optional_amount(fields, name)?
        .ok_or_else(|| fields.refuse(name, "is missing: give a whole number of base units"))
}

/// An amount in base units, if there.
pub(super) fn optional_amount(
    fields: &Fields<'_>,
    name: &str,
) -> Result<Option<Amount>, FieldError> {
    let Some(value) = fields.value(name) else {
        return Ok(None);
    };
    let amount = match value {
        Json::String(text) if text.trim().is_empty() => {
            let problem = "is empty, which is not zero: give a whole number of base units";
            return Err(fields.refuse(name, problem));
        }
        Json::String(text) => Amount::parse(text),
        Json::Integer(units) if *units > LARGEST_EXACT.into() => {
            let problem =
                "is a number above 2^53 - 1, which many clients round; write it as a text";
            return Err(fields.refuse(name, problem));
        }
        Json::Integer(units) => u128::try_from(*units)
            .map(Amount::new)
            .map_err(|_| InvalidAmount::NotDecimalInteger),
        other => {
            let problem = format!(
                "must be a whole number of base units, as text or number, not {}",
                other.kind()
            );
            return Err(fields.refuse(name, problem));
        }
    };
    amount
        .map(Some)
        .map_err(|error| fields.refuse(name, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Amount, FieldError> {
        let json = Json::parse(format!(r#"{{"amount":{value}}}"#).as_bytes()).unwrap();
        amount_field(&Fields::of(&json).unwrap(), "amount")
    }

    #[test]
    fn text_and_exact_numbers_are_amounts() {
        for (value, units) in [
            ("\"0\"", 0),
            ("0", 0),
            ("\"250\"", 250),
            ("9007199254740991", 9_007_199_254_740_991),
        ] {
            assert_eq!(read(value), Ok(Amount::new(units)), "{value}");
        }
        let largest =
            "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(read(&format!("\"{largest}\"")), Ok(Amount::MAX));
    }

    #[test]
    fn nothing_else_is_an_amount_and_empty_is_not_zero() {
        let overlong = format!("\"{}\"", "1".repeat(500));
        let too_much =
            "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        for (value, problem) in [
            ("null", "is missing"),
            ("\"\"", "is empty, which is not zero"),
            ("\"  \"", "is empty, which is not zero"),
            ("\"-1\"", "is not a whole number"),
            ("-1", "is not a whole number"),
            ("\"1.5\"", "is not a whole number"),
            ("\"1e3\"", "is not a whole number"),
            ("\"0x10\"", "is not a whole number"),
            ("1.0", "with a fraction or an exponent"),
            ("1e3", "with a fraction or an exponent"),
            (too_much, "too big to be exact"),
            ("9007199254740992", "write it as a text"),
            (&overlong, "is more than 2^256 - 1"),
            (&format!("\"{too_much}\""), "is more than 2^256 - 1"),
            ("true", "not a boolean"),
            ("[]", "not a list"),
        ] {
            let error = read(value).unwrap_err();
            assert_eq!(error.field, "amount");
            assert!(error.problem.contains(problem), "{value}: {error}");
        }
    }
}
