//! Passkeys: challenges that are given out, and the answers to them. The library draws the challenges itself, so
//! this stands here and not among the pure rules (ADR 0012).

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Credential, CredentialKind, Key, Outcome, Record, Trace, Versioned, Write};
use bursar_core::time::Span;
use bursar_identity::step_up::Via;
use serde_json::Value;
use webauthn_rs::prelude::{AuthenticationResult, Passkey, PasskeyAuthentication, WebauthnError};

use crate::Bursar;
use crate::error::{ServiceError, Unproven};
use crate::factors::Factors;
use crate::passkey_answer::{self, Answer};
use crate::pending::{Kept, Name};
use crate::relying_party::RelyingParty;
use crate::step_up::Purpose;
use crate::stored::TRIES;

/// How long a challenge is good.
pub(crate) const CHALLENGE_TIME: Span = Span::from_seconds(5 * 60);
/// How many challenges are out at most, and how many of one token, or of one user who signs in.
pub(crate) const MOST_CHALLENGES: usize = 4096;
pub(crate) const MOST_CHALLENGES_OF_ONE: usize = 16;

/// A challenge that was given out.
pub(crate) struct Challenge {
    pub(crate) user: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) state: PasskeyAuthentication,
}

impl Bursar {
    pub(crate) fn relying_party(&self) -> Result<&RelyingParty, ServiceError> {
        self.policy.relying_party.as_ref().ok_or_else(|| {
            ServiceError::invalid("passkey", "passkeys are not set up on this server; its operator names `web.origin`")
        })
    }

    /// Gives out a challenge for the passkeys of a user; none if there are none, or none are possible.
    pub(crate) fn challenge(
        &self,
        user: &User,
        factors: &Factors,
        purpose: Purpose,
    ) -> Result<Option<Value>, ServiceError> {
        let Some(party) = &self.policy.relying_party else { return Ok(None) };
        let own = factors.of(CredentialKind::Passkey).map(|factor| self.open_passkey(&factor.value));
        let own = own.collect::<Result<Vec<_>, _>>()?;
        if own.is_empty() {
            return Ok(None);
        }
        let (options, state) = party.webauthn.start_passkey_authentication(&own).map_err(|error| broken(&error))?;
        let name = Name::of(&options.public_key.challenge);
        let now = self.clock.now();
        let of = match &purpose {
            Purpose::Action(token, _) => *token.as_bytes(),
            Purpose::SignIn(_) | Purpose::LogIn => *user.id.as_bytes(),
        };
        let value = Challenge { user: user.id, purpose, state };
        let kept = Kept { of: Some(of), ends: now.plus(CHALLENGE_TIME), value };
        self.challenges.put(name, kept, now);
        serde_json::to_value(options).map(Some).map_err(|error| ServiceError::Unavailable(error.to_string()))
    }

    /// Checks a passkey's answer to a challenge that was given out to this user for this purpose.
    pub(crate) async fn prove_passkey(&self, user: &User, text: &str, purpose: &Purpose) -> Result<Via, ServiceError> {
        let party = self.relying_party()?;
        let answer = passkey_answer::read(text).ok_or(Unproven::Passkey)?;
        // Whatever comes of it, the challenge is used up.
        let kept = self.challenges.take(answer.challenge, self.clock.now()).ok_or(Unproven::Passkey)?;
        if kept.value.user != user.id || kept.value.purpose != *purpose {
            return Err(Unproven::Passkey.into());
        }
        let verdict = party.webauthn.finish_passkey_authentication(&answer.credential, &kept.value.state);
        self.accept_answer(user.id, &answer, verdict).await?;
        Ok(Via::Passkey)
    }

