//! Letting go of the beginning of the audit chain, once it is kept in a file elsewhere.
//!
//! Whoever calls has written the file and read it back. The store is told where its chain begins from then on, in the
//! transaction of the event that says so; the links themselves go a few at a time.

use bursar_core::audit::{ARCHIVED, Actor, Archived, Head, MAIN_CHAIN};
use bursar_core::ledger::{Key, Record, State, Trace, Write};

use crate::Bursar;
use crate::error::ServiceError;
use crate::stored::not_loaded;

impl Bursar {
    /// Notes that the chain is archived up to a link, and lets go of it.
    ///
    /// # Errors
    /// The file does not follow what was archived before, or is of another chain than this; or the store or the
    /// ledger does not answer.
    pub async fn note_archive(&self, actor: Actor, archived: Archived) -> Result<(), ServiceError> {
        let Archived { first, through, .. } = archived;
        let look = move |reader: &mut dyn bursar_store::Reader| {
            let key = Key::AuditBase(());
            let mut state = State::default();
            reader.load(std::slice::from_ref(&key), &mut state)?;
            let base = state.audit_base(&()).map_err(not_loaded)?.copied().unwrap_or_default();
            let found = reader.audit(through.number, 1)?.first().map(|(link, _)| link.head());
            Ok((base, state.version(&key).map_err(not_loaded)?, found))
        };
        let (base, version, found) = self.reads.run(look).await?;
        check(base, first, through, found)?;
        let trace = Trace::of(ARCHIVED, "audit", MAIN_CHAIN, archived.data());
        let read = vec![(Key::AuditBase(()), version)];
        let put = vec![Record::AuditBase((), through)];
        self.must_write(actor, Write { read, put, trace: Some(trace), ..Write::default() }).await
    }
}

/// Nothing is let go of that the file does not have.
fn check(base: Head, first: u64, through: Head, found: Option<Head>) -> Result<(), ServiceError> {
    let (begins, last) = (base.number.saturating_add(1), through.number);
    if first != begins || last < first {
        return Err(ServiceError::Conflict(format!(
            "the archive has links {first} to {last}, and the chain here begins with link {begins}; nothing was let go of",
        )));
    }
    if found != Some(through) {
        return Err(ServiceError::Conflict(format!(
            "link {last} here is another than the one in the archive; nothing was let go of",
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_follows_the_base_and_is_the_same_chain_is_let_go_of() {
        let head = |number, byte| Head { number, hash: [byte; 32] };
        let base = head(3, 1);
        assert!(check(base, 4, head(6, 2), Some(head(6, 2))).is_ok());
        for (first, through, found) in [
            (1, head(6, 2), Some(head(6, 2))),
            (5, head(6, 2), Some(head(6, 2))),
            (4, head(3, 1), Some(head(3, 1))),
            (4, head(6, 2), Some(head(6, 3))),
            (4, head(6, 2), None),
        ] {
            assert!(matches!(check(base, first, through, found), Err(ServiceError::Conflict(_))));
        }
    }
}
