//! The SQLite store keeps the contract of stores, on real files.

use bursar_store::contract::Database;
use bursar_store_sqlite::SqliteStore;
use tempfile::TempDir;

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }
}

impl Database for Directory {
    type Store = SqliteStore;

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.0.path()).expect("a store")
    }
}

bursar_store::store_contract!(Directory::new());
