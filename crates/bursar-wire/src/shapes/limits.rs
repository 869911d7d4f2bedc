//! Limits and what is left of them, in the native form: a limit is shown as `limits` of a request takes it.

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::decimals::Decimals;
use bursar_core::ledger::Version;
use bursar_core::limit::text::describe_knowing;
use bursar_core::limit::{Budget, BudgetKey, Ceiling, Destinations, Fits, Limit, LimitReport, LimitSet, Usage, Window};
use bursar_core::time::{Span, Timestamp};
use serde_json::{Map, Value, json};

#[cfg(test)]
mod tests;

/// A limit, as a request may write it.
pub fn limit(limit: &Limit) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("asset".to_owned(), limit.asset.to_string().into());
    shown.insert("measure".to_owned(), limit.measure.as_str().into());
    shown.insert("ceiling".to_owned(), ceiling(limit.ceiling));
    shown.insert("window".to_owned(), window(&limit.window));
    shown
}

/// All rules of a subject, with the version that an edit has to name. `rule` is text as a request to the same server writes it.
pub fn limit_rules(rules: &LimitSet, version: Version, decimals: &Decimals) -> Value {
    let limits: Vec<Value> = rules.limits.iter().map(|one| limit(one).into()).collect();
    let destinations = rules.destinations.as_ref().map(|rules| destinations(rules, decimals));
    json!({"version": version, "limits": limits, "destinations": destinations})
}

/// Where a subject's money may go.
pub(super) fn destinations(rules: &Destinations, decimals: &Decimals) -> Value {
    let allowed = rules.allowed.as_ref().map(|list| {
        let one = |entry: &bursar_core::limit::Allowed| json!({"address": entry.address, "coin": entry.coin.as_str()});
        list.iter().map(one).collect::<Vec<_>>()
    });
    let each = |rule: &Limit| {
        let mut shown = limit(rule);
        shown.insert("rule".to_owned(), describe_knowing(rule, decimals).into());
        Value::from(shown)
    };
    let each: Vec<Value> = rules.each.iter().map(each).collect();
    json!({"allow": allowed, "atMost": rules.at_most, "each": each})
}

/// A limit and what is left of it. `resetsAt` says when nothing that was captured until now counts any more;
/// it is `null` if nothing was, or if that never comes.
pub fn limit_standing(report: &LimitReport, decimals: &Decimals) -> Map<String, Value> {
    standing(&report.limit, (report.captured, report.held), report.resets, decimals)
}

/// What a subject holds of each coin, and what it spent under unlocks: the latter counts against none of its
/// own limits. Groups of coins and single destinations have budgets, too: what was spent is shown once.
pub fn apart(budgets: &[(BudgetKey, Budget)]) -> Value {
    let of = |pick: fn(&Budget) -> Usage| {
        let shown = coins(budgets, pick).map(|(coin, usage)| {
            json!({"coin": coin, "amount": usage.amount.to_string(), "fee": usage.fee.to_string(), "count": usage.count})
        });
        shown.collect::<Vec<_>>()
    };
    json!({"held": of(|budget| budget.held), "overridden": of(|budget| budget.overridden)})
}

/// A figure of each coin's budget, where there is something to tell.
pub(super) fn coins(
    budgets: &[(BudgetKey, Budget)],
    pick: fn(&Budget) -> Usage,
) -> impl Iterator<Item = (String, Usage)> {
    let is_coin = |key: &BudgetKey| matches!(key.asset, Asset::Coin(_)) && key.destination.is_none();
    let found = budgets.iter().filter(move |(key, budget)| is_coin(key) && !pick(budget).is_zero());
    found.map(move |(key, budget)| (key.asset.to_string(), pick(budget)))
}

/// What a limit says to a spend. Shows figures: only for those who may see the limit (P6).
pub fn limit_report(report: &LimitReport, now: Timestamp, decimals: &Decimals) -> Value {
    let resets = report.resets.or_else(|| report.limit.window.period_at(now).map(|period| period.end));
    let mut shown = standing(&report.limit, (report.captured, report.held), resets, decimals);
    shown.insert("subject".to_owned(), report.subject.kind().into());
    shown.insert("asked".to_owned(), report.asked.to_string().into());
    if let Some(address) = &report.destination {
        shown.insert("destination".to_owned(), address.as_str().into());
    }
    shown.extend(fits(report.fits));
    shown.into()
}

/// What somebody else's limit says to a spend: whose it is and when the spend fits, no figures (P6).
pub fn others_limit(report: &LimitReport) -> Value {
    let mut shown = Map::new();
    shown.insert("subject".to_owned(), report.subject.kind().into());
    shown.extend(fits(report.fits));
    shown.into()
}

/// When a spend fits: `fitsAt` is an instant only if `fits` is `at`.
pub(super) fn fits(fits: Fits) -> Map<String, Value> {
    let (name, at) = match fits {
        Fits::Now => ("now", None),
        Fits::At(at) => ("at", Some(at)),
        Fits::OnceSettled => ("once_settled", None),
        Fits::Never => ("never", None),
    };
    let mut shown = Map::new();
    shown.insert("fits".to_owned(), name.into());
    shown.insert("fitsAt".to_owned(), at.map(|at| at.to_string()).into());
    shown
}

fn standing(
    rule: &Limit,
    used: (Amount, Amount),
    resets: Option<Timestamp>,
    decimals: &Decimals,
) -> Map<String, Value> {
    let (captured, held) = used;
    let remaining = match rule.ceiling {
        Ceiling::At(ceiling) => Some(ceiling.saturating_sub(captured).saturating_sub(held)),
        Ceiling::Unlimited => None,
    };
    let mut shown = limit(rule);
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("rule", describe_knowing(rule, decimals).into());
    put("captured", captured.to_string().into());
    put("held", held.to_string().into());
    put("remaining", remaining.map(|left| left.to_string()).into());
    // What lies beyond the calendar is no date to show.
    put("resetsAt", resets.filter(|at| at.as_millis() < i64::MAX).map(|at| at.to_string()).into());
    shown
}

fn ceiling(ceiling: Ceiling) -> Value {
    match ceiling {
        Ceiling::At(ceiling) => ceiling.to_string().into(),
        Ceiling::Unlimited => "unlimited".into(),
    }
}

fn window(window: &Window) -> Value {
    let seconds = |length: &Span| length.as_seconds_ceil();
    match window {
        Window::Spend => json!({"type": "spend"}),
        Window::Lifetime => json!({"type": "lifetime"}),
        Window::Rolling(length) => json!({"type": "rolling", "seconds": seconds(length)}),
        Window::Calendar(unit, zone) => json!({"type": "calendar", "unit": unit.as_str(), "timeZone": zone.name()}),
        Window::Fixed { period, from } => {
            json!({"type": "fixed", "seconds": seconds(period), "from": from.to_string()})
        }
        Window::Accrual { rate, period } => {
            json!({"type": "accrual", "seconds": seconds(period), "rate": rate.to_string()})
        }
    }
}
