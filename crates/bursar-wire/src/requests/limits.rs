//! The rules of a subject as requests write them: BitGo's three ways, ours, and both together (docs/limits.md).
//!
//! BitGo's fields stay as they are. In ours nothing is left alone: a field that is not known is refused, since
//! a rule lost to a slip of the pen would loosen.

mod bitgo;
mod declared;
mod entry;

pub use declared::in_base_units;
pub(crate) use declared::in_units;

use bursar_core::coin::{Asset, Coin, Family};
use bursar_core::ledger::Version;
use bursar_core::limit::text::has_wrong_case;
use bursar_core::limit::{Destinations, InvalidLimit, Limit, LimitSet, Measure, Window};

use crate::json::{FieldError, Fields, Json};
use crate::requests::factors::proof;
use crate::requests::spend::address;

#[cfg(test)]
mod tests;

/// The most destinations of an allow-list.
pub const MOST_DESTINATIONS: usize = 1000;

/// Where money may go, as a request says it. What an address means, only its rail knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DestinationRules {
    /// The only destinations there are; any, if absent. An empty list allows none.
    pub allow: Option<Vec<DestinationText>>,
    /// How many different destinations may ever be paid.
    pub at_most: Option<u32>,
    /// Limits that each destination has for itself.
    pub each: Vec<Limit>,
}

/// A destination as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DestinationText {
    /// The address.
    pub address: String,
    /// A coin that can be sent there, and so tells how the address is read.
    pub coin: Coin,
}

/// New rules for a subject. What is not mentioned stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitsEdit {
    /// The version that was seen.
    pub seen: Option<Version>,
    /// All limits there shall be.
    pub limits: Option<Vec<Limit>>,
    /// What becomes of the rules on destinations.
    pub destinations: DestinationEdit,
    /// The second factor of whoever asks: needed to loosen.
    pub otp: Option<String>,
}

/// What becomes of the rules on destinations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DestinationEdit {
    /// They stay as they are: nothing was said.
    Keep,
    /// There are none any more: `null` was said.
    Remove,
    /// These take their place.
    Replace(DestinationRules),
}

impl LimitsEdit {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known, or nothing would change.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["version", "limits", "destinations", "otp"])?;
        if !fields.mentions("limits") && !fields.mentions("destinations") {
            return Err(fields.refuse("limits", "is missing, and so is `destinations`: give one or both"));
        }
        if fields.mentions("limits") && fields.value("limits").is_none() {
            return Err(fields.refuse("limits", "is null; write `[]` for no limit, or leave it out to keep them"));
        }
        let seen = fields.optional_integer("version")?.map(|version| {
            Version::try_from(version).map_err(|_| fields.refuse("version", "must be a version that was shown"))
        });
        let limits = entry::read_all(&fields, "limits")?.map(|found| combined(&fields, found)).transpose()?;
        let destinations = match destinations(&fields)? {
            Some(rules) => DestinationEdit::Replace(rules),
            None if fields.mentions("destinations") => DestinationEdit::Remove,
            None => DestinationEdit::Keep,
        };
        let otp = proof(&fields, "otp")?;
        Ok(Self { seen: seen.transpose()?, limits, destinations, otp })
    }
}

/// A limit and the field that says it.
struct Found {
    limit: Limit,
    field: String,
}

/// Reads all ways to write limits. None at all is not the same as an empty list.
pub(super) fn limits(fields: &Fields<'_>) -> Result<Option<Vec<Limit>>, FieldError> {
    let ours = entry::read_all(fields, "limits")?;
    if let Some(wildcard) = ours.iter().flatten().find(|found| found.limit.sums_up_coins()) {
        return Err(fields.refuse(&wildcard.field, InvalidLimit::AmountOfManyCoins.to_string()));
    }
    match (bitgo::read(fields)?, ours) {
        (None, None) => Ok(None),
        (theirs, ours) => {
            let all = theirs.into_iter().flatten().chain(ours.into_iter().flatten()).collect();
            combined(fields, all).map(Some)
        }
    }
}

