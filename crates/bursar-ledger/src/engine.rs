//! One batch after the other: load, decide, write, answer.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bursar_core::ambient::Clock;
use bursar_core::ledger::{Change, Command, Key, NotLoaded, Outcome, State, apply, needs};
use bursar_core::time::Timestamp;
use bursar_store::{Batch, Position, StoreError, Writer};

use crate::lanes::Job;
use crate::watch::Watch;
use crate::{LedgerError, Observer, Settings};

type Answer = Result<Outcome, LedgerError>;

pub(crate) struct Engine {
    writer: Box<dyn Writer>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    settings: Settings,
    position: Position,
    watch: Watch,
    /// Records kept between batches: this engine is the only writer, so they stay true.
    state: State,
}

impl Engine {
    pub(crate) fn new(
        mut writer: Box<dyn Writer>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        settings: Settings,
        accepted: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let position = writer.position()?;
        let watch = Watch::new(clock.as_ref(), position.time, accepted);
        Ok(Self { writer, clock, observer, settings, position, watch, state: State::default() })
    }

    /// Runs one batch and answers everybody in it.
    pub(crate) fn run(&mut self, jobs: Vec<Job>) {
        let mut waiting: VecDeque<Job> = jobs.into();
        while !waiting.is_empty() {
            match self.attempt(waiting.make_contiguous()) {
                Ok(answers) => {
                    for (job, answer) in waiting.drain(..answers.len().min(waiting.len())).zip(answers) {
                        // A caller that has gone away does not undo what was written.
                        let _ = job.answer.send(answer);
                    }
                }
                // One command that the store will not have must not take the others of its batch with it.
                Err(StoreError::Violated(_) | StoreError::Inconsistent { .. }) if waiting.len() > 1 => {
                    waiting.drain(..).for_each(|job| self.run(vec![job]));
                }
                Err(error) => {
                    tracing::error!(%error, commands = waiting.len(), "a batch was not written");
                    let failed = match error {
                        StoreError::Violated(problem) => LedgerError::Violated(problem),
                        other => LedgerError::Failed(other.to_string()),
                    };
                    for job in waiting.drain(..) {
                        let _ = job.answer.send(Err(failed.clone()));
                    }
                }
            }
        }
        if self.state.len() > self.settings.kept_records {
            self.state = State::default();
        }
    }

    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let panicked = |_| Err(StoreError::Unavailable("the batch ended in a panic".to_owned()));
        let done = catch_unwind(AssertUnwindSafe(|| self.write(jobs))).unwrap_or_else(panicked);
        if done.is_err() {
            self.forget();
        }
        done
    }

    /// Decides and writes the jobs, or those of them that come before one whose past has to be read after
    /// they are written; at least the first.
    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, StoreError> {
        // Ledger time never goes back, whatever the wall clock does.
        let (time, jump) = self.watch.read(self.clock.as_ref());
        let now = time.max(self.position.time);
        self.load_together(jobs)?;
        let mut answers: Vec<Answer> = Vec::with_capacity(jobs.len());
        let mut events = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some(jump) = jump.filter(|_| matches!(job.request.command, Command::Hold(_))) {
                answers.push(Err(LedgerError::ClockJump { by: jump }));
                continue;
            }
            // An earlier command of the batch may have made this one read other records.
            if !self.load_for(&job.request.command)? {
                break;
            }
            let applied = apply(&mut self.state, &job.request, now)
                .map_err(|NotLoaded(key)| StoreError::Unavailable(format!("a record was not loaded: {key:?}")))?;
            events.extend(applied.event);
            answers.push(Ok(applied.outcome));
        }
        let changes = self.state.take_changes();
        if changes.is_empty() && events.is_empty() {
            return Ok(answers);
        }
        let link = (!events.is_empty()).then(|| self.position.head.next(&events));
        let batch = Batch { time: now, changes, events, link };
        self.writer.commit(&batch)?;
        self.advance(now, &batch);
        self.observer.committed(&batch.changes);
        Ok(answers)
    }

    /// Loads what the commands of a batch need, all together; the past of budgets aside, which is good for
    /// one command only.
    fn load_together(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        loop {
            let keys: HashSet<Key> = jobs.iter().flat_map(|job| needs(&self.state, &job.request.command)).collect();
            let mut keys: Vec<Key> = keys.into_iter().filter(|key| !matches!(key, Key::History(_))).collect();
            if keys.is_empty() {
                return Ok(());
            }
            // Always in the same order, so that writers on one database cannot wait for each other.
            keys.sort_unstable();
            self.writer.load(&keys, &mut self.state)?;
        }
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

    fn advance(&mut self, now: Timestamp, batch: &Batch) {
        self.position.time = now;
        if let Some(link) = batch.link {
            self.position.head = link.head();
        }
    }

    /// After a failure nothing in memory is trusted: records and position are read again.
    fn forget(&mut self) {
        self.state = State::default();
        match self.writer.position() {
            Ok(position) => self.position = position,
            Err(error) => tracing::error!(%error, "the store does not say where it stands"),
        }
    }
}

/// Tells nobody.
impl Observer for () {
    fn committed(&self, _: &[Change]) {}
}
