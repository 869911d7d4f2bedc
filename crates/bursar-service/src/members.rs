//! Who belongs to an organisation and as what.
//!
//! INVARIANT: an organisation keeps an owner. Whatever makes or unmakes one reads the organisation's record before it
//! counts owners, and writes it anew: of two that do so at once, the second counts again.

use bursar_core::account::{MemberRole, Membership, Organisation, User};
use bursar_core::audit::Actor;
use bursar_core::id::{OrganisationId, UserId};
use bursar_core::ledger::{Key, Record, Trace, Version, Write};
use bursar_store::{Page, Reader, StoreError};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;

/// Wallets of a user that are looked at together.
const PAGE: usize = 200;
/// The most roles in wallets that go with a membership.
const MOST_ROLES: usize = 10_000;

/// Who changes a membership.
#[derive(Clone, Copy)]
enum By<'a> {
    Principal(&'a Principal),
    Operator,
}

impl Bursar {
    /// An organisation's members. A mere member does not see who else there is.
    ///
    /// # Errors
    /// The caller may not see them.
    pub async fn members(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        page: Page<UserId>,
    ) -> Result<(Vec<(MemberRole, User)>, Option<UserId>), ServiceError> {
        self.may_oversee(principal, organisation)?;
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut found = self.reads.run(move |reader| reader.members(organisation, None, one_more)).await?;
        let next = (found.len() > page.limit).then(|| {
            found.truncate(page.limit);
            found.last().map(|(_, user)| user.id)
        });
        Ok((found, next.flatten()))
    }

    /// One of an organisation's members, and what they are there.
    ///
    /// # Errors
    /// The caller may not see the members, or they are none.
    pub fn member(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        user: UserId,
    ) -> Result<(MemberRole, User), ServiceError> {
        self.may_oversee(principal, organisation)?;
        let role = self.place(organisation, user)?.value.ok_or(ServiceError::NotFound("member"))?;
        Ok((role, self.stored_user(user)?.value))
    }

    /// Whether the caller may see what goes on in an organisation as a whole.
    pub(crate) fn may_oversee(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<MemberRole, ServiceError> {
        let (_, role) = self.own_place(principal, organisation)?;
        if role.oversees() { Ok(role) } else { Err(ServiceError::RoleNeeded { role: MemberRole::Auditor }) }
    }

    /// Changes what a member is. Owners make and unmake owners and admins, admins the others; whatever gives somebody
    /// more needs a second factor of the moment.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, there is no such member, or it is the last owner.
    pub async fn set_member_role(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        user: UserId,
        role: MemberRole,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.decide_stepping_up(principal, Action::Administer(organisation), otp, |stepped_up| {
            let (write, old) = self.change_of_role(By::Principal(principal), organisation, user, role)?;
            let is_more = old.is_some_and(|old| !role.is_within(old));
            if is_more && !stepped_up { Err(ServiceError::StepUpNeeded) } else { Ok((write, ())) }
        })
        .await
    }

    /// Makes somebody a member, or changes what they are, as the operator of the machine.
    ///
    /// # Errors
    /// There is no such user or organisation, or it is the last owner.
    pub async fn set_role_named(
        &self,
        username: &str,
        organisation: OrganisationId,
        role: Option<MemberRole>,
    ) -> Result<(), ServiceError> {
        let account = self.user_named(username).await?;
        let user = account.id;
        self.decide(Actor::Operator, || match role {
            Some(role) => Ok((self.change_of_role(By::Operator, organisation, user, role)?.0, ())),
            None => Ok((self.removal(By::Operator, organisation, user)?, ())),
        })
        .await?;
        if role.is_some() && self.stored_organisation(organisation)?.value.requires_second_factor {
            self.end_sessions_if_without_factor(&account).await?;
        }
        Ok(())
    }

    /// The organisations of a user, for the operator of the machine.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn roles_named(&self, username: &str) -> Result<Vec<(Organisation, MemberRole)>, ServiceError> {
        let user = self.user_named(username).await?.id;
        let places = self.reads.run(move |reader| reader.memberships(user)).await?;
        let with = |place: Membership| Ok((self.stored_organisation(place.organisation)?.value, place.role));
        places.into_iter().map(with).collect()
    }

