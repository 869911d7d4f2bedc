//! Limits as the operator of the machine sees and changes them: the only way back where nobody else has power over a
//! subject in all of its organisations.

use bursar_core::audit::Actor;
use bursar_core::ledger::{LimitEdit, Version};
use bursar_core::limit::{Limit, Subject};

use crate::Bursar;
use crate::error::ServiceError;
use crate::limits::{Standing, changed_to, check_names_coins};

/// What the operator changes. What is not mentioned stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperatorEdit {
    /// The version that was seen; whichever there is, if absent.
    pub seen: Option<Version>,
    /// All limits there shall be.
    pub limits: Option<Vec<Limit>>,
    /// Whether the rules on destinations end.
    pub lifts_destinations: bool,
}

impl Bursar {
    /// How the limits of a user, an organisation or a wallet stand, for the operator of the machine.
    ///
    /// # Errors
    /// There is no such subject.
    pub async fn limits_for_operator(&self, subject: Subject) -> Result<Standing, ServiceError> {
        self.must_be_there(subject)?;
        self.standing(subject).await
    }

    /// Changes the limits of a user, an organisation or a wallet, as the operator of the machine: how they stood, and
    /// how they stand.
    ///
    /// # Errors
    /// There is no such subject, the limits cannot be, or they changed since they were seen.
    pub async fn set_limits_as_operator(
        &self,
        subject: Subject,
        edit: OperatorEdit,
    ) -> Result<(Standing, Standing), ServiceError> {
        let before = self.limits_for_operator(subject).await?;
        if edit.seen.is_some_and(|seen| seen != before.version) {
            return Err(changed_to(before.version));
        }
        let mut rules = before.rules.clone();
        if let Some(limits) = edit.limits {
            rules.limits = limits;
            check_names_coins(&rules, &before.rules)?;
        }
        if edit.lifts_destinations {
            rules.destinations = None;
        }
        // Whoever may write to the data directory has no second factor here, and needs none.
        let edit = LimitEdit { subject, seen: before.version, rules, stepped_up: true };
        Ok((before, self.edit_limits(Actor::Operator, edit).await?))
    }

    fn must_be_there(&self, subject: Subject) -> Result<(), ServiceError> {
        match subject {
            Subject::User(id) => self.stored_user(id).map(drop),
            Subject::Wallet(id) => self.stored_wallet(id).map(drop),
            Subject::Organisation(id) => self.stored_organisation(id).map(drop),
            // Its owner sees and changes it.
            Subject::Token(_) => Err(ServiceError::NotFound("token")),
        }
    }
}
