//! The start: leads to where there is something to do.

use super::Answering;
use super::answer::Answer;
use super::visit::Visit;

/// Leads on.
pub(crate) async fn show(visit: Visit) -> Answering {
    Ok(Answer::to(if visit.person.is_some() { "/tokens" } else { "/sign-in" }))
}
