//! What somebody may decide about somebody else: by the organisations that they share.
//!
//! Freezes and limits of an account hold in all of its organisations, so what undoes them takes power in all.

use bursar_core::account::MemberRole;
use bursar_core::id::UserId;
use bursar_core::ledger::Key;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::stored::Rests;

/// Power over a user, and the versions of the places that say so.
pub(crate) struct Power {
    pub(crate) read: Rests,
    /// Whether the caller administers an organisation of theirs.
    pub(crate) sees: bool,
    /// Whether the user administers an organisation where the caller could not have made them what they are.
    pub(crate) is_outranked: bool,
    /// Whether the caller administers one, and is not outranked there.
    pub(crate) in_one: bool,
    /// The same in all; not of a user who is in none.
    pub(crate) in_all: bool,
}

impl Bursar {
    pub(crate) fn power_over(&self, principal: &Principal, user: UserId) -> Result<Power, ServiceError> {
        let places = self.reads.look_up(|reader| reader.memberships(user))?;
        let (read, in_all) = (Vec::new(), !places.is_empty());
        let mut power = Power { read, sees: false, is_outranked: false, in_one: false, in_all };
        for place in places {
            let own = self.place(place.organisation, principal.user())?;
            let theirs = self.place(place.organisation, user)?;
            power.read.push((Key::Membership((place.organisation, principal.user())), own.version));
            power.read.push((Key::Membership((place.organisation, user)), theirs.version));
            let theirs = theirs.value.filter(|role| role.administers());
            let is_outranked = theirs.is_some_and(|role| !own.value.is_some_and(|own| own.may_make(role)));
            let sees = own.value.is_some_and(MemberRole::administers);
            power.sees |= sees;
            power.is_outranked |= is_outranked;
            power.in_one |= sees && !is_outranked;
            power.in_all &= sees && !is_outranked;
        }
        Ok(power)
    }
}
