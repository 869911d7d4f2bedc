//! What fees may take and when a transaction is final, as the sections of several kinds say it.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_core::limit::text;

/// The most that fees may take, in amounts as people write them.
pub(super) fn fees(coin: &Coin, per_spend: &str, per_day: &str) -> Result<FeeCeiling, String> {
    let decimals = coin.decimals().unwrap_or(18);
    let read = |name: &str, written: &str| -> Result<Amount, String> {
        text::amount(written, decimals).ok_or_else(|| format!("`{name}` is not an amount of {coin}, such as \"0.01\""))
    };
    Ok(FeeCeiling { per_spend: read("fees_per_spend", per_spend)?, per_day: read("fees_per_day", per_day)? })
}

/// Refuses what lets no fee be paid, where there is no transaction without one.
#[cfg(any(feature = "bitcoin", feature = "evm"))]
pub(super) fn paying(fees: FeeCeiling) -> Result<(), String> {
    let named = [("fees_per_spend", fees.per_spend), ("fees_per_day", fees.per_day)];
    match named.into_iter().find(|(_, most)| *most == Amount::ZERO) {
        None => Ok(()),
        Some((field, _)) => Err(format!("`{field}` is 0, under which no transaction could be paid for")),
    }
}

/// Refuses that a transaction is final before any block has it.
#[cfg(any(feature = "bitcoin", feature = "evm"))]
pub(super) fn confirming(confirmations: u64) -> Result<(), String> {
    match confirmations {
        0 => {
            Err("`confirmations` is 0, by which a transaction would be final in no block; 1 is its own, and the least"
                .to_owned())
        }
        _ => Ok(()),
    }
}
