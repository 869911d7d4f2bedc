//! The key that everything at rest hangs on is the binary's; that it was changed is told by the audit trail.

use bursar_core::audit::Actor;
use bursar_core::ledger::{Trace, Write};

use crate::Bursar;
use crate::error::ServiceError;

impl Bursar {
    /// Notes that another master key opens the data from now on.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn note_master_key_change(&self) -> Result<(), ServiceError> {
        let trace = Trace { action: "key.change", subject: "server".to_owned(), data: Vec::new() };
        self.must_write(Actor::Operator, Write { trace: Some(trace), ..Write::default() }).await
    }
}
