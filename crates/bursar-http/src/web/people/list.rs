//! The organisations that one belongs to.

use maud::html;

use super::{path, role_name};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;

/// The list, and a form for another one.
pub(crate) async fn show(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Makes an organisation.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let (name, otp) = (visit.form.text("name").trim(), visit.form.some(forms::OTP));
    match visit.bursar.create_organisation(visit.person()?, name, otp).await {
        Ok(made) => Ok(Answer::to(path(made.id))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "name")?).await,
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let found = visit.bursar.organisations(visit.person()?).await?;
    let owns_one = found.iter().any(|(_, role)| *role == bursar_core::account::MemberRole::Owner);
    let runs_one = found.iter().any(|(_, role)| role.administers());
    let name = Field { name: "name", label: "Name", value: visit.form.text("name"), most: 250, ..Field::default() };
    let body = html! {
        div class="title" {
            h1 { "People" }
            @if runs_one {
                div class="buttons" {
                    a class="button" href="/users" { "Users" }
                    a class="button" href="/rails" { "Rails" }
                }
            }
        }
        (problems.summary())
        @if found.is_empty() {
            div class="empty" { h2 { "You belong to none" } p { "Somebody who runs one can invite you by mail." } }
        }
        ul class="tokens" {
            @for (organisation, role) in &found {
                li class="card token" {
                    div class="head" {
                        h2 { a href=(path(organisation.id)) { (organisation.name) } }
                        span class="badge plain" { (role_name(*role)) }
                        @if organisation.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(visit.now())) {
                            span class="badge bad" { "frozen" }
                        }
                    }
                    p class="facts" {
                        @if organisation.requires_second_factor { "Members need a second factor" } @else { "No second factor is demanded" }
                    }
                }
            }
        }
        @if owns_one {
            details open[!problems.is_empty()] {
                summary { "Make another organisation" }
                form method="post" action="/organisations" class="card" {
                    (frame.form_token())
                    (name.draw(problems))
                    (forms::proof(visit, problems, false, "You will own it.", "create_organisation", ""))
                    button class="main" type="submit" { "Make it" }
                }
            }
        }
    };
    Ok(frame.form("People", Section::People, &[], problems, body))
}
