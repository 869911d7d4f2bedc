//! Tokens as BitGo shows them: `Session`, with what is left of the limits in `unlock` (WC §1.3, §4.1).

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Family};
use bursar_core::decimals::Decimals;
use bursar_core::id::TokenId;
use bursar_core::limit::{Budget, BudgetKey, Ceiling, Limit, LimitReport, LimitSet, Measure, Usage, Window};
use bursar_core::time::Timestamp;
use bursar_core::token::{LastUse, Narrowing, Token, TokenKind};
use serde_json::{Map, Value, json};

use crate::ecdh::IssuedToken;
use crate::shapes::figure;
use crate::shapes::limits::{coins, destinations, limit_standing};
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
    /// How its limits stand now.
    pub standing: &'a [LimitReport],
    /// In which units its limits are written.
    pub decimals: &'a Decimals,
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
    // Ours, and there whatever is or was unlocked: what counts in no limit must be seen all the same.
    for (name, pick) in
        [("held", (|budget| budget.held) as fn(&Budget) -> Usage), ("overridden", |budget| budget.overridden)]
    {
        let coins = per_coin(view, pick);
        if !coins.is_empty() {
            put(name, coins.into());
        }
    }
    if let Some(rules) = &view.limits.destinations {
        put("destinations", destinations(rules, view.decimals));
    }
    if let Some(lock) = token.locked {
        put("locked", lock.since.to_string().into());
        put("lockedBy", lock.by.as_str().into());
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
        let overridden = per_coin(view, |budget| budget.overridden);
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
    for report in view.standing {
        let limit = &report.limit;
        match (&limit.asset, is_of_the_dialect(limit)) {
            (Asset::Coin(coin), true) => {
                per_coin.insert(coin.to_string(), of_coin(report));
            }
            (Asset::Family(Family::Erc20), true) => shown["allErc20TokensLimit"] = of_erc20(report),
            (Asset::Family(Family::Bitcoin), true) => {
                (count, value) = (report.spends, used(report));
                shown["heldString"] = report.held.to_string().into();
                if let Ceiling::At(ceiling) = limit.ceiling {
                    shown["txValueLimit"] = figure(ceiling);
                }
            }
            _ => richer.push(limit_standing(report, view.decimals).into()),
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

/// A figure of each coin, as the dialect writes what was spent.
fn per_coin(view: &SessionView<'_>, pick: fn(&Budget) -> Usage) -> Map<String, Value> {
    let shown = |usage: Usage| json!({"txCount": usage.count, "txValue": figure(usage.amount)});
    coins(view.budgets, pick).map(|(coin, usage)| (coin, shown(usage))).collect()
}

/// What was captured and what is held: BitGo tells them as one.
fn used(report: &LimitReport) -> Amount {
    report.captured.saturating_add(report.held)
}

fn of_coin(report: &LimitReport) -> Value {
    let used = used(report);
    let mut shown = json!({"txCount": report.spends, "txValue": figure(used)});
    match report.limit.ceiling {
        Ceiling::At(ceiling) => {
            shown["txValueLimit"] = figure(ceiling);
            shown["txValueLimitString"] = ceiling.to_string().into();
        }
        Ceiling::Unlimited => shown["maxLimit"] = true.into(),
    }
    shown["txValueString"] = used.to_string().into();
    shown["heldString"] = report.held.to_string().into();
    shown
}

fn of_erc20(report: &LimitReport) -> Value {
    let mut shown = json!({"enabled": true, "txCount": report.spends, "txValue": used(report).to_string()});
    match report.limit.ceiling {
        Ceiling::At(ceiling) => shown["txValueLimitInSmallUnits"] = ceiling.to_string().into(),
        Ceiling::Unlimited => shown["maxLimit"] = true.into(),
    }
    shown["heldString"] = report.held.to_string().into();
    shown
}
