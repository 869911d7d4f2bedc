//! A refusal as an error: status, name, text and the figures behind it (WC §4.4, §7.3; design P6).
//!
//! Figures are told of the token's own limits only; of another subject's limit only that it stood in the way.

use bursar_core::account::Freeze;
use bursar_core::coin::Asset;
use bursar_core::limit::{Ceiling, LimitReport, Subject};
use bursar_core::refusal::{Refusal, Remedy};
use serde_json::Value;

use super::object::{Object, texts};
use crate::error::ErrorBody;

/// A refusal, ready to be answered.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: ErrorBody,
    /// Whether the client shall throw the token away: the header `x-auth-required: true` (WC §7.2).
    pub token_is_unusable: bool,
}

/// Renders a refusal.
pub fn refusal(refusal: &Refusal, request_id: &str) -> Refused {
    let (status, name, error) = heading(refusal);
    let mut body = ErrorBody::new(name, error, request_id)
        .with_context("code", refusal.code())
        .with_context("reason", reason(refusal));
    body = match refusal {
        Refusal::TokenUnknown
        | Refusal::NotUnlocked
        | Refusal::NoLimit
        | Refusal::WalletUnknown
        | Refusal::WalletNotPermitted
        | Refusal::AmountTooLarge => body,
        Refusal::TokenRevoked { at } => body.with_context("revoked", at.to_string()),
        Refusal::TokenExpired { at } => body.with_context("expired", at.to_string()),
        Refusal::OwnerFrozen(freeze) | Refusal::WalletFrozen(freeze) => frozen(body, freeze),
        Refusal::IpNotAllowed { address } => body.with_context("address", address.to_string()),
        Refusal::ScopeMissing { required, wallet, granted } => {
            let required = match wallet {
                Some(wallet) => format!("{}:{wallet}", required.as_str()),
                None => required.as_str().to_owned(),
            };
            body.with_context("requiredScope", required)
                .with_context("grantedScopes", texts(granted.iter()))
        }
        Refusal::RoleMissing { required } => body.with_context("requiredRole", *required),
        Refusal::WrongCoin { holds } => body.with_context("coin", holds.as_str()),
        Refusal::Locked { since } => body.with_context("locked", since.to_string()),
        Refusal::NoLimitForCoin { coin } => body.with_context("coin", coin.as_str()),
        Refusal::LimitExceeded(reports) => exceeded(body, reports),
    };
    if refusal.remedy() == Remedy::Unlock {
        body = body.needing_unlock();
    }
    let token_is_unusable = matches!(
        refusal,
        Refusal::TokenUnknown | Refusal::TokenRevoked { .. } | Refusal::TokenExpired { .. }
    );
    Refused { status, body, token_is_unusable }
}

/// Status, stable name and text.
fn heading(refusal: &Refusal) -> (u16, &'static str, String) {
    let sentence = || refusal.sentence();
    match refusal {
        Refusal::TokenUnknown => {
            (401, "Unauthorized", "unauthorized: this server does not know the token".to_owned())
        }
        Refusal::TokenRevoked { .. } => (401, "Unauthorized", format!("unauthorized: {}", sentence())),
        Refusal::TokenExpired { .. } => (401, "Unauthorized", format!("session expired: {}", sentence())),
        Refusal::IpNotAllowed { .. } => {
            let text = "Attempt to use IP-restricted token from an unauthorized IP address";
            (401, "Unauthorized", text.to_owned())
        }
        Refusal::OwnerFrozen(_) | Refusal::RoleMissing { .. } | Refusal::WalletNotPermitted => {
            (403, "AccessDenied", sentence())
        }
        Refusal::ScopeMissing { .. } => {
            let text = "Access token lacks required scope for this action";
            (403, "AccessDenied", text.to_owned())
        }
        Refusal::WalletUnknown => (404, "NotFound", sentence()),
        Refusal::WalletFrozen(_) => (423, "WalletFrozen", sentence()),
        Refusal::WrongCoin { .. } | Refusal::AmountTooLarge => (400, "BadRequest", sentence()),
        Refusal::LimitExceeded(_) if refusal.remedy() != Remedy::Unlock => {
            (401, "LimitExceeded", reason(refusal))
        }
        Refusal::Locked { .. }
        | Refusal::NotUnlocked
        | Refusal::NoLimit
        | Refusal::NoLimitForCoin { .. }
        | Refusal::LimitExceeded(_) => (401, "NeedsUnlock", "needs unlock".to_owned()),
    }
}

/// The refusal in words, without figures of others' limits.
fn reason(refusal: &Refusal) -> String {
    let Refusal::LimitExceeded(reports) = refusal else {
        return refusal.sentence();
    };
    let (own, others): (Vec<_>, Vec<_>) = reports.iter().cloned().partition(is_own);
    let mut sentences = Vec::new();
    if !own.is_empty() {
        sentences.push(Refusal::LimitExceeded(own).sentence());
    }
    sentences.extend(others.iter().map(|report| {
        format!(
            "the {} limit of {} does not leave that much; an unlock does not lift it",
            report.subject.kind(),
            report.limit.asset
        )
    }));
    sentences.join("; ")
}

/// The figures of the token's first limit in the way at the top, and every limit in the way where there are several.
fn exceeded(body: ErrorBody, reports: &[LimitReport]) -> ErrorBody {
    let mut body = body;
    if let Some(own) = reports.iter().find(|report| is_own(report)) {
        for (name, value) in figures(own) {
            body = body.with_context(name, value);
        }
    }
    match reports {
        [report] if is_own(report) => body,
        reports => body.with_context("limits", reports.iter().map(outline).collect::<Value>()),
    }
}

fn outline(report: &LimitReport) -> Value {
    let object = Object::new().with("subject", report.subject.kind());
    if !is_own(report) {
        return object.into();
    }
    object
        .with_all(figures(report).map(|(name, value)| (name.to_owned(), value.into())))
        .into()
}

fn figures(report: &LimitReport) -> impl Iterator<Item = (&'static str, String)> {
    let coin = match &report.limit.asset {
        Asset::Coin(coin) => Some(coin.to_string()),
        Asset::Family(_) => None,
    };
    let limit = match report.limit.ceiling {
        Ceiling::At(amount) => Some(amount.to_string()),
        Ceiling::Unlimited => None,
    };
    [
        ("coin", coin),
        ("limit", limit),
        ("spent", Some(report.captured.to_string())),
        ("held", Some(report.held.to_string())),
        ("asked", Some(report.asked.to_string())),
        ("remaining", report.remaining().map(|amount| amount.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

fn frozen(body: ErrorBody, freeze: &Freeze) -> ErrorBody {
    let body = body.with_context("since", freeze.since.to_string());
    match freeze.until {
        Some(until) => body.with_context("until", until.to_string()),
        None => body,
    }
}

const fn is_own(report: &LimitReport) -> bool {
    matches!(report.subject, Subject::Token(_))
}
