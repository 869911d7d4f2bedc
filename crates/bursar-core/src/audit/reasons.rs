//! Reasons of refusals as the audit trail has them, in base units, read as they are told to whoever is refused.

use crate::amount::Amount;
use crate::coin::Asset;
use crate::decimals::Decimals;
use crate::limit::text::decimal;

/// What stands behind a figure that is in no units.
const BASE_UNITS: &str = " base units";
/// What stands before a limit.
const LIMIT_OF: &str = "limit of ";

/// The same sentence with amounts in units, where these decimals are known; all else stays letter for letter.
pub fn in_units(text: &str, decimals: &Decimals) -> String {
    let (mut told, mut rest, mut limited) = (String::new(), text, None);
    while let Some((before, after)) = rest.split_once(BASE_UNITS) {
        // A limit names its asset once, before its figures; an amount has it behind.
        limited = before.rsplit_once(LIMIT_OF).map(|(_, limit)| word(limit)).or(limited);
        let behind = after.strip_prefix(" of ").map(word);
        let (head, number) = before.rsplit_once(' ').unwrap_or(("", before));
        let places = behind.or(limited).and_then(|asset| decimals.of_asset(&Asset::parse(asset).ok()?));
        let shown = Amount::parse(number).ok().zip(places).map(|(amount, places)| decimal(amount, places));
        let Some(shown) = shown else {
            told.extend([before, BASE_UNITS]);
            rest = after;
            continue;
        };
        told.extend([head, " ", &shown]);
        rest = match behind {
            Some(_) => after.strip_prefix(" of").unwrap_or(after),
            None => after,
        };
    }
    told + rest
}

fn word(text: &str) -> &str {
    text.split([' ', ',', ';']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::coin::Coin;
    use crate::id::TokenId;
    use crate::limit::text::parse;
    use crate::limit::{Fits, LimitReport, Subject};
    use crate::refusal::Refusal;

    use super::*;

    fn report(limit: &str, asked: u128, fee: u128) -> LimitReport {
        LimitReport {
            subject: Subject::Token(TokenId::from_bytes([1; 16])),
            limit: parse(limit).unwrap(),
            destination: Some("5 base units, or so".to_owned()),
            captured: Amount::new(1),
            held: Amount::ZERO,
            spends: 1,
            asked: Amount::new(asked),
            fee: Amount::new(fee),
            fits: Fits::Never,
            resets: None,
        }
    }

    #[test]
    fn a_kept_reason_reads_as_the_refusal_was_told() {
        let declared = [("gold", 3), ("eth:dai", 18)].map(|(coin, places)| (Coin::parse(coin).unwrap(), places));
        let decimals = Decimals::declared(declared);
        let limits = [
            "gold 1500 base units/day",
            "gold 5 base units/hour burst 70000 base units",
            "gold 9 base units/day without fees",
            "gold fees 10 base units/day",
            "eth:dai 100000000000000000000 base units per spend",
            "tbtc 0.5/day",
            "tsol 5 base units",
            "20 spends/hour",
            "*erc20 7 base units",
        ];
        let all: Vec<LimitReport> =
            limits.into_iter().flat_map(|limit| [report(limit, 2000, 0), report(limit, 6, 5)]).collect();
        for refusal in all.iter().map(|one| vec![one.clone()]).chain([all.clone()]).map(Refusal::LimitExceeded) {
            let kept = refusal.sentence(&Decimals::default());
            assert_eq!(in_units(&kept, &decimals), refusal.sentence(&decimals));
            assert_eq!(in_units(&kept, &Decimals::default()), kept);
        }
        for other in ["", " base units", "5 base units of", "base units of gold", "limit of"] {
            assert_eq!(in_units(other, &decimals), other);
        }
    }
}
