//! What is promised beyond the contract: the directory, the file, durability, and rows that are no records.

mod rows;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bursar_core::account::Organisation;
use bursar_core::id::{OrganisationId, UserId};
use bursar_core::ledger::{Change, Key, Record, State};
use bursar_core::time::Timestamp;
use bursar_store::{Batch, Store, StoreError};
use rusqlite::Connection;

use crate::SqliteStore;
use crate::checkpoint::Bounds;
use crate::open::Owner;

const USER: UserId = UserId::from_bytes([1; 16]);
const ORGANISATION: OrganisationId = OrganisationId::from_bytes([5; 16]);

fn organisation(name: &str) -> Record {
    Record::Organisation(
        ORGANISATION,
        Organisation { id: ORGANISATION, name: name.to_owned(), freeze: None, requires_second_factor: true },
    )
}

fn batch(records: impl IntoIterator<Item = Record>) -> Batch {
    let change = |record: Record| Change { key: record.key(), version: 1, record: Some(record) };
    let changes = records.into_iter().map(change).collect();
    Batch { time: Timestamp::from_millis(1), changes, events: Vec::new(), link: None }
}

fn sql(directory: &Path) -> Connection {
    Connection::open(directory.join("bursar.db")).unwrap()
}

#[test]
fn a_directory_belongs_to_one_store_until_its_writer_is_gone_too() {
    let directory = tempfile::tempdir().unwrap();
    let in_use = || matches!(SqliteStore::open(directory.path()), Err(StoreError::InUse));
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(in_use());
    let writer = store.writer().unwrap();
    drop(store);
    assert!(in_use());
    drop(writer);
    assert!(!in_use());
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let store = SqliteStore::open(&directory).unwrap();
    store.writer().unwrap().commit(&batch([organisation("Acme")])).unwrap();
    let _reader = store.reader().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    drop(store);
    drop(_reader);
    // A copy that was put there with another mode is closed again.
    fs::set_permissions(directory.join("bursar.db"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(SqliteStore::open(&directory).unwrap());
    assert_eq!(mode(&directory.join("bursar.db")), 0o600);
}

#[test]
fn a_store_is_fresh_once_and_keeps_one_data_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(store.is_fresh());
    assert_eq!(store.wrapped_data_key(), Ok(None));
    store.store_wrapped_data_key(b"wrapped").unwrap();
    assert!(store.store_wrapped_data_key(b"another").is_err());
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(!store.is_fresh());
    let _writer = store.writer().unwrap();
    assert_eq!(store.wrapped_data_key(), Ok(Some(b"wrapped".to_vec())));
    assert_eq!(store.store_wrapped_data_key(b"another"), Err(StoreError::InUse));
    drop((store, _writer));
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(store.replace_wrapped_data_key(b"another", b"anew").is_err());
    store.replace_wrapped_data_key(b"wrapped", b"anew").unwrap();
    assert_eq!(store.wrapped_data_key(), Ok(Some(b"anew".to_vec())));
}

#[test]
fn the_writers_commits_are_synced_and_never_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let connection = store.connection.lock().unwrap();
    // This very connection becomes the writer's.
    let connection = connection.as_ref().unwrap();
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(number("synchronous"), 2);
    assert_eq!(number("fullfsync"), 1);
    assert_eq!(number("wal_autocheckpoint"), 0);
}

#[test]
fn the_log_stays_bounded_while_it_is_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path(), Bounds { step: 8, most: 64 }).unwrap();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let log = directory.path().join("bursar.db-wal");
    let mut longest = 0;
    for number in 0..1_000_u64 {
        let name = format!("{number:0>3000}");
        let change = Change { version: number + 1, ..batch([organisation(&name)]).changes.remove(0) };
        writer.commit(&Batch { changes: vec![change], ..batch([]) }).unwrap();
        assert_eq!(reader.user(USER), Ok(None));
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    // Unbounded it would be more than 8 MiB.
    assert!(longest < 4 << 20, "{longest} bytes");
    drop((reader, writer, store));
    let store = SqliteStore::open(directory.path()).unwrap();
    let mut state = State::default();
    let key = Key::Organisation(ORGANISATION);
    store.writer().unwrap().load(std::slice::from_ref(&key), &mut state).unwrap();
    assert_eq!(state.version(&key), Ok(1_000));
}

#[test]
fn the_file_alone_is_the_store_once_the_writer_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    writer.commit(&batch([organisation("a")])).unwrap();
    assert_eq!(reader.user(USER), Ok(None));
    drop(writer);
    let copy = tempfile::tempdir().unwrap();
    fs::copy(directory.path().join("bursar.db"), copy.path().join("bursar.db")).unwrap();
    let mut state = State::default();
    let key = Key::Organisation(ORGANISATION);
    let copied = SqliteStore::open(copy.path()).unwrap();
    copied.writer().unwrap().load(std::slice::from_ref(&key), &mut state).unwrap();
    assert_eq!(state.version(&key), Ok(1));
}

#[test]
fn a_commit_that_finds_no_room_asks_for_what_the_log_takes() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path(), Bounds { step: i64::MAX, most: i64::MAX }).unwrap();
    let database = directory.path().join("bursar.db");
    let length = || fs::metadata(&database).unwrap().len();
    {
        // This very connection becomes the writer's.
        let connection = store.connection.lock().unwrap();
        let connection = connection.as_ref().unwrap();
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    }
    let mut writer = store.writer().unwrap();
    writer.commit(&batch([organisation("a")])).unwrap();
    let before = length();
    let refused = writer.commit(&batch([organisation(&"b".repeat(100_000))]));
    assert!(matches!(&refused, Err(StoreError::Unavailable(problem)) if problem.contains("full")), "{refused:?}");
    // Nothing else would have copied the log: so far from its bound it never is.
    while length() == before {
        std::thread::yield_now();
    }
    let change = Change { version: 2, ..batch([organisation("c")]).changes.remove(0) };
    writer.commit(&Batch { changes: vec![change], ..batch([]) }).unwrap();
}

#[test]
fn a_store_that_a_newer_program_wrote_is_refused_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(directory.path()).unwrap());
    sql(directory.path()).pragma_update(None, "user_version", 2).unwrap();
    let before = fs::read(directory.path().join("bursar.db")).unwrap();
    let refused = SqliteStore::open(directory.path()).err();
    assert_eq!(refused, Some(StoreError::Newer { found: 2, known: 1 }));
    assert_eq!(fs::read(directory.path().join("bursar.db")).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bursar.db"), "not a database at all ".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(directory.path()), Err(StoreError::Unavailable(_))));
}

#[test]
fn a_reader_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Owner::new(directory.path()).unwrap().read().unwrap();
    assert!(connection.execute_batch("CREATE TABLE t (a) STRICT").is_err());
}
