//! What people change about their own account: their name, their password in clear, their address.

use std::net::IpAddr;

use bursar_core::account::{Email, User};
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Record, Trace, Version, Write};
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_identity::address::Address;
use bursar_identity::link::LinkSecret;
use bursar_identity::password::{self, Factors};
use bursar_identity::username::Username;
use bursar_wire::password::WireVerifier;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::notices::Notice;
use crate::step_up::Action;

/// How long a link that confirms an address works.
const CONFIRM_WITHIN: Span = Span::from_seconds(24 * 60 * 60);
/// The longest name of a person, in characters.
const LONGEST_NAME: usize = 250;

/// A link that is to confirm an address, as it is kept.
struct AddressLink {
    lookup: [u8; 32],
    expires: Timestamp,
    address: String,
}

impl AddressLink {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.lookup[..], &self.expires.as_millis().to_be_bytes(), self.address.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (lookup, rest) = bytes.split_first_chunk::<32>()?;
        let (expires, address) = rest.split_first_chunk::<8>()?;
        Some(Self {
            lookup: *lookup,
            expires: Timestamp::from_millis(i64::from_be_bytes(*expires)),
            address: String::from_utf8(address.to_vec()).ok()?,
        })
    }
}

impl Bursar {
    /// Changes the name that people call the caller by.
    ///
    /// # Errors
    /// The caller is no person, or it is no name.
    pub async fn rename(&self, principal: &Principal, full_name: &str) -> Result<(), ServiceError> {
        self.person(principal)?;
        check_name("fullName", full_name)?;
        let id = principal.user();
        self.decide(principal.actor(), || {
            let found = self.stored_user(id)?;
            let user = User { full_name: full_name.to_owned(), ..found.value };
            let trace = Some(Trace::of("user.rename", "user", id, vec![("name", full_name.to_owned())]));
            let (read, put) = (vec![(Key::User(id), found.version)], vec![Record::User(id, user)]);
            Ok((Write { read, put, trace, ..Write::default() }, ()))
        })
        .await
    }

    /// Changes the caller's password, both given in clear, and ends all sessions, this one too.
    ///
    /// # Errors
    /// The caller is no person, a proof fails, or the new one is too weak.
    pub async fn change_password_in_clear(
        &self,
        principal: &Principal,
        old: &Secret<String>,
        new: &Secret<String>,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.person(principal)?;
        let (owner, id) = (&principal.owner, principal.user());
        let factors = self.beside_password(owner).await?;
        self.check_password(owner, new, factors)?;
        let presented = vec![WireVerifier::compute(&owner.username, &password::normal_form(old.expose()))];
        self.prove_password(&owner.username, Some(owner), presented, self.source(principal)).await?;
        self.step_up(principal, Action::ChangeAccount, otp).await?;
        self.replace_password(principal.actor(), owner, new, "owner", |_| Ok(Write::default())).await?;
        let user = self.stored_user(id)?.value;
        self.notify(&user, &Notice::PasswordChanged);
        Ok(())
    }

    /// Writes a new password and what else is decided on the account as it is then, and ends all sessions.
    pub(crate) async fn replace_password(
        &self,
        actor: Actor,
        user: &User,
        clear: &Secret<String>,
        by: &'static str,
        more: impl Fn(&User) -> Result<Write, ServiceError>,
    ) -> Result<(), ServiceError> {
        let made = self.password_credential(user, clear.expose()).await?;
        let id = user.id;
        let stored = self.password_of(id).await?;
        self.decide(actor, || {
            let found = self.stored_user(id)?;
            let mut write = more(&found.value)?;
            match &stored {
                // The row stays; a change of password in between is one that this one must not undo.
                Some(old) => {
                    write.read.push((Key::Credential(old.value.id), old.version));
                    write.delete.push(Key::Credential(old.value.id));
                }
                None => write.read.push((Key::Credential(made.id), 0)),
            }
            write.put.push(Record::Credential(made.id, made.clone()));
            write.read.push((Key::User(id), found.version));
            write.put.push(Record::User(id, self.ending_sessions(found.value)));
            self.void_address_link(id, &mut write)?;
            write.trace = Some(Trace::of("user.password", "user", id, vec![("by", by.to_owned())]));
            Ok((write, ()))
        })
        .await
    }