    /// Takes somebody out of an organisation, and out of its wallets. One may always leave oneself.
    ///
    /// # Errors
    /// The caller may not, there is no such member, or it is the last owner.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        user: UserId,
    ) -> Result<(), ServiceError> {
        self.person(principal)?;
        self.decide(principal.actor(), || Ok((self.removal(By::Principal(principal), organisation, user)?, ()))).await
    }

    fn change_of_role(
        &self,
        by: By<'_>,
        organisation: OrganisationId,
        user: UserId,
        role: MemberRole,
    ) -> Result<(Write, Option<MemberRole>), ServiceError> {
        let mut write = Write::default();
        let old = self.place_to_change(by, organisation, user, Some(role), &mut write)?;
        if old.is_none() && !matches!(by, By::Operator) {
            return Err(ServiceError::NotFound("member"));
        }
        if old.is_none() {
            self.stored_user(user)?;
        }
        write.put.push(Record::Membership((organisation, user), Membership { organisation, user, role }));
        let mut data = vec![("user", user.to_string()), ("role", role.as_str().to_owned())];
        data.extend(old.map(|old| ("before", old.as_str().to_owned())));
        write.trace = Some(Trace::of("member.role", "organisation", organisation, data));
        Ok((write, old))
    }

    fn removal(&self, by: By<'_>, organisation: OrganisationId, user: UserId) -> Result<Write, ServiceError> {
        let mut write = Write::default();
        let old = self.place_to_change(by, organisation, user, None, &mut write)?;
        let old = old.ok_or(ServiceError::NotFound("member"))?;
        write.delete.push(Key::Membership((organisation, user)));
        // Whoever gives a role in a wallet writes the membership anew: none is given between this and the write.
        let roles = self.reads.look_up(|reader| wallets_within(reader, organisation, user))?;
        write.delete.extend(roles);
        let data = vec![("user", user.to_string()), ("role", old.as_str().to_owned())];
        write.trace = Some(Trace::of("member.remove", "organisation", organisation, data));
        Ok(write)
    }

    /// What somebody is now, if it may be changed into `new`; what that rests on is added to the write.
    fn place_to_change(
        &self,
        by: By<'_>,
        organisation: OrganisationId,
        user: UserId,
        new: Option<MemberRole>,
        write: &mut Write,
    ) -> Result<Option<MemberRole>, ServiceError> {
        // Read before owners are counted.
        let found = self.stored_organisation(organisation)?;
        // Once: what is judged is what the write names the version of.
        let old = self.place(organisation, user)?;
        if let By::Principal(principal) = by {
            let (version, own) = self.own_place(principal, organisation)?;
            write.read.push((Key::Membership((organisation, principal.user())), version));
            let leaves = new.is_none() && user == principal.user();
            let may = |role: Option<MemberRole>| role.is_none_or(|role| own.may_make(role));
            if !leaves && !own.administers() {
                return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
            }
            if !(leaves || may(old.value) && may(new)) {
                return Err(ServiceError::RoleNeeded { role: MemberRole::Owner });
            }
        }
        write.read.push((Key::Membership((organisation, user)), old.version));
        let is_owner = |role: Option<MemberRole>| role == Some(MemberRole::Owner);
        if is_owner(old.value) || is_owner(new) {
            self.keep_an_owner(found.version, &found.value, (user, is_owner(new)), write)?;
        }
        Ok(old.value)
    }

    fn keep_an_owner(
        &self,
        version: Version,
        organisation: &Organisation,
        (user, stays): (UserId, bool),
        write: &mut Write,
    ) -> Result<(), ServiceError> {
        let id = organisation.id;
        if !stays {
            let page = Page { limit: PAGE, after: None, newest_first: false };
            let owners = self.reads.look_up(|reader| reader.members(id, Some(MemberRole::Owner), page))?;
            // Who is frozen for good lifts nobody's freeze, the own neither.
            let acts = |owner: &User| owner.freeze.as_ref().is_none_or(|freeze| freeze.until.is_some());
            let other = owners.into_iter().map(|(_, owner)| owner).find(|owner| owner.id != user && acts(owner));
            let left = self.stored_user(other.ok_or(ServiceError::LastOwner)?.id)?;
            if !acts(&left.value) {
                return Err(ServiceError::LastOwner);
            }
            write.read.push((Key::User(left.value.id), left.version));
        }
        write.read.push((Key::Organisation(id), version));
        write.put.push(Record::Organisation(id, organisation.clone()));
        Ok(())
    }
}

/// The user's roles in the organisation's wallets.
fn wallets_within(reader: &mut dyn Reader, organisation: OrganisationId, user: UserId) -> Result<Vec<Key>, StoreError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let found = reader.wallets(user, None, Page { limit: PAGE, after, newest_first: false })?;
        let Some(last) = found.last() else { return Ok(keys) };
        after = Some(last.wallet.id);
        let within = found.iter().filter(|found| found.wallet.organisation == organisation);
        keys.extend(within.map(|found| Key::Role((found.wallet.id, user))));
        if keys.len() > MOST_ROLES {
            let problem = format!("the member has roles in more than {MOST_ROLES} wallets");
            return Err(StoreError::Violated(problem));
        }
    }
}
