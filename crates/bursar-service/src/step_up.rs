//! Step-up: a second factor of the moment, for one action. Whatever needs one asks here, and nowhere else.
//!
//! A one-time password is used up by the action it is shown for. A passkey answers a challenge that was given out
//! for the action and to the token that asks, so an answer for one cannot be carried to another.

use bursar_core::id::{FactorId, HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::Subject;
use bursar_identity::step_up::Via;
use serde_json::Value;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;

/// Something that a second factor of the moment has to stand behind, and what it is done to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Letting a token spend without its own limits, or again.
    Unlock(TokenId),
    /// Making an access token.
    Issue,
    /// Giving a token a new secret.
    Rotate(TokenId),
    /// Loosening rules.
    Limits(Subject),
    /// One spend beyond the token's own limits.
    Spend(WalletId),
    /// Saying what became of a spend.
    Settle(HoldId),
    /// Making a service's credential.
    CreateService(OrganisationId),
    /// Enrolling another second factor.
    AddFactor,
    /// Removing a second factor.
    RemoveFactor(FactorId),
    /// Replacing one's recovery codes.
    RegenerateRecoveryCodes,
    /// Making an organisation.
    CreateOrganisation,
    /// Changing an organisation, or who may do what in it.
    Administer(OrganisationId),
    /// Changing a wallet's state, or who may do what with it.
    AdministerWallet(WalletId),
    /// Letting somebody's account be used again.
    AdministerUser(UserId),
    /// Changing one's own account: its address, its password.
    ChangeAccount,
}

impl Action {
    /// The names of all actions.
    pub const NAMES: [&str; 15] = [
        "unlock",
        "issue",
        "rotate",
        "limits",
        "spend",
        "settle",
        "create_service",
        "add_factor",
        "remove_factor",
        "regenerate_recovery_codes",
        "create_organisation",
        "administer",
        "administer_wallet",
        "administer_user",
        "change_account",
    ];

    /// Reads a name and what it is done to: an id, for `limits` with the kind before it, as in `token:<id>`.
    ///
    /// # Errors
    /// There is no such action, or it is done to something else.
    pub fn parse(name: &str, target: Option<&str>) -> Result<Self, ServiceError> {
        let needs = |what: &str| ServiceError::invalid("target", format!("must be {what}"));
        let target_of = || target.ok_or_else(|| needs("given for this action"));
        macro_rules! id {
            () => {
                target_of()?.parse().map_err(|_| needs("an id (32 lower-case hex characters)"))?
            };
        }
        let action = match name {
            "unlock" => Self::Unlock(id!()),
            "issue" => Self::Issue,
            "rotate" => Self::Rotate(id!()),
            "limits" => Self::Limits(subject(target_of()?).ok_or_else(|| {
                needs("`token:`, `user:`, `wallet:` or `organisation:` and an id (32 lower-case hex characters)")
            })?),
            "spend" => Self::Spend(id!()),
            "settle" => Self::Settle(id!()),
            "create_service" => Self::CreateService(id!()),
            "add_factor" => Self::AddFactor,
            "remove_factor" => Self::RemoveFactor(id!()),
            "regenerate_recovery_codes" => Self::RegenerateRecoveryCodes,
            "create_organisation" => Self::CreateOrganisation,
            "administer" => Self::Administer(id!()),
            "administer_wallet" => Self::AdministerWallet(id!()),
            "administer_user" => Self::AdministerUser(id!()),
            "change_account" => Self::ChangeAccount,
            _ => return Err(ServiceError::invalid("action", format!("must be one of `{}`", Self::NAMES.join("`, `")))),
        };
        match (&action, target) {
            (
                Self::Issue
                | Self::AddFactor
                | Self::RegenerateRecoveryCodes
                | Self::CreateOrganisation
                | Self::ChangeAccount,
                Some(_),
            ) => Err(ServiceError::invalid("target", "does not belong to this action")),
            _ => Ok(action),
        }
    }
}

fn subject(text: &str) -> Option<Subject> {
    let (kind, id) = text.split_once(':')?;
    Some(match kind {
        "token" => Subject::Token(id.parse().ok()?),
        "user" => Subject::User(id.parse().ok()?),
        "wallet" => Subject::Wallet(id.parse().ok()?),
        "organisation" => Subject::Organisation(id.parse().ok()?),
        _ => return None,
    })
}

/// Evidence that a second factor was shown just now for an action. Only [`Bursar::prove_step_up`] makes it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "what was proven is to be done"]
pub struct StepUp {
    action: Action,
    via: Via,
}

impl StepUp {
    /// What it was shown for.
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// What was shown.
    pub const fn via(&self) -> Via {
        self.via
    }
}

/// What a proof of a second factor is for: one that was made for something else is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// Logging in, in one step: no passkey can have been asked.
    LogIn,
    /// Finishing a sign-in.
    SignIn(crate::pending::Name),
    /// An action of the token that presents the proof.
    Action(TokenId, Action),
}

impl Bursar {
    /// Checks a second factor that is shown for an action: a one-time password, a recovery code, or the JSON of a
    /// passkey's answer to [`Bursar::begin_step_up`]. Each proves one action once.
    ///
    /// # Errors
    /// There is none to show, it is missing or wrong, it was used before or made for something else, or too much
    /// was tried.
    pub async fn prove_step_up(
        &self,
        principal: &Principal,
        action: Action,
        proof: Option<&str>,
    ) -> Result<StepUp, ServiceError> {
        let owner = &principal.owner;
        if self.factors_of(owner).await?.is_empty() {
            return Err(ServiceError::SecondFactorRequired);
        }
        let purpose = Purpose::Action(principal.token().id, action.clone());
        let via = self.prove_factor(owner, proof, &purpose, self.source(principal), principal.address).await?;
        Ok(StepUp { action, via })
    }

    /// Gives out a challenge for the caller's passkeys, good once, for a few minutes and for this action alone:
    /// what `navigator.credentials.get` is called with.
    ///
    /// # Errors
    /// The caller has no passkey, or passkeys are not set up on this server.
    pub async fn begin_step_up(&self, principal: &Principal, action: Action) -> Result<Value, ServiceError> {
        let factors = self.factors_of(&principal.owner).await?;
        let purpose = Purpose::Action(principal.token().id, action);
        self.challenge(&principal.owner, &factors, purpose)?.ok_or(ServiceError::NotFound("passkey"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn every_action_has_a_name_that_reads_back() {
        for name in Action::NAMES {
            let subject = format!("wallet:{ID}");
            let read = [None, Some(ID), Some(subject.as_str())].map(|target| Action::parse(name, target).is_ok());
            assert_eq!(read.iter().filter(|is_read| **is_read).count(), 1, "{name}");
        }
    }

    #[test]
    fn an_action_on_one_thing_is_not_the_same_on_another() {
        let other = "1123456789abcdef0123456789abcdef";
        assert_ne!(Action::parse("rotate", Some(ID)).unwrap(), Action::parse("rotate", Some(other)).unwrap());
        assert_ne!(Action::parse("rotate", Some(ID)).unwrap(), Action::parse("unlock", Some(ID)).unwrap());
        for (name, target) in [("rotate", None), ("issue", Some(ID)), ("fly", None), ("limits", Some("coin:1"))] {
            assert!(Action::parse(name, target).is_err(), "{name}");
        }
    }
}
