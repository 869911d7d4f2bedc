//! Enrolling second factors: authenticator apps and passkeys. Until it has shown that it works, a new one is
//! kept in memory only and is good for nothing.

use bursar_core::id::{FactorId, TokenId};
use bursar_core::ledger::{Credential, CredentialKind};
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_identity::totp::{self, OtpVerdict, TotpSecret};
use serde_json::Value;
use sha2::{Digest, Sha256};
use webauthn_rs::prelude::{PasskeyRegistration, Uuid};

use crate::Bursar;
use crate::accounts::check_label;
use crate::authenticate::Principal;
use crate::error::{ServiceError, Unproven};
use crate::factors::AddedFactor;
use crate::passkey_answer;
use crate::passkeys::{CHALLENGE_TIME, broken};
use crate::pending::{Kept, Name};
use crate::step_up::Action;

/// How long a new authenticator app may take to show its first code.
const ENROLMENT_TIME: Span = Span::from_seconds(10 * 60);
/// How many wrong first codes end an enrolment.
const MOST_TRIES: u32 = 10;
/// How many enrolments are under way at most, and how many of one session.
pub(crate) const MOST_ENROLMENTS: usize = 4096;
pub(crate) const MOST_ENROLMENTS_OF_ONE: usize = 8;
/// How long after signing in a session may enrol the first second factor of its account.
const FRESH: Span = Span::from_seconds(10 * 60);

/// What an authenticator app is shown, once.
#[derive(Debug)]
pub struct TotpEnrolment {
    /// Names the enrolment, and the factor once it is confirmed.
    pub id: FactorId,
    /// The secret as people type it.
    pub secret: Secret<String>,
    /// The `otpauth://` URI.
    pub uri: Secret<String>,
    /// The URI as a QR code, an SVG image.
    pub svg: Secret<String>,
    /// The same for a terminal.
    pub terminal: Secret<String>,
    /// The first instant at which it is over.
    pub ends: Timestamp,
}

/// An authenticator app that has shown no code yet.
pub(crate) struct PendingTotp {
    session: TokenId,
    stepped_up: bool,
    label: String,
    secret: TotpSecret,
    tries: u32,
}

/// A passkey that is being made.
pub(crate) struct PendingPasskey {
    session: TokenId,
    stepped_up: bool,
    state: PasskeyRegistration,
}

impl Bursar {
    /// Begins to enrol an authenticator app. Whoever has a second factor shows it; whoever has none must have
    /// signed in a moment ago.
    ///
    /// # Errors
    /// The caller is no person, the proof is missing or wrong, or the session is too old for a first factor.
    pub async fn enrol_totp(
        &self,
        principal: &Principal,
        label: String,
        proof: Option<&str>,
    ) -> Result<TotpEnrolment, ServiceError> {
        check_label(&label)?;
        let stepped_up = self.may_add_factor(principal, proof).await?;
        let now = self.clock.now();
        let id = FactorId::time_ordered(now, self.random.bytes());
        let secret = TotpSecret::new(self.random.bytes());
        let uri = secret.otpauth_uri("Bursar", &principal.owner.username);
        let drawn = totp::svg_qr(uri.expose()).and_then(|svg| Ok((svg, totp::terminal_qr(uri.expose())?)));
        let (svg, terminal) =
            drawn.map_err(|_| ServiceError::Unavailable("the enrolment does not fit a QR code".to_owned()))?;
        let ends = now.plus(ENROLMENT_TIME);
        let shown = TotpEnrolment { id, secret: secret.base32(), uri, svg, terminal, ends };
        let value = PendingTotp { session: principal.token().id, stepped_up, label, secret, tries: 0 };
        self.enrolments.put(Name::of(id.as_bytes()), Kept { of: by(principal), ends, value }, now);
        Ok(shown)
    }

    /// Makes an authenticator app a second factor: it shows that it knows the secret. The code counts once.
    ///
    /// # Errors
    /// There is no such enrolment of this session, or the code is wrong.
    pub async fn confirm_totp(
        &self,
        principal: &Principal,
        id: FactorId,
        code: &str,
    ) -> Result<AddedFactor, ServiceError> {
        self.confirm_totp_as(principal, id, code, None).await
    }

    /// The same with another name than it was begun under.
    ///
    /// # Errors
    /// As there.
    pub async fn confirm_totp_as(
        &self,
        principal: &Principal,
        id: FactorId,
        code: &str,
        name_given: Option<String>,
    ) -> Result<AddedFactor, ServiceError> {
        self.any_person(principal)?;
        let (name, now) = (Name::of(id.as_bytes()), self.clock.now());
        self.rates.second_factor(principal.user(), principal.address, now)?;
        let kept = self.enrolments.take(name, now);
        let is_own = |kept: &Kept<PendingTotp>| kept.value.session == principal.token().id;
        let mut kept = kept.filter(is_own).ok_or(ServiceError::NotFound("enrolment"))?;
        let OtpVerdict::Accepted { step } = totp::verify(&kept.value.secret, code, now, None) else {
            kept.value.tries = kept.value.tries.saturating_add(1);
            if kept.value.tries < MOST_TRIES {
                self.enrolments.put(name, kept, now);
            }
            return Err(Unproven::OtpWrong.into());
        };
        let PendingTotp { label, secret, stepped_up, .. } = kept.value;
        let label = name_given.unwrap_or(label);
        let mut factor = Credential { id, ..self.new_credential(principal.user(), CredentialKind::Totp, &label) };
        factor.progress = step.to_be_bytes().to_vec();
        let factor = self.seal_credential(factor, secret.expose())?;
        self.add_factor(principal, factor, stepped_up).await
    }

