//! What a limit is attached to, as the columns `subject_kind` and `subject`.

use bursar_core::coin::Asset;
use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::{BudgetKey, Subject, Window};
use bursar_store::StoreError;

use crate::sql::Columns;

/// The windows there are.
pub(super) const WINDOWS: [Window; 1] = [Window::Lifetime];

/// The stored form of a window.
pub(super) const fn window_name(window: Window) -> &'static str {
    match window {
        Window::Lifetime => "lifetime",
    }
}

/// The subject of this kind with this id.
pub(super) fn of_kind(kind: &str, id: [u8; 16]) -> Option<Subject> {
    Some(match kind {
        "token" => Subject::Token(TokenId::from_bytes(id)),
        "user" => Subject::User(UserId::from_bytes(id)),
        "wallet" => Subject::Wallet(WalletId::from_bytes(id)),
        "organisation" => Subject::Organisation(OrganisationId::from_bytes(id)),
        _ => return None,
    })
}

/// The four columns of a budget's key.
pub(super) fn read_budget_key(columns: &mut Columns<'_>) -> Result<BudgetKey, StoreError> {
    let kind: String = columns.get()?;
    let subject = of_kind(&kind, columns.get()?).ok_or_else(|| columns.problem("is of no known kind"))?;
    Ok(BudgetKey { subject, asset: columns.parse(Asset::parse)?, window: columns.name(&WINDOWS, window_name)? })
}
