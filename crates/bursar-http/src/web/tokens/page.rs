//! The page of one token.

use bursar_core::audit::reason_in_units;
use bursar_core::decimals::Decimals;
use bursar_core::hold::Hold;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Token, TokenKind, Uses};
use bursar_service::Page;
use bursar_service::issue::TokenState;
use bursar_service::names::Named;
use bursar_service::trail::{Found, Sought};
use maud::{Markup, html};

use super::status::Status;
use super::{draw, name, path, wanted};
use crate::web::Answering;
use crate::web::audit::list::archived;
use crate::web::layout::{Frame, Section};
use crate::web::limits::{changed, crumbs};
use crate::web::visit::Visit;
use crate::web::{bars, destinations, plot, spends, words};

/// Spends and refusals that are shown.
const SPENDS: usize = 20;
const REFUSALS: usize = 10;
/// Wallets whose names are looked up.
const WALLETS: usize = 100;

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    let (person, now) = (visit.person()?, visit.now());
    let token = &state.token;
    let usage = visit.bursar.usage(person, token.id, plot::since(now), plot::DAY).await?;
    let latest = Page { limit: SPENDS, after: None, newest_first: true };
    let (holds, _) = visit.bursar.spends_of(person, token.id, latest).await?;
    let all = Page { limit: WALLETS, after: None, newest_first: false };
    let (wallets, _) = visit.bursar.wallets(person, None, all).await?;
    let known = draw::names(&wallets);
    let sought = Sought {
        action: Some("spend.refuse".to_owned()),
        subject: Some(format!("token:{}", token.id)),
        // There is nothing of it before; the clock of another thread may have been a little behind.
        since: Some(token.created.minus(Span::from_seconds(60))),
        ..Sought::default()
    };
    let refused = visit.bursar.trail(person, sought, None, REFUSALS).await?;
    let frame = Frame::of(&visit);
    let title = name(token);
    let lives = token.lives_at(now);
    let is_service = token.kind == TokenKind::Service;
    let works_for = token.grant.organisation.filter(|_| is_service).map(Named::Organisation);
    let names = visit.bursar.names(person, works_for).await?;
    let organisation = works_for.and_then(|one| names.get(&one)).map(String::as_str);
    let body = html! {
        (crumbs("/tokens", "Tokens"))
        @if let Some(said) = changed(&visit) { p class="notice good" role="status" { (said) } }
        div class="title" {
            h1 { (title) }
            (Status::of(&state, now).badge(now))
            @if is_service { span class="badge plain" { "Service" } }
        }
        @if lives { (actions(&frame, token, now)) (old_secret(&frame, &state)) }
        div class="columns" {
            div {
              @if is_service { (service(organisation)) } @else {
                (limits(&visit, &state, lives))
                section class="card" aria-labelledby="usage" {
                    h2 id="usage" { "Spent in the last " (plot::DAYS) " days" }
                    (plot::draw(&usage, now, visit.decimals()))
                }
                section class="card" aria-labelledby="spends" {
                    h2 id="spends" { "Latest spends" }
                    (spends::table(&holds, "From", &of_wallet(&known), now, visit.decimals()))
                }
                (refusals(&refused, visit.decimals()))
              }
            }
            aside aria-label="About this token" {
                (facts(&visit, &state))
                section class="card" aria-labelledby="may" {
                    h2 id="may" { "What it may do" }
                    (draw::grant(&token.grant, &known))
                }
            }
        }
    };
    Ok(frame.page(&title, Section::Tokens, body))
}

/// Which wallet a spend is from.
fn of_wallet(known: &draw::Names) -> impl Fn(&Hold) -> Markup {
    move |hold| match hold.wallet {
        Some(id) if known.contains_key(&id) => html! { a href={ "/wallets/" (id) } { (draw::wallet(known, id)) } },
        Some(id) => html! { (draw::wallet(known, id)) },
        None => html! { "outside of wallets" },
    }
}

fn actions(frame: &Frame, token: &Token, now: Timestamp) -> Markup {
    let path = path(token.id);
    let (is_locked, is_service) = (token.locked.is_some(), token.kind == TokenKind::Service);
    // An unlock goes over a lock: while it runs, there is something to stop.
    let may_spend = !is_locked || token.unlocked_at(now).is_some();
    html! {
        div class="actions" {
            @if !is_service { a class="button" href={ (path) "/limits" } { "Edit limits" } }
            a class="button" href={ (path) "/rotate" } { "Rotate" }
            @if !is_service {
                a class="button" href={ (path) "/unlock" } { @if is_locked { "Unlock or resume" } @else { "Unlock" } }
            } @else if is_locked { a class="button" href={ (path) "/unlock" } { "Lift the lock" } }
            @if may_spend {
                form method="post" action={ (path) "/lock" } {
                    (frame.form_token())
                    button type="submit" { "Lock" }
                }
            }
            a class="button bad" href={ (path) "/revoke" } { "Revoke" }
        }
    }
}

