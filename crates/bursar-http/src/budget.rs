//! What is left of a token's limits, as headers of an answer to a spend: `RateLimit-Policy` names the
//! limits and `RateLimit` what each has left, in the manner of the IETF draft on rate limit headers.
//!
//! Only the caller's own limits are told (P6).

use std::fmt::{self, Write as _};

use bursar_core::amount::Amount;
use bursar_core::limit::{Ceiling, Fits, LimitReport, Subject, Window};
use bursar_core::time::Timestamp;

/// The greatest number that these headers can say (RFC 9651, integers).
const GREATEST: u64 = 999_999_999_999_999;

/// The headers for limits that a spend fell under, as they stand after it.
pub(crate) fn headers(reports: &[LimitReport], now: Timestamp) -> Vec<(&'static str, String)> {
    let (mut policies, mut left) = (String::new(), String::new());
    for report in reports.iter().filter(|report| matches!(report.subject, Subject::Token(_))) {
        let Ceiling::At(ceiling) = report.limit.ceiling else { continue };
        // Writing to a text cannot fail.
        let _ = entry(&mut policies, &mut left, report, ceiling, now);
    }
    if policies.is_empty() {
        return Vec::new();
    }
    vec![("ratelimit-policy", policies), ("ratelimit", left)]
}

/// Adds what both headers say of one limit.
fn entry(
    policies: &mut String,
    left: &mut String,
    report: &LimitReport,
    ceiling: Amount,
    now: Timestamp,
) -> fmt::Result {
    if !policies.is_empty() {
        policies.push_str(", ");
        left.push_str(", ");
    }
    let (start, limit) = (policies.len(), &report.limit);
    write!(policies, "\"{} {} {}\"", limit.asset, limit.measure.as_str(), limit.window)?;
    left.push_str(policies.get(start..).unwrap_or_default());
    write!(policies, ";q={}", integer(ceiling))?;
    if let Some(window) = seconds(&limit.window) {
        write!(policies, ";w={window}")?;
    }
    let remaining = report.remaining().unwrap_or_default().saturating_sub(report.asked);
    write!(left, ";r={}", integer(remaining))?;
    if let Fits::At(at) = report.fits {
        write!(left, ";t={}", at.since(now).as_seconds_ceil())?;
    }
    Ok(())
}

/// A figure that is too great for the header is told as the greatest it can say.
fn integer(amount: Amount) -> u64 {
    amount.as_u64().map_or(GREATEST, |amount| amount.min(GREATEST))
}

fn seconds(window: &Window) -> Option<u64> {
    match window {
        Window::Rolling(length) | Window::Fixed { period: length, .. } | Window::Accrual { period: length, .. } => {
            Some(length.as_seconds_ceil())
        }
        Window::Spend | Window::Lifetime | Window::Calendar(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Asset;
    use bursar_core::id::{TokenId, UserId};
    use bursar_core::limit::{Budget, Limit, Measure, Usage};
    use bursar_core::time::Span;

    use super::*;

    fn report(subject: Subject) -> LimitReport {
        let limit = Limit {
            asset: Asset::parse("tbtc").unwrap(),
            measure: Measure::Amount,
            window: Window::Rolling(Span::from_seconds(86_400)),
            ceiling: Ceiling::At(Amount::new(100)),
        };
        LimitReport::new(subject, &limit, &Budget::default(), Usage::one(Amount::new(30)), Timestamp::default())
    }

    #[test]
    fn own_limits_are_told_as_they_stand_after_the_spend_and_those_of_others_are_not() {
        let own = report(Subject::Token(TokenId::from_bytes([1; 16])));
        let other = report(Subject::User(UserId::from_bytes([1; 16])));
        assert_eq!(
            headers(&[own, other.clone()], Timestamp::default()),
            [
                ("ratelimit-policy", "\"tbtc amount rolling 86400s\";q=100;w=86400".to_owned()),
                ("ratelimit", "\"tbtc amount rolling 86400s\";r=70".to_owned()),
            ]
        );
        assert_eq!(headers(&[other], Timestamp::default()), []);
    }
}
