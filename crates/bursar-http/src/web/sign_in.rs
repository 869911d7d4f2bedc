//! Signing in, first step: who, and the password. A session is new with every sign-in, and so is its cookie.

use bursar_core::secret::Secret;
use bursar_service::login::{Handed, NewSession};
use bursar_service::sign_in::Proof;
use maud::html;

use super::Answering;
use super::answer::Answer;
use super::cookie;
use super::forms::{Field, LONGEST_PASSWORD, Problems};
use super::layout::{Frame, Section};
use super::sign_in_code;
use super::visit::Visit;
use crate::failure::Failure;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    if visit.person.is_some() {
        return Ok(Answer::to("/tokens"));
    }
    Ok(draw(&visit, &Problems::default()))
}

/// Checks the password, and asks for the second factor if there is one.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let (username, password) = (visit.form.text("username").trim(), visit.form.text("password"));
    let mut problems = Problems::default();
    if username.is_empty() {
        problems.add("username", "say who you are");
    }
    if password.is_empty() || password.len().max(username.len()) > LONGEST_PASSWORD {
        problems.add("password", "give your password");
    }
    if !problems.is_empty() {
        return Ok(draw(&visit, &problems));
    }
    let password = Secret::new(password.to_owned());
    let begun = match visit.bursar.begin_sign_in(username, &password, visit.address).await {
        Ok(begun) => begun,
        Err(error) => return Ok(draw(&visit, &Problems::of_failure(error, |_| "")?)),
    };
    let ticket = begun.ticket.expose();
    if !begun.offers.has_none {
        return Ok(sign_in_code::draw(&visit, ticket, begun.offers.passkey.as_ref(), &Problems::default()));
    }
    match visit.bursar.finish_sign_in(ticket, Proof::PasswordAlone, visit.address).await {
        Ok(session) => enter(&visit, session).await,
        Err(error) => Ok(draw(&visit, &Problems::of_failure(error, |_| "")?)),
    }
}

/// Lets somebody in who has proven who they are, and leads to where they wanted to go.
pub(super) async fn enter(visit: &Visit, session: NewSession) -> Answering {
    // A page of Bursar's own asks for the text in clear.
    let Handed::Plain(text) = session.handed else { return Err(Failure::NoToken) };
    // A browser has one session: what its cookie held before, whoever put it there, opens nothing any more.
    if let Some(before) = &visit.person {
        visit.bursar.log_out(before).await?;
    }
    let next = visit.next().unwrap_or_else(|| "/".to_owned());
    let answer = Answer::to(next).with_cookie(cookie::set(cookie::SESSION, text.expose()));
    Ok(answer.with_cookie(cookie::remove(cookie::VISIT)))
}

/// The first page, with what was wrong.
pub(super) fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let next = visit.next();
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
    let body = html! {
        section class="narrow" {
            h1 { "Sign in" }
            @if visit.query.is_ticked("left") { p class="notice" role="status" { "You are signed out." } }
            @if let Some(done) = changed(visit) { p class="notice" role="status" { (done) } }
            (problems.summary())
            form method="post" action="/sign-in" class="card" {
                (frame.form_token())
                @if let Some(next) = &next { input type="hidden" name="next" value=(next); }
                (username.draw(problems))
                (password.draw(problems))
                div class="buttons" {
                    button class="main" type="submit" { "Go on" }
                    @if visit.bursar.sends_mail() { a href="/reset" { "Forgot your password?" } }
                }
            }
            @if visit.bursar.policy().relying_party.is_some() {
                form method="post" action="/sign-in/passkey" class="card" {
                    (frame.form_token())
                    @if let Some(next) = &next { input type="hidden" name="next" value=(next); }
                    p { "Your device or password manager may know you already." }
                    button type="submit" { "Sign in with a passkey" }
                }
            }
        }
    };
    frame.form("Sign in", Section::None, &[], problems, body)
}

/// What happened on the way here.
fn changed(visit: &Visit) -> Option<&'static str> {
    match visit.query.text("changed") {
        "password" => Some("The password is changed. Sign in with the new one."),
        "address" => Some("The address is confirmed."),
        "account" => Some("The account is made. Sign in with your address and the password that you chose."),
        _ => None,
    }
}
