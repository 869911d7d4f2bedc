//! Money in rules: the functions that make it, from exact text and from nothing else.
//!
//! There is no arithmetic on it beside them, so that no number on its way to a hold ever was one that rounds.

use std::any::Any;

use bursar_core::amount::Amount;
use cel::common::types::{CelInt, CelList, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use crate::http::reads::is_digits;

/// The most decimal places of an asset, and of a price.
pub(super) const MOST_PLACES: u8 = 18;
/// The function that `decimal` becomes once it is known how many places the asset has.
pub(super) const DECIMAL_WITH_PLACES: &str = "@decimal";
/// The same for `decimal_total`.
pub(super) const TOTAL_WITH_PLACES: &str = "@decimal_total";

/// So many base units of an asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Money {
    pub(super) asset: Box<str>,
    pub(super) units: Amount,
}

static MONEY: Type = Type::new_unspecified_type("amount");

impl Val for Money {
    fn get_type(&self) -> &Type {
        &MONEY
    }

    fn cel_type() -> &'static Type {
        &MONEY
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| other == self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Money {}

/// Takes the functions up.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("minor", "minor_text_text", vec![STRING_TYPE, STRING_TYPE], |arguments| {
        let [text, asset] = texts(&arguments, "minor")?;
        let units = whole(text).ok_or_else(|| {
            ExecutionError::function_error("minor", format!("{} is no whole number of base units", shown(text)))
        })?;
        made(asset, units)
    })?;
    let decimal = vec![STRING_TYPE, STRING_TYPE, INT_TYPE];
    env.add_overload(DECIMAL_WITH_PLACES, "decimal_text_text", decimal, |arguments| {
        let [text, asset] = texts(&arguments, "decimal")?;
        let places = places(&arguments, 2);
        let units = scaled(text, places).ok_or_else(|| {
            let problem = format!("{} is no amount with {places} decimal places at most", shown(text));
            ExecutionError::function_error("decimal", problem)
        })?;
        made(asset, units)
    })?;
    let metered = vec![STRING_TYPE, STRING_TYPE, STRING_TYPE];
    env.add_overload("metered", "metered_text_text_text", metered, |arguments| {
        let [count, price] = texts(&arguments, "metered")?;
        let asset = arguments.get(2).and_then(|asset| asset.downcast_ref::<CelString>());
        let (whole_count, price_of_one) = (whole(count), scaled(price, MOST_PLACES));
        let units = whole_count.zip(price_of_one).and_then(|(count, price)| {
            let one = scaled("1", MOST_PLACES)?;
            count.checked_mul(price)?.checked_div_ceil(one)
        });
        let units = units.ok_or_else(|| {
            let problem = format!("{} at {} is no count at a price", shown(count), shown(price));
            ExecutionError::function_error("metered", problem)
        })?;
        made(asset.map(CelString::inner).unwrap_or_default(), units)
    })?;
    env.add_overload("total", "total_list", vec![LIST_TYPE], |arguments| {
        let listed = arguments.first().and_then(|list| list.downcast_ref::<CelList>());
        let items = listed.map(CelList::inner).unwrap_or_default();
        let money = items.iter().map(|item| item.downcast_ref::<Money>().cloned().ok_or_else(no_list));
        sum(money)
    })?;
    env.add_overload("total", "total_list_field", vec![DYN_TYPE, STRING_TYPE, STRING_TYPE], |arguments| {
        sum_of_field("total", &arguments, "no whole number of base units", whole)
    })?;
    let decimals = vec![DYN_TYPE, STRING_TYPE, STRING_TYPE, INT_TYPE];
    env.add_overload(TOTAL_WITH_PLACES, "decimal_total_list_field", decimals, |arguments| {
        let places = places(&arguments, 3);
        let problem = format!("no amount with {places} decimal places at most");
        sum_of_field("decimal_total", &arguments, &problem, |text| scaled(text, places))
    })
}

/// The decimal places that an argument says.
fn places(arguments: &[CowVal<'_, '_>], place: usize) -> u8 {
    let places = arguments.get(place).and_then(|places| places.downcast_ref::<CelInt>());
    places.and_then(|places| u8::try_from(*places.inner()).ok()).unwrap_or_default()
}

