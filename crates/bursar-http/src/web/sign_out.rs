//! Signing out.

use super::Answering;
use super::answer::Answer;
use super::cookie;
use super::visit::Visit;

/// Ends the session, here and on the server.
pub(crate) async fn submit(visit: Visit) -> Answering {
    visit.bursar.log_out(visit.person()?).await?;
    Ok(Answer::to("/sign-in?left=yes").with_cookie(cookie::remove(cookie::SESSION)))
}
