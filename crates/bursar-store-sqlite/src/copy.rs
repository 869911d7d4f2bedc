//! A copy of a store that another process may be writing: one instant of it, in one file, with nothing left behind in a log.

use std::path::Path;

use bursar_store::StoreError;
use rusqlite::Connection;

use crate::migrations;
use crate::open::read_beside;
use crate::sql::unavailable;

/// Copies the store of a data directory into an empty file, and reads the copy through. It is not yet on the disk when this
/// returns.
///
/// # Errors
/// There is no store, a newer program wrote it, the copy is not sound, or the machine refuses.
pub fn copy(directory: &Path, to: &Path) -> Result<(), StoreError> {
    let store = read_beside(directory)?;
    // The connection cannot write to the store, and has to write the copy.
    store.pragma_update(None, "query_only", false).map_err(unavailable)?;
    let refused = || StoreError::Unavailable(format!("{} is no path in UTF-8", to.display()));
    store.execute("VACUUM INTO ?1", [to.to_str().ok_or_else(refused)?]).map_err(unavailable)?;
    let copy = Connection::open(to).map_err(unavailable)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unavailable)?;
    if found != "ok" || migrations::found(&copy)? != migrations::found(&store)? {
        return Err(StoreError::Unavailable(format!("the copy is not sound: {found}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bursar_core::audit::{Actor, Event};
    use bursar_core::time::Timestamp;
    use bursar_store::{Batch, Store, Writer};

    use super::*;
    use crate::{SqliteChain, SqliteStore};

    fn write(writer: &mut dyn Writer) {
        let position = writer.position().unwrap();
        let (time, actor) = (Timestamp::from_millis(1), Actor::System);
        let event = Event { time, actor, action: "a".to_owned(), subject: "b".to_owned(), data: Vec::new() };
        let link = Some(position.head.next(std::slice::from_ref(&event)));
        writer.commit(&Batch { time, changes: Vec::new(), events: vec![event], link }).unwrap();
    }

    #[test]
    fn a_copy_has_all_that_was_committed_and_opens_as_a_store() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let to = elsewhere.path().join("bursar.db");
        assert!(copy(directory.path(), &to).is_err(), "there is no store");
        assert!(!to.exists());
        let store = SqliteStore::open(directory.path()).unwrap();
        let mut writer = store.writer().unwrap();
        write(&mut *writer);
        write(&mut *writer);
        copy(directory.path(), &to).unwrap();
        assert!(copy(directory.path(), &to).is_err(), "nothing is written over");
        write(&mut *writer);
        let head = |at: &Path| SqliteChain::open(at).unwrap().position().unwrap().head;
        assert_eq!(head(elsewhere.path()).number, 2);
        assert_eq!(head(directory.path()).number, 3);
        let restored = SqliteStore::open(elsewhere.path()).unwrap();
        write(&mut *restored.writer().unwrap());
        assert_eq!(head(elsewhere.path()), head(directory.path()), "it goes on as the store did");
    }
}
