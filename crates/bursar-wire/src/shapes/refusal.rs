//! Refusals: status, stable name and the reason (WC §4.4, §7.3; promise P6).

use bursar_core::decimals::Decimals;
use bursar_core::limit::text::describe_knowing;
use bursar_core::limit::{Ceiling, LimitReport, Subject};
use bursar_core::refusal::{Refusal, Remedy};
use bursar_core::token::{Lock, LockedBy};
use serde_json::{Map, Value};

use crate::error::ErrorBody;
use crate::shapes::limits::{fits, others_limit};

#[cfg(test)]
mod tests;

/// The status and body of a refusal, as a token is told it; sentences and rules tell amounts in units where these decimals
/// are known, figures never.
pub fn refusal(refusal: &Refusal, decimals: &Decimals, request_id: &str) -> (u16, ErrorBody) {
    refusal_to(refusal, decimals, request_id, is_own)
}

/// The same to somebody who may see the figures of more limits than the token's own.
pub fn refusal_to(
    refusal: &Refusal,
    decimals: &Decimals,
    request_id: &str,
    sees: impl Fn(&Subject) -> bool,
) -> (u16, ErrorBody) {
    let (status, name, error) = match refusal {
        Refusal::TokenUnknown | Refusal::TokenRevoked { .. } | Refusal::TokenExpired { .. } => {
            (401, "Unauthorized", format!("unauthorized: {}", refusal.sentence(decimals)))
        }
        Refusal::IpNotAllowed { .. } => {
            (401, "Unauthorized", "Attempt to use IP-restricted token from an unauthorized IP address".to_owned())
        }
        Refusal::ScopeMissing { .. } => {
            (403, "AccessDenied", "Access token lacks required scope for this action".to_owned())
        }
        Refusal::Locked(Lock { by: LockedBy::Ledger, .. })
        | Refusal::OfService(_)
        | Refusal::OwnerFrozen(_)
        | Refusal::RoleMissing { .. }
        | Refusal::WalletNotPermitted
        | Refusal::NotAMember => (403, "AccessDenied", refusal.sentence(decimals)),
        Refusal::DestinationNotAllowed { .. } => (403, "DestinationNotAllowed", refusal.sentence(decimals)),
        Refusal::TooManyDestinations { .. } => (403, "TooManyDestinations", refusal.sentence(decimals)),
        Refusal::NotUnlimited { .. } => (403, "NotUnlimited", refusal.sentence(decimals)),
        Refusal::WalletUnknown => (404, "NotFound", refusal.sentence(decimals)),
        Refusal::WalletFrozen(_) => (423, "WalletFrozen", refusal.sentence(decimals)),
        Refusal::OrganisationFrozen(_) => (423, "EnterpriseFrozen", refusal.sentence(decimals)),
        Refusal::WrongCoin { .. } | Refusal::AmountTooLarge => (400, "BadRequest", refusal.sentence(decimals)),
        Refusal::Locked(_)
        | Refusal::NotUnlocked
        | Refusal::NoLimit
        | Refusal::NoLimitForCoin { .. }
        | Refusal::NoLimitForFee { .. }
        | Refusal::FeeNotCounted { .. } => (401, "NeedsUnlock", "needs unlock".to_owned()),
        Refusal::LimitExceeded(_) if refusal.remedy() == Remedy::Unlock => {
            (401, "NeedsUnlock", "needs unlock".to_owned())
        }
        // An unlock of the token does not lift what somebody else's limit says.
        Refusal::LimitExceeded(_) => (403, "LimitExceeded", refusal.sentence(decimals)),
    };
    let mut body = ErrorBody::new(name, error, request_id)
        .with_context("code", refusal.code())
        .with_context("reason", refusal.sentence(decimals));
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
        Refusal::NoLimitForCoin { coin } | Refusal::NoLimitForFee { coin } | Refusal::FeeNotCounted { coin } => {
            body.with_context("coin", coin.as_str())
        }
        Refusal::DestinationNotAllowed { subject, address } => {
            body.with_context("subject", subject.kind()).with_context("destination", address.as_str())
        }
        Refusal::NotUnlimited { coin, bound_by } => {
            let body = body.with_context("coin", coin.as_str());
            bound_by.iter().fold(body, |body, subject| body.with_context("subject", subject.kind()))
        }
        Refusal::TooManyDestinations { subject, at_most } => {
            let body = body.with_context("subject", subject.kind());
            if sees(subject) { body.with_context("atMost", *at_most) } else { body }
        }
        // Whose token the code is about, where it is not that of whoever spends.
        Refusal::OfService(_) => body.with_context("whose", "service"),
        Refusal::Locked(lock) => body.with_context("lockedBy", lock.by.as_str()),
        Refusal::WrongCoin { holds } => body.with_context("coin", holds.as_str()),
        Refusal::LimitExceeded(reports) => limits(body, refusal, reports, (decimals, sees)),
        _ => body,
    };
    (status, body)
}

/// Figures of the limits that the caller sees, such as the token's own; of others' only whose they are and when the spend
/// fits. The whole fits when the last of them has room. The first that has none speaks for all.
fn limits(
    body: ErrorBody,
    refusal: &Refusal,
    reports: &[LimitReport],
    (decimals, sees): (&Decimals, impl Fn(&Subject) -> bool),
) -> ErrorBody {
    let all: Vec<Value> = reports
        .iter()
        .map(|report| if sees(&report.subject) { figures(report, decimals).into() } else { others_limit(report) })
        .collect();
    let mut first = reports
        .iter()
        .find(|report| !report.fits() && sees(&report.subject))
        .map(|report| figures(report, decimals))
        .unwrap_or_default();
    first.extend(refusal.fits().map(fits).unwrap_or_default());
    let body = first.into_iter().fold(body, |body, (name, value)| body.with_context(name, value));
    body.with_context("limits", all)
}

const fn is_own(subject: &Subject) -> bool {
    matches!(subject, Subject::Token(_))
}

fn figures(report: &LimitReport, decimals: &Decimals) -> Map<String, Value> {
    let limit = match report.limit.ceiling {
        Ceiling::At(ceiling) => Value::from(ceiling.to_string()),
        Ceiling::Unlimited => Value::Null,
    };
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("subject", report.subject.kind().into());
    put("coin", report.limit.asset.to_string().into());
    put("rule", describe_knowing(&report.limit, decimals).into());
    put("limit", limit);
    put("spent", report.captured.to_string().into());
    put("held", report.held.to_string().into());
    put("asked", report.asked.to_string().into());
    put("remaining", report.remaining().map(|left| left.to_string()).into());
    if let Some(address) = &report.destination {
        put("destination", address.as_str().into());
    }
    shown.extend(fits(report.fits));
    shown
}
