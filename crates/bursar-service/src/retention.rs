//! Letting go of spends that were settled long ago, a few at a time and never in front of a hold.

use bursar_core::audit::Actor;
use bursar_core::ledger::{Command, Outcome};
use bursar_core::limit::Window;
use bursar_core::time::Span;

use crate::Bursar;
use crate::error::ServiceError;

/// The shortest time that spends are kept: no window reaches further back.
pub const SHORTEST_RETENTION: Span = Window::LONGEST;
/// How many spends one command lets go of.
const AT_ONCE: usize = 500;
/// How many commands one call gives.
const ROUNDS: usize = 20;

impl Bursar {
    /// Lets go of settled spends that are older than they have to be kept; their sums stay.
    ///
    /// # Errors
    /// The store or the ledger does not answer.
    pub async fn forget_old_spends(&self) -> Result<u64, ServiceError> {
        let Some(retention) = self.policy.retention else { return Ok(0) };
        let kept = retention.max(SHORTEST_RETENTION);
        // Which spends are looked at is a matter of this clock, which of them are old enough one of the ledger's.
        let before = self.clock.now().minus(kept);
        let mut forgotten: u64 = 0;
        for _ in 0..ROUNDS {
            let holds = self.reads.run(move |reader| reader.settled_before(before, AT_ONCE)).await?;
            let last = holds.len() < AT_ONCE;
            if holds.is_empty() {
                break;
            }
            match self.command(Actor::System, Command::Forget { holds, kept }).await? {
                Outcome::Forgotten { spends } => forgotten = forgotten.saturating_add(spends),
                other => {
                    return Err(ServiceError::Unavailable(format!("the ledger answered a clean-up with {other:?}")));
                }
            }
            if last {
                break;
            }
        }
        Ok(forgotten)
    }
}
