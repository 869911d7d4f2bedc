//! Ending sessions.

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

/// Ends one.
pub(crate) async fn end(visit: Visit) -> Answering {
    visit.bursar.end_session(visit.person()?, visit.id("session")?).await?;
    Ok(Answer::to("/account?changed=session"))
}

/// Ends all but this one.
pub(crate) async fn end_others(visit: Visit) -> Answering {
    visit.bursar.end_all_sessions(visit.person()?, true).await?;
    Ok(Answer::to("/account?changed=sessions"))
}
