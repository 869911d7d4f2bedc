//! The check that nothing was lost and nothing invented (I8), on the live store. Where something does not
//! add up, whatever spends under that budget stops until somebody has looked: a token is locked, a user or
//! a wallet frozen. An organisation has no such state of its own; the server says that it is not ready.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bursar_core::account::{Freeze, FrozenBy, User, Wallet};
use bursar_core::audit::Actor;
use bursar_core::id::{TokenId, UserId, WalletId};
pub use bursar_core::ledger::conservation::{Difference, Figure};
use bursar_core::ledger::{Command, Key, Record, Trace, Versioned, Write};
use bursar_core::limit::Subject;
use bursar_core::token::LockedBy;
use bursar_store::Compared;

use crate::Bursar;
use crate::error::ServiceError;
use crate::notices::Notice;

/// What is said of an account or a wallet that is frozen because of its budget.
const REASON: &str = "a budget does not say what its spends say; whoever runs this server has to look";

/// What the last checks found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    held: AtomicU64,
    /// Of the last check that looked at captured spends, too.
    captured: AtomicU64,
    organisations_held: AtomicU64,
    organisations_captured: AtomicU64,
    /// Whether a row could not even be read, likewise.
    unreadable: AtomicBool,
    unreadable_of_all: AtomicBool,
}

impl Checked {
    fn is_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Relaxed) || self.unreadable_of_all.load(Ordering::Relaxed)
    }
}

