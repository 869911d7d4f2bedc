//! New recovery codes in place of the old ones.

use maud::html;

use super::added;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    Ok(draw(&visit, &Problems::default()))
}

/// Makes them.
pub(crate) async fn submit(visit: Visit) -> Answering {
    match visit.bursar.regenerate_recovery_codes(visit.person()?, visit.form.some(forms::OTP)).await {
        Ok(codes) => Ok(added::show(&visit, &codes, "These codes take the place of all earlier ones.")),
        Err(error) => Ok(draw(&visit, &Problems::of_failure(error, |_| "")?)),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Make new recovery codes" }
            (problems.summary())
            form method="post" action="/security/recovery-codes" class="card" {
                (frame.form_token())
                p { "Ten new codes are made and shown once. The ones you have pass no more." }
                (forms::proof(visit, problems, false, "From your app, or a passkey.", "regenerate_recovery_codes", ""))
                button class="main" type="submit" { "Make new codes" }
            }
        }
    };
    frame.form("Make new recovery codes", Section::Security, &[], problems, body)
}
