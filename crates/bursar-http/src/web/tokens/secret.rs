//! The one page that shows a new secret, once, with what to do with it.

use axum::http::StatusCode;
use bursar_core::token::Grant;
use bursar_service::Page;
use maud::{Markup, html};

use super::snippets::{self, Snippet};
use super::{name, path, wanted};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::assets;
use crate::web::handover::Made;
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;
use crate::web::words;

/// Characters of a text that is to be copied that fit on one line of a phone.
const LINE: usize = 34;

/// Wallets that one for the snippets is chosen from.
const WALLETS: usize = 100;

/// Shows what waits to be shown, or says that it is gone.
pub(crate) async fn show(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    let (person, id) = (visit.person()?, state.token.id);
    let frame = Frame::of(&visit);
    let (name, path) = (name(&state.token), path(id));
    let made = visit.handover.take(person.token().id, id, visit.now());
    let Some((made, text)) = made.and_then(|mut made| made.text.take().map(|text| (made, text))) else {
        let body = html! {
            (crumbs(&path, &name))
            h1 { "The secret is not shown again" }
            p { "A token’s secret is shown once, right after it was made; nobody can read it afterwards, not even here. "
                "If you have not kept it, make a new one: the token stays as it is." }
            div class="buttons" {
                a class="button main" href={ (path) "/rotate" } { "Make a new secret" }
                a class="button" href=(path) { "Go to the token" }
            }
        };
        let title = "The secret is not shown again";
        return Ok(Answer::failed(StatusCode::GONE, "not_found", frame.document(title, Section::Tokens, &[], body)));
    };
    let body = html! {
        h1 { "Keep this secret now" }
        p { "This is the only time that it is shown. Whoever has it can do what the token may: put it into a secret store, "
            "never into code or a chat." }
        (warnings(&made))
        div class="card said" { (copied("secret", "Secret of the token", text.expose())) }
        @if let Some(ends) = made.old_ends {
            p { "The old secret " @if ends > visit.now() { "goes on until " (words::instant(ends)) "." } @else { "works no more." } }
        }
        (snippets(&visit, &state.token.grant).await?)
        div class="buttons" { a class="button main" href=(path) { "I have kept it" } }
    };
    Ok(Answer::page(frame.once().document("Keep this secret now", Section::Tokens, &[&assets::COPY], body)))
}

fn warnings(made: &Made) -> Markup {
    html! {
        @if !made.warnings.is_empty() {
            div class="notice warn" {
                h2 { "Good to know" }
                ul { @for warning in &made.warnings { li { (words::marked(&words::sentence(warning))) } } }
            }
        }
    }
}

/// A text with a button that copies it; the button shows where scripts run.
pub(crate) fn copied(id: &str, label: &str, text: &str) -> Markup {
    let rows = text.chars().count().div_ceil(LINE);
    html! {
        div class="copied" {
            label for=(id) { (label) }
            div class="row" {
                // More than one line: what is to be kept is seen in full.
                textarea id=(id) rows=(rows) readonly spellcheck="false" autocomplete="off" { "\n" (text) }
                button type="button" data-copies=(id) hidden { "Copy" }
            }
        }
    }
}

async fn snippets(visit: &Visit, grant: &Grant) -> Result<Markup, Failure> {
    let all = Page { limit: WALLETS, after: None, newest_first: false };
    let (wallets, _) = visit.bursar.wallets(visit.person()?, None, all).await?;
    Ok(html! {
        section class="said" aria-labelledby="use" {
            h2 id="use" { "Use it" }
            p { "Each reads the secret from the environment variable " code { "TOKEN" } "." }
            @for Snippet { id, title, code } in snippets::of(&origin(visit), grant, &wallets) {
                h3 { (title) }
                pre id=(id) tabindex="0" aria-label=(title) { code { (code) } }
                button type="button" class="quiet" data-copies=(id) hidden { "Copy" span class="unseen" { " what is for " (title) } }
            }
        }
    })
}

/// Where this server is, as the browser has it.
pub(crate) fn origin(visit: &Visit) -> String {
    let text = |name: &str| visit.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text("host") else { return "http://localhost:8080".to_owned() };
    let is_clear = match text("origin").or(text("referer")) {
        _ if visit.is_https => false,
        Some(said) => !said.starts_with("https://"),
        // Whoever typed the address says no more; its cookies come back over TLS alone, but from one's own machine.
        None => ["localhost", "127.", "[::1]"].iter().any(|own| host.starts_with(own)),
    };
    format!("{}://{host}", if is_clear { "http" } else { "https" })
}
