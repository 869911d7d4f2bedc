//! One batch after the other: load, decide, write, answer.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bursar_core::ambient::Clock;
use bursar_core::ledger::{
    Applied, Change, Command, Key, NotLoaded, Outcome, Record, Request, State, apply, needs, needs_of_its_own,
};
use bursar_core::time::Timestamp;
use bursar_store::{Batch, Position, StoreError, Writer};

use crate::lanes::Job;
use crate::watch::Watch;
use crate::{Figures, Health, LedgerError, Observer, Settings};

/// How much more often a store that fails is tried than one that does not.
const IMPATIENCE: u32 = 5;

type Answer = Result<Outcome, LedgerError>;

pub(crate) struct Engine {
    writer: Box<dyn Writer>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    seen: Arc<Seen>,
    settings: Settings,
    /// Where the store stands; not known after a failure until it says so.
    position: Option<Position>,
    watch: Watch,
    /// How many recipients the spends kept between batches have.
    payees: usize,
    /// Records kept between batches: this engine is the only writer, so they stay true.
    state: State,
}

impl Engine {
    pub(crate) fn new(
        mut writer: Box<dyn Writer>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        seen: Arc<Seen>,
        settings: Settings,
        accepted: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let position = writer.position()?;
        let watch = Watch::new(clock.as_ref(), position.time, accepted);
        let position = Some(position);
        Ok(Self { writer, clock, observer, seen, settings, position, watch, payees: 0, state: State::default() })
    }

    /// Runs one batch and answers everybody in it.
    pub(crate) fn run(&mut self, jobs: Vec<Job>) {
        let mut waiting: VecDeque<Job> = jobs.into();
        while !waiting.is_empty() {
            match self.attempt(waiting.make_contiguous()) {
                Ok(answers) => {
                    let done = waiting.drain(..answers.len().min(waiting.len()));
                    self.answer(done.zip(answers));
                }
                // One command that the store will not have, or on which this program fails, must not take the others
                // of its batch with it. What was written after all is found so when it is decided again.
                Err(Fault::Store(StoreError::Violated(_) | StoreError::Inconsistent { .. }) | Fault::Program(_))
                    if waiting.len() > 1 =>
                {
                    waiting.drain(..).for_each(|job| self.run(vec![job]));
                }
                Err(fault) => {
                    tracing::error!(%fault, commands = waiting.len(), "a batch was not written");
                    let failed = LedgerError::from(fault);
                    self.answer(waiting.drain(..).map(|job| (job, Err(failed.clone()))));
                }
            }
        }
        // A spend of many recipients weighs as much as many records.
        if self.state.len().saturating_add(self.payees) > self.settings.kept_records {
            self.state.clear();
            self.payees = 0;
        }
    }

    /// How long to wait for commands before the store is to be tried without one.
    pub(crate) fn patience(&self) -> Duration {
        let health = self.seen.health();
        let every = self.settings.probe_every;
        let every = if health.is_good() { every } else { every / IMPATIENCE };
        every.saturating_sub(health.since_tried(Instant::now()))
    }

    /// Writes nothing but the time, if nothing was written for a while: so a store that has gone bad is
    /// known before the next caller comes, and one that is well again needs no caller to find out.
    pub(crate) fn probe_if_due(&mut self) {
        if self.patience() > Duration::ZERO {
            return;
        }
        let probed = guarded(|| {
            let time = self.read_clock().0.max(self.position()?.time);
            let batch = Batch { time, changes: Vec::new(), events: Vec::new(), link: None };
            Ok(self.commit(&batch)?)
        });
        if let Err(fault) = probed {
            tracing::error!(%fault, "the store does not take what is written");
            self.forget(&fault);
            self.seen.health().note(Instant::now(), Some(fault.to_string()));
        }
    }

    fn answer(&self, answers: impl Iterator<Item = (Job, Answer)>) {
        let answers: Vec<_> = answers.collect();
        let mut figures = self.seen.figures();
        #[expect(clippy::cast_precision_loss, reason = "a batch is bounded far below what a float counts exactly")]
        figures.batch_size.observe(answers.len() as f64);
        answers.iter().for_each(|(job, answer)| figures.answered(&job.request.command, answer));
        drop(figures);
        for (job, answer) in answers {
            // A caller that has gone away does not undo what was written.
            let _ = job.answer.send(answer);
        }
    }

    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Fault> {
        let done = guarded(|| self.write(jobs));
        if let Err(fault) = &done {
            self.forget(fault);
        }
        done
    }

