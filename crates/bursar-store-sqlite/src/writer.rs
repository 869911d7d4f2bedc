//! The one writer: loads what a batch works on, and writes what it changed.

use std::sync::Arc;

use bursar_core::id::HoldId;
use bursar_core::ledger::{Change, Key, State};
use bursar_store::{Batch, Position, StoreError, Writer};
use rusqlite::{Connection, TransactionBehavior};

use crate::checkpoint::{Checkpointer, PATIENCE};
use crate::open::Owner;
use crate::rows::{self, audit, hold, position};
use crate::sql::{Repeated, unavailable};

/// Dropped in this order: the connection, whose end is also the checkpointer's, then the right to the directory.
pub(crate) struct SqliteWriter {
    connection: Connection,
    checkpointer: Checkpointer,
    /// The greatest id of a spend that there is, once it is known.
    newest: Option<HoldId>,
    /// Whether links may be here that are archived.
    has_archived: bool,
    _owner: Arc<Owner>,
}

impl SqliteWriter {
    pub(crate) const fn new(connection: Connection, checkpointer: Checkpointer, owner: Arc<Owner>) -> Self {
        Self { connection, checkpointer, newest: None, has_archived: true, _owner: owner }
    }
}

/// The file alone is the whole store once nobody has it any more.
impl Drop for SqliteWriter {
    fn drop(&mut self) {
        // Nobody is kept waiting for long by a reader that stays.
        let waits = self.connection.busy_timeout(PATIENCE);
        let moved = waits.and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
        });
        if !matches!(moved, Ok(false)) {
            tracing::warn!("the write-ahead log stays beside the database; a copy needs both");
        }
    }
}

impl Writer for SqliteWriter {
    fn position(&mut self) -> Result<Position, StoreError> {
        position::load(&self.connection)
    }

    /// Point look-ups in one read transaction.
    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        let newest = self.newest()?;
        let transaction = self.connection.transaction().map_err(unavailable)?;
        let is_absent = |key: &Key| matches!(key, Key::Hold(id) if *id > newest);
        rows::load_all(&transaction, keys, is_absent, state)?;
        transaction.commit().map_err(unavailable)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let committed = self.write_all(batch);
        if matches!(committed, Err(StoreError::Unavailable(_))) {
            self.checkpointer.wake();
        }
        committed
    }
}

impl SqliteWriter {
    fn write_all(&mut self, batch: &Batch) -> Result<(), StoreError> {
        // A transaction that is dropped before its end is rolled back.
        // Read again after a failure: what became of the batch is not known then.
        let newest = self.newest.take();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
        write(&transaction, batch)?;
        self.has_archived |= batch.changes.iter().any(|change| matches!(change.key, Key::AuditBase(())));
        let has_archived = self.has_archived && audit::let_go_of_archived(&transaction)?;
        transaction.commit().map_err(unavailable)?;
        self.has_archived = has_archived;
        let held = batch.changes.iter().filter_map(|change| match change.key {
            Key::Hold(id) => Some(id),
            _ => None,
        });
        self.newest = newest.map(|newest| held.fold(newest, Ord::max));
        Ok(())
    }

    /// Ids of spends are ordered by time, so that a new one needs no look-up to be known as new.
    fn newest(&mut self) -> Result<HoldId, StoreError> {
        let newest = match self.newest {
            Some(newest) => newest,
            None => hold::newest(&self.connection)?.unwrap_or(HoldId::from_bytes([0; 16])),
        };
        self.newest = Some(newest);
        Ok(newest)
    }
}

fn write(connection: &Connection, batch: &Batch) -> Result<(), StoreError> {
    let mut changes: Vec<&Change> = batch.changes.iter().collect();
    // What is gone first, since what comes may take over its name.
    changes.sort_unstable_by_key(|change| (change.record.is_some(), &change.key));
    let mut writes = Repeated::new(connection);
    for change in changes {
        match &change.record {
            Some(record) => rows::store(&mut writes, change.version, record)?,
            None => rows::delete(connection, &change.key)?,
        }
    }
    match &batch.link {
        Some(link) => {
            audit::insert_link(connection, link)?;
            for (place, event) in batch.events.iter().enumerate() {
                audit::insert_event(&mut writes, link.number, place, event)?;
            }
        }
        None if batch.events.is_empty() => {}
        None => {
            return Err(StoreError::Inconsistent { table: "audit_links", problem: "events without a link".to_owned() });
        }
    }
    position::store(connection, batch.time)
}
