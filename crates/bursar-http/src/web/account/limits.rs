//! One's own limits: they hold for everything that one's tokens spend.

use bursar_core::limit::Subject;

use crate::failure::Failure;
use crate::web::Answering;
use crate::web::layout::Section;
use crate::web::limits::Editing;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    editing(&visit)?.form(visit).await
}

/// Changes them.
pub(crate) async fn submit(visit: Visit) -> Answering {
    editing(&visit)?.submit(visit).await
}

fn editing(visit: &Visit) -> Result<Editing, Failure> {
    let subject = Subject::User(visit.person()?.owner.id);
    Ok(Editing { subject, name: "your account".to_owned(), path: "/account".to_owned(), section: Section::Account })
}
