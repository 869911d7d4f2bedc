//! Editing the limits of a wallet.

use bursar_core::id::WalletId;
use bursar_core::limit::Subject;

use super::{name, path};
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
    let view = visit.bursar.wallet(visit.person()?, None, visit.id::<WalletId>("wallet")?).await?;
    let (wallet, subject) = (&view.wallet, Subject::Wallet(view.wallet.id));
    Ok(Editing { subject, name: name(wallet), path: path(wallet.id), section: Section::Wallets })
}
