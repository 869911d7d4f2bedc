//! One member: what they are, and the ways to what stops them.

use bursar_core::account::{MemberRole, User};
use bursar_core::id::{OrganisationId, UserId};
use bursar_core::limit::Subject;
use maud::html;

use super::{choose_role, path, role_name, role_named};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::freezing::notice_without_reason;
use crate::web::layout::{Frame, Section};
use crate::web::limits::{card, changed, crumbs};
use crate::web::visit::Visit;

/// What is said of somebody without limits.
const UNLIMITED: &str =
    "No limit of their own, over all their tokens. Those of tokens, wallets and organisations hold all the same.";

pub(super) struct Wanted {
    pub(super) organisation: OrganisationId,
    /// What the organisation is called.
    pub(super) name: String,
    role: MemberRole,
    pub(super) user: User,
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

/// Lifts the freeze.
pub(crate) async fn unfreeze(visit: Visit) -> Answering {
    let (organisation, user): (OrganisationId, UserId) = (visit.id("organisation")?, visit.id("user")?);
    match visit.bursar.unfreeze_user(visit.person()?, user, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=unfrozen", path(organisation)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "")?).await,
    }
}

pub(super) fn wanted(visit: &Visit) -> Result<Wanted, Failure> {
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
    let is_own = visit.person()?.owner.id == user.id;
    let standing = visit.bursar.limits(visit.person()?, Subject::User(user.id)).await?;
    let limits = card(visit, &standing, &here, UNLIMITED)?;
    let body = html! {
        (crumbs(&own, &name))
        @if let Some(said) = changed(visit) { p class="notice good" role="status" { (said) } }
        h1 { (user.full_name) " " span class="badge plain" { (role_name(role)) } }
        p class="muted" { (user.username) }
        (notice_without_reason(user.freeze.as_ref(), visit.now()))
        (problems.summary())
        @if is_frozen {
            form method="post" action={ (here) "/unfreeze" } class="card" {
                (frame.form_token())
                h2 { "Lift the freeze" }
                (forms::proof(visit, problems, false, "This allows more than before.", "administer_user", &user.id.to_string()))
                button class="main" type="submit" { "Lift it" }
            }
        } @else {
            form method="post" action={ (here) "/role" } class="card" {
                (frame.form_token())
                h2 { "What they are" }
                (choose_role(if said.is_empty() { role_name(role) } else { said }, problems))
                (forms::proof(visit, problems, true, "Needed to give them more than before.", "administer", &organisation.to_string()))
                button class="main" type="submit" { "Save the role" }
            }
            (limits)
            section class="card danger" aria-labelledby="freeze" {
                h2 id="freeze" { "Freeze the account" }
                @if is_own {
                    p { "You cannot freeze yourself here: nobody who is frozen could lift it. Ask another administrator, or "
                        a href="/account" { "sign out everywhere" } "." }
                } @else {
                    p { "Every session and token of it stops at once, in all organisations. It can be lifted." }
                    a class="button bad" href={ (here) "/freeze" } { "Freeze it …" }
                }
            }
        }
        section class="card danger" aria-labelledby="remove" {
            h2 id="remove" { @if is_own { "Leave " (name) } @else { "Take them out of " (name) } }
            p { (losing(is_own)) }
            a class="button bad" href={ (here) "/remove" } { @if is_own { "Leave …" } @else { "Take them out …" } }
        }
    };
    Ok(frame.form(&user.full_name, Section::People, &[], problems, body))
}

/// What goes with a membership.
pub(super) const fn losing(is_own: bool) -> &'static str {
    if is_own {
        "You lose your roles in its wallets, too, and only somebody else who runs it lets you in again. What you spent \
         stays in the history."
    } else {
        "They lose their roles in its wallets, too. What they spent stays in the history."
    }
}
