//! Ending a token for good, after asking.

use maud::html;

use super::{name, path, wanted};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;
use crate::web::words;

/// Asks.
pub(crate) async fn form(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    let frame = Frame::of(&visit);
    let (name, path) = (name(&state.token), path(state.token.id));
    let title = format!("Revoke {name}?");
    let body = html! {
        (crumbs(&path, &name))
        h1 { (title) }
        p { "Whatever uses this token stops working at once. This cannot be undone: a new token has to be made." }
        p { "What was spent with it stays in the history of its wallets and in the audit trail." }
        @if let Some(used) = state.uses.last() {
            p class="notice warn" { "It was last used " (words::relative(used.at, visit.now())) ", from " (used.from) "." }
        }
        form method="post" action={ (path) "/revoke" } class="card danger" {
            (frame.form_token())
            div class="buttons" {
                button class="bad" type="submit" { "Revoke this token" }
                a class="button" href=(path) { "Keep it" }
            }
        }
    };
    Ok(frame.page(&title, Section::Tokens, body))
}

/// Ends it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id = wanted(&visit).await?.token.id;
    visit.bursar.revoke(visit.person()?, id).await?;
    Ok(Answer::to(format!("{}?changed=revoked", path(id))))
}
