//! Editing the limits of a token.

use bursar_core::limit::Subject;

use super::{name, path, wanted};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::layout::Section;
use crate::web::limits::Editing;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    editing(&visit).await?.form(visit).await
}

/// Changes the limits.
pub(crate) async fn submit(visit: Visit) -> Answering {
    editing(&visit).await?.submit(visit).await
}

async fn editing(visit: &Visit) -> Result<Editing, Failure> {
    let token = wanted(visit).await?.token;
    let subject = Subject::Token(token.id);
    Ok(Editing { subject, name: name(&token), path: path(token.id), section: Section::Tokens })
}
