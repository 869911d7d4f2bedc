//! Tokens as BitGo shows them: `Session`, with what is left of the limits in `unlock` (WC §1.3, §4.1).

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Family};
use bursar_core::id::TokenId;
use bursar_core::limit::{Budget, BudgetKey, Ceiling, Limit, LimitSet, Measure, Subject, Usage, Window};
use bursar_core::time::Timestamp;
use bursar_core::token::{LastUse, Narrowing, Token, TokenKind};
use serde_json::{Map, Value, json};

use crate::ecdh::IssuedToken;
use crate::shapes::figure;
use crate::shapes::limits::{destinations, limit_standing};
use crate::token_text::TokenText;

#[cfg(test)]
mod tests;

/// What there is to show of a token.
#[derive(Clone, Copy, Debug)]
pub struct SessionView<'a> {
    /// The token.
    pub token: &'a Token,
    /// Its own rules.
    pub limits: &'a LimitSet,
    /// What it spent and holds.
    pub budgets: &'a [(BudgetKey, Budget)],
    /// The environment's name.
    pub origin: &'a str,
    /// Tells its secret from others without being one.
    pub fingerprint: Option<&'a str>,
    /// When and from where it was last used.
    pub last_used: Option<LastUse>,
    /// Now.
    pub now: Timestamp,
}

/// A token. `unlock` and `enterprise` are absent unless there is something to say (WC §1.3).
pub fn session(view: &SessionView<'_>) -> Map<String, Value> {
    let token = view.token;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("id", token.id.to_string().into());
    put("kind", kind(token.kind).into());
    put("client", "bitgo".into());
    put("user", token.user.to_string().into());
    put("scope", token.grant.scopes.iter().map(|scope| scope.to_string()).collect());
    put("created", token.created.to_string().into());
    put("expires", token.expires.to_string().into());
    put("ip", token.created_from.to_string().into());
    if !token.grant.ips.rules().is_empty() {
        put("ipRestrict", token.grant.ips.rules().iter().map(ToString::to_string).collect());
    }
    put("origin", view.origin.into());
    put("isExtensible", token.extension_address.is_some().into());
    if let Some(address) = &token.extension_address {
        put("extensionAddress", address.clone().into());
    }
    if let Some(label) = &token.label {
        put("label", label.clone().into());
    }
    if let Some(organisation) = token.grant.organisation {
        put("enterprise", organisation.to_string().into());
    }
    match &token.grant.narrowing {
        Narrowing::None => {}
        Narrowing::Organisations(list) => {
            put("permittedEnterprises", list.iter().map(ToString::to_string).collect());
        }
        Narrowing::Wallets(list) => {
            put("permittedWallets", list.iter().map(ToString::to_string).collect());
        }
    }
    if let Some(template) = token.template {
        put("accessTokenTemplateId", template.to_string().into());
    }
    if let Some(unlock) = unlock(view) {
        put("unlock", unlock);
    }
    if let Some(rules) = &view.limits.destinations {
        put("destinations", destinations(rules));
    }
    if let Some(since) = token.locked {
        put("locked", since.to_string().into());
    }
    if let Some(fingerprint) = view.fingerprint {
        put("fingerprint", fingerprint.into());
    }
    if token.kind != TokenKind::Session {
        let used = view.last_used.map(|used| json!({"time": used.at.to_string(), "ip": used.from.to_string()}));
        put("lastUsed", used.into());
    }
    shown
}

/// Ours: BitGo's shape does not tell the two apart.
const fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Session => "session",
        TokenKind::Access => "access",
        TokenKind::Service => "service",
    }
}

/// The answer that shows a new token's text, once (WC §1.4).
pub fn created_token(
    view: &SessionView<'_>,
    text: Result<&TokenText, &IssuedToken>,
    warnings: &[String],
) -> Map<String, Value> {
    let mut shown = session(view);
    match text {
        Ok(text) => {
            shown.insert("token".to_owned(), text.expose().into());
        }
        Err(sealed) => {
            shown.insert("encryptedToken".to_owned(), sealed.encrypted_token.clone().into());
            shown.insert("derivationPath".to_owned(), sealed.derivation_path.clone().into());
        }
    }
    if !warnings.is_empty() {
        shown.insert("warnings".to_owned(), warnings.iter().map(String::as_str).collect());
    }
    shown
}

