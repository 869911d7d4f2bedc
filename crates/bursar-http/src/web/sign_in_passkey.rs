//! Signing in with a passkey: in place of a password, or after one. The browser is asked by a script.

use bursar_service::sign_in::Proof;
use maud::html;

use super::Answering;
use super::assets;
use super::forms::{LONGEST_PASSKEY, Problems};
use super::layout::{Frame, Section};
use super::sign_in;
use super::visit::Visit;

/// Gives a challenge, or takes the answer to one.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let Some(answer) = visit.form.some("passkey").filter(|answer| answer.len() <= LONGEST_PASSKEY) else {
        return challenge(&visit).await;
    };
    let proven = match visit.form.some("ticket") {
        Some(ticket) => visit.bursar.finish_sign_in(ticket, Proof::Passkey(answer.to_owned()), visit.address).await,
        None => visit.bursar.finish_passkey_sign_in(answer, visit.address).await,
    };
    match proven {
        Ok(session) => sign_in::enter(&visit, session).await,
        Err(error) => Ok(sign_in::draw(&visit, &Problems::of_failure(error, |_| "")?)),
    }
}

async fn challenge(visit: &Visit) -> Answering {
    let options = match visit.bursar.begin_passkey_sign_in(visit.address).await {
        Ok(options) => options,
        Err(error) => return Ok(sign_in::draw(visit, &Problems::of_failure(error, |_| "")?)),
    };
    let frame = Frame::of(visit);
    let body = html! {
        section class="narrow" {
            h1 { "Sign in with a passkey" }
            form method="post" action="/sign-in/passkey" class="card" data-passkey=(options) data-passkey-now="" {
                (frame.form_token())
                @if let Some(next) = visit.next() { input type="hidden" name="next" value=(next); }
                p { "Your browser asks for it." }
                button class="main" type="submit" hidden { "Ask again" }
                noscript { p class="notice warn" { "Passkeys need scripts, which this browser does not run. Sign in with your password." } }
            }
            p class="small" { a href="/sign-in" { "Use your password" } }
        }
    };
    let problems = Problems::default();
    Ok(frame.form("Sign in with a passkey", Section::None, &[&assets::PASSKEY], &problems, body))
}
