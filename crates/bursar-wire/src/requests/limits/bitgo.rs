//! The three ways BitGo has to write limits (WC §1.4, §4.3): lifetime amounts, nothing else.

use bursar_core::coin::{Asset, Family};
use bursar_core::limit::{Ceiling, Limit, LimitSet, Measure, Window};

use super::{Found, coin};
use crate::json::{FieldError, Fields, Json};
use crate::requests::amount;

/// Reads what there is of them. None at all is not the same as an empty list.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Vec<Found>>, FieldError> {
    let per_coin = fields.optional_objects("spendingLimits")?;
    let erc20 = fields.optional_object("allErc20TokensLimit")?;
    let legacy = amount(fields, "txValueLimit")?;
    if per_coin.is_none() && erc20.is_none() && legacy.is_none() {
        return Ok(None);
    }
    let per_coin = per_coin.unwrap_or_default();
    if per_coin.len() > LimitSet::MOST {
        return Err(fields.refuse("spendingLimits", format!("has more than {} entries", LimitSet::MOST)));
    }
    let mut limits: Vec<Found> = Vec::new();
    for (index, entry) in per_coin.iter().enumerate() {
        let asset = Asset::Coin(coin(entry, "coin")?);
        if limits.iter().any(|found| found.limit.asset == asset) {
            return Err(entry.refuse("coin", "has two entries; a coin has one"));
        }
        limits.push(Found { limit: limit(asset, ceiling(entry)?), field: format!("spendingLimits[{index}]") });
    }
    if let Some(all) = erc20.filter(|all| !matches!(all.value("enabled"), Some(Json::Bool(false)))) {
        all.optional_boolean("enabled")?;
        let limit = limit(Asset::Family(Family::Erc20), ceiling(&all)?);
        limits.push(Found { limit, field: "allErc20TokensLimit".to_owned() });
    }
    if let Some(satoshi) = legacy {
        let limit = limit(Asset::Family(Family::Bitcoin), Ceiling::At(satoshi));
        limits.push(Found { limit, field: "txValueLimit".to_owned() });
    }
    Ok(Some(limits))
}

fn limit(asset: Asset, ceiling: Ceiling) -> Limit {
    Limit { asset, measure: Measure::Amount, window: Window::Lifetime, ceiling }
}

fn ceiling(entry: &Fields<'_>) -> Result<Ceiling, FieldError> {
    let at = amount(entry, "txValueLimit")?;
    let is_unlimited = entry.optional_boolean("maxLimit")?.unwrap_or(false);
    match (at, is_unlimited) {
        (Some(_), true) => Err(entry.refuse("maxLimit", "means unlimited and cannot stand beside `txValueLimit`")),
        (Some(at), false) => Ok(Ceiling::At(at)),
        (None, true) => Ok(Ceiling::Unlimited),
        (None, false) => Err(entry.refuse(
            "txValueLimit",
            "is missing; give an amount, `\"0\"` to allow nothing, or `maxLimit: true` for no ceiling",
        )),
    }
}
