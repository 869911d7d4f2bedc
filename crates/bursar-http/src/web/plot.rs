//! What a token spent, day by day, as a plot of each coin and as a table for who does not see it.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::time::{Span, Timestamp};
use bursar_service::limits::Bucket;
use maud::{Markup, html};

use super::words;

/// How many days are drawn.
pub(crate) const DAYS: u64 = 30;
/// A day.
pub(crate) const DAY: Span = Span::from_seconds(86_400);
/// The most coins that are drawn.
const MOST_COINS: usize = 4;
/// Width of a day and of its bar, and the height of the plot, in its own units.
const STEP: u64 = 20;
const BAR: u64 = 14;
const HEIGHT: u64 = 100;

/// Since when usage is asked for: the beginning of the day, so many days back.
pub(crate) fn since(now: Timestamp) -> Timestamp {
    let today = Timestamp::from_millis(now.as_millis().saturating_sub(now.as_millis().rem_euclid(86_400_000)));
    today.minus(Span::from_seconds((DAYS - 1) * 86_400))
}

/// Plots of the coins that were spent, and their tables.
pub(crate) fn draw(usage: &[Bucket], now: Timestamp, decimals: &Decimals) -> Markup {
    let mut coins: Vec<&Coin> = Vec::new();
    for (_, coin, _) in usage {
        if !coins.contains(&coin) {
            coins.push(coin);
        }
    }
    html! {
        @if coins.is_empty() {
            p class="empty" { "Nothing was spent in the last " (DAYS) " days." }
        }
        @for coin in coins.iter().take(MOST_COINS) { (of_coin(usage, coin, now, decimals)) }
    }
}

fn of_coin(usage: &[Bucket], coin: &Coin, now: Timestamp, decimals: &Decimals) -> Markup {
    let figure = |amount| words::amount(amount, coin, decimals);
    let start = since(now);
    let days: Vec<(Timestamp, Amount, u64)> = (0..DAYS)
        .map(|number| {
            let day = start.plus(Span::from_seconds(number.saturating_mul(86_400)));
            let found = usage.iter().find(|(at, own, _)| *at == day && own == coin);
            found.map_or((day, Amount::ZERO, 0), |(_, _, usage)| (day, usage.amount, usage.count))
        })
        .collect();
    let greatest = days.iter().map(|(_, amount, _)| *amount).max().unwrap_or(Amount::ZERO);
    let total = days.iter().fold(Amount::ZERO, |sum, (_, amount, _)| sum.saturating_add(*amount));
    let spends = days.iter().map(|(_, _, count)| count).sum();
    let said = format!("{} in {} over the last {DAYS} days", figure(total), words::counted(spends, "spend"));
    html! {
        figure class="plot" {
            figcaption { strong { (coin) } " " span class="muted" { (said) } }
            svg viewBox={ "0 0 " (DAYS * STEP) " " (HEIGHT + 22) } role="img"
                aria-label={ (said) "; the table below has each day." } {
                line class="axis" x1="0" x2=(DAYS * STEP) y1=(HEIGHT) y2=(HEIGHT) {}
                @for (at, (day, amount, _)) in (0_u64..).zip(&days) {
                    @let height = height(*amount, greatest);
                    rect class="spent" x=(at * STEP + 3) width=(BAR) y=(HEIGHT - height) height=(height) rx="2" {
                        title { (words::day(*day)) ": " (figure(*amount)) }
                    }
                    @if at == DAYS - 1 { text x=(DAYS * STEP) y=(HEIGHT + 16) text-anchor="end" { (words::day(*day)) } }
                    // The first begins where the plot does: in its middle, half of it would lie outside.
                    @else if at == 1 { text x=(STEP) y=(HEIGHT + 16) { (words::day(*day)) } }
                    @else if at % 7 == 1 { text x=(at * STEP + STEP / 2) y=(HEIGHT + 16) text-anchor="middle" { (words::day(*day)) } }
                }
            }
            p class="small muted" { "The tallest bar is " (figure(greatest)) "." }
            details {
                summary { "As a table" }
                table {
                    thead { tr { th scope="col" { "Day (UTC)" } th scope="col" class="number" { "Spent" } th scope="col" class="number" { "Spends" } } }
                    tbody {
                        @for (day, amount, count) in days.iter().rev().filter(|(_, _, count)| *count > 0) {
                            tr { th scope="row" { (words::date(*day)) } td class="number" { (figure(*amount)) } td class="number" { (count) } }
                        }
                    }
                }
            }
        }
    }
}

fn height(amount: Amount, greatest: Amount) -> u64 {
    if amount == Amount::ZERO {
        return 0;
    }
    let scaled = amount.checked_mul(Amount::new(HEIGHT.into())).and_then(|scaled| scaled.checked_div(greatest));
    scaled.and_then(Amount::as_u64).unwrap_or(HEIGHT).clamp(2, HEIGHT)
}
