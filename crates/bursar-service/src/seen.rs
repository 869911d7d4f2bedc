//! When and from where tokens were last used. Noted in memory and written now and then, all together: a
//! note of use is not worth a commit of its own, and a crash may lose the last few.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::audit::Actor;
use bursar_core::id::TokenId;
use bursar_core::ledger::{Record, Write};
use bursar_core::token::LastUse;

use crate::Bursar;
use crate::error::ServiceError;

/// How many tokens are noted between two writes; of more, some uses are not noted.
const NOTED: usize = 65_536;

/// Uses that are not written yet.
pub(crate) struct Seen(Mutex<HashMap<TokenId, LastUse>>);

impl Seen {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn note(&self, token: TokenId, used: LastUse) {
        let mut noted = self.lock();
        if noted.len() < NOTED || noted.contains_key(&token) {
            noted.insert(token, used);
        }
    }

    pub(crate) fn last(&self, token: TokenId) -> Option<LastUse> {
        self.lock().get(&token).copied()
    }

    fn take(&self) -> HashMap<TokenId, LastUse> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenId, LastUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bursar {
    /// Writes down when and from where tokens were used since the last time.
    ///
    /// # Errors
    /// The ledger does not answer; the uses are not noted then.
    pub async fn note_uses(&self) -> Result<(), ServiceError> {
        let put: Vec<Record> = self.seen.take().into_iter().map(|(id, used)| Record::LastUse(id, used)).collect();
        if !put.is_empty() {
            self.write(Actor::System, Write { put, ..Write::default() }).await?;
        }
        Ok(())
    }
}
