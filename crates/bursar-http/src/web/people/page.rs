//! An organisation: its members, its invitations, what it demands.

use bursar_core::account::{Invitation, MemberRole, Organisation, User};
use bursar_core::id::{InvitationId, UserId};
use bursar_core::limit::Subject;
use bursar_service::Page;
use maud::{Markup, html};

use super::{path, role_name};
use crate::web::Answering;
use crate::web::freezing::notice;
use crate::web::layout::{Frame, Section};
use crate::web::limits::{card, crumbs};
use crate::web::visit::Visit;
use crate::web::words;

/// Members and invitations on one page.
const SHOWN: usize = 100;
/// What is said of an organisation without limits.
const UNLIMITED: &str =
    "No limit for the organisation as a whole. Those of tokens, people and wallets hold all the same.";

pub(crate) async fn show(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let id = visit.id("organisation")?;
    let (organisation, role) = visit.bursar.organisation(visit.person()?, id)?;
    let oversees = role.oversees();
    let standing = visit.bursar.limits(visit.person()?, Subject::Organisation(id)).await?;
    let limits = card(&visit, &standing, &path(id), UNLIMITED)?;
    let is_frozen = organisation.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(visit.now()));
    let body = html! {
        (crumbs("/organisations", "People"))
        div class="title" {
            h1 { (organisation.name) " " span class="badge plain" { (role_name(role)) } }
            @if role.administers() {
                div class="buttons" {
                    a class="button main" href={ (path(id)) "/invite" } { "Invite somebody" }
                    a class="button" href={ (path(id)) "/wallet" } { "Make a wallet" }
                    a class="button" href={ (path(id)) "/settings" } { "Settings" }
                    @if !is_frozen { a class="button bad" href={ (path(id)) "/freeze" } { "Freeze it" } }
                    @else if role == MemberRole::Owner { a class="button" href={ (path(id)) "/unfreeze" } { "Lift the freeze" } }
                }
            }
        }
        @if let Some(done) = changed(&visit) { p class="notice" role="status" { (done) } }
        (notice(organisation.freeze.as_ref(), visit.now()))
        (demands(&organisation))
        (limits)
        @if oversees {
            (members(&visit, &organisation, role).await?)
            (invitations(&visit, &organisation, role, &frame).await?)
        } @else {
            p class="muted" { "Who else belongs to it is for those who run it." }
        }
    };
    Ok(frame.page(&organisation.name, Section::People, body))
}

fn changed(visit: &Visit) -> Option<&'static str> {
    match visit.query.text("changed") {
        "role" => Some("The role is changed."),
        "removed" => Some("They do not belong to it any more, and have no role in its wallets."),
        "frozen" => Some("The account is frozen: nothing of it works."),
        "unfrozen" => Some("The freeze is lifted."),
        "invited" => Some("The invitation is on its way."),
        "withdrawn" => Some("The invitation is withdrawn: its link opens nothing."),
        "resent" => Some("The invitation was sent again, with a new link."),
        "limits" => Some("The limits are saved and hold from now on."),
        "stopped" => {
            Some("The organisation is frozen: none of its money is spent until that ends or an owner lifts it.")
        }
        "lifted" => Some("The freeze of the organisation is lifted."),
        "settings" => Some("The settings are saved."),
        _ => None,
    }
}

fn demands(organisation: &Organisation) -> Markup {
    html! {
        p class="muted" {
            @if organisation.requires_second_factor {
                "Members need a second factor to do anything that counts."
            } @else {
                "Members are not asked to have a second factor."
            }
        }
    }
}

async fn members(
    visit: &Visit,
    organisation: &Organisation,
    own: MemberRole,
) -> Result<Markup, crate::failure::Failure> {
    let after: Option<UserId> = visit.query.some("members").and_then(|text| text.parse().ok());
    let page = Page { limit: SHOWN, after, newest_first: false };
    let (found, next) = visit.bursar.members(visit.person()?, organisation.id, page).await?;
    Ok(html! {
        section aria-labelledby="members" {
            h2 id="members" { "Members" }
            div class="scrolls" tabindex="0" role="region" aria-label="Table of members" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" {
                        th role="columnheader" scope="col" { "Who" } th role="columnheader" scope="col" { "Role" } th role="columnheader" scope="col" { "State" }
                        @if own.administers() { th role="columnheader" scope="col" { span class="unseen" { "Change" } } }
                    } }
                    tbody role="rowgroup" { @for (role, user) in &found { (member(visit, organisation, own, *role, user)) } }
                }
            }
            @if let Some(next) = next { p { a class="button" href={ "?members=" (next) } { "More members" } } }
        }
    })
}

fn member(visit: &Visit, organisation: &Organisation, own: MemberRole, role: MemberRole, user: &User) -> Markup {
    let is_frozen = user.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(visit.now()));
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { strong { (user.full_name) } div class="small muted" { (user.username) } }
            td role="cell" data-label="Role" { (role_name(role)) }
            td role="cell" data-label="State" { @if is_frozen { span class="badge bad" { "frozen" } } @else { span class="badge good" { "active" } } }
            @if own.administers() {
                td role="cell" { a href={ (path(organisation.id)) "/members/" (user.id) } { "Change" span class="unseen" { " " (user.full_name) } } }
            }
        }
    }
}

async fn invitations(
    visit: &Visit,
    organisation: &Organisation,
    own: MemberRole,
    frame: &Frame,
) -> Result<Markup, crate::failure::Failure> {
    let page = Page { limit: SHOWN, after: None::<InvitationId>, newest_first: true };
    let (found, _) = visit.bursar.invitations(visit.person()?, organisation.id, page).await?;
    Ok(html! {
        section aria-labelledby="invitations" {
            h2 id="invitations" { "Invitations" }
            @if found.is_empty() { p class="empty" { "None is open." } }
            @else {
                div class="scrolls" tabindex="0" role="region" aria-label="Table of invitations" {
                    table role="table" class="stacks" {
                        thead role="rowgroup" { tr role="row" {
                            th role="columnheader" scope="col" { "Address" } th role="columnheader" scope="col" { "Role" } th role="columnheader" scope="col" { "Until" }
                            @if own.administers() { th role="columnheader" scope="col" { span class="unseen" { "Change" } } }
                        } }
                        tbody role="rowgroup" { @for one in &found { (invitation(visit, own, one, frame)) } }
                    }
                }
            }
        }
    })
}

fn invitation(visit: &Visit, own: MemberRole, one: &Invitation, frame: &Frame) -> Markup {
    let is_over = one.expires <= visit.now();
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (one.address) }
            td role="cell" data-label="Role" {
                (role_name(one.role))
                @if !one.wallets.is_empty() {
                    div class="small muted" { "with roles in " (words::counted(one.wallets.len() as u64, "wallet")) }
                }
            }
            td role="cell" data-label="Until" { @if is_over { span class="badge off" { "over" } } @else { (words::relative(one.expires, visit.now())) } }
            @if own.administers() {
                td role="cell" {
                    div class="buttons" {
                        @if !is_over {
                            form method="post" action={ "/invitations/" (one.id) "/resend" } {
                                (frame.form_token()) input type="hidden" name="organisation" value=(one.organisation);
                                button class="quiet" type="submit" { "Send again" span class="unseen" { " to " (one.address) } }
                            }
                        }
                        form method="post" action={ "/invitations/" (one.id) "/withdraw" } {
                            (frame.form_token()) input type="hidden" name="organisation" value=(one.organisation);
                            button class="quiet" type="submit" { "Withdraw" span class="unseen" { " that of " (one.address) } }
                        }
                    }
                }
            }
        }
    }
}
