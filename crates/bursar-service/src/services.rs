//! Credentials of services: software that asks before it moves money itself. Made by whoever runs the
//! organisation it works for.

use bursar_core::account::MemberRole;
use bursar_core::id::{OrganisationId, TokenId};
use bursar_core::ip::IpRestriction;
use bursar_core::limit::LimitSet;
use bursar_core::time::Span;
use bursar_core::token::{Grant, Narrowing, Token, TokenKind};
use bursar_wire::token_text::TokenText;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::issue::{Making, TokenState};
use crate::step_up::Action;

/// What a new service credential is to be.
#[derive(Clone, Debug)]
pub struct NewService {
    /// Its name.
    pub label: String,
    /// Whom it works for.
    pub organisation: OrganisationId,
    /// From which wallets it may ask for spends: all of the organisation's, and money in none, or these.
    pub narrowing: Narrowing,
    /// Where it may be used from.
    pub ips: IpRestriction,
    /// How long it lasts.
    pub duration: Option<Span>,
    /// The second factor of whoever makes it.
    pub otp: Option<String>,
    /// The client's name for the request: the same again is told what was made.
    pub key: Option<String>,
}

/// Whether limits and unlocks of a token hold anything: it spends itself.
///
/// # Errors
/// It is the credential of a service.
pub(crate) fn check_spends_itself(token: &Token) -> Result<(), ServiceError> {
    if token.kind == TokenKind::Service { Err(ServiceError::SpendsNothingItself) } else { Ok(()) }
}

impl Bursar {
    /// Makes a service's credential, and shows its text once.
    ///
    /// # Errors
    /// The caller does not run the organisation, the second factor is wrong, or it cannot be as asked.
    pub async fn create_service(
        &self,
        principal: &Principal,
        new: NewService,
    ) -> Result<(TokenState, TokenText, Vec<String>), ServiceError> {
        self.person(principal)?;
        match self.role_in(principal, new.organisation)? {
            None => return Err(ServiceError::NotFound("organisation")),
            Some(role) if role.administers() => {}
            Some(_) => return Err(ServiceError::RoleNeeded { role: MemberRole::Admin }),
        }
        self.check_duration(new.duration)?;
        self.not_made_before(principal, new.key.as_deref()).await?;
        let action = Action::CreateService(new.organisation);
        let _shown = self.prove_step_up(principal, action, new.otp.as_deref()).await?;
        let now = self.clock.now();
        let life = new.duration.unwrap_or(self.policy.default_duration);
        let token = Token {
            id: TokenId::time_ordered(now, self.random.bytes()),
            kind: TokenKind::Service,
            user: principal.user(),
            label: Some(new.label),
            grant: Grant {
                organisation: Some(new.organisation),
                narrowing: new.narrowing,
                ips: new.ips,
                ..Grant::default()
            },
            created: now,
            expires: now.plus(life),
            created_from: principal.address,
            revoked: None,
            locked: None,
            unlock: None,
            limits_dropped: false,
            extension_address: None,
            issued_by_ecdh: false,
            template: None,
        };
        let text = TokenText::from_random(self.random.bytes());
        let making =
            Making { action: "service.create", most: Some(self.policy.tokens_per_user), key: new.key, began_in: None };
        self.store_token(principal.actor(), &token, &text, LimitSet::default(), making).await?;
        let is_chosen = new.duration.is_some();
        let warning = crate::issue::long_lived("credential", life, token.expires).filter(|_| !is_chosen);
        Ok((self.state_of(token).await?, text, warning.into_iter().collect()))
    }
}
