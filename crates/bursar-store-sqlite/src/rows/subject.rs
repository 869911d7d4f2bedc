//! What a limit is attached to, as the columns `subject_kind` and `subject`.

use bursar_core::coin::Asset;
use bursar_core::destination::DestinationId;
use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::{BudgetKey, Subject};
use bursar_store::StoreError;

use crate::sql::Columns;

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
    let asset = columns.parse(Asset::parse)?;
    let destination: Vec<u8> = columns.get()?;
    let destination = match <[u8; 32]>::try_from(destination) {
        Ok(id) => Some(DestinationId::from_bytes(id)),
        Err(bytes) if bytes.is_empty() => None,
        Err(_) => return Err(columns.problem("is no destination")),
    };
    Ok(BudgetKey { subject, asset, destination })
}
