//! The account at a glance.

use bursar_core::id::TokenId;
use bursar_core::limit::Subject;
use bursar_service::Page;
use bursar_service::sessions::SessionView;
use maud::{Markup, html};

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::card;
use crate::web::visit::Visit;
use crate::web::words;

/// Sessions on the page.
const SHOWN: usize = 100;
/// What is said where there are no limits.
const UNLIMITED: &str =
    "No limit over all your tokens together. Those of tokens, wallets and organisations hold all the same.";

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Sends the link again that confirms the address.
pub(crate) async fn resend(visit: Visit) -> Answering {
    match visit.bursar.resend_confirmation(visit.person()?).await {
        Ok(()) => Ok(Answer::to("/account?changed=resent")),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "")?).await,
    }
}

/// Changes the name.
pub(crate) async fn rename(visit: Visit) -> Answering {
    match visit.bursar.rename(visit.person()?, visit.form.text("name").trim()).await {
        Ok(()) => Ok(Answer::to("/account?changed=name")),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "name")?).await,
    }
}

fn changed(visit: &Visit) -> Option<&'static str> {
    match visit.query.text("changed") {
        "name" => Some("Your name is changed."),
        "asked" => Some("A link is on its way to the new address. The address is changed when you follow it."),
        "address" => Some("Your address is confirmed."),
        "resent" => Some("A link is on its way to your address. Follow it to confirm that it is yours."),
        "limits" => Some("The limits are saved and hold from now on."),
        "session" => Some("The session is ended."),
        "sessions" => Some("All other sessions are ended."),
        _ => None,
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let person = visit.person()?;
    let owner = &person.owner;
    let page = Page { limit: SHOWN, after: None::<TokenId>, newest_first: true };
    let (sessions, _) = visit.bursar.sessions(person, page).await?;
    let standing = visit.bursar.limits(person, Subject::User(owner.id)).await?;
    let limits = card(visit, &standing, "/account", UNLIMITED)?;
    let value = if visit.form.is_empty() { owner.full_name.as_str() } else { visit.form.text("name") };
    let body = html! {
        h1 { "Your account" }
        @if let Some(done) = changed(visit) { p class="notice" role="status" { (done) } }
        (problems.summary())
        section class="card" aria-labelledby="you" {
            h2 id="you" { "You" }
            dl {
                dt { "Username" } dd { (owner.username) }
                dt { "E-mail address" }
                dd {
                    @match &owner.email {
                        Some(email) => {
                            (email.address) " "
                            @if email.is_verified { span class="badge good" { "confirmed" } } @else { span class="badge warn" { "not confirmed" } }
                        }
                        None => { "None. Without one a forgotten password can only be mended by the operator." }
                    }
                    " " a href="/account/address" { "Change" }
                    @if owner.email.as_ref().is_some_and(|email| !email.is_verified) { (unconfirmed(visit, &frame)) }
                }
                dt { "Id" } dd { code { (owner.id) } }
                dt { "Member since" } dd { (words::date(owner.created)) }
            }
            form method="post" action="/account/name" {
                (frame.form_token())
                (Field { name: "name", label: "Your name", hint: "What people call you", value, autocomplete: "name", most: 250, ..Field::default() }.draw(problems))
                button type="submit" { "Save the name" }
            }
        }
        (limits)
        section class="card" aria-labelledby="password" {
            h2 id="password" { "Password" }
            p { "A new one signs you out everywhere." }
            a class="button" href="/account/password" { "Change the password" }
        }
        section aria-labelledby="sessions" {
            div class="title" {
                h2 id="sessions" { "Where you are signed in" }
                @if sessions.len() > 1 {
                    form method="post" action="/account/sessions/end-others" {
                        (frame.form_token())
                        button type="submit" { "Sign out everywhere else" }
                    }
                }
            }
            div class="scrolls" tabindex="0" role="region" aria-label="Table of sessions" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Begun" } th role="columnheader" scope="col" { "Last used" } th role="columnheader" scope="col" { "Ends" } th role="columnheader" scope="col" { span class="unseen" { "End it" } } } }
                    tbody role="rowgroup" { @for view in &sessions { (session(visit, &frame, view)) } }
                }
            }
        }
    };
    Ok(frame.form("Your account", Section::Account, &[], problems, body))
}

/// What an address that is not confirmed does not get, and the way to confirm it.
fn unconfirmed(visit: &Visit, frame: &Frame) -> Markup {
    html! {
        p class="small muted" {
            "Nothing is mailed here until you confirm it: no notice that your password, a second factor or a token was changed, and no link for a forgotten password."
        }
        @if visit.bursar.sends_mail() {
            form method="post" action="/account/address/resend" {
                (frame.form_token())
                button class="quiet" type="submit" { "Send the link again" }
            }
        } @else { p class="small muted" { "This server sends no mail, so nothing can confirm it. Ask whoever runs it." } }
    }
}

fn session(visit: &Visit, frame: &Frame, view: &SessionView) -> Markup {
    let token = &view.token;
    html! {
        tr role="row" {
            td role="cell" data-label="Begun" { (words::instant(token.created)) div class="small muted" { "from " (token.created_from) } }
            td role="cell" data-label="Last used" {
                @match &view.last_used {
                    Some(used) => { (words::relative(used.at, visit.now())) div class="small muted" { "from " (used.from) } }
                    None => { span class="muted" { "not noted yet" } }
                }
            }
            td role="cell" data-label="Ends" { (words::relative(token.expires, visit.now())) }
            td role="cell" {
                @if view.is_this { span class="badge good" { "this one" } } @else {
                    form method="post" action={ "/account/sessions/" (token.id) "/end" } {
                        (frame.form_token())
                        button class="quiet" type="submit" { "End" span class="unseen" { " the session from " (token.created_from) } }
                    }
                }
            }
        }
    }
}
