//! Inviting somebody, sending the invitation again, withdrawing it.

use bursar_core::id::{InvitationId, OrganisationId};
use bursar_service::invitations::NewInvitation;
use maud::html;

use super::{choose_role, path, role_named};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    draw(&visit, &Problems::default())
}

/// Invites.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id: OrganisationId = visit.id("organisation")?;
    let mut problems = Problems::default();
    let address = visit.form.text("email").trim().to_owned();
    if address.is_empty() {
        problems.add("email", "say where to send it");
    }
    let role = role_named(visit.form.text("role"));
    if role.is_none() {
        problems.add("role", "choose what they will be");
    }
    let Some(role) = role.filter(|_| problems.is_empty()) else { return draw(&visit, &problems) };
    let new = NewInvitation { address, role, wallets: Vec::new() };
    match visit.bursar.invite(visit.person()?, id, &new, visit.form.some(forms::OTP)).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=invited", path(id)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "email")?),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let (organisation, _) = visit.bursar.organisation(visit.person()?, visit.id("organisation")?)?;
    let title = format!("Invite somebody to {}", organisation.name);
    let path = path(organisation.id);
    let chosen = visit.form.text("role");
    let email = Field {
        name: "email",
        label: "E-mail address",
        hint: "A link goes there. It works once, for a week.",
        value: visit.form.text("email"),
        kind: "email",
        autocomplete: "off",
        most: 254,
        ..Field::default()
    };
    let body = html! {
        (crumbs(&path, &organisation.name))
        h1 { (title) }
        (problems.summary())
        form method="post" action={ (path) "/invite" } class="card" {
            (frame.form_token())
            (email.draw(problems))
            (choose_role(if chosen.is_empty() { "member" } else { chosen }, problems))
            (forms::proof(problems, false, "Letting somebody in needs a second factor.", "administer", &organisation.id.to_string()))
            div class="buttons" {
                button class="main" type="submit" { "Send the invitation" }
                a class="button" href=(path) { "Cancel" }
            }
        }
    };
    Ok(frame.form(&title, Section::People, &[], problems, body))
}

/// Withdraws an invitation.
pub(crate) async fn withdraw(visit: Visit) -> Answering {
    let id: InvitationId = visit.id("invitation")?;
    visit.bursar.withdraw_invitation(visit.person()?, id).await?;
    Ok(Answer::to(back(&visit, "withdrawn")))
}

/// Sends one again.
pub(crate) async fn resend(visit: Visit) -> Answering {
    let id: InvitationId = visit.id("invitation")?;
    visit.bursar.resend_invitation(visit.person()?, id).await?;
    Ok(Answer::to(back(&visit, "resent")))
}

/// The page that the button was on.
fn back(visit: &Visit, done: &str) -> String {
    let organisation: Option<OrganisationId> = visit.form.text("organisation").parse().ok();
    organisation.map_or_else(|| "/organisations".to_owned(), |id| format!("{}?changed={done}", path(id)))
}
