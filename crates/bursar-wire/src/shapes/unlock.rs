//! `unlock`: BitGo shows a limited token as one that is unlocked from birth until it expires, with a budget, and an
//! unlock by OTP as a short one without (WC §4.1). What is neither has no such field.

use bursar_core::coin::{Asset, Family};
use bursar_core::limit::{Budget, Ceiling, Limit, Measure, Usage, Window};

use super::object::{Object, number};
use super::token::{TokenView, end};

/// The object, if the token may spend at all now.
pub(super) fn unlock(view: &TokenView<'_>) -> Option<Object> {
    let token = view.token;
    if let Some(unlock) = token.unlocked_at(view.now) {
        let object = Object::new()
            .with("time", unlock.since.to_string())
            .with("expires", unlock.until.to_string())
            .with("txCount", 0)
            .with("txValue", 0);
        return Some(object.with_some("overridden", overridden(view)));
    }
    if token.locked.is_some() || token.limits_dropped || view.limits.is_empty() {
        return None;
    }
    let bitcoin = limit_of(view, &Asset::Family(Family::Bitcoin));
    let erc20 = limit_of(view, &Asset::Family(Family::Erc20));
    let satoshi = bitcoin.map_or(Usage::default(), |limit| used(view, &limit.asset));
    let object = Object::new()
        .with("time", token.created.to_string())
        .with("expires", end(token).to_string())
        .with("txCount", spends(view))
        .with("txValue", number(satoshi.amount))
        .with_some("txValueLimit", bitcoin.and_then(ceiling).map(number))
        .with_some("spendingLimits", spending_limits(view))
        .with_some("allErc20TokensLimit", erc20.map(|limit| erc20_limit(view, limit)));
    Some(object.with_some("overridden", overridden(view)))
}

fn spending_limits(view: &TokenView<'_>) -> Option<Object> {
    let mut limits = Object::new();
    for limit in view.limits.iter().filter(|limit| limit.measure == Measure::Amount) {
        if let Asset::Coin(coin) = &limit.asset {
            limits = limits.with(coin.as_str(), coin_limit(view, limit));
        }
    }
    (!limits.is_empty()).then_some(limits)
}

/// One coin's limit. Its value counts what is held too, since that cannot be spent again.
fn coin_limit(view: &TokenView<'_>, limit: &Limit) -> Object {
    let used = used(view, &limit.asset);
    let ceiling = ceiling(limit);
    Object::new()
        .with("txCount", used.count)
        .with("txValue", number(used.amount))
        .with_some("txValueLimit", ceiling.map(number))
        .with_some("maxLimit", ceiling.is_none().then_some(true))
        .with("txValueString", used.amount.to_string())
        .with_some("txValueLimitString", ceiling.map(|amount| amount.to_string()))
        .with("held", number(budget(view, &limit.asset).held.amount))
}

fn erc20_limit(view: &TokenView<'_>, limit: &Limit) -> Object {
    let used = used(view, &limit.asset);
    let ceiling = ceiling(limit);
    Object::new()
        .with("enabled", true)
        .with("txCount", used.count)
        .with("txValue", used.amount.to_string())
        .with_some("txValueLimitInSmallUnits", ceiling.map(|amount| amount.to_string()))
        .with_some("maxLimit", ceiling.is_none().then_some(true))
}

/// What was spent under unlocks, by coin: shown apart, counted against none of the token's limits.
fn overridden(view: &TokenView<'_>) -> Option<Object> {
    let mut coins = Object::new();
    for (key, budget) in view.budgets {
        if let (Asset::Coin(coin), 1..) = (&key.asset, budget.overridden.count) {
            let usage = Object::new()
                .with("txCount", budget.overridden.count)
                .with("txValue", number(budget.overridden.amount));
            coins = coins.with(coin.as_str(), usage);
        }
    }
    (!coins.is_empty()).then_some(coins)
}

/// How often the token spent by itself: every spend weighs on exactly one coin's own budget.
fn spends(view: &TokenView<'_>) -> u64 {
    let coins = view.budgets.iter().filter(|(key, _)| matches!(key.asset, Asset::Coin(_)));
    coins.fold(0, |sum: u64, (_, budget)| sum.saturating_add(total(budget).count))
}

fn used(view: &TokenView<'_>, asset: &Asset) -> Usage {
    total(&budget(view, asset))
}

fn total(budget: &Budget) -> Usage {
    budget.captured.saturating_add(budget.held)
}

fn budget(view: &TokenView<'_>, asset: &Asset) -> Budget {
    let mut budgets = view.budgets.iter();
    let found = budgets.find(|(key, _)| key.asset == *asset && key.window == Window::Lifetime);
    found.map(|(_, budget)| *budget).unwrap_or_default()
}

fn limit_of<'a>(view: &TokenView<'a>, asset: &Asset) -> Option<&'a Limit> {
    let mut limits = view.limits.iter();
    limits.find(|limit| limit.asset == *asset && limit.measure == Measure::Amount)
}

const fn ceiling(limit: &Limit) -> Option<bursar_core::amount::Amount> {
    match limit.ceiling {
        Ceiling::At(amount) => Some(amount),
        Ceiling::Unlimited => None,
    }
}
