//! Accounts: making them, their passwords and second factors, freezing them.
//!
//! What stands here without a `Principal` is for the operator of the machine and for setting up.

use bursar_core::account::{Email, FrozenBy, MemberRole, Membership, Organisation, User};
use bursar_core::audit::Actor;
use bursar_core::id::{FactorId, OrganisationId, TokenId, UserId};
use bursar_core::ledger::{
    Command, Credential, CredentialKind, Document, DocumentKey, DocumentKind, Key, Record, Trace, Write,
};
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_core::token::LockedBy;
use bursar_identity::address::Address;
use bursar_identity::password::{self, Factors};
use bursar_identity::totp::TotpSecret;
use bursar_identity::username::Username;
use bursar_store::Page;
use bursar_wire::password::WireVerifier;
use bursar_wire::requests::ChangePassword;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::{ServiceError, Unproven};
use crate::freezes::FreezeOrder;
use crate::notices::Notice;

/// The one organisation that exists from the start.
pub const DEFAULT_ORGANISATION: OrganisationId = OrganisationId::from_bytes(*b"bursar\0default\0\0");

/// An account to make.
#[derive(Debug)]
pub struct NewUser {
    /// What they log in with.
    pub username: String,
    /// The name people call them by.
    pub full_name: String,
    /// Their password, in clear.
    pub password: Secret<String>,
    /// Whether it is a user of the test environment, whose one-time password is a fixed one.
    pub seeded: bool,
}

/// What a new second factor is shown as, once.
#[derive(Debug)]
pub struct Enrolment {
    /// The `otpauth://` URI for an authenticator app.
    pub uri: Secret<String>,
    /// The same secret as text, for typing.
    pub secret: Secret<String>,
    /// The URI as a QR code for a terminal.
    pub qr: Secret<String>,
    /// Ten codes for when the device is lost.
    pub recovery_codes: Vec<String>,
}

/// How long tokens stay locked after an operator has reset an account's second factors.
const LOCK_AFTER_RESET: Span = Span::from_seconds(24 * 60 * 60);

impl Bursar {
    /// Makes an account in the default organisation; the first one owns it. A user of a test environment
    /// gets no second factor of their own.
    ///
    /// # Errors
    /// The name is taken or cannot be, or the password is too weak.
    pub async fn create_user(&self, new: NewUser) -> Result<(User, Option<Enrolment>), ServiceError> {
        let username =
            Username::parse(&new.username).map_err(|error| ServiceError::invalid("username", error.to_string()))?;
        password::check_new(new.password.expose(), &username, Factors::WithSecondFactor)
            .map_err(|error| ServiceError::invalid("password", error.to_string()))?;
        let name = username.as_str().to_owned();
        let everybody = Page { limit: 1, after: None, newest_first: false };
        let (same, anybody) =
            self.reads.run(move |reader| Ok((reader.user_by_name(&name)?, reader.users(everybody)?))).await?;
        if same.is_some() {
            return Err(ServiceError::Conflict(format!("there is a user `{}` already", username.as_str())));
        }
        let now = self.clock.now();
        let user = User {
            id: UserId::time_ordered(now, self.random.bytes()),
            username: username.as_str().to_owned(),
            full_name: new.full_name,
            freeze: None,
            seeded: new.seeded,
            created: now,
            sessions_since: now,
            // What a test environment makes up is taken as it is; others show that they read their mail.
            email: Address::parse(username.as_str())
                .ok()
                .map(|address| Email { address: address.as_str().to_owned(), is_verified: new.seeded }),
        };
        let role = if anybody.is_empty() { MemberRole::Owner } else { MemberRole::Member };
        let password = self.password_credential(&user, new.password.expose()).await?;
        let membership = Membership { organisation: DEFAULT_ORGANISATION, user: user.id, role };
        let mut read = vec![(Key::User(user.id), 0)];
        let mut put = vec![
            Record::User(user.id, user.clone()),
            Record::Membership((DEFAULT_ORGANISATION, user.id), membership),
            Record::Credential(password.id, password),
        ];
        if anybody.is_empty() {
            let organisation = Organisation {
                id: DEFAULT_ORGANISATION,
                name: "default".to_owned(),
                freeze: None,
                requires_second_factor: true,
            };
            read.push((Key::Organisation(DEFAULT_ORGANISATION), 0));
            put.push(Record::Organisation(DEFAULT_ORGANISATION, organisation));
        }
        let enrolment = if new.seeded { None } else { Some(self.new_factors(&user, &mut put)?) };
        let trace = Trace::of("user.create", "user", user.id, vec![("username", user.username.clone())]);
        let write = Write { read, put, trace: Some(trace), ..Write::default() };
        self.must_write(Actor::Operator, write).await?;
        Ok((user, enrolment))
    }

