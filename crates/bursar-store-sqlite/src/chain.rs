//! The audit chain of a data directory that another process may own: readers of a SQLite file disturb no
//! writer. Nothing else may be read this way, since whoever owns the directory owns its meaning.

use std::path::Path;

use bursar_core::audit::{Event, Head, Link};
use bursar_store::{Position, StoreError};
use rusqlite::{Connection, Transaction};

use crate::open::read_beside;
use crate::rows::{audit, position};
use crate::sql::unavailable;

/// Reads the audit chain, whether or not a server runs on the data directory.
pub struct SqliteChain {
    connection: Connection,
}

impl SqliteChain {
    /// Opens the chain of a data directory.
    ///
    /// # Errors
    /// There is no store, a newer program wrote it, or the machine refuses.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: read_beside(directory)? })
    }

    /// At most `limit` links from a number on that are not archived, with the events they cover.
    ///
    /// # Errors
    /// The store does not answer, or one of them is no record.
    pub fn links(&mut self, from: u64, limit: usize) -> Result<Vec<(Link, Vec<Event>)>, StoreError> {
        audit::covered(&self.view()?, from, limit)
    }

    /// At most `limit` events, the newest first, each with the number of its link.
    ///
    /// # Errors
    /// The store does not answer, or one of them is no record.
    pub fn newest(&mut self, limit: usize) -> Result<Vec<(u64, Event)>, StoreError> {
        audit::newest(&*self.view()?, limit)
    }

    /// The last link that is archived, after which the chain here begins; the default if nothing is.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn base(&mut self) -> Result<Head, StoreError> {
        Ok(position::base(&self.connection)?.map(|base| base.value).unwrap_or_default())
    }

    /// Where the store stands, and the end of the chain.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn position(&mut self) -> Result<Position, StoreError> {
        position::load(&*self.view()?)
    }

    /// The number of the first link or event outside of the chain, which counts from 1 to its end.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn stray(&mut self) -> Result<Option<i64>, StoreError> {
        let view = self.view()?;
        let end = position::load(&view)?.head.number;
        audit::stray(&view, end)
    }

    fn view(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.connection.transaction().map_err(unavailable)
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::audit::Actor;
    use bursar_core::time::Timestamp;
    use bursar_store::{Batch, Store, Writer};

    use super::*;
    use crate::SqliteStore;

    fn write(writer: &mut dyn Writer, subjects: &[&str]) {
        let position = writer.position().unwrap();
        let event = |subject: &&str| Event {
            time: Timestamp::from_millis(1),
            actor: Actor::System,
            action: "a".to_owned(),
            subject: (*subject).to_owned(),
            data: Vec::new(),
        };
        let events: Vec<Event> = subjects.iter().map(event).collect();
        let link = Some(position.head.next(&events));
        writer.commit(&Batch { time: Timestamp::from_millis(1), changes: Vec::new(), events, link }).unwrap();
    }

    #[test]
    fn the_chain_is_read_beside_its_writer_and_after_it() {
        let directory = tempfile::tempdir().unwrap();
        assert!(SqliteChain::open(directory.path()).is_err(), "there is no store, and none is made");
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
        let store = SqliteStore::open(directory.path()).unwrap();
        let mut chain = SqliteChain::open(directory.path()).unwrap();
        assert_eq!(chain.position().unwrap().head, Head::default());
        let mut writer = store.writer().unwrap();
        write(&mut *writer, &["one", "two"]);
        write(&mut *writer, &["three"]);
        let newest = |chain: &mut SqliteChain| -> Vec<(u64, String)> {
            chain.newest(2).unwrap().into_iter().map(|(link, event)| (link, event.subject)).collect()
        };
        assert_eq!(newest(&mut chain), [(2, "three".to_owned()), (1, "two".to_owned())]);
        assert_eq!(chain.links(2, 9).unwrap().len(), 1);
        assert_eq!(chain.position().unwrap().head.number, 2);
        assert!(chain.connection.execute("DELETE FROM audit_links", []).is_err());
        drop((writer, store));
        assert_eq!(newest(&mut SqliteChain::open(directory.path()).unwrap()).len(), 2);
    }

    #[test]
    fn what_no_link_covers_is_a_stray_and_a_place_may_not_change() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        write(&mut *store.writer().unwrap(), &["one", "two"]);
        drop(store);
        let mut chain = SqliteChain::open(directory.path()).unwrap();
        let sql = Connection::open(directory.path().join("bursar.db")).unwrap();
        assert_eq!(chain.stray().unwrap(), None);
        let copy = "INSERT INTO audit_events SELECT ?1, 7, time, actor, actor_user, actor_token, action, subject, data
                    FROM audit_events WHERE place = 0";
        for link in [-1, 0, 2] {
            sql.execute(copy, [link]).unwrap();
            assert_eq!(chain.stray().unwrap(), Some(link));
            sql.execute("DELETE FROM audit_events WHERE place = 7", []).unwrap();
        }
        assert_eq!(chain.stray().unwrap(), None);
        sql.execute("UPDATE audit_events SET place = 2 WHERE place = 1", []).unwrap();
        assert!(matches!(chain.links(1, 1), Err(StoreError::Inconsistent { table: "audit_events", .. })));
        sql.execute("UPDATE audit_links SET number = 0", []).unwrap();
        assert_eq!(chain.stray().unwrap(), Some(0));
    }
}
