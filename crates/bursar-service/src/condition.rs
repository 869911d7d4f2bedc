//! How Bursar is doing, for those who operate it: nothing here is about a token, and nothing decides.

use std::time::Instant;

use bursar_core::hold::HoldState;
pub use bursar_ledger::{Figures, Histogram, Waiting};
use bursar_store::Page;

use crate::Bursar;
use crate::error::ServiceError;

/// Spends read at once.
const AT_ONCE: usize = 1000;
/// Spends counted at most: that many unsettled ones are an alarm, however many there are.
const COUNTED: usize = 10_000;

/// Spends that still hold budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unsettled {
    /// The rail is at them.
    pub open: usize,
    /// Nobody knows what became of them.
    pub unresolved: usize,
}

impl Bursar {
    /// Why the store takes nothing now, if that is so.
    pub fn store_problem(&self) -> Option<String> {
        self.ledger.health().problem_at(Instant::now())
    }

    /// Why nothing is held, if the wall clock has jumped.
    pub fn clock_problem(&self) -> Option<String> {
        let by = self.ledger.health().jump()?;
        Some(format!(
            "the wall clock has jumped by {by} ms, and nothing is held; set it right, or say `bursar doctor accept-clock`"
        ))
    }

    /// What the engine did since the start.
    pub fn figures(&self) -> Figures {
        self.ledger.figures()
    }

    /// How many commands wait for the engine.
    pub fn waiting(&self) -> Waiting {
        self.ledger.waiting()
    }

    /// How many spends are unsettled; counted up to ten thousand.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn unsettled(&self) -> Result<Unsettled, ServiceError> {
        let mut counted = Unsettled::default();
        let mut after = None;
        while counted.open.saturating_add(counted.unresolved) < COUNTED {
            let page = Page { limit: AT_ONCE, after, newest_first: false };
            let holds = self.reads.run(move |reader| reader.unsettled(page)).await?;
            let Some(last) = holds.last() else { break };
            after = Some(last.id);
            let unresolved = holds.iter().filter(|hold| matches!(hold.state, HoldState::Unresolved { .. })).count();
            counted.unresolved = counted.unresolved.saturating_add(unresolved);
            counted.open = counted.open.saturating_add(holds.len().saturating_sub(unresolved));
        }
        Ok(counted)
    }
}
