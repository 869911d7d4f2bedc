//! Locking a token: at once, since it only tightens.

use super::{path, wanted};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

/// Locks it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id = wanted(&visit).await?.token.id;
    visit.bursar.lock_token(visit.person()?, id).await?;
    Ok(Answer::to(format!("{}?changed=locked", path(id))))
}
