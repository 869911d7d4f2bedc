//! What is left of a token's limits, as headers of an answer to a spend: `RateLimit-Policy` names the
//! limits and `RateLimit` what each has left, in the manner of the IETF draft on rate limit headers.
//!
//! Only the caller's own limits are told (P6).

use std::fmt::{self, Write as _};

use bursar_core::amount::Amount;
use bursar_core::limit::{Ceiling, Fits, LimitReport, LimitSet, Subject, Window};
use bursar_core::time::{Span, Timestamp};

/// The most limits that are told of: each of 1000 recipients may fall under some of its own, and clients and proxies
/// refuse answers whose headers have more than a few kilobytes.
const MOST_ENTRIES: usize = LimitSet::MOST;

/// The greatest number that these headers can say (RFC 9651, integers).
const GREATEST: u64 = 999_999_999_999_999;

/// The headers for limits that a spend fell under, as they stand after it. A limit whose figure is too great for them is
/// left out: it cannot be told as it is.
pub(crate) fn headers(reports: &[LimitReport], now: Timestamp) -> Vec<(&'static str, String)> {
    let (mut policies, mut left) = (String::new(), String::new());
    // What was refused has used nothing, also of the limits that it fitted under.
    let is_refused = !reports.iter().all(LimitReport::fits);
    let own = reports.iter().filter(|report| matches!(report.subject, Subject::Token(_)));
    for report in own.take(MOST_ENTRIES) {
        let Ceiling::At(ceiling) = report.limit.ceiling else { continue };
        let Some(ceiling) = ceiling.as_u64().filter(|ceiling| *ceiling <= GREATEST) else { continue };
        // A limit on each spend is whole for the next.
        let uses_none = is_refused || report.limit.window == Window::Spend;
        let used = if uses_none { Amount::ZERO } else { report.asked };
        // Writing to a text cannot fail.
        let _ = entry(&mut policies, &mut left, report, (ceiling, used), now);
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
    (ceiling, used): (u64, Amount),
    now: Timestamp,
) -> fmt::Result {
    if !policies.is_empty() {
        policies.push_str(", ");
        left.push_str(", ");
    }
    let (start, limit) = (policies.len(), &report.limit);
    write!(policies, "\"{} {} {}\"", limit.asset, limit.measure.as_str(), limit.window)?;
    left.push_str(policies.get(start..).unwrap_or_default());
    write!(policies, ";q={ceiling}")?;
    if let Some(window) = seconds(&limit.window) {
        write!(policies, ";w={window}")?;
    }
    let remaining = report.remaining().unwrap_or_default().saturating_sub(used);
    write!(left, ";r={}", remaining.as_u64().unwrap_or_default())?;
    let resets = match report.fits {
        Fits::Now => report.resets.or_else(|| whole_again(report, used, now)),
        Fits::At(at) => Some(at),
        // No wait does it.
        Fits::OnceSettled | Fits::Never => None,
    };
    let wait = resets.filter(|at| at.as_millis() < i64::MAX).map(|at| at.since(now).as_seconds_ceil());
    if let Some(seconds) = wait.filter(|seconds| *seconds <= GREATEST) {
        write!(left, ";t={seconds}")?;
    }
    Ok(())
}

/// When a limit is whole again after a spend of this moment, if nothing else happens.
fn whole_again(report: &LimitReport, used: Amount, now: Timestamp) -> Option<Timestamp> {
    let used = report.captured.saturating_add(report.held).saturating_add(used);
    match &report.limit.window {
        Window::Spend | Window::Lifetime => None,
        Window::Calendar(..) | Window::Fixed { .. } => Some(report.limit.window.period_at(now)?.end),
        _ if used == Amount::ZERO => None,
        Window::Rolling(length) => Some(now.plus(*length)),
        Window::Accrual { rate, period } => {
            let (used, rate) = (u128::from(used.as_u64()?), u128::from(rate.as_u64()?));
            let wears_off = used.checked_mul(u128::from(period.as_millis()))?.checked_div(rate)?;
            Some(now.plus(Span::from_millis(u64::try_from(wears_off).ok()?)))
        }
    }
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
    use super::*;
    use bursar_core::coin::Asset;
    use bursar_core::id::{TokenId, UserId};
    use bursar_core::limit::{Budget, Limit, Measure, Usage};

    fn report(subject: Subject) -> LimitReport {
        asked(subject, 100, 30)
    }

    fn asked(subject: Subject, ceiling: u128, asked: u128) -> LimitReport {
        let limit = Limit {
            asset: Asset::parse("tbtc").unwrap(),
            measure: Measure::Amount,
            window: Window::Rolling(Span::from_seconds(86_400)),
            ceiling: Ceiling::At(Amount::new(ceiling)),
        };
        LimitReport::new(subject, &limit, &Budget::default(), Usage::one(Amount::new(asked)), Timestamp::default())
    }

    fn left(reports: &[LimitReport]) -> String {
        headers(reports, Timestamp::default()).into_iter().map(|(_, text)| text).next_back().unwrap_or_default()
    }

    #[test]
    fn own_limits_are_told_as_they_stand_after_the_spend_and_those_of_others_are_not() {
        let own = report(Subject::Token(TokenId::from_bytes([1; 16])));
        let other = report(Subject::User(UserId::from_bytes([1; 16])));
        assert_eq!(
            headers(&[own, other.clone()], Timestamp::default()),
            [
                ("ratelimit-policy", "\"tbtc amount rolling 86400s\";q=100;w=86400".to_owned()),
                ("ratelimit", "\"tbtc amount rolling 86400s\";r=70;t=86400".to_owned()),
            ]
        );
        assert_eq!(headers(&[other], Timestamp::default()), []);
    }

    #[test]
    fn what_no_wait_lets_through_has_no_time_and_a_refused_spend_has_used_nothing() {
        let own = Subject::Token(TokenId::from_bytes([1; 16]));
        let never = asked(own, 100, 101);
        assert_eq!(left(std::slice::from_ref(&never)), "\"tbtc amount rolling 86400s\";r=100");
        let settled = LimitReport { fits: Fits::OnceSettled, ..never.clone() };
        assert_eq!(left(&[settled]), "\"tbtc amount rolling 86400s\";r=100");
        let fits = asked(own, 500, 101);
        assert_eq!(left(&[never, fits]), "\"tbtc amount rolling 86400s\";r=100, \"tbtc amount rolling 86400s\";r=500");
    }

    #[test]
    fn a_limit_whose_figure_no_header_can_say_is_left_out() {
        let own = Subject::Token(TokenId::from_bytes([1; 16]));
        let greatest = u128::from(GREATEST);
        assert_eq!(left(&[asked(own, greatest + 1, 30)]), "");
        assert_eq!(
            left(&[asked(own, greatest + 1, 30), asked(own, greatest, 30)]),
            "\"tbtc amount rolling 86400s\";r=999999999999969;t=86400"
        );
    }

    #[test]
    fn headers_stay_short_whatever_number_of_recipients_has_limits() {
        let own = report(Subject::Token(TokenId::from_bytes([1; 16])));
        let total = |reports: usize| -> usize {
            let headers = headers(&vec![own.clone(); reports], Timestamp::default());
            headers.iter().map(|(_, text)| text.len()).sum()
        };
        assert_eq!(total(64_000), total(MOST_ENTRIES));
        assert!(total(64_000) < 8192, "{}", total(64_000));
    }
}
