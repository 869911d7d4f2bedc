//! The engine: one writer for every state change (ARCHITECTURE.md, the ledger).
//!
//! Callers put commands into bounded lanes. One thread takes what has arrived while the last batch was
//! being written, loads what the batch touches, decides each command in order with the pure core, writes
//! everything in one transaction with its audit events, and only then answers. Nothing else changes a
//! budget, and nothing is answered before it is on the disk.

mod engine;
mod figures;
mod health;
mod lanes;
mod sequential;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bursar_core::ambient::Clock;
use bursar_core::ledger::{Change, Command, Outcome, Request};
use bursar_store::{StoreError, Writer};
use tokio::sync::oneshot;

use crate::engine::{Engine, Seen};
use crate::lanes::{Job, Lanes};

pub use figures::{Figures, Histogram};
pub use health::Health;
pub use lanes::Waiting;
pub use sequential::Sequential;

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many commands may wait in each lane before callers are sent away.
    pub lane: usize,
    /// How many commands of each lane one batch takes.
    pub batch: usize,
    /// How long nothing is written before the engine tries whether the store still takes anything; while
    /// it does not, it tries five times as often.
    pub probe_every: Duration,
    /// How many records are kept in memory between batches.
    pub kept_records: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lane: 4096, batch: 512, probe_every: Duration::from_secs(5), kept_records: 100_000 }
    }
}

/// Is told what a batch changed, after it is durable and before anybody is answered: so a cache that
/// drops these records never serves what an answered change has made untrue.
pub trait Observer: Send + Sync {
    /// The changes of one committed batch.
    fn committed(&self, changes: &[Change]);
}

/// Why a command has no outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LedgerError {
    /// Too many commands are waiting; nothing was done. Try again soon.
    Full,
    /// The wall clock has jumped by so many milliseconds; nothing is held until that is undone or accepted.
    ClockJump {
        /// By how much, forward if positive.
        by: i64,
    },
    /// The ledger is shutting down; nothing was done.
    Closed,
    /// The command breaks a rule of the store, such as a name that is taken; nothing was done.
    Violated(String),
    /// The store does not take anything now: the disk is full, read-only or gone. Nothing was done that
    /// anybody may rely on; the same command may be given again.
    Unavailable(String),
    /// The batch could not be decided or written, by a fault of the program or of a stored row; nothing was done.
    Failed(String),
}

/// The way to the one writer. Cheap to share; dropping the last handle drains and ends the engine.
pub struct Ledger {
    lanes: Arc<Lanes>,
    seen: Arc<Seen>,
    thread: Mutex<Option<JoinHandle<()>>>,
    clock_accepted: Arc<AtomicBool>,
}

impl Ledger {
    /// Starts the engine on its own thread.
    ///
    /// # Errors
    /// The store does not answer, or no thread can be had.
    pub fn start(
        writer: Box<dyn Writer>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let lanes = Arc::new(Lanes::new(settings.lane));
        let clock_accepted = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Seen::new());
        let mut engine =
            Engine::new(writer, clock, observer, Arc::clone(&seen), settings, Arc::clone(&clock_accepted))?;
        let taken = Arc::clone(&lanes);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                while let Some(jobs) = taken.take(settings.batch, engine.patience()) {
                    engine.run(jobs);
                    engine.probe_if_due();
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("no thread for the ledger: {error}")))?;
        Ok(Self { lanes, seen, thread: Mutex::new(Some(thread)), clock_accepted })
    }

    /// Gives a command and waits until its outcome is durable.
    ///
    /// # Errors
    /// Nothing was done.
    pub async fn submit(&self, request: Request) -> Result<Outcome, LedgerError> {
        let settles = settles(&request.command);
        Self::answered(self.enqueue(request, settles)?).await
    }

    /// The same for what is to be there when a settlement is that is given next: it goes in the settlement's lane, and so is
    /// in its batch or in one before.
    ///
    /// # Errors
    /// Nothing was done.
    pub async fn submit_before_settlement(&self, request: Request) -> Result<Outcome, LedgerError> {
        Self::answered(self.enqueue(request, true)?).await
    }

    async fn answered(answer: oneshot::Receiver<Result<Outcome, LedgerError>>) -> Result<Outcome, LedgerError> {
        // The engine answers every job it takes; a dropped answer means that it is gone.
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Takes the wall clock's time for right, after it has jumped.
    pub fn accept_clock(&self) {
        self.clock_accepted.store(true, Ordering::Release);
    }

    /// Gives a command and goes on: for settlements nobody waits for. If it cannot be taken, the hold
    /// stays counted until the sweep finds it.
    ///
    /// # Errors
    /// The command was not taken.
    pub fn submit_and_go_on(&self, request: Request) -> Result<(), LedgerError> {
        let settles = settles(&request.command);
        self.enqueue(request, settles).map(drop)
    }

    /// Takes no more commands, finishes those that wait, and returns when the last batch is durable.
    pub fn close(&self) {
        self.lanes.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread ended in a panic");
        }
    }

    /// What the engine did so far.
    pub fn figures(&self) -> Figures {
        self.seen.figures().clone()
    }

    /// Whether the store takes what is written.
    pub fn health(&self) -> Health {
        self.seen.health().clone()
    }

    /// How many commands wait.
    pub fn waiting(&self) -> Waiting {
        self.lanes.waiting()
    }

    fn enqueue(
        &self,
        request: Request,
        settles: bool,
    ) -> Result<oneshot::Receiver<Result<Outcome, LedgerError>>, LedgerError> {
        let (answer, receiver) = oneshot::channel();
        self.lanes.put(Job { request, answer }, settles)?;
        Ok(receiver)
    }
}

const fn settles(command: &Command) -> bool {
    matches!(command, Command::Capture { .. } | Command::Release { .. } | Command::Expire { .. })
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too many requests are waiting for the ledger; try again soon"),
            Self::ClockJump { by } => write!(
                f,
                "the server's clock has jumped by {} s; nothing is spent until that is undone or accepted",
                by.div_euclid(1000)
            ),
            Self::Closed => f.write_str("the server is shutting down"),
            Self::Violated(problem) => f.write_str(problem),
            Self::Unavailable(problem) => f.write_str(problem),
            Self::Failed(problem) => write!(f, "the ledger could not write: {problem}"),
        }
    }
}

impl std::error::Error for LedgerError {}
