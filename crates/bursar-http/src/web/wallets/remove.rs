//! Removing a wallet that was registered by mistake, after asking.

use bursar_core::account::Wallet;
use bursar_core::id::WalletId;
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
    let wallet = wanted(&visit)?;
    draw(&visit, &wallet, &Problems::default()).await
}

/// Removes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let wallet = wanted(&visit)?;
    match visit.bursar.remove_wallet_as(visit.person()?, wallet.id, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to("/wallets?changed=wallet-removed")),
        Err(error) => draw(&visit, &wallet, &Problems::of_failure(error, |_| "")?).await,
    }
}

/// An owner of its organisation need not see it to remove it.
fn wanted(visit: &Visit) -> Result<Wallet, Failure> {
    Ok(visit.bursar.wallet_to_remove(visit.person()?, visit.id::<WalletId>("wallet")?)?)
}

async fn draw(visit: &Visit, wallet: &Wallet, problems: &Problems) -> Answering {
    let back = match visit.bursar.wallet(visit.person()?, None, wallet.id).await {
        Ok(_) => path(wallet.id),
        Err(_) => "/wallets".to_owned(),
    };
    let frame = Frame::of(visit);
    let (name, path) = (name(wallet), path(wallet.id));
    let title = format!("Remove the wallet {name}?");
    let target = wallet.id.to_string();
    let body = html! {
        (crumbs(&back, &name))
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
                a class="button" href=(back) { "Keep it" }
            }
        }
    };
    Ok(frame.form(&title, Section::Wallets, &[], problems, body))
}
