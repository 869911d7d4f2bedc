//! Unlocking a token for a while, or lifting its lock.

use bursar_core::time::Span;
use bursar_core::token::TokenKind;
use bursar_service::error::ServiceError;
use bursar_service::issue::TokenState;
use bursar_service::unlock::UnlockRequest;
use maud::html;

use super::{name, path, wanted};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// For how long a token can be unlocked, in seconds: at most an hour, as everywhere.
const DURATIONS: [(&str, u64, &str); 3] = [
    ("600", 600, "Spend without its own limits for 10 minutes"),
    ("1800", 1800, "Spend without them for 30 minutes"),
    ("3600", 3600, "Spend without them for 1 hour"),
];

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    Ok(draw(&visit, &state, &Problems::default()))
}

/// Unlocks or resumes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let state = wanted(&visit).await?;
    let chosen = visit.form.text("for");
    let is_resume = chosen == "resume";
    let seconds = DURATIONS.iter().find(|(value, ..)| *value == chosen).map(|(_, seconds, _)| *seconds);
    let seconds = if is_resume { Some(0) } else { seconds };
    let mut problems = Problems::default();
    let Some(seconds) = seconds else {
        problems.add("for", "choose what to do");
        return Ok(draw(&visit, &state, &problems));
    };
    let (is_locked, resumes) = (state.token.locked.is_some(), is_resume || visit.form.is_ticked("resume"));
    let request = UnlockRequest {
        otp: visit.form.some(forms::OTP).map(str::to_owned),
        duration: Span::from_seconds(seconds),
        resume: resumes,
        keep_limits: true,
    };
    match visit.bursar.unlock_token(visit.person()?, state.token.id, request).await {
        Ok(state) => {
            let done = if is_resume { "resumed" } else { "unlocked" };
            Ok(Answer::to(format!("{}?changed={done}", path(state.token.id))))
        }
        // The lock is lifted all the same; a longer unlock that runs is kept, and the page of the token shows it.
        Err(ServiceError::UnlockedLonger { .. }) if is_locked && resumes => {
            Ok(Answer::to(format!("{}?changed=resumed", path(state.token.id))))
        }
        Err(error) => Ok(draw(&visit, &state, &Problems::of_failure(error, |_| "for")?)),
    }
}

fn draw(visit: &Visit, state: &TokenState, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let (name, path) = (name(&state.token), path(state.token.id));
    let is_locked = state.token.locked.is_some();
    let chosen = visit.form.text("for");
    let usual = if is_locked { "resume" } else { "600" };
    let chosen = if chosen.is_empty() { usual } else { chosen };
    // There are no limits of its own to lift.
    let is_service = state.token.kind == TokenKind::Service;
    let title = if is_service { format!("Lift the lock of {name}") } else { format!("Unlock {name}") };
    let body = html! {
        (crumbs(&path, &name))
        h1 { (title) }
        (problems.summary())
        @if !is_service { p { "While it is unlocked, a token spends without its own limits. Those of your account, of the wallet and of the "
            "organisation hold all the same. Afterwards its limits count on from where they were; what it spends meanwhile "
            "is shown apart." } }
        form method="post" action={ (path) "/unlock" } class="card" {
            (frame.form_token())
            fieldset id="for" {
                legend { "What to do" }
                (forms::complaints_of("for", problems))
                @if is_locked { (forms::choice("for", "resume", "Only lift the lock: its limits hold as before", chosen == "resume")) }
                @if !is_service { @for (value, _, text) in DURATIONS { (forms::choice("for", value, text, chosen == value)) } }
            }
            @if is_locked && !is_service {
                (forms::tick("resume", "yes", "Also lift the lock for good", "Otherwise the token is locked again after the unlock.", visit.form.is_ticked("resume")))
            }
            (forms::proof(visit, problems, false, "This allows more than before.", "unlock", &state.token.id.to_string()))
            div class="buttons" {
                button class="main" type="submit" { @if is_locked { "Unlock or lift the lock" } @else { "Unlock" } }
                a class="button" href=(path) { "Cancel" }
            }
        }
    };
    frame.form(&title, Section::Tokens, &[], problems, body)
}
