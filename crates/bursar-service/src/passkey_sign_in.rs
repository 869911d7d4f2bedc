//! Signing in with a passkey alone: the device says who it is, and that its owner unlocked it. That is two
//! factors in one, so no password is asked for.

use std::net::IpAddr;

use bursar_core::id::UserId;
use bursar_identity::attempts::{Credential as Presented, Source};
use serde_json::Value;
use webauthn_rs::prelude::{DiscoverableAuthentication, DiscoverableKey};

use crate::Bursar;
use crate::error::{ServiceError, Unproven};
use crate::login::{NewSession, refuse_frozen};
use crate::opening::{Opening, Standing};
use crate::passkey_answer;
use crate::passkeys::{CHALLENGE_TIME, broken};
use crate::pending::{Kept, Name};

/// A challenge that was given out to nobody in particular.
pub(crate) type OpenChallenge = DiscoverableAuthentication;

impl Bursar {
    /// Gives out a challenge that any passkey may answer: what `navigator.credentials.get` is called with.
    ///
    /// # Errors
    /// Passkeys are not set up on this server, or too many challenges were asked for from here.
    pub async fn begin_passkey_sign_in(&self, address: IpAddr) -> Result<Value, ServiceError> {
        let (party, now) = (self.relying_party()?, self.clock.now());
        self.rates.challenge(address, now)?;
        let (options, state) = party.webauthn.start_discoverable_authentication().map_err(|error| broken(&error))?;
        let name = Name::of(&options.public_key.challenge);
        self.open_challenges.put(name, Kept { of: None, ends: now.plus(CHALLENGE_TIME), value: state }, now);
        serde_json::to_value(options).map_err(|error| ServiceError::Unavailable(error.to_string()))
    }

    /// Signs in whoever's passkey answered such a challenge.
    ///
    /// # Errors
    /// The answer is wrong or late, the account is frozen, or too much was tried.
    pub async fn finish_passkey_sign_in(&self, answer: &str, address: IpAddr) -> Result<NewSession, ServiceError> {
        let (party, now) = (self.relying_party()?, self.clock.now());
        self.rates.challenge(address, now)?;
        let answer = passkey_answer::read(answer).ok_or(Unproven::Passkey)?;
        let challenge = self.open_challenges.take(answer.challenge, now).ok_or(Unproven::Passkey)?;
        let named = party.webauthn.identify_discoverable_authentication(&answer.credential);
        let (id, credential) = named.map_err(|_| Unproven::Passkey)?;
        let id = UserId::from_bytes(id.into_bytes());
        let user = self.reads.look_up(|reader| reader.user(id))?.ok_or(Unproven::Passkey)?.value;
        let (_, passkey) = self.stored_passkey(id, credential).await?.ok_or(Unproven::Passkey)?;
        let verdict = party.webauthn.finish_discoverable_authentication_v2(
            &answer.credential,
            challenge.value,
            DiscoverableKey::from(passkey),
        );
        self.accept_answer(id, &answer, verdict).await?;
        refuse_frozen(&user, now)?;
        self.note_good_source(id, Source::new(Presented::Login, address)).await?;
        let standing = Standing::Full;
        self.open_session(Opening { user, address, standing, extension_address: None, plain_token: true }).await
    }
}
