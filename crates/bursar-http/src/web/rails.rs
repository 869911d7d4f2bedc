//! The rails of this server and whether they answer.

use bursar_service::rails::{Health, RailView};
use maud::{Markup, html};

use super::Answering;
use super::layout::{Frame, Section, capital};
use super::limits::crumbs;
use super::visit::Visit;
use super::words;

/// The list.
pub(crate) async fn show(visit: Visit) -> Answering {
    let rails = visit.bursar.rails(visit.person()?).await?;
    let body = html! {
        (crumbs("/organisations", "People"))
        h1 { "Rails" }
        p class="muted" { "What moves the money. Each that tells balances was asked for that of one of your wallets just now." }
        @if rails.is_empty() {
            div class="empty" { h2 { "None" } p { "This server has no rails: services that hold money themselves ask it for spends." } }
        } @else {
            div class="scrolls" tabindex="0" role="region" aria-label="Table of rails" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Name" } th role="columnheader" scope="col" { "Kind" } th role="columnheader" scope="col" { "Your wallets" } th role="columnheader" scope="col" { "Health" } } }
                    tbody role="rowgroup" { @for rail in &rails { (row(rail)) } }
                }
            }
        }
    };
    Ok(Frame::of(&visit).page("Rails", Section::People, body))
}

/// What people call a kind of rail.
fn kind(kind: &str) -> String {
    if kind == "evm" { "EVM node".to_owned() } else { capital(kind) }
}

fn row(rail: &RailView) -> Markup {
    let (class, text) = match rail.health {
        Health::Answers => ("good", "Answers"),
        Health::Behind => ("bad", "Answers, but is behind or on another chain: nothing is sent"),
        Health::WalletUnknown => ("warn", "Does not know a wallet of yours"),
        Health::CredentialRefused => ("bad", "Does not take this server's credential"),
        Health::Silent => ("bad", "Does not answer"),
        Health::NotAsked if rail.wallets == 0 => ("off", "Not asked: you have no wallet on it"),
        // An API that takes a request of any meaning has none for a balance.
        Health::NotAsked => ("off", "Not asked: it tells no balances"),
    };
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (rail.name) }
            td role="cell" data-label="Kind" { (kind(rail.kind)) @if rail.is_sandbox { " " span class="badge plain" { "Play money" } } @if let Some(caveat) = rail.caveat { " " span class="badge warn" { (capital(caveat)) } } }
            td role="cell" data-label="Your wallets" { (words::counted(rail.wallets as u64, "wallet")) }
            td role="cell" data-label="Health" { span class={ "badge " (class) } { (text) } }
        }
    }
}
