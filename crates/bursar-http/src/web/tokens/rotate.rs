//! A new secret for a token, with its old one going on for a while.

use bursar_core::time::Span;
use bursar_service::issue::TokenState;
use bursar_service::rotate::VOID;
use maud::html;

use super::{name, path, wanted};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::handover::Made;
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// For how long the old secret can go on, in seconds.
const OVERLAPS: [(&str, u64, &str); 4] = [
    ("0", 0, "End it at once"),
    ("3600", 3600, "For 1 hour"),
    ("86400", 86_400, "For 24 hours"),
    ("604800", 604_800, "For 7 days"),
];
/// The choice if none was made.
const USUAL: &str = "86400";

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    Ok(draw(&visit, &state, &Problems::default()))
}

/// Makes the new secret, and leads to where it is shown.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    let (person, id) = (visit.person()?, state.token.id);
    let (session, key) = (person.token().id, visit.form.text("key"));
    let shown = Answer::to(format!("{}/secret", path(id)));
    let _desk = visit.handover.desk(key).await;
    if visit.handover.made_by(session, key).is_some() {
        return Ok(shown);
    }
    let chosen = OVERLAPS.iter().find(|(value, ..)| *value == visit.form.text("overlap"));
    let mut problems = Problems::default();
    let Some((_, seconds, _)) = chosen else {
        problems.add("overlap", "choose what becomes of the old secret");
        return Ok(draw(&visit, &state, &problems));
    };
    match visit.bursar.rotate(person, id, Span::from_seconds(*seconds), visit.form.some(forms::OTP)).await {
        Ok(rotated) => {
            let warnings = if rotated.replaced { vec![VOID.to_owned()] } else { Vec::new() };
            let made = Made { token: id, text: Some(rotated.text), old_ends: Some(rotated.old_ends), warnings };
            visit.handover.put(session, key, made, visit.now());
            Ok(shown)
        }
        Err(error) => Ok(draw(&visit, &state, &Problems::of_failure(error, |_| "overlap")?)),
    }
}

/// Ends the old secret at once, since it only tightens.
pub(crate) async fn end_old(visit: Visit) -> Answering {
    let id = wanted(&visit).await?.token.id;
    visit.bursar.end_old_secret(visit.person()?, id).await?;
    Ok(Answer::to(format!("{}?changed=old-secret", path(id))))
}

fn draw(visit: &Visit, state: &TokenState, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let (name, path) = (name(&state.token), path(state.token.id));
    let chosen = visit.form.some("overlap").unwrap_or(USUAL);
    let title = format!("Rotate {name}");
    let body = html! {
        (crumbs(&path, &name))
        h1 { (title) }
        (problems.summary())
        p { "The token gets a new secret. Its scopes, limits and what it has spent stay as they are, so nothing is refilled." }
        form method="post" action={ (path) "/rotate" } class="card" {
            (frame.form_token())
            input type="hidden" name="key" value=(super::create::key(visit));
            fieldset id="overlap" {
                legend { "How long the old secret goes on" }
                p class="hint" { "Long enough to put the new one everywhere. If the old one may be known to others, end it at once." }
                (forms::complaints_of("overlap", problems))
                @for (value, _, text) in OVERLAPS { (forms::choice("overlap", value, text, chosen == value)) }
            }
            (forms::proof(visit, problems, false, "", "rotate", &state.token.id.to_string()))
            div class="buttons" {
                button class="main" type="submit" { "Make a new secret" }
                a class="button" href=(path) { "Cancel" }
            }
        }
    };
    frame.form(&title, Section::Tokens, &[], problems, body)
}
