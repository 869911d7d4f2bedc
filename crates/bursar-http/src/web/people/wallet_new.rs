//! A new wallet of an organisation, on one of the rails that make them.

use bursar_core::id::OrganisationId;
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

/// Makes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id: OrganisationId = visit.id("organisation")?;
    let (rail, label) = (visit.form.text("rail"), visit.form.text("label").trim());
    match visit.bursar.make_wallet(visit.person()?, id, rail, label, visit.form.some(forms::OTP)).await {
        Ok(made) => Ok(Answer::to(crate::web::wallets::path(made.wallet.id))),
        Err(error) => {
            draw(&visit, &Problems::of_failure(error, |field| if field == "rail" { "rail" } else { "label" })?)
        }
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let (organisation, _) = run(visit)?;
    let rails = visit.bursar.rails_with_wallets(visit.person()?, organisation.id)?;
    let path = path(organisation.id);
    let label = Field { name: "label", label: "Name", value: visit.form.text("label"), most: 250, ..Field::default() };
    let body = html! {
        (crumbs(&path, &organisation.name))
        h1 { "Make a wallet" }
        (problems.summary())
        @if rails.is_empty() {
            div class="empty" {
                h2 { "No rail makes wallets" }
                p { "Whoever runs this server describes rails in its configuration, such as a node of Ethereum." }
            }
        } @else {
            form method="post" action={ (path) "/wallet" } class="card" {
                (frame.form_token())
                div class="field" {
                    label for="rail" { "Rail" }
                    p class="hint" id="rail-hint" { "Where its money is. The server makes the key, keeps it sealed and never shows it." }
                    (forms::complaints_of("rail", problems))
                    select id="rail" name="rail" aria-describedby="rail-hint" {
                        @for rail in &rails { option value=(rail) selected[visit.form.text("rail") == rail] { (rail) } }
                    }
                }
                (label.draw(problems))
                (forms::proof(visit, problems, false, "You will have every role in it.", "administer", &organisation.id.to_string()))
                div class="buttons" {
                    button class="main" type="submit" { "Make it" }
                    a class="button" href=(path) { "Cancel" }
                }
            }
        }
    };
    Ok(frame.form("Make a wallet", Section::People, &[], problems, body))
}
