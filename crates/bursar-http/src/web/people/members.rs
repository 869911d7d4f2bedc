//! One member: what they are, taking them out, freezing their account.

use bursar_core::account::{MemberRole, User};
use bursar_core::id::{OrganisationId, UserId};
use bursar_core::time::Span;
use bursar_service::freezes::FreezeOrder;
use maud::html;

use super::page::freeze_notice;
use super::{choose_role, path, role_name, role_named};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

const DAY: u64 = 86_400;
/// The longest freeze with an end, in days: ten years.
const MOST_DAYS: u64 = 3650;

struct Wanted {
    organisation: OrganisationId,
    name: String,
    role: MemberRole,
    user: User,
}

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Changes the role.
pub(crate) async fn set_role(visit: Visit) -> Answering {
    let (organisation, user) = (visit.id("organisation")?, visit.id("user")?);
    let Some(role) = role_named(visit.form.text("role")) else {
        let mut problems = Problems::default();
        problems.add("role", "choose what they are");
        return draw(&visit, &problems).await;
    };
    let otp = visit.form.some(forms::OTP);
    match visit.bursar.set_member_role(visit.person()?, organisation, user, role, otp).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=role", path(organisation)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "role")?).await,
    }
}

/// Takes them out.
pub(crate) async fn remove(visit: Visit) -> Answering {
    let (organisation, user) = (visit.id("organisation")?, visit.id("user")?);
    match visit.bursar.remove_member(visit.person()?, organisation, user).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=removed", path(organisation)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "")?).await,
    }
}

/// Freezes their account.
pub(crate) async fn freeze(visit: Visit) -> Answering {
    let (organisation, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    let days = match visit.form.some("days") {
        None => None,
        Some(text) => match text.parse::<u64>() {
            Ok(days @ 1..=MOST_DAYS) => Some(days),
            _ => {
                let mut problems = Problems::default();
                problems.add("days", format!("give a number of days from 1 to {MOST_DAYS}, or leave it out"));
                return draw(&visit, &problems).await;
            }
        },
    };
    let duration = days.map(|days| Span::from_seconds(days.saturating_mul(DAY)));
    let order = FreezeOrder { duration, reason: visit.form.some("reason").map(str::to_owned) };
    match visit.bursar.freeze_user(visit.person()?, user, &order).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=frozen", path(organisation)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "reason")?).await,
    }
}

/// Lifts the freeze.
pub(crate) async fn unfreeze(visit: Visit) -> Answering {
    let (organisation, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    match visit.bursar.unfreeze_user(visit.person()?, user, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=unfrozen", path(organisation)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "")?).await,
    }
}

fn wanted(visit: &Visit) -> Result<Wanted, Failure> {
    let (id, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    let (organisation, own) = visit.bursar.organisation(visit.person()?, id)?;
    if !own.administers() {
        return Err(Failure::NoSuchRoute);
    }
    let (role, user) = visit.bursar.member(visit.person()?, id, user)?;
    Ok(Wanted { organisation: id, name: organisation.name, role, user })
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let Wanted { organisation, name, role, user } = wanted(visit)?;
    let own = path(organisation);
    let here = format!("{own}/members/{}", user.id);
    let is_frozen = user.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(visit.now()));
    let said = visit.form.text("role");
    let reason = Field {
        name: "reason",
        label: "Why",
        hint: "They are told.",
        is_optional: true,
        most: 250,
        ..Field::default()
    };
    let days = Field {
        name: "days",
        label: "For how many days",
        hint: "Until somebody lifts it, if left out.",
        inputmode: "numeric",
        is_optional: true,
        most: 4,
        ..Field::default()
    };
    let body = html! {
        (crumbs(&own, &name))
        h1 { (user.full_name) " " span class="badge plain" { (role_name(role)) } }
        p class="muted" { (user.username) }
        (freeze_notice(user.freeze.as_ref(), visit.now()))
        (problems.summary())
        @if is_frozen {
            form method="post" action={ (here) "/unfreeze" } class="card" {
                (frame.form_token())
                h2 { "Lift the freeze" }
                (forms::proof(problems, false, "This allows more than before.", "administer_user", &user.id.to_string()))
                button class="main" type="submit" { "Lift it" }
            }
        } @else {
            form method="post" action={ (here) "/role" } class="card" {
                (frame.form_token())
                h2 { "What they are" }
                (choose_role(if said.is_empty() { role_name(role) } else { said }, problems))
                (forms::proof(problems, true, "Needed to give them more than before.", "administer", &organisation.to_string()))
                button class="main" type="submit" { "Save the role" }
            }
            form method="post" action={ (here) "/freeze" } class="card danger" {
                (frame.form_token())
                h2 { "Freeze the account" }
                p { "Every session and token of it stops at once, in all organisations. It can be lifted." }
                div class="pair" { (reason.draw(problems)) (days.draw(problems)) }
                button class="bad" type="submit" { "Freeze it" }
            }
        }
        form method="post" action={ (here) "/remove" } class="card danger" {
            (frame.form_token())
            h2 { "Take them out of " (name) }
            p { "They lose their roles in its wallets, too. What they spent stays in the history." }
            button class="bad" type="submit" { "Take them out" }
        }
    };
    Ok(frame.form(&user.full_name, Section::People, &[], problems, body))
}
