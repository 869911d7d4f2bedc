//! Removing a wallet that was registered by mistake, after asking.

use bursar_core::id::WalletId;
use bursar_core::refusal::Refusal;
use bursar_service::error::ServiceError;
use bursar_service::wallets::WalletView;
use maud::html;

use super::{name, path};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// Asks.
pub(crate) async fn form(visit: Visit) -> Answering {
    Ok(draw(&visit, &wanted(&visit).await?, &Problems::default()))
}

/// Removes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let view = wanted(&visit).await?;
    match visit.bursar.remove_wallet_as(visit.person()?, view.wallet.id, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to("/wallets?changed=wallet-removed")),
        Err(error) => Ok(draw(&visit, &view, &Problems::of_failure(error, |_| "")?)),
    }
}

async fn wanted(visit: &Visit) -> Result<WalletView, Failure> {
    let view = visit.bursar.wallet(visit.person()?, None, visit.id::<WalletId>("wallet")?).await?;
    match view.role.admin {
        true => Ok(view),
        false => Err(ServiceError::from(Refusal::RoleMissing { required: "admin" }).into()),
    }
}

fn draw(visit: &Visit, view: &WalletView, problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let (name, path) = (name(&view.wallet), path(view.wallet.id));
    let title = format!("Remove the wallet {name}?");
    let target = view.wallet.id.to_string();
    let body = html! {
        (crumbs(&path, &name))
        h1 { (title) }
        (problems.summary())
        p { "This is for a wallet that was registered by mistake. Bursar forgets it, with its limits and who may use it; tokens that "
            "name it are refused it from then on. Its money stays where it is, and it can be registered anew." }
        p { "A wallet from which a spend was ever recorded, or whose key this server keeps, stays: freeze it instead." }
        form method="post" action={ (path) "/remove" } class="card danger" {
            (frame.form_token())
            (forms::proof(visit, problems, false, "This cannot be undone.", "administer_wallet", &target))
            div class="buttons" {
                button class="bad" type="submit" { "Remove it" }
                a class="button" href=(path) { "Keep it" }
            }
        }
    };
    frame.form(&title, Section::Wallets, &[], problems, body)
}
