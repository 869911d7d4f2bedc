//! One factor: its name, and taking it away.

use bursar_core::id::FactorId;
use bursar_core::ledger::Credential;
use maud::html;

use super::{kind_name, label};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Renames it.
pub(crate) async fn rename(visit: Visit) -> Answering {
    let label = visit.form.text("label").trim().to_owned();
    if label.is_empty() {
        let mut problems = Problems::default();
        problems.add("label", "give it a name");
        return draw(&visit, &problems).await;
    }
    match visit.bursar.rename_factor(visit.person()?, visit.id("factor")?, label).await {
        Ok(_) => Ok(Answer::to("/security?changed=renamed")),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "label")?).await,
    }
}

/// Takes it away.
pub(crate) async fn remove(visit: Visit) -> Answering {
    match visit.bursar.remove_factor(visit.person()?, visit.id("factor")?, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to("/security?changed=removed")),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "")?).await,
    }
}

async fn wanted(visit: &Visit) -> Result<Credential, Failure> {
    let id: FactorId = visit.id("factor")?;
    let list = visit.bursar.factors(visit.person()?).await?;
    list.factors.into_iter().find(|factor| factor.id == id).ok_or(Failure::NoSuchRoute)
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let factor = wanted(visit).await?;
    let name = if factor.label.is_empty() { kind_name(factor.kind) } else { &factor.label };
    let path = format!("/security/factors/{}", factor.id);
    let body = html! {
        (crumbs("/security", "Security"))
        h1 { (name) " " span class="badge plain" { (kind_name(factor.kind)) } }
        (problems.summary())
        form method="post" action={ (path) "/rename" } class="card" {
            (frame.form_token())
            h2 { "Name" }
            (label(if visit.form.text("label").is_empty() { &factor.label } else { visit.form.text("label") }, problems))
            button type="submit" { "Save the name" }
        }
        form method="post" action={ (path) "/remove" } class="card danger" {
            (frame.form_token())
            h2 { "Remove it" }
            p { "It proves nothing any more. If it is lost, use another factor or a recovery code here." }
            (forms::proof(visit, problems, false, "From any second factor that you have.", "remove_factor", &factor.id.to_string()))
            button class="bad" type="submit" { "Remove it" }
        }
    };
    Ok(frame.form(name, Section::Security, &[], problems, body))
}
