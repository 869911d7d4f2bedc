//! May this token do this? Every surface asks here, in one order, and the first refusal is the answer
//! (docs/dialect.md §8): known, not revoked, not expired, owner active, address, scope with the owner's role,
//! narrowing. Limits come after, in the ledger.

use std::net::IpAddr;

use crate::account::{User, Wallet, WalletRole};
use crate::id::OrganisationId;
use crate::refusal::Refusal;
use crate::scope::{ScopeName, WalletAction};
use crate::time::Timestamp;
use crate::token::{Token, TokenKind};

/// What a request needs of the token that makes it.
#[derive(Clone, Copy, Debug)]
pub enum Need<'a> {
    /// A living token, whatever it may do.
    Presence,
    /// A scope that speaks of no wallet.
    Scope(ScopeName),
    /// Spending an organisation's money that is in no wallet Bursar knows.
    Organisation {
        /// Whose money.
        organisation: OrganisationId,
        /// Whether the token's owner belongs to it.
        is_member: bool,
    },
    /// An action on a wallet; the role is that of the token's owner, none if there is none.
    Wallet {
        /// What is to be done.
        action: WalletAction,
        /// To which wallet.
        wallet: &'a Wallet,
        /// What the owner may do with it.
        role: Option<WalletRole>,
    },
}

/// Decides whether `token`, owned by `owner` and used from `address`, satisfies `need` now.
///
/// # Errors
/// The first refusal in this order.
pub fn authorize(token: &Token, owner: &User, address: IpAddr, need: Need<'_>, now: Timestamp) -> Result<(), Refusal> {
    if let Some(at) = token.revoked {
        return Err(Refusal::TokenRevoked { at });
    }
    if token.kind == TokenKind::Session && token.created < owner.sessions_since {
        return Err(Refusal::TokenRevoked { at: owner.sessions_since });
    }
    if now >= token.expires {
        return Err(Refusal::TokenExpired { at: token.expires });
    }
    if let Some(freeze) = owner.freeze.as_ref().filter(|freeze| freeze.holds_at(now)) {
        return Err(Refusal::OwnerFrozen(freeze.clone()));
    }
    if !token.grant.ips.allows(address) {
        return Err(Refusal::IpNotAllowed { address });
    }
    match need {
        Need::Presence => Ok(()),
        Need::Scope(name) if token.grant.scopes.allow(name) => Ok(()),
        Need::Scope(required) => Err(missing(token, required, None)),
        Need::Organisation { organisation, is_member } => for_organisation(token, organisation, is_member),
        Need::Wallet { action, wallet, role } => on_wallet(token, action, wallet, role, now),
    }
}

fn for_organisation(token: &Token, organisation: OrganisationId, is_member: bool) -> Result<(), Refusal> {
    if !token.grant.scopes.allow(ScopeName::WalletSpendAll) {
        return Err(missing(token, ScopeName::WalletSpendAll, None));
    }
    if !is_member {
        return Err(Refusal::NotAMember);
    }
    if token.grant.permits(None, organisation) { Ok(()) } else { Err(Refusal::WalletNotPermitted) }
}

fn on_wallet(
    token: &Token,
    action: WalletAction,
    wallet: &Wallet,
    role: Option<WalletRole>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let in_organisation = token.grant.organisation == Some(wallet.organisation);
    // A wallet the owner has no part in does not exist for the token.
    let role = role.ok_or(Refusal::WalletUnknown)?;
    if !token.grant.scopes.allow_on(action, wallet.id, in_organisation) {
        return Err(missing(token, action.scope(), Some(wallet)));
    }
    let (has_role, required) = match action {
        WalletAction::View => (role.view, "view"),
        WalletAction::Spend | WalletAction::Stake | WalletAction::Edit | WalletAction::Freeze => (role.spend, "spend"),
        WalletAction::Approve | WalletAction::Manage => (role.admin, "admin"),
    };
    if !has_role {
        return Err(Refusal::RoleMissing { required });
    }
    if !token.grant.permits(Some(wallet.id), wallet.organisation) {
        return Err(Refusal::WalletNotPermitted);
    }
    // What is frozen may be frozen for longer.
    let goes_on = matches!(action, WalletAction::View | WalletAction::Freeze);
    match wallet.freeze.as_ref().filter(|freeze| !goes_on && freeze.holds_at(now)) {
        Some(freeze) => Err(Refusal::WalletFrozen(freeze.clone())),
        None => Ok(()),
    }
}

fn missing(token: &Token, required: ScopeName, wallet: Option<&Wallet>) -> Refusal {
    Refusal::ScopeMissing { required, wallet: wallet.map(|wallet| wallet.id), granted: token.grant.scopes.clone() }
}

#[cfg(test)]
mod tests;
