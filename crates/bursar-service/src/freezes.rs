//! Freezing accounts, wallets and organisations, and lifting that. Freezing takes effect at once and needs no second
//! factor; lifting needs one. A freeze is never made shorter by another.

use std::cmp::Ordering;

use bursar_core::account::{Freeze, FrozenBy, MemberRole, Organisation, User, Wallet};
use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::id::{OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Key, Record, Trace, Write};
use bursar_core::scope::WalletAction;
use bursar_core::time::{Span, Timestamp};
use bursar_wire::requests;

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::notices::Notice;
use crate::power::Power;
use crate::step_up::Action;
use crate::stored::Rests;

/// A freeze that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FreezeOrder {
    /// For how long; until it is lifted, if absent.
    pub duration: Option<Span>,
    /// Why.
    pub reason: Option<String>,
}

impl From<requests::Freeze> for FreezeOrder {
    fn from(requests::Freeze { duration, reason }: requests::Freeze) -> Self {
        Self { duration, reason }
    }
}

impl FreezeOrder {
    fn check(&self) -> Result<(), ServiceError> {
        self.reason.as_deref().map_or(Ok(()), |reason| check_name("reason", reason))
    }

    /// The freeze that then is: as long as the longer of the new one and one that holds, and lifted by whoever is above as long
    /// as theirs lasts. So nobody lifts what they could not lift before, nor has their own become somebody else's for good.
    pub(crate) fn over(&self, old: Option<&Freeze>, (by, usual): (FrozenBy, &str), now: Timestamp) -> Freeze {
        let until = self.duration.map(|duration| now.plus(duration));
        let reason = self.reason.clone().unwrap_or_else(|| usual.to_owned());
        let new = Freeze { since: now, until, reason, by, persons_from: None };
        let Some(old) = old.filter(|old| old.holds_at(now)) else { return new };
        let old_by = old.is_lifted_by(now);
        // How long whoever may lift it alone stopped it.
        let old_alone = if old_by == old.by { old.persons_from.or(old.until) } else { old.until };
        let alone = match old_by.cmp(&by) {
            Ordering::Greater => old_alone,
            Ordering::Equal => later(old_alone, until),
            Ordering::Less => until,
        };
        let ends = later(old.until, until);
        let is_kept = old_by > by || old_by == by && ends == old.until;
        let told = if is_kept { old.clone() } else { new };
        let persons_from = alone.filter(|_| alone != ends);
        Freeze { until: ends, by: old_by.max(by), persons_from, ..told }
    }
}

/// The later of two ends; what never ends is later than all.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}

impl Bursar {
    /// Freezes somebody else's account: every session and token of theirs stops. Whoever runs an organisation of theirs
    /// may, unless they run one that the caller does not own.
    ///
    /// # Errors
    /// The caller may not, means themselves, or there is no such user that they may see.
    pub async fn freeze_user(
        &self,
        principal: &Principal,
        id: UserId,
        order: &FreezeOrder,
    ) -> Result<Freeze, ServiceError> {
        self.person(principal)?;
        order.check()?;
        if id == principal.user() {
            let problem = "nobody freezes themselves here, since nobody who is frozen lifts a freeze; ask another \
                           administrator, or sign out everywhere and change your password";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        let frozen = self
            .decide(principal.actor(), || {
                let mut power = self.may_stop(principal, id)?;
                // INVARIANT: an owner is frozen by another owner only, who is not frozen: so one is always left to lift it.
                let own = self.stored_user(principal.user())?;
                if let Some(freeze) = own.value.freeze.filter(|freeze| freeze.holds_at(self.clock.now())) {
                    return Err(bursar_core::refusal::Refusal::OwnerFrozen(freeze).into());
                }
                power.read.push((Key::User(principal.user()), own.version));
                self.user_freeze(id, order, (FrozenBy::Person, "frozen by an administrator"), power.read)
            })
            .await?;
        self.tell_frozen(frozen)
    }

    /// Freezes an account as the operator of the machine.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn freeze_named(&self, username: &str, order: &FreezeOrder) -> Result<Freeze, ServiceError> {
        order.check()?;
        let id = self.user_named(username).await?.id;
        let decision = || self.user_freeze(id, order, (FrozenBy::Operator, "frozen by the operator"), Vec::new());
        let frozen = self.decide(Actor::Operator, decision).await?;
        self.tell_frozen(frozen)
    }

