//! The check that nothing was lost and nothing invented (I8), on the live store. Where something does not
//! add up, the token concerned spends nothing until its owner has looked.

use std::sync::atomic::{AtomicU64, Ordering};

use bursar_core::audit::Actor;
use bursar_core::ledger::Command;
pub use bursar_core::ledger::conservation::Difference;
use bursar_core::limit::Subject;

use crate::Bursar;
use crate::error::ServiceError;

/// What the last check found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    differences: AtomicU64,
}

impl Bursar {
    /// Compares spends with budgets: what is held, and if `all` are looked at also what was captured.
    /// Tokens whose figures differ are locked.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn check_conservation(&self, all: bool) -> Result<Vec<Difference>, ServiceError> {
        let differences = self.reads.run(move |reader| reader.conservation(all)).await?;
        self.checked.differences.store(u64::try_from(differences.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for difference in &differences {
            let Difference { budget, figure, spends, counted } = difference;
            tracing::error!(?budget, figure, ?spends, ?counted, "a budget does not say what its spends say");
            if let Subject::Token(token) = budget.subject {
                self.command(
                    Actor::System,
                    Command::Lock { token, reason: Some("its budget does not say what its spends say") },
                )
                .await?;
            }
        }
        Ok(differences)
    }

    /// How many budgets differed from their spends when that was last looked at.
    pub fn conservation_differences(&self) -> u64 {
        self.checked.differences.load(Ordering::Relaxed)
    }
}