    /// Begins to enrol a passkey: what `navigator.credentials.create` is called with. Proofs are those of
    /// [`Bursar::enrol_totp`].
    ///
    /// # Errors
    /// As there; or passkeys are not set up on this server.
    pub async fn begin_passkey(&self, principal: &Principal, proof: Option<&str>) -> Result<Value, ServiceError> {
        let party = self.relying_party()?;
        let stepped_up = self.may_add_factor(principal, proof).await?;
        let owner = &principal.owner;
        let factors = self.factors_of(owner).await?;
        let known = factors.of(CredentialKind::Passkey).map(|factor| self.open_passkey(&factor.value));
        let known = known.map(|passkey| Ok(passkey?.cred_id().clone())).collect::<Result<Vec<_>, ServiceError>>()?;
        let handle = Uuid::from_bytes(*owner.id.as_bytes());
        let shown = if owner.full_name.trim().is_empty() { &owner.username } else { &owner.full_name };
        let started = party.webauthn.start_passkey_registration(handle, &owner.username, shown, Some(known));
        let (options, state) = started.map_err(|error| broken(&error))?;
        let (name, now) = (Name::of(&options.public_key.challenge), self.clock.now());
        let value = PendingPasskey { session: principal.token().id, stepped_up, state };
        self.registrations.put(name, Kept { of: by(principal), ends: now.plus(CHALLENGE_TIME), value }, now);
        let mut options =
            serde_json::to_value(options).map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        // One that the device finds by itself signs in without a username; one that it does not is good all the same.
        if let Some(Value::Object(wishes)) = options.pointer_mut("/publicKey/authenticatorSelection") {
            wishes.insert("residentKey".to_owned(), "preferred".into());
            wishes.insert("requireResidentKey".to_owned(), false.into());
        }
        Ok(options)
    }

    /// Makes a passkey a second factor, and a way to sign in by itself.
    ///
    /// # Errors
    /// The answer is wrong or late, or was asked for by another session.
    pub async fn finish_passkey(
        &self,
        principal: &Principal,
        label: String,
        answer: &str,
    ) -> Result<AddedFactor, ServiceError> {
        self.any_person(principal)?;
        check_label(&label)?;
        let (party, now) = (self.relying_party()?, self.clock.now());
        self.rates.second_factor(principal.user(), principal.address, now)?;
        let answer = passkey_answer::read_new(answer).ok_or(Unproven::Passkey)?;
        let kept = self.registrations.take(answer.challenge, now).ok_or(Unproven::Passkey)?;
        if kept.value.session != principal.token().id {
            return Err(Unproven::Passkey.into());
        }
        let made = party.webauthn.finish_passkey_registration(&answer.credential, &kept.value.state);
        let passkey = match made {
            Ok(passkey) => passkey,
            // The library has no word of its own for one that the challenge excluded.
            Err(_) if self.stored_passkey(principal.user(), &answer.credential.raw_id).await?.is_some() => {
                return Err(registered());
            }
            Err(error) => {
                tracing::debug!(user = %principal.user(), %error, "a new passkey was refused");
                return Err(Unproven::Passkey.into());
            }
        };
        // INVARIANT: a passkey is one record, whoever has it: its id is made of what authenticators call it.
        let id = passkey_factor(passkey.cred_id());
        let factor = Credential { id, ..self.new_credential(principal.user(), CredentialKind::Passkey, &label) };
        let factor = self.seal_passkey(factor, &passkey)?;
        self.add_factor(principal, factor, kept.value.stepped_up).await
    }

    /// Whether a second factor was shown, as it must be if there is one.
    async fn may_add_factor(&self, principal: &Principal, proof: Option<&str>) -> Result<bool, ServiceError> {
        self.any_person(principal)?;
        if !self.factors_of(&principal.owner).await?.is_empty() {
            let _shown = self.prove_step_up(principal, Action::AddFactor, proof).await?;
            return Ok(true);
        }
        if self.clock.now().since(principal.token().created) > FRESH {
            return Err(ServiceError::SignInAgain);
        }
        Ok(false)
    }
}

/// A passkey belongs to one account, once.
pub(crate) fn registered() -> ServiceError {
    ServiceError::Conflict(
        "this passkey is registered already, here or with another account; make a new one".to_owned(),
    )
}

/// The factor that a passkey is.
fn passkey_factor(credential: &[u8]) -> FactorId {
    let mut hash = Sha256::new_with_prefix(b"bursar passkey");
    hash.update(credential);
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = <[u8; 32]>::from(hash.finalize());
    FactorId::from_bytes(id)
}

/// What a session began counts as its own.
fn by(principal: &Principal) -> Option<[u8; 16]> {
    Some(*principal.token().id.as_bytes())
}
