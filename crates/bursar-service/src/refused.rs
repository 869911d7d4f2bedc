//! Spends that are refused before the ledger is asked: such a decision leaves a trace like every other.
//!
//! Only who is authenticated comes here, so strangers cannot fill the audit log.

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::id::{TokenId, WalletId};
use bursar_core::ledger::{Trace, Write};

use crate::Bursar;
use crate::authenticate::Principal;
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
        let Err(error) = &decided else { return decided };
        let (code, reason) = match error {
            // Base units: the decimals that rails declare may be others when it is read.
            ServiceError::Refused(refusal) => (refusal.code(), refusal.sentence(&Decimals::default())),
            ServiceError::Invalid(problem) => ("invalid_field", problem.to_string()),
            ServiceError::NotTaken(_) => ("rail_refused", error.to_string()),
            ServiceError::Unproven(_) => ("not_proven", error.to_string()),
            // Everything else is no decision on the spend, but a fault or too much at once.
            _ => return decided,
        };
        let mut data = vec![("coin", attempt.coin.to_string())];
        data.extend(attempt.wallet.map(|wallet| ("wallet", wallet.to_string())));
        data.extend([("code", code.to_owned()), ("reason", reason)]);
        let trace = Trace::of("spend.refuse", "token", attempt.token, data);
        let write = Write { trace: Some(trace), ..Write::default() };
        // What is refused stays refused, also if that cannot be noted.
        if let Err(error) = self.write(principal.actor(), write).await {
            tracing::warn!(token = %attempt.token, %error, "a refused spend could not be noted");
        }
        decided
    }
}
