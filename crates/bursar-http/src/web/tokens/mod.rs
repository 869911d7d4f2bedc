//! Pages about tokens.

mod asked;
pub(super) mod create;
mod draft;
mod draw;
mod fill;
mod fits;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod lock;
pub(super) mod page;
mod presets;
mod review;
pub(super) mod revoke;
pub(super) mod rotate;
pub(super) mod secret;
mod snippets;
mod status;
pub(super) mod unlock;

use bursar_core::id::TokenId;
use bursar_core::token::{Token, TokenKind};
use bursar_service::error::ServiceError;
use bursar_service::issue::TokenState;

use super::visit::Visit;
use crate::failure::Failure;

/// The token that the path names, if it is one that pages are about: sessions have none.
async fn wanted(visit: &Visit) -> Result<TokenState, Failure> {
    let state = visit.bursar.access_token(visit.person()?, visit.id::<TokenId>("token")?).await?;
    if state.token.kind == TokenKind::Session {
        return Err(ServiceError::NotFound("token").into());
    }
    Ok(state)
}

/// What a token is called.
pub(super) fn name(token: &Token) -> String {
    match token.label.as_deref().map(str::trim) {
        None | Some("") => "Token without a name".to_owned(),
        Some(label) => label.to_owned(),
    }
}

/// The page of a token.
fn path(id: TokenId) -> String {
    format!("/tokens/{id}")
}
