//! One limit in our own form: a text of the grammar, or an object.

use bursar_core::coin::Asset;
use bursar_core::limit::text::{has_wrong_case, instant, parse};
use bursar_core::limit::{CalendarUnit, Ceiling, InvalidLimit, Limit, LimitSet, Measure, Window, Zone};
use bursar_core::time::Span;

use super::Found;
use crate::json::{FieldError, Fields, Json};
use crate::requests::amount;
use crate::requests::spend::some_amount;

/// Reads a list of limits, if there is one.
pub(super) fn read_all(fields: &Fields<'_>, list: &str) -> Result<Option<Vec<Found>>, FieldError> {
    let Some(elements) = fields.optional_array(list)? else { return Ok(None) };
    if elements.len() > LimitSet::MOST {
        return Err(fields.refuse(list, format!("has more than {} entries", LimitSet::MOST)));
    }
    elements
        .iter()
        .enumerate()
        .map(|(index, element)| read(fields, list, index, element))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn read(fields: &Fields<'_>, list: &str, index: usize, element: &Json) -> Result<Found, FieldError> {
    let field = format!("{list}[{index}]");
    let limit = match element {
        Json::String(text) => parse(text).map_err(|error| fields.refuse(&field, format!("is no limit: {error}")))?,
        Json::Object(_) => limit(&fields.of_element(list, index, element)?)?,
        other => {
            let problem = format!("must be a text such as `tbtc 0.5/day` or an object, not {}", other.kind());
            return Err(fields.refuse(&field, problem));
        }
    };
    Ok(Found { limit, field })
}

fn limit(fields: &Fields<'_>) -> Result<Limit, FieldError> {
    fields.only(&["asset", "measure", "ceiling", "window"])?;
    let asset = Asset::parse(fields.text("asset")?).map_err(|error| fields.refuse("asset", error.to_string()))?;
    if let Asset::Coin(coin) | Asset::Chain(coin) = &asset
        && has_wrong_case(coin)
    {
        let small = asset.to_string().to_ascii_lowercase();
        return Err(fields.refuse("asset", format!("is in upper case, as no coin is; write `{small}`")));
    }
    let measure = match fields.optional_text("measure")? {
        None => Measure::Amount,
        Some(name) => Measure::ALL
            .into_iter()
            .find(|measure| measure.as_str() == name)
            .ok_or_else(|| fields.refuse("measure", "must be `amount`, `amount without fee`, `fee` or `count`"))?,
    };
    let ceiling = match fields.value("ceiling") {
        Some(Json::String(text)) if text == "unlimited" => Ceiling::Unlimited,
        _ => Ceiling::At(amount(fields, "ceiling")?.ok_or_else(|| {
            fields.refuse("ceiling", "is missing; give a number, `\"0\"` to allow nothing, or `\"unlimited\"`")
        })?),
    };
    let window = fields.optional_object("window")?.map_or(Ok(Window::Lifetime), |own| window(&own))?;
    let limit = Limit { asset, measure, window, ceiling };
    match limit.check() {
        Ok(()) => Ok(limit),
        Err(invalid) => {
            let field = match invalid {
                InvalidLimit::AmountOfManyCoins | InvalidLimit::FeeOfAnyCoin => "asset",
                InvalidLimit::AccrualWithoutFee => "measure",
                _ => "window",
            };
            Err(fields.refuse(field, invalid.to_string()))
        }
    }
}

fn window(fields: &Fields<'_>) -> Result<Window, FieldError> {
    let known = |names: &[&str]| fields.only(names);
    let window = match fields.text("type")? {
        "spend" => known(&["type"]).map(|()| Window::Spend)?,
        "lifetime" => known(&["type"]).map(|()| Window::Lifetime)?,
        "rolling" => {
            known(&["type", "seconds"])?;
            Window::Rolling(seconds(fields)?)
        }
        "calendar" => {
            known(&["type", "unit", "timeZone"])?;
            let unit = CalendarUnit::parse(fields.text("unit")?)
                .ok_or_else(|| fields.refuse("unit", "must be `hour`, `day`, `week` or `month`"))?;
            let zone = fields.optional_text("timeZone")?.map_or(Ok(Zone::UTC), Zone::parse);
            Window::Calendar(unit, zone.map_err(|error| fields.refuse("timeZone", error.to_string()))?)
        }
        "fixed" => {
            known(&["type", "seconds", "from"])?;
            let problem = "must be an instant in UTC, to the millisecond at most: `2026-01-05T00:00:00Z`";
            let from = instant(fields.text("from")?).ok_or_else(|| fields.refuse("from", problem))?;
            Window::Fixed { period: seconds(fields)?, from }
        }
        "accrual" => {
            known(&["type", "seconds", "rate"])?;
            Window::Accrual { rate: some_amount(fields, "rate")?, period: seconds(fields)? }
        }
        _ => {
            let problem = "must be `spend`, `lifetime`, `rolling`, `calendar`, `fixed` or `accrual`";
            return Err(fields.refuse("type", problem));
        }
    };
    let field = if matches!(window, Window::Accrual { .. }) { "rate" } else { "seconds" };
    window.check().map_err(|error| fields.refuse(field, error.to_string()))?;
    Ok(window)
}

fn seconds(fields: &Fields<'_>) -> Result<Span, FieldError> {
    let range = Window::SHORTEST.as_seconds_ceil()..=Window::LONGEST.as_seconds_ceil();
    let seconds = u64::try_from(fields.integer("seconds")?).ok().filter(|seconds| range.contains(seconds));
    let (shortest, longest) = (range.start(), range.end());
    seconds
        .map(Span::from_seconds)
        .ok_or_else(|| fields.refuse("seconds", format!("must be a number of seconds from {shortest} to {longest}")))
}
