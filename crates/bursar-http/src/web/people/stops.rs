//! Freezing a member's account and taking a member out, each after asking.

use bursar_core::id::{OrganisationId, UserId};
use maud::{Markup, html};

use super::members::{Wanted, losing, wanted};
use super::path;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::Problems;
use crate::web::freezing;
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// Asks whether the account is to be frozen.
pub(crate) async fn freeze_form(visit: Visit) -> Answering {
    draw_freeze(&visit, &Problems::default())
}

/// Freezes the account.
pub(crate) async fn freeze(visit: Visit) -> Answering {
    let (organisation, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    let order = match freezing::order(&visit) {
        Ok(order) => order,
        Err(problems) => return draw_freeze(&visit, &problems),
    };
    match visit.bursar.freeze_user(visit.person()?, user, &order).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=frozen", path(organisation)))),
        Err(error) => draw_freeze(&visit, &Problems::of_failure(error, |_| "reason")?),
    }
}

/// Asks whether they are to be taken out.
pub(crate) async fn remove_form(visit: Visit) -> Answering {
    draw_remove(&visit, &Problems::default())
}

/// Takes them out.
pub(crate) async fn remove(visit: Visit) -> Answering {
    let (organisation, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    let is_own = visit.person()?.owner.id == user;
    match visit.bursar.remove_member(visit.person()?, organisation, user).await {
        // Whoever left sees its page no more.
        Ok(()) if is_own => Ok(Answer::to("/organisations")),
        Ok(()) => Ok(Answer::to(format!("{}?changed=removed", path(organisation)))),
        Err(error) => draw_remove(&visit, &Problems::of_failure(error, |_| "")?),
    }
}

fn draw_freeze(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let Wanted { organisation, user, .. } = wanted(visit)?;
    let here = format!("{}/members/{}", path(organisation), user.id);
    let is_own = visit.person()?.owner.id == user.id;
    let title = format!("Freeze the account of {}?", user.full_name);
    let body = html! {
        (crumbs(&here, &user.full_name))
        h1 { (title) }
        (problems.summary())
        @if is_own {
            p class="notice warn" { "You cannot freeze yourself here: nobody who is frozen could lift it." }
        } @else {
            p { strong { (user.username) } " is signed out, and every session and token of theirs stops at once, in all "
                "organisations. Whoever runs all of them can lift it, with a code, and so can the operator." }
            form method="post" action={ (here) "/freeze" } class="card danger" {
                (frame.form_token())
                (freezing::fields(visit, "They are told, and so is the operator of this server; nobody else is shown it.", problems))
                (buttons("Freeze the account", &here))
            }
        }
    };
    Ok(frame.form(&title, Section::People, &[], problems, body))
}

fn draw_remove(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let Wanted { organisation, name, user, .. } = wanted(visit)?;
    let here = format!("{}/members/{}", path(organisation), user.id);
    let is_own = visit.person()?.owner.id == user.id;
    let title = if is_own { format!("Leave {name}?") } else { format!("Take {} out of {name}?", user.full_name) };
    let body = html! {
        (crumbs(&here, &user.full_name))
        h1 { (title) }
        (problems.summary())
        p { strong { (user.username) } " does not belong to it any more. " (losing(is_own)) }
        form method="post" action={ (here) "/remove" } class="card danger" {
            (frame.form_token())
            (buttons(if is_own { "Leave it" } else { "Take them out" }, &here))
        }
    };
    Ok(frame.form(&title, Section::People, &[], problems, body))
}

fn buttons(does: &str, back: &str) -> Markup {
    html! {
        div class="buttons" {
            button class="bad" type="submit" { (does) }
            a class="button" href=(back) { "Cancel" }
        }
    }
}