impl Bursar {
    /// Compares spends with budgets: what is held, and if `all` are looked at also what was captured.
    /// Whatever spends under a budget that differs is stopped; what is stopped already is left as it is. So is what
    /// a row belongs to that is no record, as it is missing in what its budgets should say.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn compare_ledger(&self, all: bool) -> Result<Compared, ServiceError> {
        let compared = self.reads.run(move |reader| reader.conservation(all)).await?;
        let count = |of_held: bool, only_organisations: bool| {
            let counted = compared.differences.iter().filter(|found| {
                let is_organisation = matches!(found.budget.subject, Subject::Organisation(_));
                (found.figure == Figure::Held) == of_held && (is_organisation || !only_organisations)
            });
            u64::try_from(counted.count()).unwrap_or(u64::MAX)
        };
        let (checked, is_unreadable) = (&self.checked, !compared.unreadable.is_empty());
        checked.held.store(count(true, false), Ordering::Relaxed);
        checked.organisations_held.store(count(true, true), Ordering::Relaxed);
        checked.unreadable.store(is_unreadable, Ordering::Relaxed);
        // A check that does not look at captures finds none, and must not call off what an earlier one found.
        if all {
            checked.captured.store(count(false, false), Ordering::Relaxed);
            checked.organisations_captured.store(count(false, true), Ordering::Relaxed);
            checked.unreadable_of_all.store(is_unreadable, Ordering::Relaxed);
        }
        for problem in &compared.unreadable {
            tracing::error!(%problem, "a budget or a spend cannot be read");
        }
        for difference in &compared.differences {
            tracing::error!(%difference, "a budget does not say what its spends say");
            // One that cannot be stopped keeps no other from being stopped.
            if let Err(error) = self.stop(difference.budget.subject).await {
                tracing::error!(%difference, %error, "what spends under this budget could not be stopped");
            }
        }
        // What they spent is not known, whether or not a budget says otherwise.
        for subject in &compared.uncounted {
            if let Err(error) = self.stop(*subject).await {
                tracing::error!(?subject, %error, "whose spend cannot be read could not be stopped");
            }
        }
        Ok(compared)
    }

    /// The same, where every row has to be a record.
    ///
    /// # Errors
    /// The store does not answer, or a row is none: found out once all others are compared.
    pub async fn check_conservation(&self, all: bool) -> Result<Vec<Difference>, ServiceError> {
        Ok(self.compare_ledger(all).await?.of_records()?)
    }

    /// How many figures of budgets differed from their spends when they were last looked at.
    pub fn conservation_differences(&self) -> u64 {
        let Checked { held, captured, .. } = &self.checked;
        let differing = held.load(Ordering::Relaxed).saturating_add(captured.load(Ordering::Relaxed));
        differing.saturating_add(u64::from(self.checked.is_unreadable()))
    }

    /// Why the ledger is not to be trusted as a whole, if that is so: what an organisation spent does not add up.
    pub fn ledger_problem(&self) -> Option<String> {
        let Checked { organisations_held, organisations_captured, .. } = &self.checked;
        if self.checked.is_unreadable() {
            return Some("a budget or a spend cannot be read; `bursar doctor ledger` and the log say more".to_owned());
        }
        let found =
            organisations_held.load(Ordering::Relaxed) > 0 || organisations_captured.load(Ordering::Relaxed) > 0;
        found.then(|| "the budget of an organisation does not say what its spends say; see the log".to_owned())
    }

    /// Lifts a wallet's freeze, as the operator of the machine.
    ///
    /// # Errors
    /// There is no such wallet, or it is not frozen.
    pub async fn unfreeze_wallet(&self, id: WalletId) -> Result<(), ServiceError> {
        let Versioned { version, value: wallet } = self.stored_wallet(id)?;
        self.in_force("wallet", wallet.freeze.as_ref())?;
        let write = Write {
            read: vec![(Key::Wallet(id), version)],
            put: vec![Record::Wallet(id, Wallet { freeze: None, ..wallet })],
            trace: Some(Trace::of("wallet.unfreeze", "wallet", id, Vec::new())),
            ..Write::default()
        };
        self.must_write(Actor::Operator, write).await
    }

    async fn stop(&self, subject: Subject) -> Result<(), ServiceError> {
        match subject {
            Subject::Token(id) => self.stop_token(id).await,
            Subject::User(id) => self.stop_user(id).await,
            Subject::Wallet(id) => self.stop_wallet(id).await,
            Subject::Organisation(_) => Ok(()),
        }
    }

    async fn stop_token(&self, id: TokenId) -> Result<(), ServiceError> {
        let (_, token) = self.stored(&Key::Token(id), |state| Ok(state.token(&id)?.cloned()))?;
        let now = self.clock.now();
        let Some(token) = token.filter(|token| token.lives_at(now) && token.stopped_at(now).is_none()) else {
            return Ok(());
        };
        self.command(Actor::System, Command::Lock { token: id, by: LockedBy::Ledger }).await?;
        if let Some(owner) = self.owner(token.user)? {
            let label = token.label.unwrap_or_else(|| id.to_string());
            self.notify(&owner, &Notice::TokenStopped { label });
        }
        Ok(())
    }

    /// Whether a token that the check has stopped was looked at again, and all its budgets say what its spends say.
    ///
    /// # Errors
    /// They do not.
    pub(crate) async fn agrees_again(&self, id: TokenId) -> Result<bool, ServiceError> {
        let (_, token) = self.stored(&Key::Token(id), |state| Ok(state.token(&id)?.cloned()))?;
        if token.is_none_or(|token| token.locked.is_none_or(|lock| lock.by != LockedBy::Ledger)) {
            return Ok(false);
        }
        let differences = self.reads.run(move |reader| reader.conservation_of_token(id)).await?;
        match differences.first() {
            None => Ok(true),
            Some(difference) => Err(ServiceError::Conflict(format!(
                "the check of the ledger stopped this token, and finds the same as before; whoever runs this server has to \
                 put it right, or you make another token: {difference}"
            ))),
        }
    }

    async fn stop_user(&self, id: UserId) -> Result<(), ServiceError> {
        let (version, user) = self.stored(&Key::User(id), |state| Ok(state.user(&id)?.cloned()))?;
        let Some(user) = user.filter(|user| !self.is_frozen(user.freeze.as_ref())) else { return Ok(()) };
        let user = User { freeze: Some(self.freeze()), ..user };
        self.write_stop((Key::User(id), version), Record::User(id, user), "user.freeze", format!("user:{id}")).await
    }

    async fn stop_wallet(&self, id: WalletId) -> Result<(), ServiceError> {
        let (version, wallet) = self.stored(&Key::Wallet(id), |state| Ok(state.wallet(&id)?.cloned()))?;
        let Some(wallet) = wallet.filter(|wallet| !self.is_frozen(wallet.freeze.as_ref())) else { return Ok(()) };
        let wallet = Wallet { freeze: Some(self.freeze()), ..wallet };
        let subject = format!("wallet:{id}");
        self.write_stop((Key::Wallet(id), version), Record::Wallet(id, wallet), "wallet.freeze", subject).await
    }

    async fn write_stop(
        &self,
        read: (Key, u64),
        put: Record,
        action: &'static str,
        subject: String,
    ) -> Result<(), ServiceError> {
        let trace = Trace { action, subject, data: vec![("reason", REASON.to_owned())] };
        let write = Write { read: vec![read], put: vec![put], trace: Some(trace), ..Write::default() };
        self.must_write(Actor::System, write).await
    }

    /// Whether it is stopped until the operator has looked: another freeze ends, or is lifted by others.
    fn is_frozen(&self, freeze: Option<&Freeze>) -> bool {
        freeze.is_some_and(|freeze| freeze.by == FrozenBy::Ledger)
    }

    fn freeze(&self) -> Freeze {
        Freeze {
            since: self.clock.now(),
            until: None,
            reason: REASON.to_owned(),
            by: FrozenBy::Ledger,
            persons_from: None,
        }
    }
}