/// Limits of several fields as one set, none of which counts the same as another.
fn combined(fields: &Fields<'_>, found: Vec<Found>) -> Result<Vec<Limit>, FieldError> {
    for (place, one) in found.iter().enumerate() {
        if place >= LimitSet::MOST {
            return Err(
                fields.refuse(&one.field, format!("is one limit more than the {} there can be", LimitSet::MOST))
            );
        }
        let before = || found.iter().take(place);
        if let Some(same) = before().find(|before| before.limit.has_shape_of(&one.limit)) {
            return Err(fields.refuse(&one.field, format!("counts the same as `{}`; give one of them", same.field)));
        }
        // Both would be the bitcoin limit for life, and one would take the coin out of the other (WC §1.4).
        let is_legacy =
            |found: &&Found| found.limit.asset == Asset::Family(Family::Bitcoin) && is_for_life(&found.limit);
        let is_own = |found: &&Found| {
            matches!(&found.limit.asset, Asset::Coin(coin) if Family::Bitcoin.covers(coin)) && is_for_life(&found.limit)
        };
        let pair = match before().find(is_legacy) {
            Some(legacy) if is_own(&one) => Some(legacy),
            _ => before().find(is_own).filter(|_| is_legacy(&one)),
        };
        if let Some(other) = pair {
            let problem = format!("is a bitcoin limit for life, and `{}` is one too; give one of them", other.field);
            return Err(fields.refuse(&one.field, problem));
        }
    }
    Ok(found.into_iter().map(|found| found.limit).collect())
}

fn is_for_life(limit: &Limit) -> bool {
    limit.measure == Measure::Amount && limit.window == Window::Lifetime
}

/// Reads where money may go.
pub(super) fn destinations(fields: &Fields<'_>) -> Result<Option<DestinationRules>, FieldError> {
    let Some(rules) = fields.optional_object("destinations")? else { return Ok(None) };
    rules.only(&["allow", "atMost", "each"])?;
    let allow = match rules.optional_objects("allow")? {
        Some(list) if list.len() > MOST_DESTINATIONS => {
            return Err(rules.refuse("allow", format!("has more than {MOST_DESTINATIONS} entries")));
        }
        list => list.map(|list| list.iter().map(destination).collect::<Result<_, _>>()).transpose()?,
    };
    let at_most = rules.optional_integer("atMost")?.map(|number| {
        u32::try_from(number).map_err(|_| rules.refuse("atMost", format!("must be a number from 0 to {}", u32::MAX)))
    });
    let found = entry::read_all(&rules, "each")?.unwrap_or_default();
    for one in &found {
        let each = vec![one.limit.clone()];
        let alone =
            LimitSet { limits: Vec::new(), destinations: Some(Destinations { each, ..Destinations::default() }) };
        alone.check().map_err(|invalid| rules.refuse(&one.field, invalid.to_string()))?;
    }
    Ok(Some(DestinationRules { allow, at_most: at_most.transpose()?, each: combined(&rules, found)? }))
}

fn destination(entry: &Fields<'_>) -> Result<DestinationText, FieldError> {
    entry.only(&["address", "coin"])?;
    Ok(DestinationText { address: address(entry, "address")?, coin: coin(entry, "coin")? })
}

/// Reads a coin. Coins are compared letter by letter, so one that is written as none is would never be met.
pub(super) fn coin(fields: &Fields<'_>, name: &str) -> Result<Coin, FieldError> {
    let coin = Coin::parse(fields.text(name)?).map_err(|error| fields.refuse(name, error.to_string()))?;
    if has_wrong_case(&coin) {
        let small = coin.as_str().to_ascii_lowercase();
        return Err(fields.refuse(name, format!("is in upper case, as no coin is; write `{small}`")));
    }
    Ok(coin)
}
