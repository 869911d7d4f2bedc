//! Taking an invitation: with a new account, or with the one somebody is signed in with.

use std::net::IpAddr;

use bursar_core::account::{Email, Invitation, MemberRole, Membership, Organisation, User, WalletRole};
use bursar_core::audit::Actor;
use bursar_core::id::{InvitationId, UserId, WalletId};
use bursar_core::ledger::{Key, Record, Trace, Versioned, Write};
use bursar_core::secret::Secret;
use bursar_identity::link::LinkSecret;
use bursar_identity::password::Factors;

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::stored::Rests;

/// An invitation as whoever has its link sees it.
#[derive(Clone, Debug)]
pub struct InvitationView {
    /// The invitation.
    pub invitation: Invitation,
    /// Where to.
    pub organisation: Organisation,
    /// Whether there is an account of its address, which then takes it.
    pub has_account: bool,
}

/// The account that an invitation is to make.
#[derive(Debug)]
pub struct NewAccount {
    /// The name people call its owner by.
    pub full_name: String,
    /// Its password, in clear.
    pub password: Secret<String>,
}

/// What came of an invitation.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Who joined.
    pub user: User,
    /// Where.
    pub organisation: Organisation,
    /// As what.
    pub role: MemberRole,
    /// Whether the account is new; its owner then signs in with the address as username.
    pub is_new: bool,
}

impl Bursar {
    /// What an invitation offers, to whoever has its link.
    ///
    /// # Errors
    /// The link is over, or too much is asked for from there.
    pub fn invitation_by_link(&self, link: &str, address: IpAddr) -> Result<InvitationView, ServiceError> {
        self.rates.link(address, self.clock.now())?;
        let invitation = self.open_invitation(link)?.value;
        self.offered(&invitation)?;
        let organisation = self.stored_organisation(invitation.organisation)?.value;
        let has_account = self.account_of(&invitation.address)?;
        Ok(InvitationView { invitation, organisation, has_account })
    }

    /// Takes an invitation as somebody who is signed in.
    ///
    /// # Errors
    /// The link is over, or the caller is no person or belongs to the organisation.
    pub async fn join(&self, principal: &Principal, link: &str) -> Result<Taken, ServiceError> {
        self.person(principal)?;
        self.rates.link(principal.address, self.clock.now())?;
        let id = principal.user();
        let invitation = self.open_invitation(link)?.value;
        let demands = self.stored_organisation(invitation.organisation)?.value.requires_second_factor;
        if demands && self.factors_of(&principal.owner).await?.is_empty() {
            return Err(ServiceError::SecondFactorRequired);
        }
        self.decide(principal.actor(), || {
            let user = self.stored_user(id)?;
            // A link may have been passed on: to run the organisation takes the address that was meant.
            if invitation.role.administers() && user.value.verified_address() != Some(&invitation.address) {
                let problem = "the invitation is for another address; sign in with the account that has it, or ask for \
                               an invitation to yours";
                return Err(ServiceError::Conflict(problem.to_owned()));
            }
            self.taking(link, (user.value, user.version), Write::default())
        })
        .await
    }

    /// Takes an invitation by making an account, whose username is the address. It has no second factor yet.
    ///
    /// # Errors
    /// The link is over, there is an account of that address, or the password is too weak.
    pub async fn accept(&self, link: &str, new: &NewAccount, address: IpAddr) -> Result<Taken, ServiceError> {
        let now = self.clock.now();
        self.rates.link(address, now)?;
        check_name("fullName", &new.full_name)?;
        let invitation = self.open_invitation(link)?.value;
        if self.account_of(&invitation.address)? {
            return Err(ServiceError::AccountExists);
        }
        let user = User {
            id: UserId::time_ordered(now, self.random.bytes()),
            username: invitation.address.clone(),
            full_name: new.full_name.clone(),
            freeze: None,
            seeded: false,
            created: now,
            sessions_since: now,
            email: Some(Email { address: invitation.address.clone(), is_verified: invitation.is_mailed }),
        };
        let factors = match self.stored_organisation(invitation.organisation)?.value.requires_second_factor {
            true => Factors::WithSecondFactor,
            false => Factors::PasswordOnly,
        };
        self.check_password(&user, &new.password, factors)?;
        let password = self.password_credential(&user, new.password.expose()).await?;
        let made = || {
            let write = Write { put: vec![Record::Credential(password.id, password.clone())], ..Write::default() };
            self.taking(link, (user.clone(), 0), write)
        };
        let taken = self.decide(Actor::Anonymous, made).await.map_err(|error| match error {
            // The username or the address was taken in between.
            ServiceError::Conflict(_) => ServiceError::AccountExists,
            error => error,
        })?;
        // A link that the operator handed over says nothing of who reads the address.
        self.ask_to_confirm_once(&taken.user).await;
        Ok(taken)
    }

