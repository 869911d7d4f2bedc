//! Whether the limits of a new token and the wallets that it reaches fit together: what nobody means is said before it is made.

use bursar_core::coin::{Asset, Coin, Family};
use bursar_core::limit::Limit;
use bursar_core::scope::{ScopeName, Scopes};
use bursar_service::wallets::WalletView;

use super::draw;
use crate::web::words;

/// What does not fit, in sentences.
pub(super) fn misfits(scopes: &Scopes, limits: &[Limit], wallets: &[WalletView]) -> Vec<String> {
    // Without a limit on amounts nothing is spent at all, which is said elsewhere.
    if !limits.iter().any(Limit::is_of_amounts) {
        return Vec::new();
    }
    let (reached, is_everywhere) = reached(scopes, wallets);
    let may_spend = |coin: &Coin| limits.iter().any(|limit| limit.is_of_amounts() && may_count(&limit.asset, coin));
    let mut found: Vec<String> = reached
        .iter()
        .filter(|view| !may_spend(&view.wallet.coin))
        .map(|view| {
            let (coin, name) = (&view.wallet.coin, draw::wallet_name(&view.wallet.label, view.wallet.coin.as_str()));
            format!("no limit covers `{coin}`, so it can spend nothing from “{name}” by itself")
        })
        .collect();
    // Of wallets that are still to come nobody knows the coins.
    if !(is_everywhere || reached.is_empty()) {
        let idle = limits.iter().filter(|limit| !reached.iter().any(|view| may_count(&limit.asset, &view.wallet.coin)));
        found.extend(
            idle.map(|limit| format!("the limit on {} has no effect on the chosen wallets", words::measured(limit))),
        );
    }
    found
}

/// The wallets that may be spent from, as far as they are known; and whether those to come are among them.
fn reached<'a>(scopes: &Scopes, wallets: &'a [WalletView]) -> (Vec<&'a WalletView>, bool) {
    let has = |name| scopes.iter().any(|scope| scope.name() == name);
    if has(ScopeName::All) || has(ScopeName::WalletSpendAll) || has(ScopeName::WalletSpendEnterprise) {
        return (Vec::new(), true);
    }
    let named: Vec<_> =
        scopes.iter().filter(|scope| scope.name() == ScopeName::WalletSpend).filter_map(draw::wallet_of).collect();
    (wallets.iter().filter(|view| named.contains(&view.wallet.id)).collect(), false)
}

/// Whether something spent from a wallet of this coin may count under an asset: the coin, or what else lives on its chain.
fn may_count(asset: &Asset, coin: &Coin) -> bool {
    match asset {
        Asset::Coin(other) | Asset::Chain(other) => other.chain() == coin.chain(),
        Asset::Family(Family::Erc20) => !Family::Bitcoin.covers(coin),
        Asset::Family(_) | Asset::Any => asset.covers(coin),
    }
}
