//! Spends that are refused before the ledger is asked: such a decision leaves a trace like every other.
//!
//! Only who is authenticated comes here, so strangers cannot fill the audit log.

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::hold::HoldState;
use bursar_core::id::{TokenId, WalletId};
use bursar_core::ledger::{Trace, Write};
use bursar_core::text::one_line;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;

/// What is told of a spend that came to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The token that was to spend.
    pub(crate) token: TokenId,
    /// The coin.
    pub(crate) coin: Coin,
    /// From which wallet.
    pub(crate) wallet: Option<WalletId>,
}

impl Bursar {
    /// Hands on a decision; a refusal is noted in the audit log first.
    pub(crate) async fn noting_refusal<T>(
        &self,
        principal: &Principal,
        attempt: &Attempt,
        decided: Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        if let Some((code, reason)) = decided.as_ref().err().and_then(decision) {
            let mut data = vec![("coin", attempt.coin.to_string())];
            data.extend(attempt.wallet.map(|wallet| ("wallet", wallet.to_string())));
            data.extend([("code", code.to_owned()), ("reason", reason)]);
            self.note_refusal(principal, attempt.token, data).await;
        }
        decided
    }

    /// Hands on what was decided of a spend before all of it was known, by its caller's own token; a refusal is noted, and
    /// counts among the token's spends that came to nothing.
    ///
    /// # Errors
    /// The refusal, or that the token is paused there.
    pub async fn noting_unread<T>(
        &self,
        principal: &Principal,
        place: Place<'_>,
        decided: Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        if let Some((code, reason)) = decided.as_ref().err().and_then(decision) {
            self.note_unread(principal, place, code, &reason).await?;
        }
        decided
    }

    /// Notes a spend that was refused in these words before all of it was known, as [`Bursar::noting_unread`] does.
    ///
    /// # Errors
    /// The token is paused there.
    pub async fn note_unread(
        &self,
        principal: &Principal,
        place: Place<'_>,
        code: &'static str,
        reason: &str,
    ) -> Result<(), ServiceError> {
        let circuit = self.circuit(principal, Doing::Spend, place);
        circuit.check()?;
        let of = match place {
            Place::Rail(rail) => Some(("rail", rail.to_owned())),
            Place::Wallet(wallet) => wallet.map(|wallet| ("wallet", wallet.to_string())),
        };
        let told = [("code", code.to_owned()), ("reason", one_line(reason, HoldState::LONGEST_REASON))];
        self.note_refusal(principal, principal.token().id, of.into_iter().chain(told).collect()).await;
        circuit.went_wrong(code).await;
        Ok(())
    }

    async fn note_refusal(&self, principal: &Principal, token: TokenId, data: Vec<(&'static str, String)>) {
        let trace = Trace::of("spend.refuse", "token", token, data);
        let write = Write { trace: Some(trace), ..Write::default() };
        // What is refused stays refused, also if that cannot be noted.
        if let Err(error) = self.write(principal.actor(), write).await {
            tracing::warn!(%token, %error, "a refused spend could not be noted");
        }
    }
}

/// The code and the words of a decision on a spend; nothing of all else, which is a fault or too much at once.
fn decision(error: &ServiceError) -> Option<(&'static str, String)> {
    match error {
        // Base units: the decimals that rails declare may be others when it is read.
        ServiceError::Refused(refusal) => Some((refusal.code(), refusal.sentence(&Decimals::default()))),
        ServiceError::Invalid(problem) => Some(("invalid_field", problem.to_string())),
        ServiceError::NotTaken(_) => Some(("rail_refused", error.to_string())),
        ServiceError::Unproven(_) => Some(("not_proven", error.to_string())),
        _ => None,
    }
}
