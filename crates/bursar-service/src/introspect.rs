//! What a service is told of a token that somebody showed it, and ending such a token (RFC 7662, RFC 7009).
//!
//! A service is told of tokens that may spend its organisation's money, and of no others: for it they are as good as none.

use bursar_core::authorize::{Need, authorize};
use bursar_core::id::{OrganisationId, WalletId};
use bursar_core::ledger::{Command, Key};
use bursar_core::refusal::Refusal;
use bursar_core::scope::Scope;
use bursar_core::token::{Narrowing, Token, TokenKind};

use crate::Bursar;
use crate::authenticate::{Principal, Unauthenticated};
use crate::error::ServiceError;
use crate::issue::TokenState;

impl Bursar {
    /// A token by its text, if it lives and the service may ask for spends on it.
    ///
    /// # Errors
    /// The caller is no service that may still ask.
    pub async fn introspect(&self, service: &Principal, text: &str) -> Result<Option<TokenState>, ServiceError> {
        let organisation = self.asking_service(service)?;
        if let Some(lock) = service.token().locked {
            return Err(Refusal::Locked(lock).into());
        }
        let Some(token) = self.shown_token(text).await? else { return Ok(None) };
        if !self.is_within(&token, organisation, service.token())? {
            return Ok(None);
        }
        let Some(owner) = self.owner(token.user)? else { return Ok(None) };
        match authorize(&token, &owner, service.address, Need::Presence, self.clock.now()) {
            // Where its holder asks from, the service knows: all else that makes a token good was looked at before.
            Ok(()) | Err(Refusal::IpNotAllowed { .. }) => self.state_of(token).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Ends the token of a text. What is no token, or is over, needs no ending.
    ///
    /// # Errors
    /// The caller is neither the token itself nor a service that may ask for spends on it.
    pub async fn revoke_shown(&self, principal: &Principal, text: &str) -> Result<(), ServiceError> {
        let Some(token) = self.shown_token(text).await? else { return Ok(()) };
        if token.id != principal.token().id {
            let organisation = self.asking_service(principal)?;
            if !self.is_within(&token, organisation, principal.token())? {
                return Err(ServiceError::NotFound("token"));
            }
        }
        self.command(principal.actor(), Command::Revoke { token: token.id }).await.map(drop)
    }

    /// The token of a text that counts.
    async fn shown_token(&self, text: &str) -> Result<Option<Token>, ServiceError> {
        match self.token_of_text(text) {
            Err(Unauthenticated::Unavailable(error)) => Err(error),
            presented => match self.spender(presented).await {
                Ok((known, _)) => Ok(Some(known.token.clone())),
                Err(ServiceError::Invalid(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Whom a service asks for, if its owner still runs that organisation.
    fn asking_service(&self, service: &Principal) -> Result<OrganisationId, ServiceError> {
        let token = service.token();
        let organisation = token.grant.organisation.filter(|_| token.kind == TokenKind::Service);
        let organisation = organisation.ok_or(ServiceError::ServiceOnly)?;
        match self.place(organisation, token.user)?.value {
            Some(role) if role.administers() => Ok(organisation),
            _ => Err(Refusal::NotAMember.into()),
        }
    }

    /// Whether a token may spend an organisation's money, of that which a service has a part in.
    fn is_within(&self, token: &Token, organisation: OrganisationId, service: &Token) -> Result<bool, ServiceError> {
        // Sessions are people's, and services answer for themselves.
        if token.kind != TokenKind::Access || token.grant.organisation.is_some_and(|own| own != organisation) {
            return Ok(false);
        }
        if self.place(organisation, token.user)?.value.is_none() || self.is_stopped(organisation)? {
            return Ok(false);
        }
        let spends = || token.grant.scopes.iter().filter(|scope| scope.name().can_spend());
        if spends().next().is_none() {
            return Ok(false);
        }
        // Scopes that all name a wallet say as much as a narrowing to these.
        let tied: Vec<WalletId> = spends().filter_map(Scope::wallet).collect();
        let is_tied = !tied.is_empty() && spends().all(|scope| scope.wallet().is_some());
        let wallets = match &token.grant.narrowing {
            Narrowing::Organisations(permitted) if !permitted.contains(&organisation) => return Ok(false),
            Narrowing::Wallets(permitted) if is_tied => tied.into_iter().filter(|id| permitted.contains(id)).collect(),
            Narrowing::Wallets(permitted) => permitted.clone(),
            Narrowing::None | Narrowing::Organisations(_) if is_tied => tied,
            Narrowing::None | Narrowing::Organisations(_) => return Ok(true),
        };
        for id in wallets {
            let found = self.wallet_of(id, token.user)?;
            let is_own = found.is_some_and(|(wallet, _)| wallet.organisation == organisation);
            if is_own && service.grant.permits(Some(id), organisation) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_stopped(&self, organisation: OrganisationId) -> Result<bool, ServiceError> {
        let now = self.clock.now();
        let (_, is_stopped) = self.stored(&Key::Organisation(organisation), |state| {
            let freeze = state.organisation(&organisation)?.and_then(|found| found.freeze.as_ref());
            Ok(freeze.is_some_and(|freeze| freeze.holds_at(now)))
        })?;
        Ok(is_stopped)
    }
}
