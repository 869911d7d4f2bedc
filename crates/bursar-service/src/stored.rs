//! Records as they are committed, with the versions that a decision on them names; and decisions that are made again
//! when somebody was faster.

use bursar_core::account::{Invitation, MemberRole, Organisation, User, Wallet, WalletRole};
use bursar_core::audit::Actor;
use bursar_core::id::{InvitationId, OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Key, NotLoaded, Outcome, State, Version, Versioned, Write};
use bursar_store::StoreError;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;

/// The versions that a decision rests on.
pub(crate) type Rests = Vec<(Key, Version)>;

/// How often a decision is made again when somebody else was faster.
pub(crate) const TRIES: usize = 8;

impl Bursar {
    /// Decides on what is stored and writes it, and decides again if that has changed in between.
    ///
    /// # Errors
    /// Whatever the decision says, or somebody is always faster.
    pub(crate) async fn decide<T>(
        &self,
        actor: Actor,
        mut decision: impl FnMut() -> Result<(Write, T), ServiceError>,
    ) -> Result<T, ServiceError> {
        for _ in 0..TRIES {
            let (write, result) = decision()?;
            if let Outcome::Written = self.write(actor, write).await? {
                return Ok(result);
            }
        }
        Err(ServiceError::Busy)
    }

    /// The same for a decision that may need a second factor of the moment: it is told whether there was one, and
    /// says [`ServiceError::StepUpNeeded`] if it wants one. A code is used up only for what is allowed with it.
    ///
    /// # Errors
    /// As [`Bursar::decide`], or the second factor is wrong.
    pub(crate) async fn decide_stepping_up<T>(
        &self,
        principal: &Principal,
        action: Action,
        otp: Option<&str>,
        decision: impl Fn(bool) -> Result<(Write, T), ServiceError>,
    ) -> Result<T, ServiceError> {
        self.person(principal)?;
        let stepped_up = match decision(false) {
            Err(ServiceError::StepUpNeeded) => {
                decision(true)?;
                self.step_up(principal, action, otp).await?;
                true
            }
            Err(error) => return Err(error),
            Ok(_) => false,
        };
        self.decide(principal.actor(), || decision(stepped_up)).await
    }

    /// Checks a second factor of the moment, without which this is not done.
    ///
    /// # Errors
    /// There is none, or it is wrong.
    pub(crate) async fn step_up(
        &self,
        principal: &Principal,
        action: Action,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.person(principal)?;
        if otp.is_none() && !self.factors_of(&principal.owner).await?.is_empty() {
            return Err(ServiceError::StepUpNeeded);
        }
        self.prove_step_up(principal, action, otp).await.map(drop)
    }

    /// A record as it is committed, and its version.
    pub(crate) fn stored<T>(
        &self,
        key: &Key,
        pick: impl FnOnce(&State) -> Result<T, NotLoaded>,
    ) -> Result<(Version, T), ServiceError> {
        let mut state = State::default();
        self.reads.look_up(|reader| reader.load(std::slice::from_ref(key), &mut state))?;
        let found = state.version(key).and_then(|version| Ok((version, pick(&state)?)));
        Ok(found.map_err(not_loaded)?)
    }

    pub(crate) fn stored_user(&self, id: UserId) -> Result<Versioned<User>, ServiceError> {
        self.reads.look_up(|reader| reader.user(id))?.ok_or(ServiceError::NotFound("user"))
    }

    pub(crate) fn stored_organisation(&self, id: OrganisationId) -> Result<Versioned<Organisation>, ServiceError> {
        let key = Key::Organisation(id);
        let (version, found) = self.stored(&key, |state| Ok(state.organisation(&id)?.cloned()))?;
        let value = found.ok_or(ServiceError::NotFound("organisation"))?;
        Ok(Versioned { version, value })
    }

    pub(crate) fn stored_wallet(&self, id: WalletId) -> Result<Versioned<Wallet>, ServiceError> {
        let (version, found) = self.stored(&Key::Wallet(id), |state| Ok(state.wallet(&id)?.cloned()))?;
        let value = found.ok_or(ServiceError::NotFound("wallet"))?;
        Ok(Versioned { version, value })
    }

    pub(crate) fn stored_invitation(&self, id: InvitationId) -> Result<Option<Versioned<Invitation>>, ServiceError> {
        let key = Key::Invitation(id);
        let (version, found) = self.stored(&key, |state| Ok(state.invitation(&id)?.cloned()))?;
        Ok(found.map(|value| Versioned { version, value }))
    }

    /// What somebody is in an organisation; nothing at version 0 if they do not belong to it.
    pub(crate) fn place(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> Result<Versioned<Option<MemberRole>>, ServiceError> {
        let id = (organisation, user);
        let pick = |state: &State| Ok(state.membership(&id)?.map(|membership| membership.role));
        let (version, value) = self.stored(&Key::Membership(id), pick)?;
        Ok(Versioned { version, value })
    }

    /// What somebody may do with a wallet; nothing at version 0 if they have no part in it.
    pub(crate) fn wallet_role(
        &self,
        wallet: WalletId,
        user: UserId,
    ) -> Result<Versioned<Option<WalletRole>>, ServiceError> {
        let id = (wallet, user);
        let (version, value) = self.stored(&Key::Role(id), |state| Ok(state.role(&id)?.copied()))?;
        Ok(Versioned { version, value })
    }

    /// The caller's place in an organisation; one they do not belong to does not exist for them.
    pub(crate) fn own_place(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<(Version, MemberRole), ServiceError> {
        self.person(principal)?;
        let place = self.place(organisation, principal.user())?;
        place.value.map(|role| (place.version, role)).ok_or(ServiceError::NotFound("organisation"))
    }
}

/// A fault of the program, never of the caller: what is not known is not taken for what is not there.
pub(crate) fn not_loaded(NotLoaded(key): NotLoaded) -> StoreError {
    StoreError::Unavailable(format!("a record was not loaded: {key:?}"))
}