    /// What is written when somebody takes an invitation; at version 0 they are new.
    fn taking(
        &self,
        link: &str,
        (user, version): (User, u64),
        mut write: Write,
    ) -> Result<(Write, Taken), ServiceError> {
        let found = self.open_invitation(link)?;
        let Invitation { id, organisation, role, address, .. } = found.value.clone();
        let place = self.place(organisation, user.id)?;
        if place.value.is_some() {
            let problem = "you belong to the organisation already; whoever runs it changes your role there";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        write.read.push((Key::Invitation(id), found.version));
        write.read.push((Key::User(user.id), version));
        write.read.push((Key::Membership((organisation, user.id)), 0));
        let (still, read) = self.offered(&found.value)?;
        write.read.extend(read);
        write.put.push(Record::User(user.id, user.clone()));
        let membership = Membership { organisation, user: user.id, role };
        write.put.push(Record::Membership((organisation, user.id), membership));
        write.put.extend(still.into_iter().map(|(wallet, role)| Record::Role((wallet, user.id), role)));
        write.delete.push(Key::Invitation(id));
        let data = vec![
            ("invitation", id.to_string()),
            ("user", user.id.to_string()),
            ("address", address),
            ("role", role.as_str().to_owned()),
        ];
        write.trace = Some(Trace::of("invitation.take", "organisation", organisation, data));
        let organisation = self.stored_organisation(organisation)?.value;
        Ok((write, Taken { user, organisation, role, is_new: version == 0 }))
    }

    /// What of an invitation its maker may still give, and the versions of what says so. If that is not even the role,
    /// the invitation is over.
    fn offered(&self, invitation: &Invitation) -> Result<(Vec<(WalletId, WalletRole)>, Rests), ServiceError> {
        let organisation = invitation.organisation;
        // Of a wallet that is gone, nothing is given.
        let (mut read, mut there) = (Vec::new(), Vec::new());
        for (wallet, role) in &invitation.wallets {
            match self.stored_wallet(*wallet) {
                Ok(found) => read.push((Key::Wallet(*wallet), found.version)),
                Err(ServiceError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            }
            there.push((*wallet, *role));
        }
        let Some(by) = invitation.invited_by else { return Ok((there, read)) };
        let inviter = self.reads.look_up(|reader| reader.user(by))?.ok_or(ServiceError::LinkOver)?;
        let is_frozen = inviter.value.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(self.clock.now()));
        let place = self.place(organisation, by)?;
        read.push((Key::User(by), inviter.version));
        read.push((Key::Membership((organisation, by)), place.version));
        let own = place.value.filter(|own| !is_frozen && own.may_make(invitation.role));
        let own = own.ok_or(ServiceError::LinkOver)?;
        let mut still = Vec::new();
        for (wallet, role) in there {
            let theirs = self.wallet_role(wallet, by)?;
            read.push((Key::Role((wallet, by)), theirs.version));
            if own == MemberRole::Owner || theirs.value.is_some_and(|theirs| theirs.admin) {
                still.push((wallet, role));
            }
        }
        Ok((still, read))
    }

    fn open_invitation(&self, link: &str) -> Result<Versioned<Invitation>, ServiceError> {
        let link = LinkSecret::read(link).ok_or(ServiceError::LinkOver)?;
        let found = self.stored_invitation(InvitationId::from_bytes(link.owner()))?;
        let lookup = self.sealer.lookup(&link.hash());
        let lives =
            |found: &Versioned<Invitation>| found.value.lookup == lookup && self.clock.now() < found.value.expires;
        found.filter(lives).ok_or(ServiceError::LinkOver)
    }

    fn account_of(&self, address: &str) -> Result<bool, ServiceError> {
        let found = self.reads.look_up(|reader| {
            Ok(reader.user_by_name(address)?.is_some() || reader.user_by_address(address)?.is_some())
        })?;
        Ok(found)
    }
}