    /// Decides and writes the jobs, or those of them that come before one whose past has to be read after
    /// they are written; at least the first.
    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Fault> {
        let position = self.position()?;
        // Ledger time never goes back, whatever the wall clock does.
        let (time, jump) = self.read_clock();
        let now = time.max(position.time);
        self.load_together(jobs)?;
        let mut answers: Vec<Answer> = Vec::with_capacity(jobs.len());
        let mut events = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some(by) = jump.filter(|_| matches!(job.request.command, Command::Hold(_))) {
                answers.push(Err(LedgerError::ClockJump { by }));
                continue;
            }
            let Some(applied) = self.apply(&job.request, now)? else { break };
            events.extend(applied.event);
            answers.push(Ok(applied.outcome));
        }
        let changes = self.state.take_changes();
        if changes.is_empty() && events.is_empty() {
            return Ok(answers);
        }
        let link = (!events.is_empty()).then(|| position.head.next(&events));
        self.commit(&Batch { time: now, changes, events, link })?;
        Ok(answers)
    }

    /// The time to go by, and by how many milliseconds the wall clock has jumped, if it has.
    fn read_clock(&mut self) -> (Timestamp, Option<i64>) {
        let (time, jump) = self.watch.read(self.clock.as_ref());
        if self.seen.health().note_clock(jump) {
            match jump {
                Some(by) => tracing::error!(by, "the wall clock has jumped by so many milliseconds: nothing is held"),
                None => tracing::info!("the wall clock is right again"),
            }
        }
        (time, jump)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let position = self.position()?;
        let started = Instant::now();
        let committed = self.writer.commit(batch);
        let ended = Instant::now();
        self.seen.figures().wrote(ended.saturating_duration_since(started), committed.is_ok());
        committed?;
        self.seen.health().note(ended, None);
        let head = batch.link.map_or(position.head, |link| link.head());
        self.position = Some(Position { time: batch.time, head });
        // What is written is written, whoever fails to take note of it.
        if catch_unwind(AssertUnwindSafe(|| self.observer.committed(&batch.changes))).is_err() {
            tracing::error!("an observer of the ledger panicked");
        }
        self.payees = batch.changes.iter().fold(self.payees, |sum, change| match &change.record {
            Some(Record::Hold(_, hold)) => sum.saturating_add(hold.payees.len()),
            _ => sum,
        });
        Ok(())
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        let position = match self.position {
            Some(position) => position,
            None => self.writer.position()?,
        };
        self.position = Some(position);
        Ok(position)
    }

    /// Decides one command; nothing, if the store has to be told first what this batch has done.
    fn apply(&mut self, request: &Request, now: Timestamp) -> Result<Option<Applied>, Fault> {
        // A spend reads whatever it writes, so that what is missing shows; it nearly always finds everything.
        if matches!(request.command, Command::Hold(_) | Command::Capture { .. } | Command::Release { .. })
            && let Ok(applied) = apply(&mut self.state, request, now)
        {
            return Ok(Some(applied));
        }
        // An earlier command of the batch may have made this one read other records.
        if !self.load_for(&request.command)? {
            return Ok(None);
        }
        let missing = |NotLoaded(key)| Fault::Program(format!("a record was not loaded: {key:?}"));
        apply(&mut self.state, request, now).map(Some).map_err(missing)
    }

    /// Loads what the commands of a batch need and others have not loaded, all together; the past of budgets aside,
    /// which is good for one command only.
    fn load_together(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        let mut asking: Vec<&Command> = jobs.iter().map(|job| &job.request.command).collect();
        while !asking.is_empty() {
            let mut keys = Vec::new();
            asking.retain(|command| {
                let mut needed = needs_of_its_own(&self.state, command);
                needed.retain(|key| !matches!(key, Key::History(_)));
                let asks_again = needed.iter().any(|key| leads_on(command, key));
                keys.append(&mut needed);
                asks_again
            });
            // Always in the same order, so that writers on one database cannot wait for each other.
            keys.sort_unstable();
            keys.dedup();
            if !keys.is_empty() {
                self.writer.load(&keys, &mut self.state)?;
            }
        }
        Ok(())
    }

    /// Loads what one command needs. Not, if that is the past of a budget, of which the store would tell
    /// without what this batch has done to it.
    fn load_for(&mut self, command: &Command) -> Result<bool, StoreError> {
        loop {
            let mut keys = needs(&self.state, command);
            if keys.is_empty() {
                return Ok(true);
            }
            if self.state.is_changed() && keys.iter().any(|key| matches!(key, Key::History(_))) {
                return Ok(false);
            }
            keys.sort_unstable();
            keys.dedup();
            self.writer.load(&keys, &mut self.state)?;
        }
    }

    /// After a failure nothing in memory is trusted: records and position are read again.
    fn forget(&mut self, fault: &Fault) {
        self.state.clear();
        self.position = None;
        if let Fault::Store(error @ StoreError::Unavailable(_)) = fault {
            self.seen.health().note(Instant::now(), Some(error.to_string()));
        }
    }
}

/// Whether this record may say which others a command needs. Those of a hold that are its own do not, unless it
/// was asked for before: then it says so when it is decided.
const fn leads_on(command: &Command, key: &Key) -> bool {
    !(matches!(command, Command::Hold(_)) && matches!(key, Key::Hold(_) | Key::SpendKey(_) | Key::Budget(_)))
}

/// What others may see of the engine while it works.
pub(crate) struct Seen {
    figures: Mutex<Figures>,
    health: Mutex<Health>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { figures: Mutex::default(), health: Mutex::new(Health::new(Instant::now())) }
    }

    pub(crate) fn figures(&self) -> MutexGuard<'_, Figures> {
        // Numbers are sound at every moment, so a panic elsewhere does not spoil them.
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a batch came to nothing.
#[derive(Debug)]
enum Fault {
    Store(StoreError),
    /// A fault of ours, which trying again does not mend.
    Program(String),
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let panicked = |_| Err(Fault::Program("the batch ended in a panic".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(StoreError::Violated(problem)) => Self::Violated(problem),
            Fault::Store(error @ StoreError::Unavailable(_)) => Self::Unavailable(error.to_string()),
            Fault::Store(error) => Self::Failed(error.to_string()),
            Fault::Program(problem) => Self::Failed(problem),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Program(problem) => f.write_str(problem),
        }
    }
}

/// Tells nobody.
impl Observer for () {
    fn committed(&self, _: &[Change]) {}
}