    pub(crate) fn user_freeze(
        &self,
        id: UserId,
        order: &FreezeOrder,
        by: (FrozenBy, &str),
        mut read: Rests,
    ) -> Result<(Write, (User, Freeze)), ServiceError> {
        let found = self.stored_user(id)?;
        read.push((Key::User(id), found.version));
        let freeze = order.over(found.value.freeze.as_ref(), by, self.clock.now());
        let user = User { freeze: Some(freeze.clone()), ..found.value };
        let put = vec![Record::User(id, user.clone())];
        let trace = Some(Trace::of("user.freeze", "user", id, told(&freeze)));
        Ok((Write { read, put, trace, ..Write::default() }, (user, freeze)))
    }

    pub(crate) fn tell_frozen(&self, (user, freeze): (User, Freeze)) -> Result<Freeze, ServiceError> {
        self.notify(&user, &Notice::Frozen { reason: freeze.reason.clone(), until: freeze.until });
        Ok(freeze)
    }

    /// Lifts the freeze of somebody's account: who may have frozen it, in every organisation that it is in.
    ///
    /// # Errors
    /// The caller may not, it is not frozen, the second factor is missing or wrong, or only the operator lifts it.
    pub async fn unfreeze_user(
        &self,
        principal: &Principal,
        id: UserId,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        let user = self
            .decide_stepping_up(principal, Action::AdministerUser(id), otp, |stepped_up| {
                let Power { mut read, in_all, .. } = self.may_stop(principal, id)?;
                // A freeze holds in all organisations, so that none of them undoes what another had to stop.
                if !in_all {
                    return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
                }
                let found = self.stored_user(id)?;
                self.may_lift("account", found.value.freeze.as_ref(), "with `bursar user unfreeze`", stepped_up)?;
                read.push((Key::User(id), found.version));
                let user = User { freeze: None, ..found.value };
                let put = vec![Record::User(id, user.clone())];
                let trace = Some(Trace::of("user.unfreeze", "user", id, Vec::new()));
                Ok((Write { read, put, trace, ..Write::default() }, user))
            })
            .await?;
        self.notify(&user, &Notice::Unfrozen);
        Ok(())
    }

    /// The power by which the caller may stop somebody else.
    fn may_stop(&self, principal: &Principal, id: UserId) -> Result<Power, ServiceError> {
        let power = self.power_over(principal, id)?;
        match power {
            Power { sees: false, .. } => Err(ServiceError::NotFound("user")),
            Power { is_outranked: true, .. } => Err(ServiceError::RoleNeeded { role: MemberRole::Owner }),
            power => Ok(power),
        }
    }

    /// Freezes a wallet: nothing is spent from it. Whoever may spend from it may, and a
    /// token with the scope for it.
    ///
    /// # Errors
    /// The caller may not, or it holds another coin.
    pub async fn freeze_wallet(
        &self,
        principal: &Principal,
        coin: Option<&Coin>,
        id: WalletId,
        order: &FreezeOrder,
    ) -> Result<Freeze, ServiceError> {
        order.check()?;
        // A session has no scope for it and needs none: who may spend may also stop.
        let action = if principal.is_person() { WalletAction::View } else { WalletAction::Freeze };
        let (wallet, role) = self.wallet_for(principal, id, action)?;
        if coin.is_some_and(|coin| *coin != wallet.coin) {
            return Err(bursar_core::refusal::Refusal::WrongCoin { holds: wallet.coin.clone() }.into());
        }
        if !role.is_some_and(|role| role.spend || role.admin) {
            return Err(bursar_core::refusal::Refusal::RoleMissing { required: "spend" }.into());
        }
        let user = principal.user();
        self.decide(principal.actor(), || {
            let role = self.wallet_role(id, user)?;
            if !role.value.is_some_and(|role| role.spend || role.admin) {
                return Err(bursar_core::refusal::Refusal::RoleMissing { required: "spend" }.into());
            }
            let found = self.stored_wallet(id)?;
            let freeze = order.over(
                found.value.freeze.as_ref(),
                (FrozenBy::Person, "frozen by one of its users"),
                self.clock.now(),
            );
            let wallet = Wallet { freeze: Some(freeze.clone()), ..found.value };
            let write = Write {
                read: vec![(Key::Role((id, user)), role.version), (Key::Wallet(id), found.version)],
                put: vec![Record::Wallet(id, wallet)],
                trace: Some(Trace::of("wallet.freeze", "wallet", id, told(&freeze))),
                ..Write::default()
            };
            Ok((write, freeze))
        })
        .await
    }

