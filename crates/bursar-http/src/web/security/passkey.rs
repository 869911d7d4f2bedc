//! A passkey. The browser is asked by a script: nothing else can ask it.

use maud::html;
use serde_json::Value;

use super::{added, beginning};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, LONGEST_PASSKEY, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The first step: a name, and the proof of a factor that is there.
pub(crate) async fn form(visit: Visit) -> Answering {
    begin(&visit, &Problems::default()).await
}

/// Gives the browser a challenge.
pub(crate) async fn submit(visit: Visit) -> Answering {
    match visit.bursar.begin_passkey(visit.person()?, visit.form.some(forms::OTP)).await {
        Ok(options) => Ok(draw(&visit, &options)),
        Err(error) => begin(&visit, &Problems::of_failure(error, |_| "label")?).await,
    }
}

async fn begin(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    if visit.bursar.policy().relying_party.is_none() {
        let body = html! {
            (crumbs("/security", "Security"))
            h1 { "Add a passkey" }
            div class="empty" {
                h2 { "This server takes no passkeys" }
                p { "They are bound to the host name of a server, and this one knows none of its own. Whoever runs it sets "
                    code { "web.origin" } " in its configuration. Until then, use an authenticator app." }
                a class="button main" href="/security/totp" { "Add an authenticator app" }
            }
        };
        return Ok(frame.form("Add a passkey", Section::Security, &[], problems, body));
    }
    let beginning = beginning(visit, problems).await?;
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Add a passkey" }
            (problems.summary())
            form method="post" action="/security/passkey" class="card" {
                (frame.form_token())
                p { "Your device or password manager keeps it. It signs you in without a password, and works on this site only." }
                (beginning)
                noscript { p class="notice warn" { "Passkeys need scripts, which this browser does not run. Use an authenticator app." } }
                button class="main" type="submit" { "Go on" }
            }
        }
    };
    Ok(frame.form("Add a passkey", Section::Security, &[], problems, body))
}

fn draw(visit: &Visit, options: &Value) -> Answer {
    let frame = Frame::of(visit);
    let body = html! {
        (crumbs("/security", "Security"))
        section class="narrow" {
            h1 { "Make the passkey" }
            form method="post" action="/security/passkey/finish" class="card" data-passkey=(options) {
                (frame.form_token())
                input type="hidden" name="label" value=(visit.form.text("label").trim());
                p { "Your browser asks where to keep it." }
                button class="main" type="submit" hidden { "Make it" }
                noscript { p class="notice warn" { "Passkeys need scripts, which this browser does not run." } }
            }
        }
    };
    frame.form("Make the passkey", Section::Security, &[], &Problems::default(), body)
}

/// Takes what the browser made.
pub(crate) async fn finish(visit: Visit) -> Answering {
    let (label, answer) = (visit.form.text("label").trim().to_owned(), visit.form.text("passkey"));
    if answer.len() > LONGEST_PASSKEY {
        let mut problems = Problems::default();
        problems.add("", "the browser answered more than any passkey does");
        return begin(&visit, &problems).await;
    }
    match visit.bursar.finish_passkey(visit.person()?, label, answer).await {
        Ok(factor) => Ok(added::answer(&visit, &factor)),
        Err(error) => begin(&visit, &Problems::of_failure(error, |_| "label")?).await,
    }
}
