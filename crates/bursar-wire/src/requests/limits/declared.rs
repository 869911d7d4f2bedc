//! Limits in coins that only this server knows the decimals of: their texts are put into base units as they come in, so
//! that nothing behind the edge reads one limit in two ways, and into units again where they are shown.

use bursar_core::decimals::Decimals;
use bursar_core::limit::text::{describe, describe_knowing, parse, parse_knowing};
use serde_json::{Map, Value};

use crate::json::{FieldError, Json};

/// Objects that limits stand in, at any place of a body.
const AROUND: [&str; 2] = ["tokenLimits", "destinations"];
/// Lists of limits.
const LISTS: [&str; 2] = ["limits", "each"];

/// The same body, in which amounts of declared coins are base units. What cannot be read at all is left as it is, for
/// whoever reads the request to refuse.
///
/// # Errors
/// A limit of a declared coin cannot be read.
pub fn in_base_units(body: Json, decimals: &Decimals) -> Result<Json, FieldError> {
    within("", body, decimals)
}

fn within(path: &str, value: Json, decimals: &Decimals) -> Result<Json, FieldError> {
    let Json::Object(entries) = value else { return Ok(value) };
    let entry = |(name, value): (String, Json)| {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let value = match value {
            Json::Object(_) if AROUND.contains(&name.as_str()) => within(&at, value, decimals)?,
            Json::Array(list) if LISTS.contains(&name.as_str()) => Json::Array(each(&at, list, decimals)?),
            other => other,
        };
        Ok::<_, FieldError>((name, value))
    };
    Ok(Json::Object(entries.into_iter().map(entry).collect::<Result<_, _>>()?))
}

fn each(path: &str, list: Vec<Json>, decimals: &Decimals) -> Result<Vec<Json>, FieldError> {
    let one = |(place, value): (usize, Json)| match value {
        Json::String(text) if parse(&text).is_err_and(|error| error.lacks_decimals) => {
            match parse_knowing(&text, decimals) {
                Ok(limit) => Ok(Json::String(describe(&limit))),
                Err(error) => {
                    let field = format!("{path}[{place}]");
                    Err(FieldError { field, problem: format!("is no limit: {error}") })
                }
            }
        }
        other => Ok(other),
    };
    list.into_iter().enumerate().map(one).collect()
}

/// The other way: texts of limits that are kept as they came in, as they may be written where these decimals are known.
/// What tells the same either way stays letter for letter.
pub(crate) fn in_units(kept: &mut Map<String, Value>, decimals: &Decimals) {
    for (name, value) in kept.iter_mut() {
        match value {
            Value::Object(inner) if AROUND.contains(&name.as_str()) => in_units(inner, decimals),
            Value::Array(list) if LISTS.contains(&name.as_str()) => {
                list.iter_mut().for_each(|one| text_in_units(one, decimals));
            }
            _ => {}
        }
    }
}

fn text_in_units(value: &mut Value, decimals: &Decimals) {
    let Some(limit) = value.as_str().and_then(|text| parse(text).ok()) else { return };
    let shown = describe_knowing(&limit, decimals);
    if shown != describe(&limit) {
        *value = shown.into();
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Coin;

    use super::*;

    fn read(text: &str) -> Result<Json, FieldError> {
        let decimals = Decimals::declared([(Coin::parse("eth:mycoin").unwrap(), 6)]);
        in_base_units(Json::parse(text.as_bytes()).unwrap(), &decimals)
    }

    #[test]
    fn amounts_of_declared_coins_become_base_units_wherever_limits_stand() {
        let said = r#"{"limits": ["eth:mycoin 1.5/day", "tbtc 0.5/day", 7], "label": "eth:mycoin 1.5/day",
            "destinations": {"each": ["eth:mycoin 0.000001 per spend"]},
            "tokenLimits": {"limits": ["eth:mycoin 2/hour burst 3.25"], "destinations": {"each": ["x"]}}}"#;
        let kept = r#"{"limits": ["eth:mycoin 1500000 base units/day", "tbtc 0.5/day", 7], "label": "eth:mycoin 1.5/day",
            "destinations": {"each": ["eth:mycoin 1 base units per spend"]},
            "tokenLimits": {"limits": ["eth:mycoin 2000000 base units/hour burst 3250000 base units"],
            "destinations": {"each": ["x"]}}}"#;
        assert!(read(said).unwrap() == Json::parse(kept.as_bytes()).unwrap());
    }

    #[test]
    fn limits_that_are_kept_in_base_units_are_shown_as_they_were_written() {
        let kept = serde_json::json!({
            "limits": ["eth:mycoin 1500000 base units/day", "tbtc 0.50/day", 7], "label": "eth:mycoin 5 base units",
            "destinations": {"each": ["eth:mycoin 1 base units per spend"], "allow": []},
        });
        let mut shown = kept.clone();
        in_units(shown.as_object_mut().unwrap(), &Decimals::declared([(Coin::parse("eth:mycoin").unwrap(), 6)]));
        let written = serde_json::json!({
            "limits": ["eth:mycoin 1.5/day", "tbtc 0.50/day", 7], "label": "eth:mycoin 5 base units",
            "destinations": {"each": ["eth:mycoin 0.000001 per spend"], "allow": []},
        });
        assert_eq!(shown, written);
        let back = read(&shown.to_string()).unwrap();
        assert!(back == Json::parse(kept.to_string().as_bytes()).unwrap(), "what is shown is read back");
    }

    #[test]
    fn a_mistake_is_told_with_its_spot_and_coins_that_nobody_declared_stay_unknown() {
        let told = |text: &str| {
            let body = format!(r#"{{"destinations": {{"each": ["tbtc 1/day", "{text}"]}}}}"#);
            read(&body).unwrap_err().to_string()
        };
        let field = "`destinations.each[1]` is no limit: ";
        let precise = told("eth:mycoin 1.0000005/day");
        assert!(precise.starts_with(&format!("{field}at character 20, `5`: eth:mycoin has 6 decimal")), "{precise}");
        let plain = told("eth:mycoin 1,5/day");
        assert!(plain.starts_with(&format!("{field}at character 13, `,`: this stands in no plain number")), "{plain}");
        let unknown = told("eth:other 1.5/day");
        assert!(unknown.contains("the decimals of eth:other are not known here; write whole base units"), "{unknown}");
    }
}
