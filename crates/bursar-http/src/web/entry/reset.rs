//! A new password for somebody who forgot theirs. What is answered does not tell whether there is such an account.

use bursar_core::secret::Secret;
use maud::html;

use super::{given_password, new_password};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;

/// The form that asks for a mail.
pub(crate) async fn form(visit: Visit) -> Answering {
    Ok(draw(&visit, &Problems::default()))
}

/// Asks for it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let username = visit.form.text("username").trim();
    if let Err(error) = visit.bursar.ask_reset(username, visit.address) {
        return Ok(draw(&visit, &Problems::of_failure(error, |_| "username")?));
    }
    Ok(Answer::to("/reset/sent"))
}

/// Says what happens now.
pub(crate) async fn sent(visit: Visit) -> Answering {
    let body = html! {
        section class="narrow" {
            h1 { "Look into your mail" }
            div class="card" role="status" {
                p { "If there is such an account and it has a confirmed address, a link is on its way there. It works once, for 30 minutes." }
                p class="muted" { "Nothing came? Look for it among the junk. Or ask whoever runs this server: they can set a new password." }
                p { a class="button" href="/sign-in" { "Back to signing in" } }
            }
        }
    };
    Ok(Frame::of(&visit).page("Look into your mail", Section::None, body))
}

fn draw(visit: &Visit, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    if !visit.bursar.sends_mail() {
        let body = html! {
            section class="narrow" {
                h1 { "Forgot your password?" }
                (problems.summary())
                div class="card" {
                    p { "This server sends no mail, so it cannot send you a link. Whoever runs it can set a new password, with "
                        code { "bursar user passwd" } "." }
                    a class="button" href="/sign-in" { "Back to signing in" }
                }
            }
        };
        return frame.form("Forgot your password?", Section::None, &[], problems, body);
    }
    let username = Field {
        name: "username",
        label: "Username or e-mail address",
        value: visit.form.text("username"),
        autocomplete: "username",
        inputmode: "email",
        ..Field::default()
    };
    let body = html! {
        section class="narrow" {
            h1 { "Forgot your password?" }
            (problems.summary())
            form method="post" action="/reset" class="card" {
                (frame.form_token())
                p { "A link for a new one is sent to the confirmed address of the account." }
                (username.draw(problems))
                div class="buttons" {
                    button class="main" type="submit" { "Send the link" }
                    a class="button" href="/sign-in" { "Cancel" }
                }
            }
        }
    };
    frame.form("Forgot your password?", Section::None, &[], problems, body)
}

/// The form for the new password, behind the link.
pub(crate) async fn choose_form(visit: Visit) -> Answering {
    match visit.bursar.check_reset(visit.parameter("link")?, visit.address) {
        Ok(()) => draw_choice(&visit, &Problems::default()),
        Err(error) => Err(error.into()),
    }
}

/// Sets it.
pub(crate) async fn choose(visit: Visit) -> Answering {
    let mut problems = Problems::default();
    let password = given_password(&visit.form, &mut problems);
    if !problems.is_empty() {
        return draw_choice(&visit, &problems);
    }
    let (link, password) = (visit.parameter("link")?, Secret::new(password.to_owned()));
    match visit.bursar.redeem_reset(link, &password, visit.address).await {
        Ok(()) => Ok(Answer::to("/sign-in?changed=password")),
        Err(error) => draw_choice(&visit, &Problems::of_failure(error, |_| "password")?),
    }
}

fn draw_choice(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let body = html! {
        section class="narrow" {
            h1 { "Choose a new password" }
            (problems.summary())
            form method="post" action={ "/reset/" (visit.parameter("link")?) } class="card" {
                (frame.form_token())
                (new_password(problems))
                p class="hint" { "Everybody who is signed in with the old one is signed out. Your second factors and tokens stay as they are." }
                button class="main" type="submit" { "Set the password" }
            }
        }
    };
    Ok(frame.form("Choose a new password", Section::None, &[], problems, body))
}
