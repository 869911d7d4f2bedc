//! The second factors of an account: which there are, and what follows from there being none.

use std::net::IpAddr;

use bursar_core::account::User;
use bursar_core::id::UserId;
use bursar_core::ledger::{Credential, CredentialKind, Versioned};
use bursar_identity::attempts::Source;

use crate::Bursar;
use crate::error::ServiceError;
use crate::opening::Standing;
use crate::recovery_codes;
use crate::sign_in::Offers;

/// An account's second factors as they are stored, and whether the test environment's fixed one counts.
#[derive(Debug)]
pub(crate) struct Factors {
    stored: Vec<Versioned<Credential>>,
    has_fixed: bool,
}

impl Factors {
    /// Those of one kind.
    pub(crate) fn of(&self, kind: CredentialKind) -> impl Iterator<Item = &Versioned<Credential>> {
        self.stored.iter().filter(move |factor| factor.value.kind == kind)
    }

    /// Whether there is nothing at all to show beside a password.
    pub(crate) fn is_empty(&self) -> bool {
        self.stored.is_empty() && !self.has_fixed
    }

    /// How many recovery codes still pass.
    pub(crate) fn recovery_codes_left(&self) -> usize {
        let left = |set: &Versioned<Credential>| recovery_codes::read(&set.value).map_or(0, |set| set.left());
        self.of(CredentialKind::RecoveryCodes).map(left).sum()
    }
}

impl Bursar {
    pub(crate) async fn factors_of(&self, user: &User) -> Result<Factors, ServiceError> {
        let id = user.id;
        let mut stored = self.reads.run(move |reader| reader.credentials(id)).await?;
        stored.retain(|credential| credential.value.kind != CredentialKind::Password);
        Ok(Factors { stored, has_fixed: user.seeded && self.policy.fixed_otp.is_some() })
    }

    /// What a sign-in may be finished with.
    pub(crate) async fn offers(&self, user: &User) -> Result<Offers, ServiceError> {
        let factors = self.factors_of(user).await?;
        let otp = factors.has_fixed || factors.of(CredentialKind::Totp).next().is_some();
        Ok(Offers { otp, passkey: None, recovery: factors.recovery_codes_left() > 0 })
    }

    /// Checks the second factor of somebody who signs in; whoever has none needs none, and their session is
    /// good for little if their organisation demands one.
    pub(crate) async fn prove_second_factor(
        &self,
        user: &User,
        proof: Option<&str>,
        source: Source,
        address: IpAddr,
    ) -> Result<Standing, ServiceError> {
        if self.factors_of(user).await?.is_empty() {
            let demanded = self.demands_second_factor(user.id).await?;
            return Ok(if demanded { Standing::Enrolling } else { Standing::Full });
        }
        self.prove_otp(user, proof, source, address).await?;
        Ok(Standing::Full)
    }

    /// Whether one of the user's organisations demands a second factor of its members.
    #[expect(clippy::unused_async, reason = "organisations will say so themselves")]
    pub(crate) async fn demands_second_factor(&self, _user: UserId) -> Result<bool, ServiceError> {
        Ok(true)
    }
}
