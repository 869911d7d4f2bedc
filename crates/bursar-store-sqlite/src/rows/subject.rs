//! What a limit is attached to, as the columns `subject_kind` and `subject`.

use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::Subject;
use bursar_store::StoreError;

use crate::sql::Columns;

/// The two columns of a subject.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<Subject, StoreError> {
    let kind: Box<str> = columns.get()?;
    let id = columns.get()?;
    Ok(match &*kind {
        "token" => Subject::Token(TokenId::from_bytes(id)),
        "user" => Subject::User(UserId::from_bytes(id)),
        "wallet" => Subject::Wallet(WalletId::from_bytes(id)),
        "organisation" => Subject::Organisation(OrganisationId::from_bytes(id)),
        _ => return Err(columns.problem("is of no known kind")),
    })
}
