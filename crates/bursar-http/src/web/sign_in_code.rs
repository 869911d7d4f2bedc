//! Signing in, second step: a code. The ticket in the form says whose password was right; by itself it opens nothing.

use bursar_core::secret::Secret;
use bursar_service::error::{ServiceError, Unproven};
use bursar_service::sign_in::Proof;
use maud::html;

use super::Answering;
use super::answer::Answer;
use super::forms::{self, Field, Problems};
use super::layout::{Frame, Section};
use super::sign_in;
use super::visit::Visit;

/// There is nothing to see without a password.
pub(crate) async fn form(_visit: Visit) -> Answering {
    Ok(Answer::to("/sign-in"))
}

/// Checks the code, and lets its owner in.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let ticket = visit.form.text("ticket");
    let Some(code) = visit.form.some(forms::OTP) else {
        let mut problems = Problems::default();
        problems.add(forms::OTP, "give the code that your authenticator app shows");
        return Ok(draw(&visit, ticket, &problems));
    };
    let proof = Proof::Code(Secret::new(code.to_owned()));
    match visit.bursar.finish_sign_in(ticket, proof, visit.address).await {
        Ok(session) => sign_in::enter(&visit, session),
        Err(error @ ServiceError::Unproven(Unproven::SignIn)) => {
            Ok(sign_in::draw(&visit, &Problems::of_failure(error, |_| "")?))
        }
        Err(error) => Ok(draw(&visit, ticket, &Problems::of_failure(error, |_| forms::OTP)?)),
    }
}

/// The second page, with what was wrong.
pub(super) fn draw(visit: &Visit, ticket: &str, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let next = visit.next();
    let code = Field {
        name: forms::OTP,
        label: "Code",
        hint: "The six digits that your authenticator app shows, or one of your recovery codes.",
        autocomplete: "one-time-code",
        most: 64,
        ..Field::default()
    };
    let body = html! {
        section class="narrow" {
            h1 { "One more step" }
            (problems.summary())
            form method="post" action="/sign-in/code" class="card" {
                (frame.form_token())
                input type="hidden" name="ticket" value=(ticket);
                @if let Some(next) = &next { input type="hidden" name="next" value=(next); }
                (code.draw(problems))
                button class="main" type="submit" { "Sign in" }
            }
            p class="small" { a href="/sign-in" { "Begin again" } }
        }
    };
    frame.form("Second step", Section::None, &[], problems, body)
}
