//! Inviting people: a link in a mail makes an account in an organisation, or takes one there.
//!
//! The link works once and for a week. What its maker may no longer give when it is taken is not given.

mod redeem;

use bursar_core::account::{Invitation, MemberRole, Wallet, WalletRole};
use bursar_core::audit::Actor;
use bursar_core::id::{InvitationId, OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Key, Record, Trace, Versioned, Write};
use bursar_core::time::{Span, Timestamp};
use bursar_identity::address::Address;
use bursar_identity::link::LinkSecret;
use bursar_store::Page;

use crate::Bursar;
use crate::accounts::read_address;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::notices::{INVITATION_PAGE, Notice};
use crate::step_up::Action;
use crate::stored::Rests;

pub use redeem::{InvitationView, NewAccount, Taken};

/// How long an invitation stands.
const WITHIN: Span = Span::from_seconds(7 * 24 * 60 * 60);
/// How many invitations an organisation may have open.
const MOST_OPEN: usize = 100;
/// How often one is sent.
const MOST_SENT: u32 = 10;

/// A place to offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewInvitation {
    /// Who is invited.
    pub address: String,
    /// What they will be.
    pub role: MemberRole,
    /// What they may do with which wallets of the organisation.
    pub wallets: Vec<(WalletId, WalletRole)>,
}

/// Who invites.
#[derive(Clone, Copy)]
enum By<'a> {
    Principal(&'a Principal),
    Operator,
}

impl By<'_> {
    fn user(self) -> Option<UserId> {
        match self {
            Self::Principal(principal) => Some(principal.user()),
            Self::Operator => None,
        }
    }
}

/// An invitation with its version, and what was read to decide on it.
type ToChange = (Versioned<Invitation>, Rests);

/// What the operator hands to whoever is invited.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// The address of the page that takes the invitation.
    Address(String),
    /// What stands at the end of that address: nothing says where this server is.
    Secret(String),
}

impl Shown {
    /// The text, whichever it is.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Address(text) | Self::Secret(text) => text,
        }
    }
}

impl Bursar {
    /// Invites somebody to an organisation, by mail. Owners offer every role, admins those that run nothing; a role in a
    /// wallet offers who administers it, or owns the organisation.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, no mail is sent here, or the address has an invitation.
    pub async fn invite(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        new: &NewInvitation,
        otp: Option<&str>,
    ) -> Result<Invitation, ServiceError> {
        self.person(principal)?;
        self.needs_mail()?;
        let address = read_address("email", &new.address)?;
        self.rates.mail_of(principal.user(), self.clock.now())?;
        let id = InvitationId::time_ordered(self.clock.now(), self.random.bytes());
        let link = self.new_link(*id.as_bytes());
        let invitation = self
            .decide_stepping_up(principal, Action::Administer(organisation), otp, |stepped_up| {
                let decided = self.invitation((By::Principal(principal), organisation), new, &address, (id, &link))?;
                if !stepped_up {
                    return Err(ServiceError::StepUpNeeded);
                }
                Ok(decided)
            })
            .await?;
        self.send_invitation(&invitation, Some(principal.owner.full_name.clone()), link)?;
        Ok(invitation)
    }

    /// Invites somebody as the operator of the machine, who is shown the link. It goes by mail, too, if mail is sent
    /// here. An account that it makes has no verified address: whoever has the link need not read the mail there.
    ///
    /// # Errors
    /// There is no such organisation or wallet, or the address has an invitation.
    pub async fn invite_as_operator(
        &self,
        organisation: OrganisationId,
        new: &NewInvitation,
    ) -> Result<(Invitation, Shown), ServiceError> {
        let address = read_address("email", &new.address)?;
        let id = InvitationId::time_ordered(self.clock.now(), self.random.bytes());
        let link = self.new_link(*id.as_bytes());
        let decision = || self.invitation((By::Operator, organisation), new, &address, (id, &link));
        let invitation = self.decide(Actor::Operator, decision).await?;
        let shown = match self.link_to(INVITATION_PAGE, link.expose()) {
            Some(address) => Shown::Address(address),
            None => Shown::Secret(link.expose().to_owned()),
        };
        self.send_invitation(&invitation, None, link)?;
        Ok((invitation, shown))
    }

