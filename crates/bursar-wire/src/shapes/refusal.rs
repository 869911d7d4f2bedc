//! Refusals: status, stable name and the reason (WC §4.4, §7.3; promise P6).

use bursar_core::limit::{Ceiling, LimitReport, Subject};
use bursar_core::refusal::{Refusal, Remedy};
use serde_json::{Value, json};

use crate::error::ErrorBody;

#[cfg(test)]
mod tests;

/// The status and body of a refusal.
pub fn refusal(refusal: &Refusal, request_id: &str) -> (u16, ErrorBody) {
    let (status, name, error) = match refusal {
        Refusal::TokenUnknown | Refusal::TokenRevoked { .. } | Refusal::TokenExpired { .. } => {
            (401, "Unauthorized", format!("unauthorized: {}", refusal.sentence()))
        }
        Refusal::IpNotAllowed { .. } => {
            (401, "Unauthorized", "Attempt to use IP-restricted token from an unauthorized IP address".to_owned())
        }
        Refusal::ScopeMissing { .. } => {
            (403, "AccessDenied", "Access token lacks required scope for this action".to_owned())
        }
        Refusal::OwnerFrozen(_) | Refusal::RoleMissing { .. } | Refusal::WalletNotPermitted => {
            (403, "AccessDenied", refusal.sentence())
        }
        Refusal::WalletUnknown => (404, "NotFound", refusal.sentence()),
        Refusal::WalletFrozen(_) => (423, "WalletFrozen", refusal.sentence()),
        Refusal::WrongCoin { .. } | Refusal::AmountTooLarge => (400, "BadRequest", refusal.sentence()),
        Refusal::Locked { .. } | Refusal::NotUnlocked | Refusal::NoLimit | Refusal::NoLimitForCoin { .. } => {
            (401, "NeedsUnlock", "needs unlock".to_owned())
        }
        Refusal::LimitExceeded(_) if refusal.remedy() == Remedy::Unlock => {
            (401, "NeedsUnlock", "needs unlock".to_owned())
        }
        // An unlock of the token does not lift what somebody else's limit says.
        Refusal::LimitExceeded(_) => (403, "LimitExceeded", refusal.sentence()),
    };
    let mut body = ErrorBody::new(name, error, request_id)
        .with_context("code", refusal.code())
        .with_context("reason", refusal.sentence());
    if refusal.remedy() == Remedy::Unlock {
        body = body.needing_unlock();
    }
    let body = match refusal {
        Refusal::IpNotAllowed { address } => body.with_context("address", address.to_string()),
        Refusal::ScopeMissing { required, wallet, granted } => {
            let wallet = wallet.map_or_else(String::new, |wallet| format!(":{wallet}"));
            let granted: Vec<Value> = granted.iter().map(|scope| scope.to_string().into()).collect();
            body.with_context("requiredScope", format!("{}{wallet}", required.as_str()))
                .with_context("grantedScopes", granted)
        }
        Refusal::RoleMissing { required } => body.with_context("requiredRole", *required),
        Refusal::NoLimitForCoin { coin } => body.with_context("coin", coin.as_str()),
        Refusal::WrongCoin { holds } => body.with_context("coin", holds.as_str()),
        Refusal::LimitExceeded(reports) => limits(body, reports),
        _ => body,
    };
    (status, body)
}

/// Figures of the token's own limits; of others' only whose they are, since the caller may not see them.
fn limits(body: ErrorBody, reports: &[LimitReport]) -> ErrorBody {
    let is_own = |report: &&LimitReport| matches!(report.subject, Subject::Token(_));
    let all: Vec<Value> = reports
        .iter()
        .map(|report| if is_own(&report) { figures(report) } else { json!({"subject": report.subject.kind()}) })
        .collect();
    let body = match reports.iter().find(is_own).map(figures) {
        Some(Value::Object(first)) => {
            first.into_iter().fold(body, |body, (name, value)| body.with_context(name, value))
        }
        _ => body,
    };
    body.with_context("limits", all)
}

fn figures(report: &LimitReport) -> Value {
    let limit = match report.limit.ceiling {
        Ceiling::At(ceiling) => Value::from(ceiling.to_string()),
        Ceiling::Unlimited => Value::Null,
    };
    json!({
        "subject": report.subject.kind(),
        "coin": report.limit.asset.to_string(),
        "limit": limit,
        "spent": report.captured.to_string(),
        "held": report.held.to_string(),
        "asked": report.asked.to_string(),
        "remaining": report.remaining().map(|left| left.to_string()),
        // A lifetime limit never has room again by itself.
        "fitsAt": Value::Null,
    })
}
