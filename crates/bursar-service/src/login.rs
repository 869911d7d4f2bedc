//! Logging in and out: a password and a second factor make a session.

use std::net::IpAddr;

use bursar_core::account::User;
use bursar_core::id::UserId;
use bursar_core::ledger::{Command, Credential, DocumentKey, DocumentKind};
use bursar_core::refusal::Refusal;
use bursar_core::scope::ScopeName;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::Token;
use bursar_identity::attempts::{Credential as Presented, Source};
use bursar_identity::password;
use bursar_wire::ecdh::IssuedToken;
use bursar_wire::extend::ExtensionAddress;
use bursar_wire::password::{WireVerifier, lower_case};
use bursar_wire::token_text::TokenText;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::{ServiceError, Unproven};
use crate::opening::Opening;
use crate::step_up::Purpose;

/// What somebody presents to log in.
#[derive(Debug)]
pub struct Login {
    /// The username, in any case.
    pub username: String,
    /// The password as it was sent: its verifier, or in clear.
    pub password: Secret<String>,
    /// Whether the password may have been sent in clear.
    pub may_be_clear: bool,
    /// The second factor.
    pub otp: Option<String>,
    /// The address whose key may extend the session, if it is to be extensible (WC §2.9).
    pub extension_address: Option<String>,
    /// Whether the client insists on a plain token.
    pub plain_token: bool,
}

/// A token's text as it is handed out, once.
#[derive(Debug)]
pub enum Handed {
    /// In clear.
    Plain(TokenText),
    /// Sealed to the owner's ECDH key (WC §3.4).
    Encrypted(IssuedToken),
}

/// A new session.
#[derive(Debug)]
pub struct NewSession {
    /// The session.
    pub token: Token,
    /// Its text.
    pub handed: Handed,
    /// The client's ECDH key as the server keeps it, encrypted by the client.
    pub encrypted_ecdh_key: Option<String>,
    /// Whose it is.
    pub user: User,
    /// Their second factors.
    pub factors: Vec<Credential>,
}

