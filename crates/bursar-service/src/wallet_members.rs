//! What users may do with wallets. Whoever administers a wallet says so, and the owners of its organisation.

use bursar_core::account::{MemberRole, User, WalletRole};
use bursar_core::id::{UserId, WalletId};
use bursar_core::ledger::{Key, Record, Trace, Write};
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_store::Page;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;
use crate::stored::Rests;

impl Bursar {
    /// Who may do what with a wallet.
    ///
    /// # Errors
    /// The caller neither administers the wallet nor oversees its organisation.
    pub async fn wallet_members(
        &self,
        principal: &Principal,
        wallet: WalletId,
        page: Page<UserId>,
    ) -> Result<(Vec<(WalletRole, User)>, Option<UserId>), ServiceError> {
        self.person(principal)?;
        if let Err(error) = self.may_run_wallet(principal, wallet) {
            let organisation = self.stored_wallet(wallet)?.value.organisation;
            self.may_oversee(principal, organisation).map_err(|_| error)?;
        }
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut found = self.reads.run(move |reader| reader.wallet_members(wallet, one_more)).await?;
        let next = (found.len() > page.limit).then(|| {
            found.truncate(page.limit);
            found.last().map(|(_, user)| user.id)
        });
        Ok((found, next.flatten()))
    }

    /// Says what a member of the wallet's organisation may do with it; a role that allows nothing is none. Whatever
    /// gives more needs a second factor of the moment.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, or the user does not belong to the organisation.
    pub async fn set_wallet_role(
        &self,
        principal: &Principal,
        wallet: WalletId,
        user: UserId,
        role: WalletRole,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.decide_stepping_up(principal, Action::AdministerWallet(wallet), otp, |stepped_up| {
            let mut write = Write { read: self.may_run_wallet(principal, wallet)?, ..Write::default() };
            let found = self.stored_wallet(wallet)?;
            // Of a wallet that is gone, nothing stays.
            write.read.push((Key::Wallet(wallet), found.version));
            let old = self.wallet_role(wallet, user)?;
            if !role.is_within(old.value.unwrap_or_default()) && !stepped_up {
                return Err(ServiceError::StepUpNeeded);
            }
            write.read.push((Key::Role((wallet, user)), old.version));
            let is_nothing = role.is_within(WalletRole::default());
            if is_nothing {
                old.value.ok_or(ServiceError::NotFound("member"))?;
                write.delete.push(Key::Role((wallet, user)));
            } else {
                self.give_role(&mut write, (wallet, found.value.organisation), user, role)?;
            }
            let given = [(role.view, "view"), (role.spend, "spend"), (role.admin, "admin")];
            let given: Vec<&str> = given.into_iter().filter_map(|(may, name)| may.then_some(name)).collect();
            let data = vec![("user", user.to_string()), ("role", given.join(" "))];
            write.trace = Some(Trace::of("wallet.role", "wallet", wallet, data));
            Ok((write, ()))
        })
        .await
    }

    /// Adds a role to a write. The membership is written anew, so that nobody is removed without it.
    fn give_role(
        &self,
        write: &mut Write,
        (wallet, organisation): (WalletId, bursar_core::id::OrganisationId),
        user: UserId,
        role: WalletRole,
    ) -> Result<(), ServiceError> {
        use bursar_core::account::Membership;
        let place = self.place(organisation, user)?;
        let member = place.value.ok_or(ServiceError::NotFound("member"))?;
        let id = (organisation, user);
        write.read.push((Key::Membership(id), place.version));
        write.put.push(Record::Membership(id, Membership { organisation, user, role: member }));
        write.put.push(Record::Role((wallet, user), role));
        Ok(())
    }

    /// Whether the caller administers a wallet or owns its organisation: the versions of what says so.
    pub(crate) fn may_run_wallet(&self, principal: &Principal, id: WalletId) -> Result<Rests, ServiceError> {
        self.person(principal)?;
        let user = principal.user();
        let own = self.wallet_role(id, user)?;
        if own.value.is_some_and(|own| own.admin) {
            return Ok(vec![(Key::Role((id, user)), own.version)]);
        }
        let wallet = self.stored_wallet(id).map_err(|_| Refusal::WalletUnknown)?;
        let organisation = wallet.value.organisation;
        let place = self.place(organisation, user)?;
        match place.value {
            Some(MemberRole::Owner) => Ok(vec![
                (Key::Membership((organisation, user)), place.version),
                (Key::Role((id, user)), own.version),
                // A wallet that goes at this moment takes nothing new with it.
                (Key::Wallet(id), wallet.version),
            ]),
            // Who may not even see it is told of no wallet.
            _ => {
                self.wallet_for(principal, id, WalletAction::View)?;
                Err(Refusal::RoleMissing { required: "admin" }.into())
            }
        }
    }
}
