//! Limits as the audit trail has them, read back: the trail keeps them exact and in base units, people read them as they
//! are written elsewhere.

use crate::amount::Amount;
use crate::coin::Asset;
use crate::decimals::Decimals;
use crate::limit::text::describe_knowing;
use crate::limit::{Ceiling, Limit, Measure, Window};

/// What stands before limits that are no subject's own.
const EACH: &str = "each destination ";

/// The rules of a fact, if it tells of any; what is no limit in it stays as it is.
pub(super) fn told(text: &str, decimals: &Decimals) -> Option<String> {
    let part = |part: &str| match part.strip_prefix(EACH) {
        Some(each) => limits(each, decimals).map(|read| format!("{EACH}{read}")),
        None => limits(part, decimals),
    };
    let parts: Vec<(&str, Option<String>)> = text.split("; ").map(|one| (one, part(one))).collect();
    let is_read = parts.iter().any(|(_, read)| read.is_some());
    let parts = parts.into_iter().map(|(one, read)| read.unwrap_or_else(|| one.to_owned()));
    is_read.then(|| parts.collect::<Vec<_>>().join("; "))
}

/// A list of limits, all of which are understood.
fn limits(text: &str, decimals: &Decimals) -> Option<String> {
    let one = |one| limit(one).map(|limit| describe_knowing(&limit, decimals));
    let read: Option<Vec<String>> = text.split(", ").map(one).collect();
    Some(read?.join(", "))
}

/// `hteth amount 1000 over rolling 60s`.
fn limit(text: &str) -> Option<Limit> {
    let (counts, window) = text.split_once(" over ")?;
    let (asset, rest) = counts.split_once(' ')?;
    let (measure, ceiling) = rest.rsplit_once(' ')?;
    let measures = [Measure::Amount, Measure::AmountWithoutFee, Measure::Fee, Measure::Count];
    let ceiling = match ceiling {
        "unlimited" => Ceiling::Unlimited,
        number => Ceiling::At(Amount::parse(number).ok()?),
    };
    Some(Limit {
        asset: Asset::parse(asset).ok()?,
        measure: measures.into_iter().find(|one| one.as_str() == measure)?,
        window: Window::parse(window).ok()?,
        ceiling,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_in_the_trail_read_as_they_do_elsewhere() {
        for (kept, read) in [
            ("hteth amount 1000000000000000000 over rolling 604800s", "hteth 1/week"),
            (
                "tbtc amount unlimited over lifetime, tbtc count 20 over rolling 3600s; at most 2 destinations",
                "tbtc unlimited, tbtc 20 spends/hour; at most 2 destinations",
            ),
            (
                "tbtc amount 50 over spend; only to 3 destinations; each destination tbtc amount without fee 5000000 over calendar day UTC",
                "tbtc 0.0000005 per spend; only to 3 destinations; each destination tbtc 0.05/calendar day without fees",
            ),
        ] {
            assert_eq!(told(kept, &Decimals::default()).as_deref(), Some(read));
        }
        for other in ["", "owner", "; only to 2 destinations", "tbtc amount lots over lifetime", "member over there"] {
            assert_eq!(told(other, &Decimals::default()), None, "{other}");
        }
    }
}