    /// Judges what the library found, and writes down that the passkey was used.
    pub(crate) async fn accept_answer(
        &self,
        user: UserId,
        answer: &Answer,
        verdict: Result<AuthenticationResult, WebauthnError>,
    ) -> Result<(), ServiceError> {
        let found = match verdict {
            // That it was the person and not only the device is asked for in every challenge.
            Ok(found) if found.user_verified() => found,
            Ok(_) => return Err(Unproven::Passkey.into()),
            Err(WebauthnError::CredentialPossibleCompromise) => {
                return Err(self.refuse_copy(user, &answer.credential.raw_id).await);
            }
            Err(error) => {
                tracing::debug!(%user, %error, "a passkey's answer was refused");
                return Err(Unproven::Passkey.into());
            }
        };
        for _ in 0..TRIES {
            let Some((stored, mut passkey)) = self.stored_passkey(user, found.cred_id()).await? else {
                return Err(Unproven::Passkey.into());
            };
            // Two challenges may be out at the same time: what counts is the counter as it is stored now.
            let (seen, now_shown) = (counter(&stored.value), found.counter());
            if (seen > 0 || now_shown > 0) && now_shown <= seen {
                return Err(self.refuse_copy(user, found.cred_id()).await);
            }
            let is_changed = passkey.update_credential(&found) == Some(true);
            let mut used = stored.value;
            if is_changed {
                used = self.seal_passkey(used, &passkey)?;
            }
            used.progress = now_shown.to_be_bytes().to_vec();
            used.last_used = Some(self.clock.now());
            let trace = Trace::of(
                "factor.use",
                "user",
                user,
                vec![("factor", used.id.to_string()), ("kind", used.kind.as_str().to_owned())],
            );
            let write = Write {
                read: vec![(Key::Credential(used.id), stored.version)],
                put: vec![Record::Credential(used.id, used)],
                trace: Some(trace),
                ..Write::default()
            };
            if let Outcome::Written = self.write(Actor::System, write).await? {
                return Ok(());
            }
        }
        Err(ServiceError::Busy)
    }

    /// A passkey of the user by what authenticators call it.
    pub(crate) async fn stored_passkey(
        &self,
        user: UserId,
        id: &[u8],
    ) -> Result<Option<(Versioned<Credential>, Passkey)>, ServiceError> {
        let stored = self.reads.run(move |reader| reader.credentials(user)).await?;
        for credential in stored.into_iter().filter(|stored| stored.value.kind == CredentialKind::Passkey) {
            let passkey = self.open_passkey(&credential.value)?;
            if passkey.cred_id().as_slice() == id {
                return Ok(Some((credential, passkey)));
            }
        }
        Ok(None)
    }

    /// A counter that does not go on says that there are two of an authenticator: its owner has to know.
    async fn refuse_copy(&self, user: UserId, id: &[u8]) -> ServiceError {
        let found = match self.stored_passkey(user, id).await {
            Ok(found) => found,
            Err(error) => return error,
        };
        let factor = found.map(|(stored, _)| stored.value.id.to_string()).unwrap_or_default();
        let trace = Trace::of("factor.counter_regressed", "user", user, vec![("factor", factor)]);
        match self.write(Actor::System, Write { trace: Some(trace), ..Write::default() }).await {
            Ok(_) => Unproven::PasskeyCopied.into(),
            Err(error) => error,
        }
    }

    pub(crate) fn open_passkey(&self, credential: &Credential) -> Result<Passkey, ServiceError> {
        let opened = self.open_credential(credential)?;
        serde_json::from_slice(opened.expose())
            .map_err(|_| ServiceError::Unavailable("a stored passkey cannot be read".to_owned()))
    }

    pub(crate) fn seal_passkey(&self, credential: Credential, passkey: &Passkey) -> Result<Credential, ServiceError> {
        let plain = serde_json::to_vec(passkey).map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        self.seal_credential(credential, &plain)
    }
}

/// What the authenticator last counted to; nothing if it does not count.
fn counter(credential: &Credential) -> u32 {
    credential.progress.as_slice().try_into().map_or(0, u32::from_be_bytes)
}

pub(crate) fn broken(error: &WebauthnError) -> ServiceError {
    ServiceError::Unavailable(format!("a challenge for a passkey cannot be made: {error}"))
}
