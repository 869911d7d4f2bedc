//! What an organisation is called and what it demands.

use bursar_core::id::OrganisationId;
use bursar_service::organisations::OrganisationEdit;
use maud::html;

use super::{path, run};
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

/// Saves it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id: OrganisationId = visit.id("organisation")?;
    let edit = OrganisationEdit {
        name: visit.form.some("name").map(str::to_owned),
        requires_second_factor: Some(visit.form.is_ticked("demands")),
    };
    match visit.bursar.edit_organisation(visit.person()?, id, &edit, visit.form.some(forms::OTP)).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=settings", path(id)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "name")?),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let (organisation, _) = run(visit)?;
    let title = format!("Settings of {}", organisation.name);
    let path = path(organisation.id);
    let is_new = visit.form.is_empty();
    let value = if is_new { organisation.name.as_str() } else { visit.form.text("name") };
    let demands = if is_new { organisation.requires_second_factor } else { visit.form.is_ticked("demands") };
    let body = html! {
        (crumbs(&path, &organisation.name))
        h1 { (title) }
        (problems.summary())
        form method="post" action={ (path) "/settings" } class="card" {
            (frame.form_token())
            (Field { name: "name", label: "Name", value, most: 250, ..Field::default() }.draw(problems))
            (forms::tick("demands", "yes", "Members need a second factor", "Without one they can only sign in and set one up.", demands))
            (forms::proof(visit, problems, true, "Needed to demand less than before.", "administer", &organisation.id.to_string()))
            div class="buttons" {
                button class="main" type="submit" { "Save" }
                a class="button" href=(path) { "Cancel" }
            }
        }
    };
    Ok(frame.form(&title, Section::People, &[], problems, body))
}
