//! An authenticator app: its secret as a QR code, and one code to show that it works.

use bursar_core::id::FactorId;
use bursar_service::enrolment::TotpEnrolment;
use maud::{Markup, PreEscaped, html};

use super::{added, beginning};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;
use crate::web::words;

/// The first step: a name, and the proof of a factor that is there.
pub(crate) async fn form(visit: Visit) -> Answering {
    begin(&visit, &Problems::default()).await
}

/// Makes a secret and shows it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let label = visit.form.text("label").trim().to_owned();
    match visit.bursar.enrol_totp(visit.person()?, label, visit.form.some(forms::OTP)).await {
        Ok(enrolment) => Ok(draw(&visit, &enrolment)),
        Err(error) => begin(&visit, &Problems::of_failure(error, |_| "label")?).await,
    }
}

async fn begin(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let beginning = beginning(visit, problems).await?;
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Add an authenticator app" }
            (problems.summary())
            form method="post" action="/security/totp" class="card" {
                (frame.form_token())
                p { "Have your phone at hand, with an app such as Aegis, Google Authenticator, 1Password or Bitwarden." }
                (beginning)
                button class="main" type="submit" { "Show the QR code" }
            }
        }
    };
    Ok(frame.form("Add an authenticator app", Section::Security, &[], problems, body))
}

fn draw(visit: &Visit, enrolment: &TotpEnrolment) -> Answer {
    let frame = Frame::of(visit).once();
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Scan this code" }
            div class="card" {
                p { "Scan it with your authenticator app." }
                // Made here of the secret; nothing that anybody wrote goes into it.
                div class="qr" role="img" aria-label="QR code with the secret for your authenticator app" { (PreEscaped(enrolment.svg.expose())) }
                details { summary { "Type it instead" } p { code class="secret" { (enrolment.secret.expose()) } } }
                p class="hint" { "It works until " (words::moment(enrolment.ends)) "; after that, begin anew." }
            }
            (confirming(&frame, enrolment.id, "", &Problems::default()))
        }
    };
    frame.form("Scan this code", Section::Security, &[], &Problems::default(), body)
}

/// Confirms it.
pub(crate) async fn confirm(visit: Visit) -> Answering {
    let id: FactorId = visit.id("factor")?;
    let code = visit.form.text("code").trim();
    match visit.bursar.confirm_totp(visit.person()?, id, code).await {
        Ok(factor) => Ok(added::answer(&visit, &factor)),
        Err(error) => Ok(again(&visit, id, &Problems::of_failure(error, |_| "code")?)),
    }
}

/// The secret is not shown twice: whoever mistyped a code has scanned it already.
fn again(visit: &Visit, id: FactorId, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let hint = "Does it never fit? Look whether the clock of your phone is right.";
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Confirm your authenticator app" }
            (problems.summary())
            (confirming(&frame, id, hint, problems))
            p { a class="button" href="/security/totp" { "Begin anew" } }
        }
    };
    frame.form("Confirm your authenticator app", Section::Security, &[], problems, body)
}

/// The form with which an app shows that it works.
fn confirming(frame: &Frame, id: FactorId, hint: &str, problems: &Problems) -> Markup {
    let code = Field {
        name: "code",
        label: "Code that the app shows now",
        hint,
        autocomplete: "one-time-code",
        inputmode: "numeric",
        most: 10,
        ..Field::default()
    };
    html! {
        form method="post" action={ "/security/totp/" (id) } class="card" {
            (frame.form_token())
            div class="code" { (code.draw(problems)) }
            button class="main" type="submit" { "Confirm" }
        }
    }
}
