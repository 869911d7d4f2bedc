//! The list of tokens, with search and filter.

use bursar_core::decimals::Decimals;
use bursar_core::id::TokenId;
use bursar_core::time::Timestamp;
use bursar_core::token::TokenKind;
use bursar_service::Page;
use bursar_service::issue::TokenState;
use maud::{Markup, html};

use super::status::Status;
use super::{draw, name, path};
use crate::web::Answering;
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;
use crate::web::{bars, words};

/// Tokens of one page.
const AT_ONCE: usize = 100;
/// Limits that are shown of each.
const BARS: usize = 3;

/// What the filter can be set to; what has ended is another list.
const FILTERS: [(&str, &str); 7] = [
    ("", "All that work"),
    ("active", "Active"),
    ("expiring", "Expiring soon"),
    ("unlocked", "Unlocked"),
    ("locked", "Locked"),
    ("paused", "Paused"),
    ("ended", "Expired and revoked"),
];

/// The list.
pub(crate) async fn show(visit: Visit) -> Answering {
    let (person, now) = (visit.person()?, visit.now());
    let (wanted, filter) = (visit.query.text("q").trim().to_lowercase(), visit.query.text("state"));
    let after = visit.query.text("after").parse::<TokenId>().ok();
    let page = Page { limit: AT_ONCE, after, newest_first: true };
    let is_of_ended = filter == "ended";
    let (states, next) = match is_of_ended {
        true => visit.bursar.ended_tokens(person, page).await?,
        false => visit.bursar.access_tokens(person, page).await?,
    };
    let is_any = !states.is_empty() || after.is_some();
    let fits = |state: &TokenState| {
        let status = Status::of(state, now).name();
        let is_state =
            filter.is_empty() || is_of_ended || status == filter || (filter == "active" && status == "expiring");
        is_state && matches(state, &wanted)
    };
    let shown: Vec<&TokenState> = states.iter().filter(|state| fits(state)).collect();
    let is_asked = !wanted.is_empty() || !filter.is_empty();
    let frame = Frame::of(&visit);
    let body = html! {
        div class="title" {
            h1 { "Tokens" }
            a class="button main" href="/tokens/new" { "New token" }
        }
        @if is_any || is_asked { (search(visit.query.text("q"), filter)) }
        @if shown.is_empty() { (nothing(is_asked)) } @else {
            ul class="tokens" { @for state in &shown { (row(state, now, visit.decimals())) } }
        }
        @if let Some(next) = next {
            p { a class="button" href=(older(&visit, next)) rel="next" { "Older tokens" } }
        }
    };
    Ok(frame.page("Tokens", Section::Tokens, body))
}

fn matches(state: &TokenState, wanted: &str) -> bool {
    let token = &state.token;
    wanted.is_empty()
        || name(token).to_lowercase().contains(wanted)
        || token.id.to_string().contains(wanted)
        || state.fingerprint.as_deref().is_some_and(|own| own.contains(wanted))
        || token.grant.scopes.iter().any(|scope| scope.to_string().contains(wanted))
}

fn older(visit: &Visit, next: TokenId) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in ["q", "state"] {
        if let Some(text) = visit.query.some(name) {
            query.append_pair(name, text);
        }
    }
    format!("/tokens?{}", query.append_pair("after", &next.to_string()).finish())
}

fn search(wanted: &str, filter: &str) -> Markup {
    html! {
        form class="search" method="get" action="/tokens" role="search" aria-label="Tokens" {
            div class="field" {
                label for="q" { "Name, scope, id or fingerprint" }
                input id="q" name="q" type="search" value=(wanted) maxlength="200";
            }
            div class="field" {
                label for="state" { "State" }
                select id="state" name="state" {
                    @for (value, text) in FILTERS { option value=(value) selected[value == filter] { (text) } }
                }
            }
            button type="submit" { "Filter" }
        }
    }
}

fn nothing(is_asked: bool) -> Markup {
    html! {
        div class="empty" {
            @if is_asked {
                p { "No token fits." }
                p { a href="/tokens" { "Show all that work" } }
            } @else {
                h2 { "No tokens yet" }
                p {
                    "A token lets a program use your wallets without your password, and spend within limits that you set. "
                    "Begin with one that may do as little as will do."
                }
                p { a class="button main" href="/tokens/new" { "Make the first token" } }
            }
        }
    }
}

fn row(state: &TokenState, now: Timestamp, decimals: &Decimals) -> Markup {
    let token = &state.token;
    let status = Status::of(state, now);
    html! {
        li class="card token" {
            div class="head" {
                h2 { a href=(path(token.id)) { (name(token)) } }
                (status.badge(now))
                @if token.kind == TokenKind::Service { span class="badge plain" { "Service" } }
            }
            (draw::summary(&token.grant))
            @if token.lives_at(now) { (bars::all(state.standing.get(..BARS).unwrap_or(&state.standing), now, decimals)) }
            @if let Some(more) = state.standing.len().checked_sub(BARS).filter(|more| *more > 0) {
                p class="small muted" { "and " (words::counted(more as u64, "more limit")) }
            }
            p class="facts" {
                @match status {
                    Status::Revoked(at) => span { "Revoked " (words::relative(at, now)) },
                    Status::Expired => span { "Expired " (words::relative(token.expires, now)) },
                    _ => span { "Expires " (words::relative(token.expires, now)) },
                }
                @match state.uses.last() {
                    Some(used) => span { "Last used " (words::relative(used.at, now)) " from " (used.from) },
                    None => span { "Never used" },
                }
            }
        }
    }
}
