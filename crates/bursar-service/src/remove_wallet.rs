//! Removing wallets that were registered by mistake: those that never spent anything.
//!
//! That nothing was spent is looked at where it is decided, in the ledger, so that nothing can be held of it in between. What
//! names a wallet that is gone — a token, a service — is refused as with any wallet that there is not.

use bursar_core::account::{FrozenBy, Wallet};
use bursar_core::audit::Actor;
use bursar_core::coin::Asset;
use bursar_core::id::WalletId;
use bursar_core::ledger::{HistoryKey, Key, PastOf, Trace, Write};
use bursar_core::limit::{BudgetKey, Subject};
use bursar_core::time::Span;
use bursar_store::Page;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;
use crate::stored::Rests;

/// The most people with a part in a wallet that is removed, and the most budgets that go with it.
const MOST_AT_ONCE: usize = 1000;

impl Bursar {
    /// A wallet, for those who may remove it: who administers it, and the owners of its organisation.
    ///
    /// # Errors
    /// The caller is neither.
    pub fn wallet_to_remove(&self, principal: &Principal, id: WalletId) -> Result<Wallet, ServiceError> {
        self.may_run_wallet(principal, id)?;
        Ok(self.stored_wallet(id)?.value)
    }

    /// Whether the caller may remove a wallet, and nothing was spent from it and no key of it is kept.
    pub fn removes_wallet(&self, principal: &Principal, id: WalletId) -> bool {
        self.may_run_wallet(principal, id).is_ok() && self.may_be_removed(id).is_ok()
    }

    /// Removes a wallet of which no spend was ever recorded, as one who may.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, something was spent from it, this server keeps its key, or
    /// it is frozen by somebody whom the caller does not overrule.
    pub async fn remove_wallet_as(
        &self,
        principal: &Principal,
        id: WalletId,
        otp: Option<&str>,
    ) -> Result<(), ServiceError> {
        let may = || {
            let read = self.may_run_wallet(principal, id)?;
            let now = self.clock.now();
            let freeze = self.stored_wallet(id)?.value.freeze.filter(|freeze| freeze.holds_at(now));
            match freeze.map(|freeze| freeze.is_lifted_by(now)) {
                Some(FrozenBy::Operator | FrozenBy::Ledger) => Err(ServiceError::Conflict(
                    "it is frozen, and not by a person; only the operator removes it".to_owned(),
                )),
                _ => Ok(read),
            }
        };
        may()?;
        self.may_be_removed(id)?;
        self.step_up(principal, Action::AdministerWallet(id), otp).await?;
        self.remove(principal.actor(), id, may).await
    }

    /// Removes a wallet of which no spend was ever recorded, as the operator of the machine.
    ///
    /// # Errors
    /// There is no such wallet, something was spent from it, or this server keeps its key.
    pub async fn remove_wallet(&self, id: WalletId) -> Result<(), ServiceError> {
        self.may_be_removed(id)?;
        self.remove(Actor::Operator, id, || Ok(Vec::new())).await
    }

    async fn remove(
        &self,
        actor: Actor,
        id: WalletId,
        may: impl Fn() -> Result<Rests, ServiceError>,
    ) -> Result<(), ServiceError> {
        self.decide(actor, || {
            // What it rests on is read before it is looked at.
            let write = self.wallet_removal(id, may()?)?;
            self.may_be_removed(id)?;
            Ok((write, ()))
        })
        .await?;
        // Who was let in after the members were listed; nobody is any more.
        let gone = Page { limit: MOST_AT_ONCE, after: None, newest_first: false };
        let late = self.reads.look_up(|reader| reader.wallet_members(id, gone))?;
        if late.is_empty() {
            return Ok(());
        }
        let delete = late.into_iter().map(|(_, user)| Key::Role((id, user.id))).collect();
        self.must_write(Actor::System, Write { delete, ..Write::default() }).await
    }

    /// What is written of a wallet that goes, with all that was kept of it.
    fn wallet_removal(&self, id: WalletId, mut read: Rests) -> Result<Write, ServiceError> {
        let found = self.stored_wallet(id)?;
        read.push((Key::Wallet(id), found.version));
        let wallet = found.value;
        let subject = Subject::Wallet(id);
        // INVARIANT: nothing is held of it in between. A hold that was given back leaves its budget.
        read.push((Key::History(all_spends(id)), 0));
        let budget = Key::Budget(BudgetKey { subject, asset: Asset::Coin(wallet.coin.clone()), destination: None });
        let (version, _) = self.stored(&budget, |_| Ok(()))?;
        read.push((budget, version));
        let page = Page { limit: MOST_AT_ONCE, after: None, newest_first: false };
        let (members, budgets) = self
            .reads
            .look_up(|reader| Ok((reader.wallet_members(id, page)?, reader.budget_keys(subject, MOST_AT_ONCE)?)))?;
        let mut delete = vec![Key::Wallet(id), Key::Limits(subject), Key::Paid(subject)];
        delete.extend(members.into_iter().map(|(_, user)| Key::Role((id, user.id))));
        delete.extend(budgets.into_iter().map(Key::Budget));
        delete.extend(Self::marks_of(&wallet).map(Key::Document));
        let data = vec![
            ("label", wallet.label),
            ("coin", wallet.coin.to_string()),
            ("rail", wallet.rail),
            ("reference", wallet.reference),
            ("organisation", wallet.organisation.to_string()),
        ];
        Ok(Write { read, delete, trace: Some(Trace::of("wallet.remove", "wallet", id, data)), ..Write::default() })
    }

    /// Whether a wallet can go without taking anything with it.
    fn may_be_removed(&self, id: WalletId) -> Result<(), ServiceError> {
        let wallet = self.stored_wallet(id)?.value;
        let is_play = self.rails.get(&wallet.rail).is_some_and(|rail| rail.is_sandbox());
        if !is_play && self.keeps_key_of(&wallet)? {
            let problem = "this server keeps its key, and what is paid to its address would be lost; freeze it instead";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        if self.has_spent(id)? {
            let problem = "a spend was recorded from it, and what was spent stays to be seen; freeze it instead";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        Ok(())
    }

    /// Whether any spend is kept of a wallet, or counted of those that are not kept any more.
    fn has_spent(&self, id: WalletId) -> Result<bool, ServiceError> {
        let key = all_spends(id);
        let page = Page { limit: 1, after: None, newest_first: false };
        let (_, counted) = self.stored(&Key::History(key.clone()), |state| Ok(state.history(&key)?.cloned()))?;
        let counts = counted.is_none_or(|past| !past.is_nothing());
        Ok(counts || !self.reads.look_up(|reader| reader.spends(id, page))?.is_empty())
    }
}

/// All that was ever spent from a wallet, of whatever coin.
fn all_spends(wallet: WalletId) -> HistoryKey {
    let budget = BudgetKey { subject: Subject::Wallet(wallet), asset: Asset::Any, destination: None };
    HistoryKey { budget, without: Vec::new(), reach: Span::ZERO, of: PastOf::Budget }
}
