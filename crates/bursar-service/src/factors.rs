//! The second factors of an account: which there are, naming and removing them, and what follows from there
//! being none.
//!
//! Other sessions of the account go on when a factor is added or removed, as at GitHub: they have shown one of
//! their own. Who fears a thief signs out everywhere. But a session that had none to show gains nothing by
//! another session's enrolment.

use std::net::IpAddr;

use bursar_core::account::User;
use bursar_core::id::{FactorId, UserId};
use bursar_core::ledger::{Credential, CredentialKind, Key, Outcome, Record, Trace, Version, Versioned, Write};
use bursar_core::secret::Secret;
use bursar_core::token::{Grant, Token};
use bursar_identity::attempts::Source;
use bursar_identity::recovery::{self, CodeState};

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::enrolment::registered;
use crate::error::{ServiceError, Unproven};
use crate::notices::Notice;
use crate::opening::Standing;
use crate::pending::Name;
use crate::recovery_codes;
use crate::sign_in::Offers;
use crate::step_up::{Action, Purpose};
use crate::stored::TRIES;

/// How many second factors a user may have.
const MOST_FACTORS: usize = 20;

/// An account's second factors as they are stored, and whether the test environment's fixed one counts.
#[derive(Debug)]
pub(crate) struct Factors {
    stored: Vec<Versioned<Credential>>,
    has_fixed: bool,
}

/// A second factor that was added.
#[derive(Debug)]
pub struct AddedFactor {
    /// The factor.
    pub factor: Credential,
    /// Ten codes for when it is lost, if the account had none; shown this once.
    pub recovery_codes: Option<Vec<Secret<String>>>,
}

/// The second factors of an account, as their owner sees them.
#[derive(Debug)]
pub struct FactorList {
    /// Authenticator apps and passkeys, by age.
    pub factors: Vec<Credential>,
    /// The set of recovery codes, if there is one.
    pub recovery: Option<Credential>,
    /// How many recovery codes still pass.
    pub recovery_codes_left: usize,
    /// Whether passkeys can be made on this server.
    pub passkeys: bool,
}

/// Whether a credential is a second factor by itself: recovery codes are there for when such a one is lost.
pub(crate) const fn is_working(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::Totp | CredentialKind::Passkey)
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

    fn working(&self) -> usize {
        let stored = self.stored.iter().filter(|factor| is_working(factor.value.kind)).count();
        stored.saturating_add(usize::from(self.has_fixed))
    }
}

impl Bursar {
    pub(crate) async fn factors_of(&self, user: &User) -> Result<Factors, ServiceError> {
        let id = user.id;
        let mut stored = self.reads.run(move |reader| reader.credentials(id)).await?;
        stored.retain(|credential| credential.value.kind != CredentialKind::Password);
        // Ids of passkeys tell no time.
        stored.sort_by_key(|credential| (credential.value.created, credential.value.id));
        Ok(Factors { stored, has_fixed: user.seeded && self.policy.fixed_otp.is_some() })
    }

    /// What a sign-in of this name may be finished with.
    pub(crate) async fn offers(&self, user: &User, name: Name) -> Result<Offers, ServiceError> {
        let factors = self.factors_of(user).await?;
        let otp = factors.has_fixed || factors.of(CredentialKind::Totp).next().is_some();
        let passkey = self.challenge(user, &factors, Purpose::SignIn(name))?;
        let has_none = factors.is_empty();
        Ok(Offers { otp, passkey, recovery: factors.recovery_codes_left() > 0, has_none })
    }

    /// Checks the second factor of somebody who signs in; whoever has none needs none, and their session is
    /// good for little if their organisation demands one.
    pub(crate) async fn prove_second_factor(
        &self,
        user: &User,
        proof: Option<&str>,
        purpose: &Purpose,
        source: Source,
        address: IpAddr,
    ) -> Result<Standing, ServiceError> {
        if self.factors_of(user).await?.is_empty() {
            let demanded = self.demands_second_factor(user.id).await?;
            return Ok(if demanded { Standing::Enrolling } else { Standing::Full });
        }
        self.prove_factor(user, proof, purpose, source, address).await?;
        Ok(Standing::Full)
    }

    /// Whether a second factor is demanded of a user: unless all of their organisations do without.
    pub(crate) async fn demands_second_factor(&self, user: UserId) -> Result<bool, ServiceError> {
        Ok(self.demands(user).await?.is_none())
    }

    /// The organisations, by version, none of which demands a second factor of this user; or nothing if one does.
    async fn demands(&self, user: UserId) -> Result<Option<Vec<(Key, Version)>>, ServiceError> {
        let places = self.reads.run(move |reader| reader.memberships(user)).await?;
        // Whom nobody lets off has to have one.
        if places.is_empty() {
            return Ok(None);
        }
        let mut read = Vec::new();
        for place in places {
            let found = self.stored_organisation(place.organisation)?;
            if found.value.requires_second_factor {
                return Ok(None);
            }
            read.push((Key::Organisation(place.organisation), found.version));
        }
        Ok(Some(read))
    }