    /// Lifts the freeze of a wallet, as its administrator.
    ///
    /// # Errors
    /// The caller may not, it is not frozen, the second factor is missing or wrong, or only the operator lifts it.
    pub async fn unfreeze_wallet_as(
        &self,
        principal: &Principal,
        id: WalletId,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.decide_stepping_up(principal, Action::AdministerWallet(id), otp, |stepped_up| {
            let mut read = self.may_run_wallet(principal, id)?;
            let found = self.stored_wallet(id)?;
            let how = "with `bursar user unfreeze-wallet`";
            self.may_lift("wallet", found.value.freeze.as_ref(), how, stepped_up)?;
            read.push((Key::Wallet(id), found.version));
            let put = vec![Record::Wallet(id, Wallet { freeze: None, ..found.value })];
            let trace = Some(Trace::of("wallet.unfreeze", "wallet", id, Vec::new()));
            Ok((Write { read, put, trace, ..Write::default() }, ()))
        })
        .await
    }

    /// Freezes an organisation: none of its money is spent. Whoever runs it may.
    ///
    /// # Errors
    /// The caller may not.
    pub async fn freeze_organisation(
        &self,
        principal: &Principal,
        id: OrganisationId,
        order: &FreezeOrder,
    ) -> Result<Freeze, ServiceError> {
        order.check()?;
        self.person(principal)?;
        self.decide(principal.actor(), || {
            let (version, role) = self.own_place(principal, id)?;
            if !role.administers() {
                return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
            }
            let found = self.stored_organisation(id)?;
            let freeze = order.over(
                found.value.freeze.as_ref(),
                (FrozenBy::Person, "frozen by an administrator"),
                self.clock.now(),
            );
            let organisation = Organisation { freeze: Some(freeze.clone()), ..found.value };
            let write = Write {
                read: vec![(Key::Membership((id, principal.user())), version), (Key::Organisation(id), found.version)],
                put: vec![Record::Organisation(id, organisation)],
                trace: Some(Trace::of("organisation.freeze", "organisation", id, told(&freeze))),
                ..Write::default()
            };
            Ok((write, freeze))
        })
        .await
    }

    /// Lifts the freeze of an organisation, as its owner.
    ///
    /// # Errors
    /// The caller may not, it is not frozen, or the second factor is missing or wrong.
    pub async fn unfreeze_organisation(
        &self,
        principal: &Principal,
        id: OrganisationId,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.decide_stepping_up(principal, Action::Administer(id), otp, |stepped_up| {
            let (version, role) = self.own_place(principal, id)?;
            if role != MemberRole::Owner {
                return Err(ServiceError::RoleNeeded { role: MemberRole::Owner });
            }
            let found = self.stored_organisation(id)?;
            self.may_lift("organisation", found.value.freeze.as_ref(), "on the machine", stepped_up)?;
            let write = Write {
                read: vec![(Key::Membership((id, principal.user())), version), (Key::Organisation(id), found.version)],
                put: vec![Record::Organisation(id, Organisation { freeze: None, ..found.value })],
                trace: Some(Trace::of("organisation.unfreeze", "organisation", id, Vec::new())),
                ..Write::default()
            };
            Ok((write, ()))
        })
        .await
    }

    /// What the operator or the check of the ledger stopped is for whoever runs the machine to look at.
    fn may_lift(
        &self,
        what: &'static str,
        freeze: Option<&Freeze>,
        how: &str,
        stepped_up: bool,
    ) -> Result<(), ServiceError> {
        let because = match self.in_force(what, freeze)?.is_lifted_by(self.clock.now()) {
            FrozenBy::Ledger => Some("by a check of this server"),
            FrozenBy::Operator => Some("by the operator"),
            FrozenBy::Person => None,
        };
        if let Some(because) = because {
            let problem = format!("it is frozen {because}; only the operator lifts that, {how}");
            return Err(ServiceError::Conflict(problem));
        }
        if stepped_up { Ok(()) } else { Err(ServiceError::StepUpNeeded) }
    }