    fn invitation(
        &self,
        (by, organisation): (By<'_>, OrganisationId),
        new: &NewInvitation,
        address: &Address,
        (id, link): (InvitationId, &LinkSecret),
    ) -> Result<(Write, Invitation), ServiceError> {
        // INVARIANT: whatever invites reads the organisation's record before it counts what is open, and writes it anew:
        // of two that do so at once, the second counts again.
        let found = self.stored_organisation(organisation)?;
        let mut write = Write {
            read: vec![(Key::Invitation(id), 0), (Key::Organisation(organisation), found.version)],
            put: vec![Record::Organisation(organisation, found.value)],
            ..Write::default()
        };
        if let By::Principal(principal) = by {
            write.read.extend(self.may_offer(principal, organisation, new.role)?);
            for (wallet, _) in &new.wallets {
                write.read.extend(self.may_run_wallet(principal, *wallet)?);
            }
        }
        for (wallet, _) in &new.wallets {
            self.wallet_within(organisation, *wallet)?;
        }
        let now = self.clock.now();
        self.make_room(organisation, address, now, &mut write)?;
        let invitation = Invitation {
            id,
            organisation,
            address: address.as_str().to_owned(),
            role: new.role,
            wallets: new.wallets.clone(),
            invited_by: by.user(),
            lookup: self.sealer.lookup(&link.hash()),
            is_mailed: by.user().is_some(),
            sent: 1,
            created: now,
            expires: now.plus(WITHIN),
        };
        write.put.push(Record::Invitation(id, invitation.clone()));
        let data = vec![
            ("invitation", id.to_string()),
            ("address", invitation.address.clone()),
            ("role", new.role.as_str().to_owned()),
            ("wallets", new.wallets.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" ")),
        ];
        write.trace = Some(Trace::of("invitation.create", "organisation", organisation, data));
        Ok((write, invitation))
    }

    fn wallet_within(&self, organisation: OrganisationId, wallet: WalletId) -> Result<Wallet, ServiceError> {
        let wallet = self.stored_wallet(wallet)?.value;
        if wallet.organisation == organisation { Ok(wallet) } else { Err(ServiceError::NotFound("wallet")) }
    }