    /// Sets an account's password, as the operator of the machine. Ends its sessions.
    ///
    /// # Errors
    /// There is no such user, or the password is too weak.
    pub async fn set_password(&self, username: &str, clear: &Secret<String>) -> Result<(), ServiceError> {
        let user = self.user_named(username).await?;
        self.check_password(&user, clear, Factors::WithSecondFactor)?;
        self.replace_password(Actor::Operator, &user, clear, "operator", |_| Ok(Write::default())).await?;
        self.notify(&user, &Notice::PasswordChanged);
        Ok(())
    }

    /// Replaces an account's second factors, as the operator of the machine, for somebody who lost them.
    /// Whoever talked the operator into it finds every token locked for a day, and the owner a trace.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn reset_second_factors(&self, username: &str) -> Result<Enrolment, ServiceError> {
        let user = self.user_named(username).await?;
        let id = user.id;
        let mut put = Vec::new();
        let enrolment = self.new_factors(&user, &mut put)?;
        let mut write = Write {
            put,
            trace: Some(Trace::of(
                "user.reset_2fa",
                "user",
                id,
                vec![("locked_for_ms", LOCK_AFTER_RESET.as_millis().to_string())],
            )),
            ..Write::default()
        };
        self.end_sessions(id, &mut write).await?;
        let old = self.reads.run(move |reader| reader.credentials(id)).await?;
        for factor in old.iter().filter(|factor| factor.value.kind != CredentialKind::Password) {
            write.read.push((Key::Credential(factor.value.id), factor.version));
            write.delete.push(Key::Credential(factor.value.id));
        }
        let now = self.clock.now();
        let mut after: Option<TokenId> = None;
        loop {
            let page = Page { limit: 200, after, newest_first: false };
            let tokens = self.reads.run(move |reader| reader.access_tokens(id, now, page)).await?;
            let Some(last) = tokens.last() else { break };
            after = Some(last.id);
            for token in tokens {
                self.command(Actor::Operator, Command::Lock { token: token.id, by: LockedBy::Operator }).await?;
            }
        }
        self.must_write(Actor::Operator, write).await?;
        self.notify(&user, &Notice::FactorsReplaced);
        Ok(enrolment)
    }

    /// All users, by age.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn users(&self, page: Page<UserId>) -> Result<Vec<User>, ServiceError> {
        Ok(self.reads.run(move |reader| reader.users(page)).await?)
    }

    /// The user of this name.
    ///
    /// # Errors
    /// There is none.
    pub async fn user_named(&self, username: &str) -> Result<User, ServiceError> {
        let name = bursar_wire::password::lower_case(username);
        let found = self.reads.run(move |reader| reader.user_by_name(&name)).await?;
        found.map(|found| found.value).ok_or(ServiceError::NotFound("user"))
    }

    /// Freezes one's own account: every token and session of it stops. Only an unlocked session may.
    ///
    /// # Errors
    /// The caller is no person, or the session is not unlocked.
    pub async fn freeze_self(&self, principal: &Principal, order: &FreezeOrder) -> Result<(), ServiceError> {
        self.unlocked_person(principal)?;
        let (id, by) = (principal.user(), (FrozenBy::Person, "frozen by its owner"));
        let frozen = self.decide(principal.actor(), || self.user_freeze(id, order, by, Vec::new())).await?;
        self.tell_frozen(frozen).map(drop)
    }

    /// Lifts a freeze, as the operator of the machine.
    ///
    /// # Errors
    /// There is no such user, or the account is not frozen.
    pub async fn unfreeze(&self, username: &str) -> Result<(), ServiceError> {
        let id = self.user_named(username).await?.id;
        let found = self.stored_user(id)?;
        self.in_force("account", found.value.freeze.as_ref())?;
        let user = User { freeze: None, ..found.value };
        let write = Write {
            read: vec![(Key::User(id), found.version)],
            put: vec![Record::User(id, user.clone())],
            trace: Some(Trace::of("user.unfreeze", "user", id, Vec::new())),
            ..Write::default()
        };
        self.must_write(Actor::Operator, write).await?;
        self.notify(&user, &Notice::Unfrozen);
        Ok(())
    }

    /// Changes one's own password and ends all sessions, this one too; the keys encrypted with it come along, re-encrypted by the client.
    ///
    /// # Errors
    /// The caller is no person with an unlocked session, or the old password is wrong.
    pub async fn change_password(&self, principal: &Principal, change: ChangePassword) -> Result<(), ServiceError> {
        self.unlocked_person(principal)?;
        let old = WireVerifier::read(change.old.expose()).ok_or(Unproven::Password)?;
        let new = WireVerifier::read(change.new.expose())
            .ok_or_else(|| ServiceError::invalid("password", "must be the password's HMAC, 64 hex characters"))?;
        let owner = &principal.owner;
        self.prove_password(&owner.username, Some(owner), vec![old], self.source(principal)).await?;
        let user = principal.user();
        let stored = self.password_of(user).await?.ok_or(Unproven::Password)?;
        let made = self.sealed_password(stored.value, new).await?;
        let mut write = Write {
            read: vec![(Key::Credential(made.id), stored.version)],
            put: vec![Record::Credential(made.id, made)],
            trace: Some(Trace::of("user.password", "user", user, vec![("by", "owner".to_owned())])),
            ..Write::default()
        };
        self.end_sessions(user, &mut write).await?;
        for (xpub, encrypted) in change.keychains {
            let key = DocumentKey { user, kind: DocumentKind::Keychain, name: xpub };
            let wanted = key.clone();
            let known = self.reads.look_up(|reader| reader.document(&wanted))?;
            let Some(known) = known else {
                return Err(ServiceError::invalid("keychains", "names a keychain that is not kept here"));
            };
            write.read.push((Key::Document(key.clone()), known.version));
            write.put.push(Record::Document(key, Document { title: None, body: encrypted.into_bytes() }));
        }
        self.must_write(principal.actor(), write).await?;
        self.notify(owner, &Notice::PasswordChanged);
        Ok(())
    }

    /// Adds to a write that every session of the user is over.
    pub(crate) async fn end_sessions(&self, id: UserId, write: &mut Write) -> Result<(), ServiceError> {
        let found = self.stored_user(id)?;
        write.read.push((Key::User(id), found.version));
        write.put.push(Record::User(id, self.ending_sessions(found.value)));
        self.void_address_link(id, write)
    }

    pub(crate) async fn password_credential(&self, user: &User, clear: &str) -> Result<Credential, ServiceError> {
        let credential = self.new_credential(user.id, CredentialKind::Password, "password");
        let clear = password::normal_form(clear);
        self.sealed_password(credential, WireVerifier::compute(&user.username, &clear)).await
    }

    pub(crate) async fn sealed_password(
        &self,
        credential: Credential,
        verifier: WireVerifier,
    ) -> Result<Credential, ServiceError> {
        let hash = self.hashing.hash(credential.user, verifier, self.random.bytes()).await?;
        self.seal_credential(credential, hash.expose().as_bytes())
    }

    fn new_factors(&self, user: &User, put: &mut Vec<Record>) -> Result<Enrolment, ServiceError> {
        let secret = TotpSecret::new(self.random.bytes());
        let device = self.new_credential(user.id, CredentialKind::Totp, "authenticator");
        let device = self.seal_credential(device, secret.expose())?;
        let (codes, recovery) = self.new_recovery_codes(user.id);
        put.push(Record::Credential(device.id, device));
        put.push(Record::Credential(recovery.id, recovery));
        let uri = secret.otpauth_uri("Bursar", &user.username);
        let qr = bursar_identity::totp::terminal_qr(uri.expose())
            .map_err(|_| ServiceError::Unavailable("the enrolment does not fit a QR code".to_owned()))?;
        Ok(Enrolment {
            qr,
            uri,
            secret: secret.base32(),
            recovery_codes: codes.iter().map(|code| code.expose().clone()).collect(),
        })
    }

    pub(crate) fn new_credential(&self, user: UserId, kind: CredentialKind, label: &str) -> Credential {
        let now = self.clock.now();
        Credential {
            id: FactorId::time_ordered(now, self.random.bytes()),
            user,
            kind,
            label: label.to_owned(),
            sealed: Vec::new(),
            progress: Vec::new(),
            created: now,
            last_used: None,
        }
    }
}
