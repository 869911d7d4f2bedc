//! Limits of an organisation, and those of a member.

use bursar_core::limit::Subject;

use super::members::wanted;
use super::path;
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::layout::Section;
use crate::web::limits::Editing;
use crate::web::visit::Visit;

/// The form of an organisation's.
pub(crate) async fn form(visit: Visit) -> Answering {
    of_organisation(&visit)?.form(visit).await
}

/// Changes an organisation's.
pub(crate) async fn submit(visit: Visit) -> Answering {
    of_organisation(&visit)?.submit(visit).await
}

/// The form of a member's.
pub(crate) async fn member_form(visit: Visit) -> Answering {
    of_member(&visit)?.form(visit).await
}

/// Changes a member's.
pub(crate) async fn member_submit(visit: Visit) -> Answering {
    of_member(&visit)?.submit(visit).await
}

fn of_organisation(visit: &Visit) -> Result<Editing, Failure> {
    let (organisation, _) = visit.bursar.organisation(visit.person()?, visit.id("organisation")?)?;
    let (subject, path) = (Subject::Organisation(organisation.id), path(organisation.id));
    Ok(Editing { subject, name: organisation.name, path, section: Section::People })
}

fn of_member(visit: &Visit) -> Result<Editing, Failure> {
    let found = wanted(visit)?;
    let path = format!("{}/members/{}", path(found.organisation), found.user.id);
    Ok(Editing { subject: Subject::User(found.user.id), name: found.user.full_name, path, section: Section::People })
}
