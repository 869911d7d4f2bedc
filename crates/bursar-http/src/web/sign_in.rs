//! Signing in. A session is new with every sign-in, and so is its cookie.

use bursar_core::secret::Secret;
use bursar_service::login::{Handed, Login};
use maud::{Markup, html};

use super::Answering;
use super::answer::Answer;
use super::cookie;
use super::forms::{self, Field, Problems};
use super::layout::{Frame, Section};
use super::visit::Visit;
use crate::failure::Failure;

/// The longest name and password that are looked at, in bytes.
const LONGEST: usize = 4096;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    if visit.person.is_some() {
        return Ok(Answer::to("/tokens"));
    }
    Ok(draw(&visit, &Problems::default()))
}

/// Signs in.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let (username, password) = (visit.form.text("username").trim(), visit.form.text("password"));
    let mut problems = Problems::default();
    if username.is_empty() {
        problems.add("username", "say who you are");
    }
    if password.is_empty() || password.len().max(username.len()) > LONGEST {
        problems.add("password", "give your password");
    }
    if !problems.is_empty() {
        return Ok(draw(&visit, &problems));
    }
    let login = Login {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        may_be_clear: true,
        otp: visit.form.some(forms::OTP).map(str::to_owned),
        extension_address: None,
        plain_token: true,
    };
    let session = match visit.bursar.log_in(login, visit.address).await {
        Ok(session) => session,
        Err(error) => return Ok(draw(&visit, &Problems::of_failure(error, |_| "")?)),
    };
    // A page of Bursar's own asks for the text in clear.
    let Handed::Plain(text) = &session.handed else { return Err(Failure::NoToken) };
    let next = visit.next().unwrap_or_else(|| "/".to_owned());
    let answer = Answer::to(next).with_cookie(cookie::set(cookie::SESSION, text.expose()));
    Ok(answer.with_cookie(cookie::remove(cookie::VISIT)))
}

fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let next = visit.next();
    let body = html! {
        section class="narrow" {
            h1 { "Sign in" }
            @if visit.query.is_ticked("left") { p class="notice" role="status" { "You are signed out." } }
            (problems.summary())
            form method="post" action="/sign-in" class="card" {
                (frame.form_token())
                @if let Some(next) = &next { input type="hidden" name="next" value=(next); }
                (fields(visit, problems))
                button class="main" type="submit" { "Sign in" }
            }
        }
    };
    frame.form("Sign in", Section::None, &[], problems, body)
}

fn fields(visit: &Visit, problems: &Problems) -> Markup {
    let username = Field {
        name: "username",
        label: "Username",
        value: visit.form.text("username"),
        autocomplete: "username",
        inputmode: "email",
        ..Field::default()
    };
    let password = Field {
        name: "password",
        label: "Password",
        kind: "password",
        autocomplete: "current-password",
        ..Field::default()
    };
    html! {
        (username.draw(problems))
        (password.draw(problems))
        (forms::otp(problems, true, "Six digits, or one of your recovery codes."))
    }
}