impl Bursar {
    /// Logs in with a password and a second factor in one step, as BitGo's clients do.
    ///
    /// # Errors
    /// A proof fails, the account is frozen, or too much was tried.
    pub async fn log_in(&self, login: Login, address: IpAddr) -> Result<NewSession, ServiceError> {
        let now = self.clock.now();
        let username = lower_case(&login.username);
        self.rates.login(&username, address, now)?;
        if let Some(text) = &login.extension_address {
            ExtensionAddress::read(text)
                .map_err(|error| ServiceError::invalid("extensionAddress", error.to_string()))?;
        }
        let wanted = username.clone();
        let user = self.reads.run(move |reader| reader.user_by_name(&wanted)).await?.map(|found| found.value);
        let source = Source::new(Presented::Login, address);
        let presented = verifiers(&username, login.password.expose(), login.may_be_clear);
        self.prove_password(&username, user.as_ref(), presented, source).await?;
        let user = user.ok_or(Unproven::Password)?;
        refuse_frozen(&user, now)?;
        let otp = login.otp.as_deref();
        let standing = self.prove_second_factor(&user, otp, &Purpose::LogIn, source, address).await?;
        let opening = Opening {
            user,
            address,
            standing,
            extension_address: login.extension_address,
            plain_token: login.plain_token,
        };
        self.open_session(opening).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn log_out(&self, principal: &Principal) -> Result<(), ServiceError> {
        // A token of software has no session to end; it stays as it is.
        if principal.is_person() {
            self.command(principal.actor(), Command::Revoke { token: principal.token().id }).await?;
        }
        Ok(())
    }

    /// Whether this is the password of the session's user. Counts as an attempt.
    ///
    /// # Errors
    /// Too much was tried, or the caller is no person.
    pub async fn is_password(&self, principal: &Principal, verifier: &str) -> Result<bool, ServiceError> {
        self.person(principal)?;
        let presented = WireVerifier::read(verifier).into_iter().collect::<Vec<_>>();
        if presented.is_empty() {
            return Ok(false);
        }
        let owner = &principal.owner;
        match self.prove_password(&owner.username, Some(owner), presented, self.source(principal)).await {
            Ok(()) => Ok(true),
            Err(ServiceError::Unproven(Unproven::Password)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A user and their second factors; oneself, or a colleague of the same organisation.
    ///
    /// # Errors
    /// The store does not answer, or the caller may not see this user.
    pub async fn user(
        &self,
        principal: &Principal,
        id: Option<UserId>,
    ) -> Result<(User, Vec<Credential>), ServiceError> {
        let id = id.unwrap_or(principal.user());
        if id != principal.user() {
            return Err(ServiceError::NotFound("user"));
        }
        let factors = self.reads.run(move |reader| reader.credentials(id)).await?;
        let factors = factors.into_iter().map(|factor| factor.value).filter(is_shown).collect();
        Ok(((*principal.owner).clone(), factors))
    }

    /// The public ECDH key in a user's settings and the private one as the client encrypted it.
    pub(crate) async fn ecdh_key_of(&self, user: UserId) -> Result<Option<(String, String)>, ServiceError> {
        let settings = DocumentKey { user, kind: DocumentKind::Settings, name: String::new() };
        let Some(settings) = self.reads.look_up(|reader| reader.document(&settings))? else {
            return Ok(None);
        };
        let settings: serde_json::Value = serde_json::from_slice(&settings.value.body).unwrap_or_default();
        let Some(xpub) = settings.get("ecdhKeychain").and_then(serde_json::Value::as_str) else {
            return Ok(None);
        };
        let xpub = xpub.to_owned();
        let keychain = DocumentKey { user, kind: DocumentKind::Keychain, name: xpub.clone() };
        let keychain = self.reads.look_up(|reader| reader.document(&keychain))?;
        // Without the client's private key at hand an encrypted token could never be opened: plain it is.
        Ok(keychain.and_then(|keychain| Some((xpub, String::from_utf8(keychain.value.body).ok()?))))
    }

    /// Seals a token's text to its owner's ECDH key.
    pub(crate) fn hand_out_sealed(&self, text: &TokenText, xpub: &str) -> Result<Handed, ServiceError> {
        let [a, b, c]: [u32; 3] = std::array::from_fn(|_| u32::from_be_bytes(self.random.bytes()) >> 1);
        let path = format!("m/{a}/{b}/{c}");
        let (salt, iv) = (self.random.bytes(), self.random.bytes());
        bursar_wire::ecdh::issue(text, xpub, &self.ecdh_key, &path, salt, iv)
            .map(Handed::Encrypted)
            .map_err(|error| ServiceError::Unavailable(format!("the token cannot be sealed: {error}")))
    }

    /// The owner's ECDH key, if this session was handed out under it.
    pub(crate) async fn ecdh_key_for(&self, principal: &Principal) -> Result<Option<String>, ServiceError> {
        if !principal.token().issued_by_ecdh {
            return Ok(None);
        }
        Ok(self.ecdh_key_of(principal.user()).await?.map(|(xpub, _)| xpub))
    }

    /// Whether the caller's token has a scope that speaks of no wallet.
    ///
    /// # Errors
    /// It has not.
    pub fn require_scope(&self, principal: &Principal, scope: ScopeName) -> Result<(), ServiceError> {
        let need = bursar_core::authorize::Need::Scope(scope);
        let (token, now) = (principal.token(), self.clock.now());
        Ok(bursar_core::authorize::authorize(token, &principal.owner, principal.address, need, now)?)
    }

    /// A person who has shown a second factor, where their organisation demands one.
    pub(crate) fn person(&self, principal: &Principal) -> Result<(), ServiceError> {
        self.any_person(principal)?;
        if principal.is_enrolling() { Err(ServiceError::SecondFactorRequired) } else { Ok(()) }
    }

    /// A person, also one who is still to enrol their first second factor.
    pub(crate) fn any_person(&self, principal: &Principal) -> Result<(), ServiceError> {
        if principal.is_person() { Ok(()) } else { Err(ServiceError::PersonOnly) }
    }

    /// A person whose session is unlocked: for what a stolen session must not do by itself.
    pub(crate) fn unlocked_person(&self, principal: &Principal) -> Result<(), ServiceError> {
        self.person(principal)?;
        match principal.token().unlocked_at(self.clock.now()) {
            Some(_) => Ok(()),
            None => Err(ServiceError::SessionLocked),
        }
    }

    pub(crate) fn source(&self, principal: &Principal) -> Source {
        let credential = if principal.is_person() { Presented::Login } else { Presented::Token(principal.token().id) };
        Source::new(credential, principal.address)
    }

    /// A session that may be extended and for how long, at most: from now on.
    pub(crate) const LONGEST_EXTENSION: Span = Span::from_seconds(10 * 24 * 60 * 60);
}

/// Whether a credential is a device that its owner sees in a list.
pub(crate) fn is_shown(credential: &Credential) -> bool {
    crate::factors::is_working(credential.kind)
}

/// Refuses whose account is frozen. Only who has shown the password may learn of it.
pub(crate) fn refuse_frozen(user: &User, now: Timestamp) -> Result<(), ServiceError> {
    match user.freeze.clone().filter(|freeze| freeze.holds_at(now)) {
        Some(freeze) => Err(Refusal::OwnerFrozen(freeze).into()),
        None => Ok(()),
    }
}

/// What the text on the wire may stand for.
pub(crate) fn verifiers(username: &str, presented: &str, may_be_clear: bool) -> Vec<WireVerifier> {
    if may_be_clear {
        let (of_clear, as_is) = WireVerifier::candidates(username, &password::normal_form(presented));
        return std::iter::once(of_clear).chain(as_is).collect();
    }
    // What is no verifier can only be wrong, but costs the same.
    vec![WireVerifier::read(presented).unwrap_or_else(|| WireVerifier::compute("", ""))]
}
