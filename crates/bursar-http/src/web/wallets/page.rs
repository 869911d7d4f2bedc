//! The page of one wallet.

use std::collections::BTreeMap;

use bursar_core::hold::Hold;
use bursar_core::id::{TokenId, WalletId};
use bursar_core::limit::Subject;
use bursar_core::time::Timestamp;
use bursar_core::token::TokenKind;
use bursar_service::Page;
use bursar_service::error::ServiceError;
use bursar_service::names::SESSION;
use bursar_service::outflows::SeenOutflow;
use bursar_service::wallets::WalletView;
use maud::{Markup, html};

use super::{name, path, role};
use crate::failure::Failure;
use crate::rail;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::assets;
use crate::web::freezing::notice;
use crate::web::layout::{Frame, Section};
use crate::web::limits::{card, changed, crumbs};
use crate::web::tokens::secret::{copied, origin};
use crate::web::visit::Visit;
use crate::web::{spends, tokens, words};

/// Spends that are shown.
const SPENDS: usize = 20;
/// What is said of a wallet without limits.
const UNLIMITED: &str = "No limit of its own. Limits of tokens, of people and of the organisation hold all the same.";

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    let (person, now) = (visit.person()?, visit.now());
    let view = visit.bursar.wallet(person, None, visit.id::<WalletId>("wallet")?).await?;
    let wallet = &view.wallet;
    let standing = visit.bursar.limits(person, Subject::Wallet(wallet.id)).await?;
    let latest = Page { limit: SPENDS, after: None, newest_first: true };
    let (holds, _) = visit.bursar.transfers(person, &wallet.coin, wallet.id, latest).await?;
    let frame = Frame::of(&visit);
    let title = name(wallet);
    let own = own_tokens(&visit, &holds).await?;
    let limits = card(&visit, &standing, &path(wallet.id), UNLIMITED)?;
    // Whose token it was is not everybody's business; one's own is.
    let by = |hold: &Hold| match own.get(&hold.token) {
        // A session has no page.
        Some(name) if name == SESSION => html! { (name) },
        Some(name) => html! { a href={ "/tokens/" (hold.token) } { (name) } },
        None => html! { "somebody else" },
    };
    let body = html! {
        (crumbs("/wallets", "Wallets"))
        @if let Some(said) = changed(&visit) { p class="notice good" role="status" { (said) } }
        div class="title" {
            h1 { (title) }
            @if view.is_sandbox { span class="badge plain" { "Sandbox" } }
            (actions(&view, visit.bursar.removes_wallet(person, wallet.id), now))
        }
        (words::balance_line(view.balance, &wallet.coin, visit.decimals()))
        (notice(wallet.freeze.as_ref(), now))
        @if let Some(outflow) = &view.outflow { (unexplained(outflow)) }
        div class="columns" {
            div {
                (limits)
                section class="card" aria-labelledby="spends" {
                    h2 id="spends" { "Latest spends" }
                    (spends::table(&holds, "By", &by, now, visit.decimals()))
                }
            }
            aside aria-label="About this wallet" { (facts(&visit, &view)) }
        }
    };
    Ok(Answer::page(frame.document(&title, Section::Wallets, &[&assets::COPY], body)))
}

/// That money left it lately which no spend explains, and what to do.
fn unexplained(outflow: &SeenOutflow) -> Markup {
    html! {
        div class="notice warn" {
            p { strong { "Money left this wallet that no spend explains" } ", last seen " (words::instant(outflow.at)) ", as " code { (outflow.reference) } "." }
            p {
                "Somebody else has its key, or moved it at the node itself. Freeze the wallet, find out who that was, and if it was nobody \
                 of yours move what is left to a wallet with a key of its own."
            }
        }
    }
}

/// The names of those tokens of these spends that are the visitor's.
async fn own_tokens(visit: &Visit, holds: &[Hold]) -> Result<BTreeMap<TokenId, String>, Failure> {
    let person = visit.person()?;
    let mut names = BTreeMap::new();
    for hold in holds.iter().filter(|hold| hold.user == person.owner.id) {
        if names.contains_key(&hold.token) {
            continue;
        }
        // A token may be forgotten before its spends are.
        match visit.bursar.access_token(person, hold.token).await {
            Ok(state) if state.token.kind == TokenKind::Session => drop(names.insert(hold.token, SESSION.to_owned())),
            Ok(state) => drop(names.insert(hold.token, tokens::name(&state.token))),
            Err(ServiceError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(names)
}

fn actions(view: &WalletView, is_removable: bool, now: Timestamp) -> Markup {
    let path = path(view.wallet.id);
    let is_frozen = view.wallet.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(now));
    html! {
        div class="buttons" {
            @if view.role.admin { a class="button" href={ (path) "/members" } { "Who may use it" } }
            @if is_frozen && view.role.admin { a class="button" href={ (path) "/unfreeze" } { "Lift the freeze" } }
            @if !is_frozen && (view.role.admin || view.role.spend) { a class="button bad" href={ (path) "/freeze" } { "Freeze it" } }
            @if is_removable { a class="button bad" href={ (path) "/remove" } { "Remove it" } }
        }
    }
}

/// Whether what the rail calls the wallet stands on the page already: as its address, or as its id.
fn is_told(view: &WalletView) -> bool {
    let reference = &view.wallet.reference;
    view.address.as_ref() == Some(reference) || *reference == view.wallet.id.to_string()
}

fn facts(visit: &Visit, view: &WalletView) -> Markup {
    let wallet = &view.wallet;
    html! {
        section class="card" aria-labelledby="facts" {
            h2 id="facts" { "About it" }
            @if let Some(address) = &view.address { (copied("address", "Where it can be paid", address)) }
            dl class="facts" {
                dt { "Coin" } dd { (wallet.coin) }
                dt { "Your part" } dd { (role(view.role)) }
                dt { "Rail" } dd { (wallet.rail) }
                @if !is_told(view) {
                    dt { "The rail calls it" } dd { code { (wallet.reference) } }
                }
                @if let Some(path) = rail::path(view) {
                    dt { "Its rail is spoken to at" } dd { code { (origin(visit)) (path) } }
                }
                dt { "Registered" } dd { (words::instant(wallet.created)) }
                dt { "Id" } dd { code { (wallet.id) } }
            }
        }
    }
}