/// A list of tokens, and where the next part begins.
pub fn access_tokens(list: Vec<Map<String, Value>>, next: Option<TokenId>) -> Value {
    let mut shown = json!({"accessTokens": Value::from(list)});
    if let Some(next) = next {
        shown["nextBatchPrevId"] = next.to_string().into();
    }
    shown
}

/// BitGo's model: a limited token is unlocked from birth until it expires, with a budget; an unlock by
/// one-time password stands in its place for a while (WC §4.1).
fn unlock(view: &SessionView<'_>) -> Option<Value> {
    let token = view.token;
    if let Some(unlock) = token.unlocked_at(view.now) {
        let mut shown = json!({
            "time": unlock.since.to_string(), "expires": unlock.until.to_string(), "txCount": 0, "txValue": 0,
        });
        // Groups of coins have budgets, too: what was spent is shown once.
        let is_coin = |key: &BudgetKey| matches!(key.asset, Asset::Coin(_)) && key.destination.is_none();
        let overridden = view.budgets.iter().filter(|(key, budget)| is_coin(key) && !budget.overridden.is_zero());
        let overridden: Map<String, Value> = overridden
            .map(|(key, budget)| {
                (
                    key.asset.to_string(),
                    json!({
                        "txCount": budget.overridden.count, "txValue": figure(budget.overridden.amount),
                    }),
                )
            })
            .collect();
        if !overridden.is_empty() {
            shown["overridden"] = overridden.into();
        }
        return Some(shown);
    }
    if view.limits.limits.is_empty() || token.limits_dropped || token.locked.is_some() {
        return None;
    }
    let mut shown = json!({"time": token.created.to_string(), "expires": token.expires.to_string()});
    let mut per_coin = Map::new();
    let mut richer: Vec<Value> = Vec::new();
    let (mut count, mut value) = (0, Amount::ZERO);
    for limit in &view.limits.limits {
        let budget = budget(view, &limit.asset);
        let used = budget.captured.saturating_add(budget.held);
        match (&limit.asset, is_of_the_dialect(limit)) {
            (Asset::Coin(coin), true) => {
                per_coin.insert(coin.to_string(), of_coin(limit, used, budget.held.amount));
            }
            (Asset::Family(Family::Erc20), true) => shown["allErc20TokensLimit"] = of_erc20(limit, used),
            (Asset::Family(Family::Bitcoin), true) => {
                (count, value) = (used.count, used.amount);
                if let Ceiling::At(ceiling) = limit.ceiling {
                    shown["txValueLimit"] = figure(ceiling);
                }
            }
            _ => richer.push(limit_standing(limit, &budget, view.now).into()),
        }
    }
    shown["txCount"] = count.into();
    shown["txValue"] = figure(value);
    if !per_coin.is_empty() {
        shown["spendingLimits"] = per_coin.into();
    }
    if !richer.is_empty() {
        shown["limits"] = richer.into();
    }
    Some(shown)
}

/// Whether BitGo has a place for the limit: only amounts, only for life.
fn is_of_the_dialect(limit: &Limit) -> bool {
    limit.measure == Measure::Amount && limit.window == Window::Lifetime
}

/// What the token spent and holds of an asset.
fn budget(view: &SessionView<'_>, asset: &Asset) -> Budget {
    let own = Subject::Token(view.token.id);
    let is_meant = |key: &BudgetKey| key.subject == own && key.asset == *asset && key.destination.is_none();
    view.budgets.iter().find(|(key, _)| is_meant(key)).map(|(_, budget)| budget.clone()).unwrap_or_default()
}

fn of_coin(limit: &Limit, used: Usage, held: Amount) -> Value {
    let mut shown = json!({"txCount": used.count, "txValue": figure(used.amount)});
    match limit.ceiling {
        Ceiling::At(ceiling) => {
            shown["txValueLimit"] = figure(ceiling);
            shown["txValueLimitString"] = ceiling.to_string().into();
        }
        Ceiling::Unlimited => shown["maxLimit"] = true.into(),
    }
    shown["txValueString"] = used.amount.to_string().into();
    shown["heldString"] = held.to_string().into();
    shown
}

fn of_erc20(limit: &Limit, used: Usage) -> Value {
    let mut shown = json!({"enabled": true, "txCount": used.count, "txValue": used.amount.to_string()});
    match limit.ceiling {
        Ceiling::At(ceiling) => shown["txValueLimitInSmallUnits"] = ceiling.to_string().into(),
        Ceiling::Unlimited => shown["maxLimit"] = true.into(),
    }
    shown
}
