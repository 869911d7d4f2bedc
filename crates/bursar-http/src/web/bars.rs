//! How much of a limit is used, as a bar. Its widths are attributes, so that no style stands in the page.

use bursar_core::amount::Amount;
use bursar_core::decimals::Decimals;
use bursar_core::limit::{Ceiling, LimitReport, Measure, Window};
use bursar_core::time::Timestamp;
use maud::{Markup, html};

use super::words;

/// The length of a bar in its own units.
const LENGTH: u64 = 1000;
/// From here on a limit is nearly used up.
const NEARLY: u64 = 800;

/// Which part of the whole an amount is, out of [`LENGTH`]; a part that is there shows.
fn share(part: Amount, whole: Amount) -> u64 {
    if part == Amount::ZERO {
        return 0;
    }
    let scaled = part.checked_mul(Amount::new(LENGTH.into())).and_then(|scaled| scaled.checked_div(whole));
    scaled.and_then(Amount::as_u64).unwrap_or(LENGTH).clamp(1, LENGTH)
}

/// Bars of all limits, each with its words.
pub(crate) fn all(reports: &[LimitReport], now: Timestamp, decimals: &Decimals) -> Markup {
    html! { ul class="limits" { @for report in reports { li { (one(report, now, decimals)) } } } }
}

/// One limit: what it is, a bar, the figures.
fn one(report: &LimitReport, now: Timestamp, decimals: &Decimals) -> Markup {
    let limit = &report.limit;
    let Ceiling::At(ceiling) = limit.ceiling else {
        return html! {
            p class="limit" { strong { (words::counted_thing(limit)) } span class="badge warn" { "No limit" } }
        };
    };
    let is_each = limit.window == Window::Spend;
    html! {
        p class="limit" {
            strong { (words::counted_thing(limit)) }
            span class="muted" { (words::figure(ceiling, limit, decimals)) " " (words::window(limit, decimals)) }
        }
        @if !is_each { (bar(report, ceiling)) (figures(report, now, decimals)) }
    }
}

fn bar(report: &LimitReport, ceiling: Amount) -> Markup {
    let captured = share(report.captured, ceiling);
    let held = share(report.held, ceiling).min(LENGTH.saturating_sub(captured));
    let used = captured.saturating_add(held);
    let level = if used >= LENGTH {
        " full"
    } else if used >= NEARLY {
        " nearly"
    } else {
        ""
    };
    let percent = used.checked_div(10).unwrap_or(0);
    html! {
        svg class={ "bar" (level) } viewBox="0 0 1000 8" preserveAspectRatio="none" role="img"
            aria-label={ (percent) "% used" } {
            rect class="track" width="1000" height="8" {}
            rect class="spent" width=(captured) height="8" {}
            rect class="held" x=(captured) width=(held) height="8" {}
        }
    }
}

fn figures(report: &LimitReport, now: Timestamp, decimals: &Decimals) -> Markup {
    let limit = &report.limit;
    let figure = |number| words::figure(number, limit, decimals);
    let used = if limit.measure == Measure::Count { "made" } else { "spent" };
    html! {
        p class="figures" {
            span { (figure(report.captured)) " " (used) }
            @if report.held > Amount::ZERO { span { (figure(report.held)) " held" } }
            @if let Some(left) = report.remaining() { span { strong { (figure(left)) " left" } } }
            @if let Some(at) = report.resets.filter(|_| report.captured.saturating_add(report.held) > Amount::ZERO) { span { "whole again " (words::relative(at, now)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_and_never_more_than_the_whole() {
        let of = |part: u128, whole: u128| share(Amount::new(part), Amount::new(whole));
        assert_eq!(
            [of(0, 10), of(5, 10), of(10, 10), of(20, 10), of(1, 1_000_000), of(1, 0)],
            [0, 500, 1000, 1000, 1, 1000]
        );
        assert_eq!(share(Amount::MAX, Amount::MAX), LENGTH);
    }
}
