//! Moving committed pages from the write-ahead log into the database file, beside the writer.
//!
//! A commit only tells how long the log is and wakes this thread. A passive checkpoint never makes the
//! writer wait, but under steady writing it never quite catches up, and the log would grow without end;
//! so a log beyond its bound is started over, for which the writer waits until the few pages written
//! since the passive checkpoint are copied too. A writer that outruns this thread altogether waits for it once in
//! a while, so that the log stays bounded on a busy machine too; a reader that keeps it from starting over does
//! not make the writer wait again and again.
//!
//! A commit that fails wakes it too: if it was the log that filled the disk, copying it makes room in it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bursar_store::StoreError;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::sql::unavailable;

/// How long starting the log over may wait for readers; the writer waits with it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// How long to leave a disk alone after a checkpoint failed on it.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a commit waits at most for a checkpointer that was outrun.
const STALL: Duration = Duration::from_secs(1);

/// When to checkpoint, in pages of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Written between two checkpoints.
    pub(crate) step: i64,
    /// Beyond this the log is started over: 64 MiB in pages of 4 KiB. Beyond each further multiple the writer
    /// waits for a checkpoint.
    pub(crate) most: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        // A page that is written with every batch is copied once for all of them.
        Self { step: 4_000, most: 16_384 }
    }
}

/// How many checkpoints were tried.
#[derive(Default)]
struct Tries {
    made: Mutex<u64>,
    more: Condvar,
}

impl Tries {
    fn count(&self) -> u64 {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_all();
    }

    /// Waits for one more than so many, for a while.
    fn wait_beyond(&self, before: u64) {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.more.wait_timeout_while(made, STALL, |made| *made <= before));
    }
}

/// The thread that checkpoints. It ends with the writer's connection, and dropping this waits for it.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own, to be woken by the commits of the writer's.
    pub(crate) fn start(writer: &mut Connection, own: Connection, bounds: Bounds) -> Result<Self, StoreError> {
        let (wake, due) = sync_channel(1);
        let own_wake = Some(wake.clone());
        let tries = Arc::new(Tries::default());
        let awaited = Arc::clone(&tries);
        let too_long = bounds.most.saturating_mul(2);
        let (mut seen, mut stop) = (0, too_long);
        let committed = move |_: &mut Wal, pages| {
            let pages = i64::from(pages);
            // A shorter log was started over.
            if pages < seen {
                (seen, stop) = (pages, too_long);
            }
            if pages >= stop {
                stop = pages.saturating_add(bounds.most);
                let before = awaited.count();
                let _ = wake.try_send(());
                awaited.wait_beyond(before);
            }
            if pages.saturating_sub(seen) >= bounds.step {
                seen = pages;
                // A full channel means that the thread is about to look anyway.
                let _ = wake.try_send(());
            }
            Ok(())
        };
        writer.wal_hook(Some(committed)).map_err(unavailable)?;
        std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&own, &due, bounds, &tries))
            .map(|thread| Self { wake: own_wake, thread: Some(thread) })
            .map_err(|problem| StoreError::Unavailable(problem.to_string()))
    }

    /// Asks for a checkpoint now.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
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

fn run(connection: &Connection, due: &Receiver<()>, bounds: Bounds, tries: &Tries) {
    let mut failed: Option<Instant> = None;
    while due.recv().is_ok() {
        if failed.is_some_and(|at| at.elapsed() < PAUSE) {
            tries.add();
            continue;
        }
        failed = None;
        // Failing is not losing: the log keeps everything, and later commits ask again.
        if let Err(problem) = checkpoint(connection, bounds) {
            tracing::warn!(%problem, "the write-ahead log could not be checkpointed");
            failed = Some(Instant::now());
        }
        tries.add();
    }
}

fn checkpoint(connection: &Connection, bounds: Bounds) -> Result<(), StoreError> {
    let pages_in_log = |mode: &str| {
        connection
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(1))
            .map_err(unavailable)
    };
    if pages_in_log("PASSIVE")? > bounds.most {
        pages_in_log("RESTART")?;
    }
    Ok(())
}