    /// One's second factors.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn factors(&self, principal: &Principal) -> Result<FactorList, ServiceError> {
        self.any_person(principal)?;
        let found = self.factors_of(&principal.owner).await?;
        let recovery_codes_left = found.recovery_codes_left();
        let recovery = found.of(CredentialKind::RecoveryCodes).map(|set| set.value.clone()).last();
        let working = found.stored.into_iter().map(|factor| factor.value).filter(|factor| is_working(factor.kind));
        let passkeys = self.policy.relying_party.is_some();
        Ok(FactorList { factors: working.collect(), recovery, recovery_codes_left, passkeys })
    }

    /// Gives a second factor another name.
    ///
    /// # Errors
    /// There is no such factor of the caller's.
    pub async fn rename_factor(
        &self,
        principal: &Principal,
        id: FactorId,
        label: String,
    ) -> Result<Credential, ServiceError> {
        self.person(principal)?;
        check_name("label", &label)?;
        let found = self.own_factor(principal, id).await?;
        let renamed = Credential { label, ..found.value };
        let write = Write {
            read: vec![(Key::Credential(id), found.version)],
            put: vec![Record::Credential(id, renamed.clone())],
            trace: Some(trace("factor.rename", &renamed)),
            ..Write::default()
        };
        self.must_write(principal.actor(), write).await?;
        Ok(renamed)
    }

    /// Removes a second factor. The last one stays if an organisation demands one; otherwise the recovery codes go
    /// with it.
    ///
    /// # Errors
    /// There is no such factor of the caller's, the proof is missing or wrong, or it is the last one.
    pub async fn remove_factor(
        &self,
        principal: &Principal,
        id: FactorId,
        proof: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.person(principal)?;
        self.own_factor(principal, id).await?;
        // Before a code is used up for nothing; it is decided below.
        self.may_do_without(principal, &self.factors_of(&principal.owner).await?).await?;
        let _shown = self.prove_step_up(principal, Action::RemoveFactor(id), proof).await?;
        for _ in 0..TRIES {
            // INVARIANT: every change of which factors there are counts the user's version on, so of two who
            // remove the last two at the same time the second sees one left.
            let owner = self.current_owner(principal)?;
            let factors = self.factors_of(&owner.value).await?;
            let Some(factor) = factors.stored.iter().find(|factor| factor.value.id == id) else {
                return Err(ServiceError::NotFound("factor"));
            };
            let label = factor.value.label.clone();
            let rests_on = self.may_do_without(principal, &factors).await?;
            let is_last = factors.working() <= 1;
            let gone = factors.stored.iter().filter(|other| is_last || other.value.id == id);
            let keys: Vec<_> = gone.map(|gone| (Key::Credential(gone.value.id), gone.version)).collect();
            let mut write = Write { trace: Some(trace("factor.remove", &factor.value)), ..Write::default() };
            write.delete = keys.iter().map(|(key, _)| key.clone()).collect();
            write.read = keys;
            write.read.extend(rests_on);
            write.read.push((Key::User(owner.value.id), owner.version));
            write.put.push(Record::User(owner.value.id, owner.value));
            if let Outcome::Written = self.write(principal.actor(), write).await? {
                self.notify(&principal.owner, &Notice::FactorRemoved { label });
                return Ok(());
            }
        }
        Err(ServiceError::Busy)
    }

    /// Replaces one's recovery codes; the new ones are shown this once, the old ones pass no more.
    ///
    /// # Errors
    /// The caller is no person, or the proof is missing or wrong.
    pub async fn regenerate_recovery_codes(
        &self,
        principal: &Principal,
        proof: Option<&str>,
    ) -> Result<Vec<Secret<String>>, ServiceError> {
        self.person(principal)?;
        let _shown = self.prove_step_up(principal, Action::RegenerateRecoveryCodes, proof).await?;
        for _ in 0..TRIES {
            let owner = self.current_owner(principal)?;
            let factors = self.factors_of(&owner.value).await?;
            let old: Vec<_> = factors
                .of(CredentialKind::RecoveryCodes)
                .map(|set| (Key::Credential(set.value.id), set.version))
                .collect();
            let (codes, set) = self.new_recovery_codes(owner.value.id);
            let mut write = Write { trace: Some(trace("recovery_codes.regenerate", &set)), ..Write::default() };
            write.delete = old.iter().map(|(key, _)| key.clone()).collect();
            write.read = old;
            write.read.push((Key::User(owner.value.id), owner.version));
            write.put.push(Record::User(owner.value.id, owner.value));
            write.put.push(Record::Credential(set.id, set));
            if let Outcome::Written = self.write(principal.actor(), write).await? {
                self.notify(&principal.owner, &Notice::RecoveryCodesRenewed);
                return Ok(codes);
            }
        }
        Err(ServiceError::Busy)
    }

    /// A set of recovery codes, and which of them still pass, in the order of issue. For an unlocked session only.
    ///
    /// # Errors
    /// The caller has no such set, or their session is not unlocked.
    pub async fn recovery_codes(
        &self,
        principal: &Principal,
        id: FactorId,
    ) -> Result<(Credential, Vec<bool>), ServiceError> {
        self.unlocked_person(principal)?;
        let factors = self.factors_of(&principal.owner).await?;
        let set = factors.of(CredentialKind::RecoveryCodes).find(|set| set.value.id == id);
        let set = set.ok_or(ServiceError::NotFound("set of recovery codes"))?.value.clone();
        let codes = recovery_codes::read(&set)
            .ok_or_else(|| ServiceError::Unavailable("a stored set of recovery codes cannot be read".to_owned()))?;
        let states = codes.codes().iter().map(|code| code.state == CodeState::Unused).collect();
        Ok((set, states))
    }

    /// Writes a new second factor. Without a step-up it must be the account's first, as things stand when it is
    /// written; the session that enrolled it is a full one from then on.
    pub(crate) async fn add_factor(
        &self,
        principal: &Principal,
        factor: Credential,
        stepped_up: bool,
    ) -> Result<AddedFactor, ServiceError> {
        for _ in 0..TRIES {
            let owner = self.current_owner(principal)?;
            let factors = self.factors_of(&owner.value).await?;
            if !stepped_up && !factors.is_empty() {
                return Err(ServiceError::StepUpNeeded);
            }
            if factors.stored.len() >= MOST_FACTORS {
                let problem = format!("there are {MOST_FACTORS} second factors, as many as may be; remove one first");
                return Err(ServiceError::Conflict(problem));
            }
            let (known, ()) = self.stored(&Key::Credential(factor.id), |_| Ok(()))?;
            if known > 0 {
                return Err(registered());
            }
            let user = owner.value.id;
            let mut write = Write {
                read: vec![(Key::User(user), owner.version), (Key::Credential(factor.id), 0)],
                put: vec![Record::User(user, owner.value), Record::Credential(factor.id, factor.clone())],
                trace: Some(trace("factor.add", &factor)),
                ..Write::default()
            };
            let mut recovery_codes = None;
            if factors.of(CredentialKind::RecoveryCodes).next().is_none() {
                let (codes, set) = self.new_recovery_codes(user);
                write.put.push(Record::Credential(set.id, set));
                recovery_codes = Some(codes);
            }
            if principal.is_enrolling() {
                self.complete_session(principal, &mut write)?;
            }
            if let Outcome::Written = self.write(principal.actor(), write).await? {
                self.notify(&principal.owner, &Notice::FactorAdded { label: factor.label.clone() });
                return Ok(AddedFactor { factor, recovery_codes });
            }
        }
        Err(ServiceError::Busy)
    }

    /// The session has shown a password and now a second factor: it may do all that its owner may.
    fn complete_session(&self, principal: &Principal, write: &mut Write) -> Result<(), ServiceError> {
        let id = principal.token().id;
        let found = self.reads.look_up(|reader| reader.token(id))?.ok_or(ServiceError::NotFound("token"))?;
        let grant = Grant { scopes: Standing::Full.scopes(), ..found.value.grant };
        write.read.push((Key::Token(id), found.version));
        write.put.push(Record::Token(id, Token { grant, ..found.value }));
        Ok(())
    }

    /// The caller's account as it is stored now, if their session still counts for it.
    fn current_owner(&self, principal: &Principal) -> Result<Versioned<User>, ServiceError> {
        let id = principal.user();
        let owner = self.stored_user(id)?;
        if principal.token().created < owner.value.sessions_since {
            return Err(Unproven::SignIn.into());
        }
        Ok(owner)
    }

    /// What a decision to go without one of these factors rests on, if the user may.
    async fn may_do_without(
        &self,
        principal: &Principal,
        factors: &Factors,
    ) -> Result<Vec<(Key, Version)>, ServiceError> {
        if factors.working() > 1 {
            return Ok(Vec::new());
        }
        self.demands(principal.user()).await?.ok_or(ServiceError::LastFactor)
    }

    async fn own_factor(&self, principal: &Principal, id: FactorId) -> Result<Versioned<Credential>, ServiceError> {
        let factors = self.factors_of(&principal.owner).await?;
        let own = |factor: &Versioned<Credential>| factor.value.id == id && is_working(factor.value.kind);
        factors.stored.into_iter().find(own).ok_or(ServiceError::NotFound("factor"))
    }

    pub(crate) fn new_recovery_codes(&self, user: UserId) -> (Vec<Secret<String>>, Credential) {
        let (codes, set) = recovery::issue(&self.random.bytes());
        let mut stored = self.new_credential(user, CredentialKind::RecoveryCodes, "recovery codes");
        stored.progress = recovery_codes::progress(&set);
        (codes.iter().map(|code| Secret::new(code.expose().to_owned())).collect(), stored)
    }
}

fn trace(action: &'static str, factor: &Credential) -> Trace {
    let data = vec![
        ("factor", factor.id.to_string()),
        ("kind", factor.kind.as_str().to_owned()),
        ("label", factor.label.clone()),
    ];
    Trace::of(action, "user", factor.user, data)
}