    /// Removes what is over, and refuses what would be too much or a second one for an address.
    fn make_room(
        &self,
        organisation: OrganisationId,
        address: &Address,
        now: Timestamp,
        write: &mut Write,
    ) -> Result<(), ServiceError> {
        let page = Page { limit: MOST_OPEN.saturating_mul(2), after: None, newest_first: false };
        let open = self.reads.look_up(|reader| reader.invitations(organisation, page))?;
        let (over, living): (Vec<_>, Vec<_>) = open.into_iter().partition(|open| open.expires <= now);
        write.delete.extend(over.into_iter().map(|over| Key::Invitation(over.id)));
        if living.iter().any(|open| open.address == address.as_str()) {
            let problem = "the address is invited already; send that invitation again, or withdraw it first";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        if living.len() >= MOST_OPEN {
            let problem = format!("the organisation has {MOST_OPEN} open invitations; withdraw some first");
            return Err(ServiceError::Conflict(problem));
        }
        Ok(())
    }

    /// Whether the caller may make somebody this in an organisation: the versions of what says so.
    fn may_offer(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        role: MemberRole,
    ) -> Result<Rests, ServiceError> {
        let (version, own) = self.own_place(principal, organisation)?;
        match own {
            own if own.may_make(role) => Ok(vec![(Key::Membership((organisation, principal.user())), version)]),
            own if own.administers() => Err(ServiceError::RoleNeeded { role: MemberRole::Owner }),
            _ => Err(ServiceError::RoleNeeded { role: MemberRole::Admin }),
        }
    }

    fn send_invitation(
        &self,
        invitation: &Invitation,
        by: Option<String>,
        link: LinkSecret,
    ) -> Result<(), ServiceError> {
        let organisation = self.stored_organisation(invitation.organisation)?.value.name;
        let (role, expires) = (invitation.role.as_str(), invitation.expires);
        self.mail(&invitation.address, &Notice::Invitation { organisation, by, role, expires, link });
        Ok(())
    }

    /// An organisation's invitations, those that are over among them.
    ///
    /// # Errors
    /// The caller may not see them.
    pub async fn invitations(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        page: Page<InvitationId>,
    ) -> Result<(Vec<Invitation>, Option<InvitationId>), ServiceError> {
        self.may_oversee(principal, organisation)?;
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut found = self.reads.run(move |reader| reader.invitations(organisation, one_more)).await?;
        let next = (found.len() > page.limit).then(|| {
            found.truncate(page.limit);
            found.last().map(|last| last.id)
        });
        Ok((found, next.flatten()))
    }

    /// Withdraws an invitation: its link opens nothing any more.
    ///
    /// # Errors
    /// The caller may not, or there is none.
    pub async fn withdraw_invitation(&self, principal: &Principal, id: InvitationId) -> Result<(), ServiceError> {
        self.person(principal)?;
        self.decide(principal.actor(), || {
            let (found, mut read) = self.invitation_to_change(principal, id)?;
            read.push((Key::Invitation(id), found.version));
            let data = vec![("invitation", id.to_string()), ("address", found.value.address)];
            let trace = Some(Trace::of("invitation.withdraw", "organisation", found.value.organisation, data));
            Ok((Write { read, delete: vec![Key::Invitation(id)], trace, ..Write::default() }, ()))
        })
        .await
    }

    /// Sends an invitation again, with a new link; the one before is void, and the end stays.
    ///
    /// # Errors
    /// The caller may not, it is over, or it was sent often.
    pub async fn resend_invitation(&self, principal: &Principal, id: InvitationId) -> Result<Invitation, ServiceError> {
        self.person(principal)?;
        self.needs_mail()?;
        self.rates.mail_of(principal.user(), self.clock.now())?;
        let link = self.new_link(*id.as_bytes());
        let invitation = self
            .decide(principal.actor(), || {
                let (Versioned { version, value: found }, mut read) = self.invitation_to_change(principal, id)?;
                read.extend(self.may_offer(principal, found.organisation, found.role)?);
                if found.expires <= self.clock.now() {
                    return Err(ServiceError::LinkOver);
                }
                if found.sent >= MOST_SENT {
                    let problem = format!("it was sent {MOST_SENT} times; withdraw it and invite anew");
                    return Err(ServiceError::Conflict(problem));
                }
                read.push((Key::Invitation(id), version));
                let lookup = self.sealer.lookup(&link.hash());
                let invitation = Invitation { lookup, is_mailed: true, sent: found.sent.saturating_add(1), ..found };
                let data = vec![("invitation", id.to_string()), ("address", invitation.address.clone())];
                let trace = Some(Trace::of("invitation.resend", "organisation", invitation.organisation, data));
                let put = vec![Record::Invitation(id, invitation.clone())];
                Ok((Write { read, put, trace, ..Write::default() }, invitation))
            })
            .await?;
        self.send_invitation(&invitation, Some(principal.owner.full_name.clone()), link)?;
        Ok(invitation)
    }

    /// An invitation whose organisation the caller runs, and the version of what says so.
    fn invitation_to_change(&self, principal: &Principal, id: InvitationId) -> Result<ToChange, ServiceError> {
        let gone = ServiceError::NotFound("invitation");
        let found = self.stored_invitation(id)?.ok_or(gone.clone())?;
        let organisation = found.value.organisation;
        let (version, own) = self.own_place(principal, organisation).map_err(|_| gone)?;
        if !own.administers() {
            return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
        }
        let read = vec![(Key::Membership((organisation, principal.user())), version)];
        Ok((found, read))
    }
}
