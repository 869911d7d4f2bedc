//! Freezing a wallet, and lifting that.

use bursar_core::id::WalletId;
use bursar_core::refusal::Refusal;
use bursar_service::error::ServiceError;
use bursar_service::wallets::WalletView;

use super::{name, path};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::freezing::{self, Stopped};
use crate::web::layout::Section;
use crate::web::visit::Visit;

/// What a freeze does, and who lifts it.
const DOES: &str = "Nothing is spent from it by anybody until the freeze ends. Whoever \
                    administers it can lift it, with a code.";

/// Asks whether it is to be frozen.
pub(crate) async fn form(visit: Visit) -> Answering {
    let view = wanted(&visit).await?;
    if !(view.role.spend || view.role.admin) {
        return Err(lacking("spend"));
    }
    Ok(stopped(&view, &name(&view.wallet)).freeze_form(&visit, &Problems::default()))
}

/// Freezes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let view = wanted(&visit).await?;
    let called = name(&view.wallet);
    let order = match freezing::order(&visit) {
        Ok(order) => order,
        Err(problems) => return Ok(stopped(&view, &called).freeze_form(&visit, &problems)),
    };
    match visit.bursar.freeze_wallet(visit.person()?, None, view.wallet.id, &order).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=frozen", path(view.wallet.id)))),
        Err(error) => Ok(stopped(&view, &called).freeze_form(&visit, &Problems::of_failure(error, |_| "reason")?)),
    }
}

/// Asks whether the freeze is to be lifted.
pub(crate) async fn lift_form(visit: Visit) -> Answering {
    let view = wanted(&visit).await?;
    if !view.role.admin {
        return Err(lacking("admin"));
    }
    Ok(stopped(&view, &name(&view.wallet)).lift_form(&visit, &Problems::default()))
}

/// Lifts it.
pub(crate) async fn lift(visit: Visit) -> Answering {
    let view = wanted(&visit).await?;
    match visit.bursar.unfreeze_wallet_as(visit.person()?, view.wallet.id, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("{}?changed=unfrozen", path(view.wallet.id)))),
        Err(error) => Ok(stopped(&view, &name(&view.wallet)).lift_form(&visit, &Problems::of_failure(error, |_| "")?)),
    }
}

async fn wanted(visit: &Visit) -> Result<WalletView, Failure> {
    Ok(visit.bursar.wallet(visit.person()?, None, visit.id::<WalletId>("wallet")?).await?)
}

fn lacking(required: &'static str) -> Failure {
    ServiceError::from(Refusal::RoleMissing { required }).into()
}

fn stopped<'a>(view: &'a WalletView, name: &'a str) -> Stopped<'a> {
    Stopped {
        kind: "wallet",
        name,
        path: path(view.wallet.id),
        section: Section::Wallets,
        freeze: view.wallet.freeze.as_ref(),
        does: DOES,
        told: "Everybody who may use it reads this.",
        proof: ("administer_wallet", view.wallet.id.to_string()),
    }
}