/// The sum of a field of every item of a list: `(list, field, asset)`.
fn sum_of_field<'b, 'v>(
    function: &str,
    arguments: &[CowVal<'_, '_>],
    otherwise: &str,
    read: impl Fn(&str) -> Option<Amount>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [list, field, asset, ..] = arguments else { return Err(no_list()) };
    let asset = asset.downcast_ref::<CelString>().map(CelString::inner).unwrap_or_default();
    let (Some(items), Some(size)) = (list.as_indexer(), list.as_sizer()) else { return Err(no_list()) };
    let field_name = field.downcast_ref::<CelString>().map(CelString::inner).unwrap_or_default();
    let money = (0..*size.size().inner()).map(|place| {
        let not_money = || {
            let problem = format!("`{}` of item {} is {otherwise}", field_name.escape_debug(), place + 1);
            ExecutionError::function_error(function, problem)
        };
        let item = items.get(&CelInt::from(place))?;
        let amount = item.as_indexer().ok_or_else(not_money)?.get(field.as_ref()).map_err(|error| match error {
            ExecutionError::NoSuchKey(_) => not_money(),
            unclear => unclear,
        })?;
        let text = amount.downcast_ref::<CelString>().ok_or_else(not_money)?;
        Ok(Money { asset: asset.into(), units: read(text.inner()).ok_or_else(not_money)? })
    });
    sum(money)
}

fn no_list() -> ExecutionError {
    ExecutionError::function_error("total", "there is no list of amounts")
}

fn sum<'b, 'v>(money: impl Iterator<Item = Result<Money, ExecutionError>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut sum: Option<Money> = None;
    for one in money {
        let one = one?;
        sum = Some(match sum {
            None => one,
            Some(sum) if sum.asset != one.asset => {
                return Err(ExecutionError::function_error("total", "the amounts are of several assets"));
            }
            Some(sum) => {
                let units = sum.units.checked_add(one.units);
                let large = || ExecutionError::function_error("total", "the sum is too large");
                Money { units: units.ok_or_else(large)?, ..sum }
            }
        });
    }
    sum.map(CowVal::owned).ok_or_else(|| ExecutionError::function_error("total", "there is nothing to add"))
}

fn texts<'a, const COUNT: usize>(
    arguments: &'a [CowVal<'_, '_>],
    function: &str,
) -> Result<[&'a str; COUNT], ExecutionError> {
    let mut texts = [""; COUNT];
    for (place, text) in texts.iter_mut().enumerate() {
        let found = arguments.get(place).and_then(|argument| argument.downcast_ref::<CelString>());
        *text = found.ok_or_else(|| ExecutionError::function_error(function, "takes texts"))?.inner();
    }
    Ok(texts)
}

fn made<'b, 'v>(asset: &str, units: Amount) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(Money { asset: asset.into(), units }))
}

/// Digits as one writes a number: others could take a leading zero for another base.
fn digits(text: &str) -> bool {
    is_digits(text) && !text.is_empty() && (text.len() == 1 || !text.starts_with('0'))
}

fn whole(text: &str) -> Option<Amount> {
    if digits(text) { Amount::parse(text).ok() } else { None }
}

/// A number with so many decimal places at most, times ten to the power of them.
fn scaled(text: &str, places: u8) -> Option<Amount> {
    let places = usize::from(places);
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    // Bounds what is put together below.
    if !digits(whole) || whole.len() > 80 || fraction.len() > places {
        return None;
    }
    if !is_digits(fraction) {
        return None;
    }
    Amount::parse(&format!("{whole}{fraction:0<places$}")).ok()
}

/// A text in a message: short, and on one line.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_from_exact_text_only() {
        assert_eq!(whole("0"), Some(Amount::ZERO));
        assert_eq!(whole("500"), Some(Amount::new(500)));
        let large = "9".repeat(78);
        for text in
            ["", "-1", "+1", "1.0", "1e3", "0x10", " 1", "1 ", "1_000", "007", "00", "١", "NaN", "1,000", &large]
        {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(scaled("12.3", 2), Some(Amount::new(1230)));
        assert_eq!(scaled("0.05", 2), Some(Amount::new(5)));
        assert_eq!(scaled("7", 0), Some(Amount::new(7)));
        for text in ["", ".", "1.", ".5", "-0.5", "1.234", "1.2.3", "1e2", "01.5", "1.-5", "1,5", "1.5 ", &large] {
            assert_eq!(scaled(text, 2), None, "{text}");
        }
        assert_eq!(scaled("1.0", 0), None);
    }
}
