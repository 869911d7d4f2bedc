//! Freezing an organisation, and lifting that.

use bursar_core::account::{MemberRole, Organisation};
use bursar_service::error::ServiceError;

use super::{path, run};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::freezing::{self, Stopped};
use crate::web::layout::Section;
use crate::web::visit::Visit;

/// What a freeze does, and who lifts it.
const DOES: &str = "None of its money is spent, from any of its wallets and by any token, until the freeze ends. Only an \
                    owner can lift it, with a code.";

/// Asks whether it is to be frozen.
pub(crate) async fn form(visit: Visit) -> Answering {
    let (organisation, _) = run(&visit)?;
    Ok(stopped(&organisation).freeze_form(&visit, &Problems::default()))
}

/// Freezes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let (organisation, _) = run(&visit)?;
    let order = match freezing::order(&visit) {
        Ok(order) => order,
        Err(problems) => return Ok(stopped(&organisation).freeze_form(&visit, &problems)),
    };
    match visit.bursar.freeze_organisation(visit.person()?, organisation.id, &order).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=stopped", path(organisation.id)))),
        Err(error) => Ok(stopped(&organisation).freeze_form(&visit, &Problems::of_failure(error, |_| "reason")?)),
    }
}

/// Asks whether the freeze is to be lifted.
pub(crate) async fn lift_form(visit: Visit) -> Answering {
    let (organisation, own) = run(&visit)?;
    if own != MemberRole::Owner {
        return Err(ServiceError::RoleNeeded { role: MemberRole::Owner }.into());
    }
    Ok(stopped(&organisation).lift_form(&visit, &Problems::default()))
}

/// Lifts it.
pub(crate) async fn lift(visit: Visit) -> Answering {
    let (organisation, _) = run(&visit)?;
    match visit.bursar.unfreeze_organisation(visit.person()?, organisation.id, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=lifted", path(organisation.id)))),
        Err(error) => Ok(stopped(&organisation).lift_form(&visit, &Problems::of_failure(error, |_| "")?)),
    }
}

fn stopped(organisation: &Organisation) -> Stopped<'_> {
    Stopped {
        kind: "organisation",
        name: &organisation.name,
        path: path(organisation.id),
        section: Section::People,
        freeze: organisation.freeze.as_ref(),
        does: DOES,
        told: "All its members read this.",
        proof: ("administer", organisation.id.to_string()),
    }
}
