//! Comparisons in conditions on requests: what is the same to one reader and not to another is neither, but an error.
//!
//! To CEL a list is never equal to a text, and so passes what is forbidden by name; to JavaScript `["payout"]` is `payout`.

use cel::common::types::{CelBool, CelInt, CelList, CelNull, CelString, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use crate::http::reads::is_digits;

/// What `==` becomes.
pub(super) const SAME: &str = "@same";
/// What `in` becomes.
pub(super) const AMONG: &str = "@among";

/// Takes the functions up.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(SAME, "same_any_any", vec![DYN_TYPE, DYN_TYPE], |arguments| match &arguments[..] {
        [one, other] => same(one.as_ref(), other.as_ref()).map(made),
        _ => Err(unclear("two values are compared")),
    })?;
    env.add_overload(AMONG, "among_any_any", vec![DYN_TYPE, DYN_TYPE], |arguments| match &arguments[..] {
        [one, all] => match (all.downcast_ref::<CelList>(), all.as_container()) {
            (Some(list), _) => among(one.as_ref(), list.inner().iter().map(AsRef::as_ref)).map(made),
            (None, Some(came)) => came.contains(one.as_ref()).map(made),
            (None, None) => Err(unclear("a value is looked for in what is neither a list nor an object")),
        },
        _ => Err(unclear("a value is looked for in a list")),
    })
}

fn made<'b, 'v>(holds: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(holds))
}

fn unclear(problem: &str) -> ExecutionError {
    ExecutionError::function_error(SAME, problem)
}

/// Whether a value is one of these.
pub(super) fn among<'a>(one: &dyn Val, all: impl Iterator<Item = &'a dyn Val>) -> Result<bool, ExecutionError> {
    let mut found = Ok(false);
    for other in all {
        match same(one, other) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => found = Err(error),
        }
    }
    found
}

/// Whether two values are the same to everybody.
pub(super) fn same(one: &dyn Val, other: &dyn Val) -> Result<bool, ExecutionError> {
    let is_null = |value: &dyn Val| value.downcast_ref::<CelNull>().is_some();
    if is_null(one) || is_null(other) {
        return Ok(is_null(one) && is_null(other));
    }
    if let (Some(one), Some(other)) = (one.downcast_ref::<CelString>(), other.downcast_ref::<CelString>()) {
        let (one, other) = (one.inner(), other.inner());
        return match one == other {
            false if number(one).is_some_and(|number_there| number(other) == Some(number_there)) => {
                Err(unclear("one number is compared with itself in another spelling"))
            }
            is_same => Ok(is_same),
        };
    }
    if let (Some(one), Some(other)) = (one.downcast_ref::<CelBool>(), other.downcast_ref::<CelBool>()) {
        return Ok(one.inner() == other.inner());
    }
    if let (Some(one), Some(other)) = (one.downcast_ref::<CelInt>(), other.downcast_ref::<CelInt>()) {
        return Ok(one.inner() == other.inner());
    }
    Err(unclear("values of two kinds are compared, or lists or objects: some take one for the other"))
}

/// A number, however it is written: its sign, its digits without zeros around them, and the power of ten of the last one.
fn number(text: &str) -> Option<(bool, String, i64)> {
    let (is_negative, text) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !is_digits(&digits) {
        return None;
    }
    let power = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len().checked_sub(significant.len())?).ok()?;
    let significant = significant.trim_start_matches('0');
    // Zero has no sign and no power.
    match significant.is_empty() {
        true => Some((false, String::new(), 0)),
        false => Some((is_negative, significant.to_owned(), power.checked_add(zeros)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(one: &str, other: &str) -> Result<bool, ()> {
        same(&CelString::from(one), &CelString::from(other)).map_err(|_| ())
    }

    #[test]
    fn texts_are_the_same_or_not_and_numbers_in_two_spellings_are_neither() {
        for (one, other) in
            [("a", "b"), ("5", "6"), ("5", "50"), ("0.5", "5"), ("a5", "5"), ("1e2", "10"), ("", "0"), ("-5", "5")]
        {
            assert_eq!(texts(one, other), Ok(false), "{one} {other}");
        }
        for (one, other) in [
            ("5", "5.0"),
            ("5", "05"),
            ("5", "5e0"),
            ("5", "+5"),
            ("0", "-0"),
            ("0", "0.00"),
            ("100", "1e2"),
            ("0.5", "5e-1"),
        ] {
            assert_eq!((texts(one, other), texts(other, one)), (Err(()), Err(())), "{one} {other}");
        }
        assert_eq!(texts("5.0", "5.0"), Ok(true));
    }

    #[test]
    fn values_of_two_kinds_are_neither_the_same_nor_different_but_for_null() {
        let (text, truth, null) = (CelString::from("true"), CelBool::from(true), CelNull);
        assert!(same(&text, &truth).is_err() && same(&truth, &text).is_err());
        assert_eq!(same(&null, &text).ok(), Some(false));
        assert_eq!(same(&null, &null).ok(), Some(true));
        assert_eq!(same(&truth, &CelBool::from(false)).ok(), Some(false));
        let all: [&dyn Val; 3] = [&text, &truth, &null];
        assert_eq!(among(&truth, all.into_iter()).ok(), Some(true));
        assert!(among(&CelBool::from(false), all.into_iter()).is_err());
    }
}
