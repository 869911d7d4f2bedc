//! Signing in, second step: a code. The ticket in the form says whose password was right; by itself it opens nothing.

use bursar_core::secret::Secret;
use bursar_service::error::{ServiceError, Unproven};
use bursar_service::sign_in::Proof;
use maud::html;
use serde_json::Value;

use super::Answering;
use super::answer::Answer;
use super::assets;
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
        return Ok(draw(&visit, ticket, None, &problems));
    };
    let proof = Proof::Code(Secret::new(code.to_owned()));
    match visit.bursar.finish_sign_in(ticket, proof, visit.address).await {
        Ok(session) => sign_in::enter(&visit, session).await,
        Err(error @ ServiceError::Unproven(Unproven::SignIn)) => {
            Ok(sign_in::draw(&visit, &Problems::of_failure(error, |_| "")?))
        }
        Err(error) => Ok(draw(&visit, ticket, None, &Problems::of_failure(error, |_| forms::OTP)?)),
    }
}

/// The second page, with what was wrong. A challenge for a passkey is shown once: an answer uses it up.
pub(super) fn draw(visit: &Visit, ticket: &str, passkey: Option<&Value>, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let next = visit.next();
    let hint = "The six digits that your authenticator app shows, or one of your recovery codes.";
    // Whose account it is, only the ticket says: this holds for those that the test environment came with.
    let of_test = format!("{hint} For accounts that came with this test environment 000000 passes.");
    let is_test = visit.bursar.policy().fixed_otp.is_some();
    let code = Field {
        name: forms::OTP,
        label: "Code",
        hint: if is_test { &of_test } else { hint },
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
            @if let Some(options) = passkey {
                form method="post" action="/sign-in/passkey" class="card" data-passkey=(options) {
                    (frame.form_token())
                    input type="hidden" name="ticket" value=(ticket);
                    @if let Some(next) = &next { input type="hidden" name="next" value=(next); }
                    p { "Or show a passkey of yours." }
                    button type="submit" hidden { "Use a passkey" }
                    noscript { p class="hint" { "Passkeys need scripts, which this browser does not run." } }
                }
            }
            p class="small" { a href="/sign-in" { "Begin again" } }
        }
    };
    frame.form("Second step", Section::None, &[&assets::PASSKEY], problems, body)
}