    /// The freeze that holds now: one that ended, or never was, is not lifted, and nobody is told that it was.
    pub(crate) fn in_force<'a>(
        &self,
        what: &'static str,
        freeze: Option<&'a Freeze>,
    ) -> Result<&'a Freeze, ServiceError> {
        freeze.filter(|freeze| freeze.holds_at(self.clock.now())).ok_or(ServiceError::NotFrozen { what })
    }
}

fn told(freeze: &Freeze) -> Vec<(&'static str, String)> {
    let mut data = vec![("reason", freeze.reason.clone())];
    data.extend(freeze.until.map(|until| ("until", until.to_string())));
    data
}

#[cfg(test)]
mod tests {
    use FrozenBy::{Ledger, Operator, Person};

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000)
    }

    /// The freeze that these make, each at its hour, for so many hours or until it is lifted.
    fn frozen(all: &[(i64, FrozenBy, Option<u64>)]) -> Freeze {
        let freeze = all.iter().fold(None, |old: Option<Freeze>, (hour, by, hours)| {
            let order = FreezeOrder {
                duration: hours.map(|hours| Span::from_seconds(hours * 3600)),
                reason: Some(format!("{by:?}")),
            };
            Some(order.over(old.as_ref(), (*by, ""), at(*hour)))
        });
        freeze.unwrap()
    }

    /// Who lifts it at each of the first eight hours.
    fn lifted(freeze: &Freeze) -> String {
        let letter = |hour| match freeze.holds_at(at(hour)).then(|| freeze.is_lifted_by(at(hour))) {
            None => '-',
            Some(Person) => 'p',
            Some(Operator) => 'o',
            Some(Ledger) => 'l',
        };
        (0..8).map(letter).collect()
    }

    #[test]
    fn whoever_is_above_lifts_it_as_long_as_theirs_lasts_and_whoever_froze_it_for_longer_from_then_on() {
        type Freezes = &'static [(i64, FrozenBy, Option<u64>)];
        let cases: [(Freezes, &str); 12] = [
            (&[(0, Operator, Some(2)), (0, Person, Some(6))], "oopppp--"),
            (&[(0, Operator, Some(2)), (1, Person, None)], "oopppppp"),
            (&[(0, Operator, Some(6)), (0, Person, Some(2))], "oooooo--"),
            (&[(0, Person, Some(6)), (0, Operator, Some(2))], "oopppp--"),
            (&[(0, Person, None), (0, Operator, Some(2))], "oopppppp"),
            (&[(0, Person, Some(2)), (0, Operator, None)], "oooooooo"),
            (&[(0, Operator, Some(2)), (0, Person, Some(6)), (0, Operator, Some(4))], "oooopp--"),
            (&[(0, Operator, Some(4)), (0, Person, Some(6)), (0, Operator, Some(2))], "oooopp--"),
            (&[(0, Operator, Some(2)), (0, Person, Some(4)), (3, Person, Some(3))], "pppppp--"),
            (&[(0, Person, Some(2)), (0, Person, Some(4))], "pppp----"),
            (&[(0, Ledger, None), (0, Person, None), (0, Operator, Some(2))], "llllllll"),
            (&[(0, Operator, Some(2)), (4, Person, Some(1))], "ppppp---"),
        ];
        for (all, wanted) in cases {
            assert_eq!(lifted(&frozen(all)), wanted, "{all:?}");
        }
    }

    #[test]
    fn what_is_said_of_it_is_what_whoever_is_above_said() {
        let said = |all: &[_]| frozen(all).reason;
        assert_eq!(said(&[(0, Operator, Some(2)), (0, Person, None)]), "Operator");
        assert_eq!(said(&[(0, Person, None), (0, Operator, Some(2))]), "Operator");
        assert_eq!(said(&[(0, Operator, Some(2)), (3, Person, None)]), "Person");
    }
}
