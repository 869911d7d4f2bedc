//! A challenge for a passkey that is to stand behind one action: the script of a form asks for it.

use bursar_service::step_up::Action;

use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

pub(crate) async fn challenge(visit: Visit) -> Answering {
    let action = Action::parse(visit.form.text("action"), visit.form.some("target"))?;
    Ok(Answer::json(&visit.bursar.begin_step_up(visit.person()?, action).await?))
}
