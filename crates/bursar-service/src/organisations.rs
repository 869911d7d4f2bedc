//! Organisations: which there are, what they are called, whether their members need a second factor.

use bursar_core::account::{MemberRole, Membership, Organisation, User};
use bursar_core::audit::Actor;
use bursar_core::id::OrganisationId;
use bursar_core::ledger::{Key, Record, Trace, Write};

use bursar_store::{CountedOrganisation, Page};

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;

/// Members looked at in one read.
const PAGE: usize = 200;

/// What is to be different about an organisation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrganisationEdit {
    /// Its new name.
    pub name: Option<String>,
    /// Whether its members need a second factor.
    pub requires_second_factor: Option<bool>,
}

impl Bursar {
    /// The organisations the caller belongs to, and what they are there. A person is in few, so there are no pages.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn organisations(&self, principal: &Principal) -> Result<Vec<(Organisation, MemberRole)>, ServiceError> {
        self.person(principal)?;
        let user = principal.user();
        let places = self.reads.run(move |reader| reader.memberships(user)).await?;
        let with = |place: Membership| {
            let organisation = self.stored_organisation(place.organisation)?.value;
            Ok((organisation, place.role))
        };
        places.into_iter().map(with).collect()
    }

    /// All organisations, for the operator.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn all_organisations(
        &self,
        page: Page<OrganisationId>,
    ) -> Result<Vec<CountedOrganisation>, ServiceError> {
        Ok(self.reads.run(move |reader| reader.organisations(page)).await?)
    }

    /// One organisation of the caller's, and what they are there.
    ///
    /// # Errors
    /// The caller does not belong to it.
    pub fn organisation(
        &self,
        principal: &Principal,
        id: OrganisationId,
    ) -> Result<(Organisation, MemberRole), ServiceError> {
        let (_, role) = self.own_place(principal, id)?;
        Ok((self.stored_organisation(id)?.value, role))
    }

    /// Makes an organisation, which the caller then owns. Whoever owns one may make another.
    ///
    /// # Errors
    /// The caller owns none, the second factor is missing or wrong, or it is no name.
    pub async fn create_organisation(
        &self,
        principal: &Principal,
        name: &str,
        otp: Option<&str>,
    ) -> Result<Organisation, ServiceError> {
        check_name("name", name)?;
        let now = self.clock.now();
        let id = OrganisationId::time_ordered(now, self.random.bytes());
        let user = principal.user();
        self.decide_stepping_up(principal, Action::CreateOrganisation, otp, |stepped_up| {
            let places = self.reads.look_up(|reader| reader.memberships(user))?;
            let owned = places.iter().find(|place| place.role == MemberRole::Owner);
            let owned = owned.ok_or(ServiceError::RoleNeeded { role: MemberRole::Owner })?.organisation;
            let own = self.place(owned, user)?;
            if !stepped_up {
                return Err(ServiceError::StepUpNeeded);
            }
            let organisation = Organisation { id, name: name.to_owned(), freeze: None, requires_second_factor: true };
            let membership = Membership { organisation: id, user, role: MemberRole::Owner };
            let write = Write {
                read: vec![(Key::Organisation(id), 0), (Key::Membership((owned, user)), own.version)],
                put: vec![Record::Organisation(id, organisation.clone()), Record::Membership((id, user), membership)],
                trace: Some(Trace::of("organisation.create", "organisation", id, vec![("name", name.to_owned())])),
                ..Write::default()
            };
            Ok((write, organisation))
        })
        .await
    }

    /// Makes an organisation as the operator of the machine; somebody owns it.
    ///
    /// # Errors
    /// There is no such user, or it is no name.
    pub async fn create_organisation_for(&self, name: &str, owner: &str) -> Result<Organisation, ServiceError> {
        check_name("name", name)?;
        let user = self.user_named(owner).await?.id;
        let id = OrganisationId::time_ordered(self.clock.now(), self.random.bytes());
        let organisation = Organisation { id, name: name.to_owned(), freeze: None, requires_second_factor: true };
        let membership = Membership { organisation: id, user, role: MemberRole::Owner };
        let data = vec![("name", name.to_owned()), ("owner", user.to_string())];
        let write = Write {
            read: vec![(Key::Organisation(id), 0)],
            put: vec![Record::Organisation(id, organisation.clone()), Record::Membership((id, user), membership)],
            trace: Some(Trace::of("organisation.create", "organisation", id, data)),
            ..Write::default()
        };
        self.must_write(Actor::Operator, write).await?;
        Ok(organisation)
    }

    /// Changes an organisation. Whoever runs it may rename it and ask for second factors; only an owner, with a second
    /// factor of the moment, may stop asking for them.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, or it is no name.
    pub async fn edit_organisation(
        &self,
        principal: &Principal,
        id: OrganisationId,
        edit: &OrganisationEdit,
        otp: Option<&str>,
    ) -> Result<Organisation, ServiceError> {
        edit.name.as_deref().map_or(Ok(()), |name| check_name("name", name))?;
        let demanded = self.stored_organisation(id)?.value.requires_second_factor;
        let edited = self.decide_stepping_up(principal, Action::Administer(id), otp, |stepped_up| {
            let (version, role) = self.own_place(principal, id)?;
            if !role.administers() {
                return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
            }
            let found = self.stored_organisation(id)?;
            let mut organisation = found.value.clone();
            let mut data = Vec::new();
            if let Some(name) = &edit.name {
                organisation.name.clone_from(name);
                data.push(("name", name.clone()));
            }
            if let Some(requires) = edit.requires_second_factor {
                organisation.requires_second_factor = requires;
                data.push(("requires_second_factor", requires.to_string()));
            }
            if found.value.requires_second_factor && !organisation.requires_second_factor {
                match (role, stepped_up) {
                    (MemberRole::Owner, true) => {}
                    (MemberRole::Owner, false) => return Err(ServiceError::StepUpNeeded),
                    _ => return Err(ServiceError::RoleNeeded { role: MemberRole::Owner }),
                }
            }
            let write = Write {
                read: vec![(Key::Membership((id, principal.user())), version), (Key::Organisation(id), found.version)],
                put: vec![Record::Organisation(id, organisation.clone())],
                trace: Some(Trace::of("organisation.edit", "organisation", id, data)),
                ..Write::default()
            };
            Ok((write, organisation))
        });
        let edited = edited.await?;
        if edited.requires_second_factor && !demanded {
            self.end_sessions_without_factor(id).await?;
        }
        Ok(edited)
    }

    /// Ends the sessions of members who have no second factor: one that is demanded from now on is set up by the next.
    async fn end_sessions_without_factor(&self, id: OrganisationId) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = Page { limit: PAGE, after, newest_first: false };
            let found = self.reads.run(move |reader| reader.members(id, None, page)).await?;
            let Some((_, last)) = found.last() else { return Ok(()) };
            after = Some(last.id);
            for (_, user) in found {
                self.end_sessions_if_without_factor(&user).await?;
            }
        }
    }

    /// The same for one of them.
    pub(crate) async fn end_sessions_if_without_factor(&self, user: &User) -> Result<(), ServiceError> {
        if !self.factors_of(user).await?.is_empty() {
            return Ok(());
        }
        let id = user.id;
        self.decide(Actor::System, || {
            let found = self.stored_user(id)?;
            let write = Write {
                read: vec![(Key::User(id), found.version)],
                put: vec![Record::User(id, self.ending_sessions(found.value))],
                trace: Some(Trace::of("user.end_sessions", "user", id, vec![("for", "second_factor".to_owned())])),
                ..Write::default()
            };
            Ok((write, ()))
        })
        .await
    }
}