    /// What the user's password stands beside: what they have, and what their organisations ask for.
    pub(crate) async fn beside_password(&self, user: &User) -> Result<Factors, ServiceError> {
        use bursar_core::ledger::CredentialKind;
        let id = user.id;
        let (factors, places) =
            self.reads.run(move |reader| Ok((reader.credentials(id)?, reader.memberships(id)?))).await?;
        if user.seeded || factors.iter().any(|factor| factor.value.kind != CredentialKind::Password) {
            return Ok(Factors::WithSecondFactor);
        }
        for place in places {
            if self.stored_organisation(place.organisation)?.value.requires_second_factor {
                return Ok(Factors::WithSecondFactor);
            }
        }
        Ok(Factors::PasswordOnly)
    }

    pub(crate) fn check_password(
        &self,
        user: &User,
        clear: &Secret<String>,
        factors: Factors,
    ) -> Result<(), ServiceError> {
        let invalid = |problem: String| ServiceError::invalid("password", problem);
        let username = Username::parse(&user.username).map_err(|error| invalid(error.to_string()))?;
        password::check_new(clear.expose(), &username, factors).map_err(|weak| invalid(weak.to_string()))
    }

    /// Sends a link to an address, which then becomes the caller's; the old one is told.
    ///
    /// # Errors
    /// The caller is no person, the second factor is wrong, it is no address, or no mail is sent here.
    pub async fn ask_address(
        &self,
        principal: &Principal,
        address: &str,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.person(principal)?;
        self.needs_mail()?;
        let address = read_address("email", address)?;
        self.step_up(principal, Action::ChangeAccount, otp).await?;
        self.rates.mail_of(principal.user(), self.clock.now())?;
        self.notify(&principal.owner, &Notice::AddressChangeAsked { to: address.as_str().to_owned() });
        self.send_confirmation(principal.actor(), &principal.owner, address.as_str()).await
    }

    /// Gives an account an address, as the operator of the machine, and has its owner confirm it if mail is sent here.
    ///
    /// # Errors
    /// There is no such user, or it is no address.
    pub async fn set_address(&self, username: &str, address: &str) -> Result<(), ServiceError> {
        let (id, address) = (self.user_named(username).await?.id, read_address("email", address)?);
        let user = self
            .decide(Actor::Operator, || {
                let found = self.stored_user(id)?;
                let email = Some(Email { address: address.as_str().to_owned(), is_verified: false });
                let user = User { email, ..found.value };
                let trace = Some(Trace::of("user.address", "user", id, vec![("by", "operator".to_owned())]));
                let (read, put) = (vec![(Key::User(id), found.version)], vec![Record::User(id, user.clone())]);
                Ok((Write { read, put, trace, ..Write::default() }, user))
            })
            .await?;
        self.ask_to_confirm(Actor::Operator, &user).await
    }

