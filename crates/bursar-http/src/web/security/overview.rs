//! The second factors of an account.

use bursar_core::ledger::Credential;
use bursar_service::factors::FactorList;
use maud::{Markup, html};

use super::kind_name;
use crate::web::Answering;
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;
use crate::web::words;

/// Recovery codes of which few are left.
const FEW: usize = 3;

pub(crate) async fn show(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let list = visit.bursar.factors(visit.person()?).await?;
    let body = html! {
        h1 { "Security" }
        @if let Some(done) = changed(&visit) { p class="notice" role="status" { (done) } }
        @if visit.person()?.is_enrolling() {
            p class="notice warn" role="status" { strong { "Set up a second factor first; until then nothing else opens." } }
        } @else if list.factors.is_empty() {
            p class="notice warn" role="status" {
                @if visit.query.text("needs") == "factor" {
                    strong { "That needs a second factor." } " Set one up here, then do it again."
                } @else {
                    strong { "You have no second factor of your own." } " What makes a secret or allows more than before needs one."
                }
            }
        }
        section aria-labelledby="factors" {
            div class="title" {
                h2 id="factors" { "Second factors" }
                div class="buttons" {
                    a class="button main" href="/security/totp" { "Add an authenticator app" }
                    @if list.passkeys { a class="button" href="/security/passkey" { "Add a passkey" } }
                }
            }
            (factors(&visit, &list))
            @if !list.passkeys { p class="small muted" { "Passkeys need a host name: whoever runs this server sets " code { "web.origin" } "." } }
        }
        @if !visit.person()?.is_enrolling() {
            (recovery(&list))
            p { "Your password and where you are signed in: " a href="/account" { "your account" } "." }
        }
    };
    Ok(frame.page("Security", Section::Security, body))
}

fn changed(visit: &Visit) -> Option<&'static str> {
    match visit.query.text("changed") {
        "added" => Some("The second factor is added."),
        "renamed" => Some("The name is changed."),
        "removed" => Some("The second factor is removed."),
        _ => None,
    }
}

fn factors(visit: &Visit, list: &FactorList) -> Markup {
    html! {
        @if list.factors.is_empty() {
            div class="empty" {
                h2 { "Nothing here yet" }
                p { "An authenticator app on your phone shows a new code every 30 seconds. A passkey is kept by your device or password manager, and cannot be typed into a wrong page." }
            }
        } @else {
            ul class="tokens" { @for factor in &list.factors { (one(visit, factor)) } }
        }
    }
}

fn one(visit: &Visit, factor: &Credential) -> Markup {
    let name = if factor.label.is_empty() { kind_name(factor.kind) } else { &factor.label };
    html! {
        li class="card token" {
            div class="head" {
                h3 { (name) } span class="badge plain" { (kind_name(factor.kind)) }
            }
            p class="facts" {
                span { "Added " (words::date(factor.created)) }
                span {
                    @match factor.last_used { Some(at) => { "Last used " (words::relative(at, visit.now())) } None => { "Never used" } }
                }
            }
            div class="buttons" {
                a class="button" href={ "/security/factors/" (factor.id) } { "Rename or remove" span class="unseen" { " " (name) } }
            }
        }
    }
}

fn recovery(list: &FactorList) -> Markup {
    html! {
        section class="card" aria-labelledby="recovery" {
            h2 id="recovery" { "Recovery codes" }
            @match &list.recovery {
                Some(set) => {
                    p class=(if list.recovery_codes_left <= FEW { "notice warn" } else { "" }) {
                        strong { (list.recovery_codes_left) " of 10" } " left, made " (words::date(set.created)) ". Each passes once, in place of a code."
                    }
                }
                None => { p { "Codes for when your device is lost. You get ten when you add your first factor." } }
            }
            a class="button" href="/security/recovery-codes" { "Make new codes" }
        }
    }
}
