//! Spending limits as BitGo's three fields say them (WC §4): per coin, over all ERC-20 tokens, and the oldest one, a
//! bare number of satoshi.

use bursar_core::coin::{Asset, Coin, Family};
use bursar_core::limit::{Ceiling, Limit, Measure, Window};

use super::amount::{amount_field, optional_amount};
use super::kinds;
use crate::json::{FieldError, Fields};

pub(super) const COINS: &str = "spendingLimits";
pub(super) const ERC20: &str = "allErc20TokensLimit";
const BITCOIN: &str = "txValueLimit";
const UNLIMITED: &str = "maxLimit";

/// What each of the three fields says; `None` where the field is not written, so that a template may speak.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenLimits {
    /// `spendingLimits`: at most one for each coin.
    pub coins: Option<Vec<Limit>>,
    /// `allErc20TokensLimit`: one, or none if it is switched off.
    pub erc20: Option<Vec<Limit>>,
    /// `txValueLimit`: one.
    pub bitcoin: Option<Vec<Limit>>,
}

impl TokenLimits {
    /// The limits that templates and tokens have in common.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            coins: coins(fields)?,
            erc20: erc20(fields)?,
            bitcoin: None,
        })
    }

    /// The limits of a token, with the oldest field too.
    pub(super) fn read_with_bitcoin(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let bitcoin = match fields.value(BITCOIN) {
            None => None,
            Some(_) => {
                let ceiling = Ceiling::At(amount_field(fields, BITCOIN)?);
                Some(vec![lifetime(Asset::Family(Family::Bitcoin), ceiling)])
            }
        };
        Ok(Self {
            bitcoin,
            ..Self::read(fields)?
        })
    }

    /// These limits, and those of `defaults` for each field that is not written.
    pub(super) fn or(&mut self, defaults: &Self) {
        for (own, default) in [
            (&mut self.coins, &defaults.coins),
            (&mut self.erc20, &defaults.erc20),
            (&mut self.bitcoin, &defaults.bitcoin),
        ] {
            if own.is_none() {
                own.clone_from(default);
            }
        }
    }

    /// All limits together.
    ///
    /// # Errors
    /// `txValueLimit` stands beside an entry for bitcoin, which would override it.
    pub fn all(&self) -> Result<Vec<Limit>, FieldError> {
        let said = [&self.coins, &self.erc20, &self.bitcoin];
        let all: Vec<Limit> = said.into_iter().flatten().flatten().cloned().collect();
        let has_own =
            |limit: &Limit| matches!(&limit.asset, Asset::Coin(coin) if Family::Bitcoin.covers(coin));
        if self.bitcoin.is_some() && all.iter().any(has_own) {
            return Err(FieldError {
                field: BITCOIN.to_owned(),
                problem: format!("speaks of btc and tbtc, for which `{COINS}` has an entry; give one of them"),
            });
        }
        Ok(all)
    }
}

fn coins(fields: &Fields<'_>) -> Result<Option<Vec<Limit>>, FieldError> {
    if !fields.mentions(COINS) {
        return Ok(None);
    }
    let mut limits: Vec<Limit> = Vec::new();
    for entry in kinds::objects(fields, COINS)?.unwrap_or_default() {
        let coin = Coin::parse(entry.text("coin")?)
            .map_err(|error| entry.refuse("coin", error.to_string()))?;
        let asset = Asset::Coin(coin);
        if limits.iter().any(|limit| limit.asset == asset) {
            return Err(entry.refuse("coin", format!("has a limit already: {asset}")));
        }
        limits.push(lifetime(asset, ceiling(&entry, BITCOIN)?));
    }
    Ok(Some(limits))
}

fn erc20(fields: &Fields<'_>) -> Result<Option<Vec<Limit>>, FieldError> {
    let Some(entry) = fields.optional_object(ERC20)? else {
        return Ok(fields.mentions(ERC20).then(Vec::new));
    };
    if entry.optional_boolean("enabled")? == Some(false) {
        return Ok(Some(Vec::new()));
    }
    // Answers call it by the second name (WC §4.2), and what was answered may be sent back.
    let renamed = "txValueLimitInSmallUnits";
    let name = match (entry.value(BITCOIN), entry.value(renamed)) {
        (Some(_), Some(_)) => {
            return Err(entry.refuse(renamed, format!("says the same as `{BITCOIN}`; give one of them")));
        }
        (None, Some(_)) => renamed,
        (_, None) => BITCOIN,
    };
    let limit = lifetime(Asset::Family(Family::Erc20), ceiling(&entry, name)?);
    Ok(Some(vec![limit]))
}

/// The three states that must never be mixed up: an amount, zero among them; unlimited; and nothing said, a fault.
fn ceiling(entry: &Fields<'_>, name: &str) -> Result<Ceiling, FieldError> {
    let unlimited = entry.optional_boolean(UNLIMITED)?.unwrap_or(false);
    match (optional_amount(entry, name)?, unlimited) {
        (Some(amount), false) => Ok(Ceiling::At(amount)),
        (None, true) => Ok(Ceiling::Unlimited),
        (Some(_), true) => Err(entry.refuse(
            UNLIMITED,
            format!("says unlimited and `{name}` says how much; give one of them"),
        )),
        (None, false) => Err(entry.refuse(
            name,
            "is missing, which is not zero: give a whole number of base units, \
             `\"0\"` to allow nothing, or `maxLimit: true` for any amount",
        )),
    }
}

const fn lifetime(asset: Asset, ceiling: Ceiling) -> Limit {
    Limit {
        asset,
        measure: Measure::Amount,
        window: Window::Lifetime,
        ceiling,
    }
}
