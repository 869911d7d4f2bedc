//! Moving committed pages from the write-ahead log into the database file, beside the writer.
//!
//! The writer only counts what it wrote and wakes this thread. A passive checkpoint never makes the
//! writer wait, but under steady writing it never quite catches up, and the log would grow without end;
//! so a log beyond its bound is started over, for which the writer waits until the few pages written
//! since the passive checkpoint are copied too.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bursar_store::StoreError;
use rusqlite::Connection;

use crate::sql::unavailable;

/// How long starting the log over may wait for readers; the writer waits with it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// When to checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Rows written between two checkpoints. A row dirties about a page, however many share one.
    pub(crate) rows: usize,
    /// Pages in the log beyond which it is started over: at 4 KiB a page, 64 MiB.
    pub(crate) pages: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rows: 1_000, pages: 16_384 }
    }
}

/// The thread that checkpoints; dropping this ends it.
pub(crate) struct Checkpointer {
    bounds: Bounds,
    written: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own.
    pub(crate) fn start(connection: Connection, bounds: Bounds) -> Result<Self, StoreError> {
        let (wake, due) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&connection, &due, bounds))
            .map_err(|problem| StoreError::Unavailable(problem.to_string()))?;
        Ok(Self { bounds, written: 0, wake: Some(wake), thread: Some(thread) })
    }

    /// Takes note of a commit of so many rows, and wakes the thread if there is enough to do.
    pub(crate) fn committed(&mut self, rows: usize) {
        self.written = self.written.saturating_add(rows);
        if self.written >= self.bounds.rows
            && let Some(wake) = &self.wake
        {
            // A full channel means that the thread is about to look anyway.
            let _ = wake.try_send(());
            self.written = 0;
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, due: &Receiver<()>, bounds: Bounds) {
    while due.recv().is_ok() {
        // Failing is not losing: the log keeps everything, and the next commits ask again.
        if let Err(problem) = checkpoint(connection, bounds) {
            tracing::warn!(%problem, "the write-ahead log could not be checkpointed");
        }
    }
}

fn checkpoint(connection: &Connection, bounds: Bounds) -> Result<(), StoreError> {
    let pages_in_log = |mode: &str| {
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(1)).map_err(unavailable)
    };
    if pages_in_log("PASSIVE")? > bounds.pages {
        pages_in_log("RESTART")?;
    }
    Ok(())
}