    /// Sends the owner of a new account a link that confirms their address, if there is one and mail is sent here.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn ask_to_confirm(&self, actor: Actor, user: &User) -> Result<(), ServiceError> {
        match &user.email {
            Some(email) if !email.is_verified && self.sends_mail() => {
                self.send_confirmation(actor, user, &email.address).await
            }
            _ => Ok(()),
        }
    }

    /// The same at a sign-in, once: an account may be older than the section that says how mail is sent. What cannot be
    /// sent keeps nobody from signing in.
    pub(crate) async fn ask_to_confirm_once(&self, user: &User) {
        let is_asked = || self.stored_address_link(&address_link(user.id)).map(|kept| kept.is_some());
        if user.email.as_ref().is_none_or(|email| email.is_verified) || !self.sends_mail() {
            return;
        }
        let asked = match is_asked() {
            Ok(true) => Ok(()),
            Ok(false) => self.ask_to_confirm(Actor::System, user).await,
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            tracing::warn!(user = %user.id, %error, "an address could not be asked to be confirmed");
        }
    }

    /// Sends the link again that confirms the address of the caller's account; earlier ones are over.
    ///
    /// # Errors
    /// The caller is no person, the address is confirmed, there is none, too much was sent, or no mail is sent here.
    pub async fn resend_confirmation(&self, principal: &Principal) -> Result<(), ServiceError> {
        self.person(principal)?;
        self.needs_mail()?;
        let user = self.stored_user(principal.user())?.value;
        match &user.email {
            None => return Err(ServiceError::Conflict("the account has no address to confirm".to_owned())),
            Some(email) if email.is_verified => {
                return Err(ServiceError::Conflict("the address is confirmed already".to_owned()));
            }
            Some(_) => {}
        }
        self.rates.mail_of(user.id, self.clock.now())?;
        self.ask_to_confirm(principal.actor(), &user).await
    }

    async fn send_confirmation(&self, actor: Actor, user: &User, address: &str) -> Result<(), ServiceError> {
        let link = self.new_link(*user.id.as_bytes());
        let key = address_link(user.id);
        let kept = AddressLink {
            lookup: self.sealer.lookup(&link.hash()),
            expires: self.clock.now().plus(CONFIRM_WITHIN),
            address: address.to_owned(),
        };
        let body = kept.to_bytes();
        self.decide(actor, || {
            let put = vec![Record::Document(key.clone(), Document { title: None, body: body.clone() })];
            let trace = Some(Trace::of("user.ask_address", "user", user.id, Vec::new()));
            Ok((Write { put, trace, ..Write::default() }, ()))
        })
        .await?;
        self.mail(address, &Notice::ConfirmAddress { username: user.username.clone(), link });
        Ok(())
    }

    /// Takes the link that confirms an address: it is the account's from now on. No session is needed.
    ///
    /// # Errors
    /// The link is over, or another account has the address.
    pub async fn verify_address(&self, link: &str, address: IpAddr) -> Result<(), ServiceError> {
        self.rates.link(address, self.clock.now())?;
        let link = LinkSecret::read(link).ok_or(ServiceError::LinkOver)?;
        let (id, lookup) = (UserId::from_bytes(link.owner()), self.sealer.lookup(&link.hash()));
        let key = address_link(id);
        let (old, new) = self
            .decide(Actor::Anonymous, || {
                let (version, kept) = self.stored_address_link(&key)?.ok_or(ServiceError::LinkOver)?;
                if kept.lookup != lookup || self.clock.now() >= kept.expires {
                    return Err(ServiceError::LinkOver);
                }
                let found = self.reads.look_up(|reader| reader.user(id))?.ok_or(ServiceError::LinkOver)?;
                if found.value.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(self.clock.now())) {
                    return Err(ServiceError::LinkOver);
                }
                let old = found.value.clone();
                let email = Some(Email { address: kept.address.clone(), is_verified: true });
                let write = Write {
                    read: vec![(Key::Document(key.clone()), version), (Key::User(id), found.version)],
                    put: vec![Record::User(id, User { email, ..found.value })],
                    delete: vec![Key::Document(key.clone())],
                    trace: Some(Trace::of("user.address", "user", id, vec![("by", "owner".to_owned())])),
                };
                Ok((write, (old, kept.address)))
            })
            .await
            .map_err(|error| match error {
                ServiceError::Conflict(_) => ServiceError::Conflict("another account has this address".to_owned()),
                error => error,
            })?;
        if old.verified_address().is_some_and(|address| address != new) {
            self.notify(&old, &Notice::AddressChanged { to: new });
        }
        Ok(())
    }

    /// Adds to a write that a change of address that is under way is over: whoever asked for it may be a thief.
    pub(crate) fn void_address_link(&self, id: UserId, write: &mut Write) -> Result<(), ServiceError> {
        let key = Key::Document(address_link(id));
        let found = self.reads.look_up(|reader| reader.document(&address_link(id)))?;
        if let Some(found) = found {
            write.read.push((key.clone(), found.version));
            write.delete.push(key);
        }
        Ok(())
    }

    fn stored_address_link(&self, key: &DocumentKey) -> Result<Option<(Version, AddressLink)>, ServiceError> {
        let Some(found) = self.reads.look_up(|reader| reader.document(key))? else { return Ok(None) };
        Ok(AddressLink::from_bytes(&found.value.body).map(|link| (found.version, link)))
    }

    /// A new secret for a link of an account or an invitation.
    pub(crate) fn new_link(&self, owner: [u8; 16]) -> LinkSecret {
        LinkSecret::new(owner, self.random.bytes())
    }
}

fn address_link(user: UserId) -> DocumentKey {
    DocumentKey { user, kind: DocumentKind::AddressLink, name: String::new() }
}

pub(crate) fn read_address(field: &str, text: &str) -> Result<Address, ServiceError> {
    Address::parse(text).map_err(|error| ServiceError::invalid(field, error.to_string()))
}

/// The name of a thing that need not have one.
pub(crate) fn check_label(text: &str) -> Result<(), ServiceError> {
    if text.is_empty() { Ok(()) } else { check_name("label", text) }
}

/// A text for people: some characters, not too many, none of them hidden.
pub(crate) fn check_name(field: &str, text: &str) -> Result<(), ServiceError> {
    let problem = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().take(LONGEST_NAME.saturating_add(1)).count() > LONGEST_NAME {
        "has more than 250 characters"
    } else if text.chars().any(bursar_core::text::is_hidden) {
        "contains control characters, or others that cannot be seen"
    } else {
        return Ok(());
    };
    Err(ServiceError::invalid(field, problem))
}
