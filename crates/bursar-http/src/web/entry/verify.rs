//! Confirming an address: behind a button, since mail scanners follow links.

use maud::html;

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;

/// Asks.
pub(crate) async fn form(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let body = html! {
        section class="narrow" {
            h1 { "Confirm your address" }
            form method="post" action={ "/verify/" (visit.parameter("link")?) } class="card" {
                (frame.form_token())
                p { "Mail of your account goes to this address from now on." }
                button class="main" type="submit" { "Confirm it" }
            }
        }
    };
    Ok(frame.page("Confirm your address", Section::None, body))
}

/// Confirms it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    visit.bursar.verify_address(visit.parameter("link")?, visit.address).await?;
    Ok(Answer::to(if visit.person.is_some() { "/account?changed=address" } else { "/sign-in?changed=address" }))
}
