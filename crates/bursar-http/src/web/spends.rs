//! A table of spends.

use bursar_core::amount::Amount;
use bursar_core::decimals::Decimals;
use bursar_core::hold::{Cost, Hold, HoldState, Payee};
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use maud::{Markup, html};

use super::words;

/// What lifts a token's limits: a spend does not keep which of the two it was.
const LIFTED: &str =
    "The token's own limits did not hold it back: the token was unlocked, or the spend came with a code.";

/// The longest address that is shown in full, in characters.
const LONGEST_SHOWN: usize = 24;

/// The spends; the fourth column tells what is not known from the page: the wallet or the token.
pub(crate) fn table(
    spends: &[Hold],
    column: &str,
    other: &dyn Fn(&Hold) -> Markup,
    now: Timestamp,
    decimals: &Decimals,
) -> Markup {
    html! {
        @if spends.is_empty() { p class="empty" { "No spends yet." } } @else {
            div class="scrolls" tabindex="0" role="group" aria-label="Spends" {
                table role="table" class="stacks" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" scope="col" { "When" }
                            th role="columnheader" scope="col" class="number" { "Amount" }
                            th role="columnheader" scope="col" { "To" }
                            th role="columnheader" scope="col" { (column) }
                            th role="columnheader" scope="col" { "Became" }
                        }
                    }
                    tbody role="rowgroup" { @for spend in spends { (row(spend, column, &other(spend), now, decimals)) } }
                }
            }
        }
    }
}

fn row(spend: &Hold, column: &str, other: &Markup, now: Timestamp, decimals: &Decimals) -> Markup {
    let (class, state) = state(&spend.state);
    let cost = spend.captured().unwrap_or_else(|| spend.cost.clone());
    html! {
        tr role="row" {
            th role="rowheader" scope="row" data-label="When" {
                a href=(path(spend.id)) { (words::relative(spend.created, now)) span class="unseen" { ": the spend in full" } }
            }
            td role="cell" class="number" data-label="Amount" { (amount(&cost, decimals)) }
            td role="cell" data-label="To" { (recipients(&spend.payees)) }
            td role="cell" data-label=(column) { (other) }
            td role="cell" data-label="Became" {
                span class={ "badge " (class) } { (state) }
                @if spend.overridden { " " (lifted()) }
                @if let Some(reference) = reference(&spend.state) {
                    div class="small muted" { "as " code title=(reference) { (short(reference)) } }
                }
            }
        }
    }
}

/// What recipients get, and the fee that comes to it, for a column.
pub(crate) fn amount(cost: &Cost, decimals: &Decimals) -> Markup {
    html! {
        (words::brief(cost.without_fee(), &cost.coin, decimals))
        @if cost.fee > Amount::ZERO { div class="small muted" { "and " (words::brief(cost.fee, &cost.fee_coin, decimals)) " fee" } }
    }
}

/// Marks a spend that its token's limits did not hold back.
pub(crate) fn lifted() -> Markup {
    html! { span class="badge warn" title=(LIFTED) { "limits lifted" } }
}

fn recipients(payees: &[Payee]) -> Markup {
    let more = payees.len().saturating_sub(1);
    html! {
        @if let Some(first) = payees.first() { code title=(first.address) { (short(&first.address)) } }
        @if more > 0 { " and " (more) " more" }
    }
}

/// The page of a spend.
pub(crate) fn path(id: HoldId) -> String {
    format!("/spends/{id}")
}

/// Begin and end of a long address, by which people know it.
fn short(address: &str) -> String {
    let count = address.chars().count();
    if count <= LONGEST_SHOWN {
        return address.to_owned();
    }
    let start: String = address.chars().take(10).collect();
    let end: String = address.chars().skip(count.saturating_sub(8)).collect();
    format!("{start}…{end}")
}

/// What the rail calls it, once it moved.
fn reference(state: &HoldState) -> Option<&str> {
    match state {
        HoldState::Captured { reference, .. } => Some(reference.as_str()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// What became of a spend, in the class and the words of a badge.
pub(crate) const fn state(state: &HoldState) -> (&'static str, &'static str) {
    match state {
        HoldState::Open => ("plain", "Held"),
        HoldState::Unresolved { .. } => ("warn", "Not known yet"),
        HoldState::Captured { .. } => ("good", "Sent"),
        HoldState::Released { .. } => ("off", "Not sent"),
    }
}
