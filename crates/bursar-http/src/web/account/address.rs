//! Where mail of the account goes.

use maud::html;

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    Ok(draw(&visit, &Problems::default()))
}

/// Sends a link to the new address.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let address = visit.form.text("email").trim();
    match visit.bursar.ask_address(visit.person()?, address, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to("/account?changed=asked")),
        Err(error) => Ok(draw(&visit, &Problems::of_failure(error, |_| "email")?)),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let email = Field {
        name: "email",
        label: "New e-mail address",
        hint: "A link goes there; the old address is told.",
        value: visit.form.text("email"),
        kind: "email",
        autocomplete: "email",
        most: 254,
        ..Field::default()
    };
    let body = html! {
        (crumbs("/account", "Your account"))
        section class="narrow" {
            h1 { "Change your address" }
            (problems.summary())
            @if !visit.bursar.sends_mail() {
                p class="notice warn" { "This server sends no mail: nothing can confirm an address. Ask whoever runs it." }
            }
            form method="post" action="/account/address" class="card" {
                (frame.form_token())
                (email.draw(problems))
                (forms::proof(visit, problems, true, "Needed if you have set up a second factor.", "change_account", ""))
                button class="main" type="submit" { "Send the link" }
            }
        }
    };
    frame.form("Change your address", Section::Account, &[], problems, body)
}
