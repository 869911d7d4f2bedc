//! Making an access token (WC §1.4, §4, §5, §6).

use bursar_core::coin::{Asset, Coin, Family};
use bursar_core::id::{OrganisationId, TemplateId};
use bursar_core::ip::IpRestriction;
use bursar_core::limit::{Ceiling, Limit, Measure, Window};
use bursar_core::scope::Scopes;
use bursar_core::time::Span;
use bursar_core::token::Narrowing;

use crate::json::{FieldError, Fields, Json};
use crate::requests::{LONGEST_LIST, amount, id, ids, ips, name, scopes};

#[cfg(test)]
mod tests;

/// Ten years, the longest life there is (WC §1.4).
const LONGEST_SECONDS: i128 = 315_360_000;

/// A request for a new access token. What is absent may come from a template; what is present wins, also
/// when it is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateToken {
    /// The token's name.
    pub label: String,
    /// The second factor of whoever asks.
    pub otp: Option<String>,
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// How long it lasts.
    pub duration: Option<Span>,
    /// Where it may be used from.
    pub ips: Option<IpRestriction>,
    /// What it may spend by itself.
    pub limits: Option<Vec<Limit>>,
    /// The organisation it is tied to.
    pub organisation: Option<OrganisationId>,
    /// Which wallets it may touch.
    pub narrowing: Option<Narrowing>,
    /// The template it is made from.
    pub template: Option<TemplateId>,
}

impl CreateToken {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let label = name(&fields, "label")?;
        let scopes = scopes(&fields, "scope")?;
        let template = id(&fields, "accessTokenTemplateId")?;
        if scopes.is_none() && template.is_none() {
            return Err(fields.refuse("scope", "invalid scope: name at least one scope"));
        }
        for unsupported in ["admin", "adminScope"] {
            if !matches!(fields.value(unsupported), None | Some(Json::Bool(false))) {
                return Err(fields.refuse(unsupported, "is not supported; tokens administer nothing"));
            }
        }
        Ok(Self {
            label,
            otp: fields.optional_text("otp")?.map(str::to_owned),
            scopes,
            duration: duration(&fields)?,
            ips: ips(&fields, "ipRestrict")?,
            limits: limits(&fields)?,
            organisation: id(&fields, "enterprise")?,
            narrowing: narrowing(&fields)?,
            template,
        })
    }
}

fn duration(fields: &Fields<'_>) -> Result<Option<Span>, FieldError> {
    let read = |seconds: i128| match u64::try_from(seconds) {
        Ok(whole @ 1..) if seconds <= LONGEST_SECONDS => Ok(Span::from_seconds(whole)),
        _ => Err(fields.refuse("duration", format!("must be a number of seconds from 1 to {LONGEST_SECONDS}"))),
    };
    fields.optional_integer("duration")?.map(read).transpose()
}

/// Either organisations or wallets; an empty list would permit nothing and is more likely a mistake.
pub(super) fn narrowing(fields: &Fields<'_>) -> Result<Option<Narrowing>, FieldError> {
    let organisations: Option<Vec<OrganisationId>> = ids(fields, "permittedEnterprises")?;
    let wallets = ids(fields, "permittedWallets")?;
    let empty = "is empty, which would permit nothing; leave it out for no restriction";
    match (organisations, wallets) {
        (Some(_), Some(_)) => Err(fields.refuse("permittedWallets", "cannot be combined with `permittedEnterprises`")),
        (Some(list), None) if list.is_empty() => Err(fields.refuse("permittedEnterprises", empty)),
        (None, Some(list)) if list.is_empty() => Err(fields.refuse("permittedWallets", empty)),
        (Some(list), None) => Ok(Some(Narrowing::Organisations(list))),
        (None, Some(list)) => Ok(Some(Narrowing::Wallets(list))),
        (None, None) => Ok(None),
    }
}

/// Reads the three ways BitGo has to write limits. None at all is not the same as an empty list.
pub(super) fn limits(fields: &Fields<'_>) -> Result<Option<Vec<Limit>>, FieldError> {
    let per_coin = fields.optional_objects("spendingLimits")?;
    let erc20 = fields.optional_object("allErc20TokensLimit")?;
    let legacy = amount(fields, "txValueLimit")?;
    if per_coin.is_none() && erc20.is_none() && legacy.is_none() {
        return Ok(None);
    }
    let per_coin = per_coin.unwrap_or_default();
    if per_coin.len() > LONGEST_LIST {
        return Err(fields.refuse("spendingLimits", format!("has more than {LONGEST_LIST} entries")));
    }
    let mut limits: Vec<Limit> = Vec::new();
    for entry in per_coin {
        let coin = Coin::parse(entry.text("coin")?).map_err(|error| entry.refuse("coin", error.to_string()))?;
        let asset = Asset::Coin(coin);
        if limits.iter().any(|limit| limit.asset == asset) {
            return Err(entry.refuse("coin", "has two entries; a coin has one"));
        }
        limits.push(limit(asset, ceiling(&entry)?));
    }
    if let Some(all) = erc20.filter(|all| !matches!(all.value("enabled"), Some(Json::Bool(false)))) {
        all.optional_boolean("enabled")?;
        limits.push(limit(Asset::Family(Family::Erc20), ceiling(&all)?));
    }
    if let Some(satoshi) = legacy {
        let has_own = |limit: &Limit| matches!(&limit.asset, Asset::Coin(coin) if Family::Bitcoin.covers(coin));
        if limits.iter().any(has_own) {
            return Err(fields.refuse("txValueLimit", "is a bitcoin limit, and `spendingLimits` has one too; give one"));
        }
        limits.push(limit(Asset::Family(Family::Bitcoin), Ceiling::At(satoshi)));
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
