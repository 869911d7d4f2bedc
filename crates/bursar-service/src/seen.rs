//! When and from where tokens were used. Noted in memory and written now and then, all together: a
//! note of use is not worth a commit of its own, and a crash may lose the last few.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::audit::Actor;
use bursar_core::id::TokenId;
use bursar_core::ledger::{Record, Write};
use bursar_core::token::{LastUse, Uses};

use crate::Bursar;
use crate::error::ServiceError;

/// How many tokens are noted between two writes; of more, some uses are not noted.
const NOTED: usize = 65_536;

/// How many tokens are written at once.
const AT_ONCE: usize = 1000;

/// Uses that are not written yet.
pub(crate) struct Seen(Mutex<HashMap<TokenId, Uses>>);

impl Seen {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn note(&self, token: TokenId, used: LastUse) {
        let mut noted = self.lock();
        if noted.len() < NOTED || noted.contains_key(&token) {
            noted.entry(token).or_default().note([used]);
        }
    }

    fn of(&self, token: TokenId) -> Option<Uses> {
        self.lock().get(&token).cloned()
    }

    fn take(&self) -> HashMap<TokenId, Uses> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenId, Uses>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bursar {
    /// Writes down when and from where tokens were used since the last time.
    ///
    /// # Errors
    /// The ledger does not answer; the uses are not noted then.
    pub async fn note_uses(&self) -> Result<(), ServiceError> {
        let noted: Vec<(TokenId, Uses)> = self.seen.take().into_iter().collect();
        for some in noted.chunks(AT_ONCE) {
            let mut some = some.to_vec();
            let put = self.reads.run(move |reader| {
                for (token, uses) in &mut some {
                    uses.note(reader.uses(*token)?.unwrap_or_default().places().iter().copied());
                }
                Ok(some.into_iter().map(|(token, uses)| Record::Uses(token, uses)).collect())
            });
            self.write(Actor::System, Write { put: put.await?, ..Write::default() }).await?;
        }
        Ok(())
    }

    /// When and from where a token was used, what is not written yet included.
    pub(crate) fn uses_of(&self, token: TokenId) -> Result<Uses, ServiceError> {
        let written = match self.known.uses(token) {
            Some(known) => known,
            None => {
                let read_at = self.known.generation();
                let found = self.reads.look_up(|reader| reader.uses(token))?.unwrap_or_default();
                self.known.keep_uses(token, found, read_at)
            }
        };
        let mut uses = Uses::clone(&written);
        uses.note(self.seen.of(token).iter().flat_map(Uses::places).copied());
        Ok(uses)
    }
}
