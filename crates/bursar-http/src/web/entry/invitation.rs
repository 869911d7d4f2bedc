//! Taking an invitation: with a new account, or with the one that somebody has.

use bursar_core::secret::Secret;
use bursar_service::invitations::NewAccount;
use maud::html;

use super::{given_password, new_password};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::people::role_name;
use crate::web::visit::Visit;
use crate::web::words;

/// What is offered.
pub(crate) async fn form(visit: Visit) -> Answering {
    draw(&visit, &Problems::default())
}

/// Takes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let link = visit.parameter("link")?;
    if let Some(person) = &visit.person {
        let taken = visit.bursar.join(person, link).await?;
        return Ok(Answer::to(format!("/organisations/{}", taken.organisation.id)));
    }
    let mut problems = Problems::default();
    let full_name = visit.form.text("name").trim().to_owned();
    if full_name.is_empty() {
        problems.add("name", "say what people call you");
    }
    let password = given_password(&visit.form, &mut problems);
    if !problems.is_empty() {
        return draw(&visit, &problems);
    }
    let new = NewAccount { full_name, password: Secret::new(password.to_owned()) };
    let field = |field: &str| if field == "fullName" { "name" } else { "password" };
    match visit.bursar.accept(link, &new, visit.address).await {
        Ok(_) => Ok(Answer::to("/sign-in?changed=account")),
        Err(error) => draw(&visit, &Problems::of_failure(error, field)?),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let link = visit.parameter("link")?;
    let offer = visit.bursar.invitation_by_link(link, visit.address)?;
    let organisation = &offer.organisation.name;
    let title = format!("Join {organisation}");
    let name = Field {
        name: "name",
        label: "Your name",
        hint: "What people call you",
        value: visit.form.text("name"),
        autocomplete: "name",
        most: 250,
        ..Field::default()
    };
    let path = format!("/invitation/{link}");
    let body = html! {
        section class="narrow" {
            h1 { (title) }
            p {
                "You are invited as " strong { (role_name(offer.invitation.role)) } ", until "
                (words::date(offer.invitation.expires))
                @if !offer.invitation.wallets.is_empty() {
                    ", with roles in " (words::counted(offer.invitation.wallets.len() as u64, "wallet"))
                }
                "."
            }
            (problems.summary())
            @if let Some(person) = &visit.person {
                form method="post" action=(path) class="card" {
                    (frame.form_token())
                    p { "You are signed in as " strong { (person.owner.username) } "." }
                    button class="main" type="submit" { "Join with this account" }
                }
            } @else if offer.has_account {
                div class="card" {
                    p { "There is an account of " strong { (offer.invitation.address) } " already. Sign in to join with it." }
                    a class="button main" href={ "/sign-in?next=" (path) } { "Sign in" }
                }
            } @else {
                form method="post" action=(path) class="card" {
                    (frame.form_token())
                    p { "Your account is made for " strong { (offer.invitation.address) } "; that is your username, too." }
                    input type="hidden" name="username" autocomplete="username" value=(offer.invitation.address);
                    (name.draw(problems))
                    (new_password(problems))
                    p class="hint" { "After signing in you set up a second factor." }
                    button class="main" type="submit" { "Make the account" }
                }
                p class="small" { "Have an account under another address? " a href={ "/sign-in?next=" (path) } { "Sign in" } " and come back to this link." }
            }
        }
    };
    Ok(frame.form(&title, Section::None, &[], problems, body))
}
