//! Organisations as their members see and run them.

pub(crate) mod freeze;
pub(crate) mod invitations;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod page;
pub(crate) mod settings;
pub(crate) mod stops;
pub(crate) mod users;
pub(crate) mod wallet;
pub(crate) mod wallet_new;

use bursar_core::account::{MemberRole, Organisation};
use bursar_core::id::OrganisationId;
use bursar_service::error::ServiceError;
use maud::{Markup, html};

use super::forms::{self, Problems};
use super::visit::Visit;
use crate::failure::Failure;

/// What a role lets its holder do.
const ROLES: [(MemberRole, &str); 4] = [
    (MemberRole::Member, "Uses the wallets that somebody gives them a role in."),
    (MemberRole::Auditor, "Reads everything, the audit trail too; changes nothing."),
    (MemberRole::Admin, "Runs members, wallets and limits."),
    (MemberRole::Owner, "Everything, also making and unmaking owners and admins."),
];

/// A role in words.
pub(crate) const fn role_name(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Owner => "owner",
        MemberRole::Admin => "admin",
        MemberRole::Member => "member",
        MemberRole::Auditor => "auditor",
    }
}

fn role_named(name: &str) -> Option<MemberRole> {
    ROLES.into_iter().map(|(role, _)| role).find(|role| role_name(*role) == name)
}

fn path(organisation: OrganisationId) -> String {
    format!("/organisations/{organisation}")
}

/// An organisation that the visitor runs, and what they are there; its forms are for nobody else.
fn run(visit: &Visit) -> Result<(Organisation, MemberRole), Failure> {
    let (organisation, own) = visit.bursar.organisation(visit.person()?, visit.id("organisation")?)?;
    if own.administers() {
        Ok((organisation, own))
    } else {
        Err(ServiceError::RoleNeeded { role: MemberRole::Admin }.into())
    }
}

/// The choice of a role.
fn choose_role(chosen: &str, problems: &Problems) -> Markup {
    html! {
        fieldset id="role" {
            legend { "Role" }
            (forms::complaints_of("role", problems))
            @for (role, about) in ROLES {
                @let name = role_name(role);
                (forms::choice("role", name, &format!("{}: {about}", super::layout::capital(name)), chosen == name))
            }
        }
    }
}
