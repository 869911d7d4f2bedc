//! What follows a new factor: recovery codes, if there were none, shown this once.

use bursar_core::secret::Secret;
use bursar_service::factors::AddedFactor;
use maud::html;

use crate::web::answer::Answer;
use crate::web::assets;
use crate::web::forms::Problems;
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;

/// The answer to a factor that was added.
pub(super) fn answer(visit: &Visit, added: &AddedFactor) -> Answer {
    match &added.recovery_codes {
        Some(codes) => show(visit, codes, "The second factor is added. Keep these codes for when it is lost."),
        None => Answer::to("/security?changed=added"),
    }
}

/// Shows codes, once.
pub(super) fn show(visit: &Visit, codes: &[Secret<String>], why: &str) -> Answer {
    let frame = Frame::of(visit).once();
    let all: Vec<&str> = codes.iter().map(|code| code.expose().as_str()).collect();
    let body = html! {
        section class="narrow" {
            h1 { "Keep your recovery codes" }
            p class="notice" role="status" { (why) }
            div class="card said" {
                p { "Each passes once, in place of a code. They are shown this one time: print them, or put them into a password manager." }
                label for="codes" { "Recovery codes" }
                textarea id="codes" class="secret" rows=(all.len()) readonly spellcheck="false" { "\n" (all.join("\n")) }
                button type="button" data-copies="codes" hidden { "Copy" }
            }
            a class="button main" href="/security" { "I have kept them" }
        }
    };
    frame.form("Keep your recovery codes", Section::Security, &[&assets::COPY], &Problems::default(), body)
}
