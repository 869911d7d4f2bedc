//! The trail as a page: newest first, with a filter.

use maud::{Markup, html};

use super::told::{Told, deed};
use super::{query_of, wanted};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::fields::Fields;
use crate::web::forms::{Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;
use crate::web::{wallets, words};
use bursar_core::id::WalletId;
use bursar_service::error::ServiceError;
use bursar_service::trail::Found;

/// Events on one page.
const EVENTS: usize = 50;

pub(crate) async fn show(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let mut problems = Problems::default();
    let found = match wanted(&visit, EVENTS, EVENTS).await {
        Ok((sought, before, limit)) => visit.bursar.trail(visit.person()?, sought, before, limit).await?,
        Err(ServiceError::Invalid(error)) => {
            problems.add(&error.field, &error.problem);
            Found::default()
        }
        Err(error) => return Err(error.into()),
    };
    let told = Told::of(&visit, &found).await?;
    let sees_all = visit.bursar.sees_whole_trail(visit.person()?)?;
    let body = html! {
        div class="title" {
            h1 { "Audit trail" }
            @if problems.is_empty() {
                div class="buttons" {
                    a class="button" href={ "/audit/export?" (query_of(&visit.query, &[("form", "csv")])) } { "Export CSV" }
                    a class="button" href={ "/audit/export?" (query_of(&visit.query, &[("form", "jsonl")])) } { "Export JSON lines" }
                }
            }
        }
        p class="muted" {
            @if sees_all {
                "Everything that was done here, in a chain that nobody can rewrite unnoticed. "
            } @else {
                "What you did, and what was done to what is yours. "
            }
            "Check it with " code { "bursar audit verify" } "."
        }
        (problems.summary())
        (filter(&visit.query, &problems))
        @if let Some(wallet) = removable(&visit)? {
            p class="buttons" { a class="button bad" href={ (wallets::path(wallet)) "/remove" } { "Remove this wallet" } }
        }
        @if problems.is_empty() { (events(&visit.query, &found, &told)) }
    };
    Ok(frame.form("Audit trail", Section::Audit, &[], &problems, body))
}

/// The wallet whose trail this is, if the visitor may remove it: owners without a role in it find no page of it.
fn removable(visit: &Visit) -> Result<Option<WalletId>, Failure> {
    let sought = visit.query.text("subject").strip_prefix("wallet:").and_then(|id| id.parse().ok());
    let person = visit.person()?;
    Ok(sought.filter(|wallet| visit.bursar.removes_wallet(person, *wallet)))
}

/// That there was more than the page can show.
pub(in crate::web) fn archived(last: u64) -> Markup {
    html! { p class="small muted" { "Earlier events, up to link " (last) ", are archived: ask whoever runs this server." } }
}

fn filter(query: &Fields, problems: &Problems) -> Markup {
    let field = |name, label, hint, kind| {
        let value = query.text(name);
        Field { name, label, hint, kind, value, is_optional: true, most: 200, ..Field::default() }.draw(problems)
    };
    let is_open = ["subject", "user", "token"].into_iter().any(|name| query.some(name).is_some());
    html! {
        form method="get" action="/audit" class="card" aria-label="Filter" {
            div class="pair" {
                (field("action", "Action", "Such as spend, spend.refuse or token", ""))
                (field("since", "From", "The beginning of this day, UTC", "date"))
                (field("until", "Until", "Before this day, UTC", "date"))
            }
            details open[is_open || !problems.is_empty()] {
                summary { "Of whom and of what" }
                div class="pair" {
                    (field("subject", "Done to", "A kind, such as wallet, or token:<id>", ""))
                    (field("user", "By user", "A username or an id", ""))
                    (field("token", "Token", "By it or to it; its id", ""))
                }
            }
            div class="buttons" {
                button class="main" type="submit" { "Show" }
                @if !query_of(query, &[]).is_empty() { a class="button" href="/audit" { "Show everything" } }
            }
        }
    }
}

fn events(query: &Fields, found: &Found, told: &Told) -> Markup {
    html! {
        @if found.events.is_empty() {
            div class="empty" {
                @if found.next.is_some() {
                    h2 { "Nothing so far" }
                    p { "None of the newest events fits. Earlier ones have not been looked at yet." }
                } @else {
                    h2 { "Nothing found" }
                    p { "No event that is kept here fits what you look for." }
                }
            }
        } @else {
            div class="scrolls" tabindex="0" role="region" aria-label="Events" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "When" } th role="columnheader" scope="col" { "What happened" } th role="columnheader" scope="col" { "Facts" } } }
                    tbody role="rowgroup" {
                        @for (_, event) in &found.events {
                            tr role="row" {
                                td role="cell" data-label="When" { (words::instant(event.time)) }
                                td role="cell" class="happened" {
                                    (told.actor(&event.actor)) " "
                                    strong { (deed(&event.action).unwrap_or(&event.action)) } ": "
                                    (told.subject(event))
                                    div class="small muted" { code { (event.action) } }
                                }
                                td role="cell" class="told" {
                                    @for (name, value) in event.data.iter().filter(|(_, value)| !value.is_empty()) {
                                        div class="small" { span class="muted" { (name) ": " } (told.fact(event, name, value)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(last) = found.archived { (archived(last)) }
        @if let Some(next) = found.next {
            @let place = format!("{}.{}", next.link, next.event);
            p { a class="button" rel="next" href={ "/audit?" (query_of(query, &[("before", &place)])) } { "Earlier events" } }
        }
    }
}
