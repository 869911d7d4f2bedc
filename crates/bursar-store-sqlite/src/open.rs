//! The data directory: who owns it, and the connections to the database in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bursar_store::{Reader, Store, StoreError, Writer};
use rusqlite::{Connection, OpenFlags};

use crate::checkpoint::{Bounds, Checkpointer, PATIENCE};
use crate::migrations;
use crate::reader::SqliteReader;
use crate::rows::data_key;
use crate::sql::unavailable;
use crate::writer::SqliteWriter;

const DATABASE: &str = "bursar.db";
const LOCK: &str = "lock";

/// How long a connection waits for a lock; only a checkpoint that starts the log over holds one.
const WAIT: Duration = Duration::from_secs(10);

/// How much of the database the writer keeps in memory at most, in KiB as SQLite takes it (negative). Names of
/// spends are spread over the whole table, and each page that is not there is read again from the file.
const WRITER_CACHE: i64 = -32 * 1024;

/// More than there are statements, so that each is prepared once per connection.
const STATEMENTS: usize = 256;

/// The embedded store. It owns its data directory until it and its writer are dropped.
pub struct SqliteStore {
    owner: Arc<Owner>,
    is_fresh: bool,
    bounds: Bounds,
    /// Becomes the writer's.
    pub(crate) connection: Mutex<Option<Connection>>,
}

/// The exclusive right to a data directory.
pub(crate) struct Owner {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in a directory, both of which are made if they are not there, readable by their
    /// owner only, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process (or another store in this one) has the directory,
    /// [`StoreError::Newer`] if a newer program wrote it, [`StoreError::Unavailable`] if the machine refuses.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, Bounds::default())
    }

    /// Opens the store so that its commits are on no disk when they return: what a test of durability has
    /// to notice. Never for anything that has to last.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    #[cfg(feature = "unsynced")]
    pub fn open_unsynced(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::open(directory)?;
        let connection = store.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_ref().ok_or(StoreError::InUse)?.execute_batch("PRAGMA synchronous = OFF").map_err(unavailable)?;
        drop(connection);
        Ok(store)
    }

    pub(crate) fn open_with(directory: &Path, bounds: Bounds) -> Result<Self, StoreError> {
        let owner = Owner::new(directory)?;
        let mut connection = connect(&owner.path, OpenFlags::SQLITE_OPEN_READ_WRITE, WAIT)?;
        // First of all: a newer program's file stays as it is.
        let found = migrations::found(&connection)?;
        make_durable(&connection)?;
        migrations::run(&mut connection, found)?;
        Ok(Self { owner: Arc::new(owner), is_fresh: found == 0, bounds, connection: Mutex::new(Some(connection)) })
    }

    /// Whether there was no store in the directory before.
    pub const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// The data key as the master key wrapped it, if there is one yet.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn wrapped_data_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        data_key::load(&self.owner.read()?)
    }

    /// Keeps the wrapped data key of a fresh store; before the writer is taken.
    ///
    /// # Errors
    /// There is a data key already: losing it would lose every secret. Or the store does not answer, or
    /// its writer was taken.
    pub fn store_wrapped_data_key(&self, wrapped: &[u8]) -> Result<(), StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        data_key::insert(connection.as_ref().ok_or(StoreError::InUse)?, wrapped)
    }

    /// Keeps the data key as another master key wrapped it; before the writer is taken.
    ///
    /// # Errors
    /// It was wrapped otherwise before. Or the store does not answer, or its writer was taken.
    pub fn replace_wrapped_data_key(&self, before: &[u8], wrapped: &[u8]) -> Result<(), StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        match data_key::replace(connection.as_ref().ok_or(StoreError::InUse)?, before, wrapped)? {
            true => Ok(()),
            false => Err(StoreError::Violated("the data key is another than was read".to_owned())),
        }
    }
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        let checkpoints = connect(&self.owner.path, OpenFlags::SQLITE_OPEN_READ_WRITE, PATIENCE)?;
        make_durable(&checkpoints)?;
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut connection = connection.ok_or(StoreError::InUse)?;
        connection.pragma_update(None, "cache_size", WRITER_CACHE).map_err(unavailable)?;
        let checkpointer = Checkpointer::start(&mut connection, checkpoints, self.bounds)?;
        Ok(Box::new(SqliteWriter::new(connection, checkpointer, Arc::clone(&self.owner))))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(SqliteReader::new(self.owner.read()?)))
    }
}

impl Owner {
    pub(crate) fn new(directory: &Path) -> Result<Self, StoreError> {
        let lock = take(directory).map_err(|problem| at(directory, &problem))??;
        let directory = directory.canonicalize().map_err(|problem| at(directory, &problem))?;
        let path = directory.join(DATABASE);
        make_file(&path).and_then(|_| File::open(&directory)?.sync_all()).map_err(|problem| at(&path, &problem))?;
        Ok(Self { path, _lock: lock })
    }

    /// A connection that cannot write.
    pub(crate) fn read(&self) -> Result<Connection, StoreError> {
        read_only(&self.path)
    }
}

/// A connection that cannot write, to the database of a directory that may belong to another process.
pub(crate) fn read_beside(directory: &Path) -> Result<Connection, StoreError> {
    let connection = read_only(&directory.join(DATABASE))?;
    match migrations::found(&connection)? {
        0 => Err(StoreError::Unavailable("there is no store in the data directory".to_owned())),
        _ => Ok(connection),
    }
}

fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, WAIT)?;
    connection.pragma_update(None, "query_only", true).map_err(unavailable)?;
    Ok(connection)
}

fn take(directory: &Path) -> io::Result<Result<File, StoreError>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let lock = make_file(&directory.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(Ok(lock)),
        Err(TryLockError::WouldBlock) => Ok(Err(StoreError::InUse)),
        Err(TryLockError::Error(problem)) => Err(problem),
    }
}

/// A file that only its owner reads; SQLite gives the files beside it the same mode.
fn make_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(file)
}

fn at(path: &Path, problem: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {problem}", path.display()))
}

fn connect(path: &Path, access: OpenFlags, wait: Duration) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(unavailable)?;
    connection.busy_timeout(wait).map_err(unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false).map_err(unavailable)?;
    Ok(connection)
}

/// A commit that returned is on the disk, and nothing is checkpointed on the way.
fn make_durable(connection: &Connection) -> Result<(), StoreError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(unavailable)?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("the file system allows no write-ahead log, only `{mode}`")));
    }
    for (pragma, value) in [
        ("synchronous", "FULL"),
        // Without this an fsync on macOS stops at the drive's cache; elsewhere it says nothing.
        ("fullfsync", "ON"),
        ("checkpoint_fullfsync", "ON"),
        ("wal_autocheckpoint", "0"),
        // Whatever a long read made of the log is given back when the log starts over.
        ("journal_size_limit", "67108864"),
        ("foreign_keys", "OFF"),
    ] {
        connection.execute_batch(&format!("PRAGMA {pragma} = {value}")).map_err(unavailable)?;
    }
    Ok(())
}
