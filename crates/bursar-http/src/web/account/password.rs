//! A new password for somebody who knows the old one.

use bursar_core::secret::Secret;
use maud::html;

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::cookie;
use crate::web::entry::{given_password, new_password};
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    Ok(draw(&visit, &Problems::default()))
}

/// Changes it, which ends this session, too.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let mut problems = Problems::default();
    if visit.form.text("old").is_empty() {
        problems.add("old", "give the password you have now");
    }
    let new = given_password(&visit.form, &mut problems);
    if !problems.is_empty() {
        return Ok(draw(&visit, &problems));
    }
    let (old, new) = (Secret::new(visit.form.text("old").to_owned()), Secret::new(new.to_owned()));
    let changed = visit.bursar.change_password_in_clear(visit.person()?, &old, &new, visit.form.some(forms::OTP)).await;
    match changed {
        Ok(()) => Ok(Answer::to("/sign-in?changed=password").with_cookie(cookie::remove(cookie::SESSION))),
        Err(error) => Ok(draw(&visit, &Problems::of_failure(error, |_| "password")?)),
    }
}

fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let old = Field {
        name: "old",
        label: "Password you have now",
        kind: "password",
        autocomplete: "current-password",
        ..Field::default()
    };
    let body = html! {
        (crumbs("/account", "Your account"))
        section class="narrow" {
            h1 { "Change your password" }
            (problems.summary())
            form method="post" action="/account/password" class="card" {
                (frame.form_token())
                (old.draw(problems))
                (new_password(problems))
                (forms::proof(visit, problems, true, "Needed if you have set up a second factor.", "change_account", ""))
                p class="hint" { "You are signed out everywhere, here too. Access tokens stay as they are." }
                button class="main" type="submit" { "Change it" }
            }
        }
    };
    frame.form("Change your password", Section::Account, &[], problems, body)
}
