//! The list of wallets.

use bursar_core::decimals::Decimals;
use bursar_core::id::WalletId;
use bursar_core::time::Timestamp;
use bursar_service::Page;
use bursar_service::wallets::WalletView;
use maud::{Markup, html};

use super::{name, path, role};
use crate::web::Answering;
use crate::web::layout::{Frame, Section};
use crate::web::limits::changed;
use crate::web::visit::Visit;
use crate::web::words;

/// Wallets of one page.
const AT_ONCE: usize = 100;

/// The list.
pub(crate) async fn show(visit: Visit) -> Answering {
    let after = visit.query.text("after").parse::<WalletId>().ok();
    let page = Page { limit: AT_ONCE, after, newest_first: false };
    let (wallets, next) = visit.bursar.wallets(visit.person()?, None, page).await?;
    let frame = Frame::of(&visit);
    let body = html! {
        h1 { "Wallets" }
        @if let Some(said) = changed(&visit) { p class="notice good" role="status" { (said) } }
        @if wallets.is_empty() {
            div class="empty" {
                h2 { "No wallets" }
                p { "Whoever administers your organisation can give you a part in one." }
            }
        } @else {
            ul class="wallets" { @for view in &wallets { (row(view, visit.now(), visit.decimals())) } }
        }
        @if let Some(next) = next { p { a class="button" href={ "/wallets?after=" (next) } rel="next" { "More wallets" } } }
    };
    Ok(frame.page("Wallets", Section::Wallets, body))
}

fn row(view: &WalletView, now: Timestamp, decimals: &Decimals) -> Markup {
    let wallet = &view.wallet;
    html! {
        li class="card wallet" {
            div class="head" {
                h2 { a href=(path(wallet.id)) { (name(wallet)) } }
                @if view.is_sandbox { span class="badge plain" { "Sandbox" } }
                @if wallet.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(now)) { span class="badge bad" { "Frozen" } }
                @if view.outflow.is_some() { span class="badge warn" { "Money left unexplained" } }
            }
            (words::balance_line(view.balance, &wallet.coin, decimals))
            p class="facts" { span { (role(view.role)) } span { "On the rail " (wallet.rail) } }
        }
    }
}