/// That the secret from before a rotation goes on, and the way to end it.
fn old_secret(frame: &Frame, state: &TokenState) -> Markup {
    html! {
        @if let Some((fingerprint, ends)) = &state.old_secret {
            div class="notice warn" {
                p { "The old secret (" code { (fingerprint) } ") works until " (words::instant(*ends)) "." }
                form method="post" action={ (path(state.token.id)) "/end-old-secret" } {
                    (frame.form_token())
                    button type="submit" { "End it now" }
                }
            }
        }
    }
}

/// What a service's credential is, in place of limits and spends, of which it has none.
fn service(organisation: Option<&str>) -> Markup {
    html! {
        section class="card" aria-labelledby="service" {
            h2 id="service" { "A service" }
            p {
                "This is the credential of software that moves money itself and asks before it does"
                @if let Some(name) = organisation { ", for the organisation " strong { (name) } }
                ". It holds budget of the tokens that are presented to it, and says what became of what it held."
            }
            p class="muted" {
                "It spends nothing itself, so it has no limits and needs no unlock: the limits of those tokens, of the wallets and of the organisation hold."
            }
        }
    }
}

fn limits(visit: &Visit, state: &TokenState, lives: bool) -> Markup {
    let may_spend = state.token.grant.scopes.can_spend();
    let rules = state.rules.destinations.as_ref();
    html! {
        section class="card" aria-labelledby="limits" {
            h2 id="limits" { "Limits" }
            @if state.standing.is_empty() {
                p {
                    @if may_spend && lives {
                        "It has no limit, so it spends nothing by itself: each spend needs an unlock. "
                        a href={ (path(state.token.id)) "/limits" } { "Give it a limit" }
                    } @else { "It has no limits." }
                }
            } @else { (bars::all(&state.standing, visit.now(), visit.decimals())) }
            @if let Some(rules) = rules { (destinations::shown(rules, visit.decimals())) }
        }
    }
}

fn facts(visit: &Visit, state: &TokenState) -> Markup {
    let (token, now) = (&state.token, visit.now());
    html! {
        section class="card" aria-labelledby="facts" {
            h2 id="facts" { "About it" }
            dl class="facts" {
                dt { "Last used" }
                dd {
                    @match state.uses.places() {
                        [] => "never",
                        [only] => { (words::relative(only.at, now)) " from " (only.from) },
                        places => ul class="plain" {
                            @for used in places { li { (words::relative(used.at, now)) " from " (used.from) } }
                            @if places.len() == Uses::MOST {
                                li class="small muted" { "Earlier addresses are not kept." }
                            }
                        },
                    }
                }
                dt { "Expires" }
                dd { (words::instant(token.expires)) }
                dt { "Made" }
                dd { (words::instant(token.created)) " from " (token.created_from) }
                @if let Some(lock) = token.locked {
                    dt { "Locked" }
                    dd { (words::relative(lock.since, now)) @if let Some(reason) = lock.by.reason() { ": " (reason) } }
                }
                @for paused in &state.pauses {
                    dt { "Paused" }
                    dd {
                        "on " (paused.rail) " for " (words::span(paused.pause.until.since(now))) ": "
                        (paused.pause.failures) " requests in a row came to nothing, the last with " code { (paused.code) }
                    }
                }
                @if let Some(at) = token.revoked { dt { "Revoked" } dd { (words::instant(at)) } }
                dt { "Id" }
                dd { code { (token.id) } }
                @if let Some(own) = &state.fingerprint { dt { "Fingerprint of its secret" } dd { code { (own) } } }
            }
        }
    }
}

fn refusals(found: &Found, decimals: &Decimals) -> Markup {
    html! {
        section class="card" aria-labelledby="refusals" {
            h2 id="refusals" { "Latest refusals, and why" }
            @if found.events.is_empty() { p class="muted" { "Nothing, as far back as was looked." } } @else {
                ul class="refusals" {
                    @for (_, event) in &found.events {
                        @let value = |name: &str| event.data.iter().find(|(own, _)| own == name).map_or("", |(_, text)| text);
                        li {
                            p class="small muted" { (words::instant(event.time)) " · " @if !value("coin").is_empty() { (value("coin")) " · " } code { (value("code")) } }
                            p { (words::marked(&words::sentence(&reason_in_units(value("reason"), decimals)))) }
                        }
                    }
                }
            }
            @if let Some(last) = found.archived { (archived(last)) }
        }
    }
}
