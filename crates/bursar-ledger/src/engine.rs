//! One batch after the other: load, decide, write, answer.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bursar_core::ambient::Clock;
use bursar_core::ledger::{Change, Key, NotLoaded, Outcome, State, apply, needs};
use bursar_core::time::Timestamp;
use bursar_store::{Batch, Position, StoreError, Writer};

use crate::lanes::Job;
use crate::{LedgerError, Observer, Settings};

/// Decides and writes batches, one after the other, on the thread that calls it. [`crate::Ledger`] puts
/// queues and a thread in front of it.
pub struct Engine {
    writer: Box<dyn Writer>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    settings: Settings,
    position: Position,
    /// Records kept between batches: this engine is the only writer, so they stay true.
    state: State,
}

impl Engine {
    /// An engine that goes on from where the store stands.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn new(
        mut writer: Box<dyn Writer>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let position = writer.position()?;
        Ok(Self { writer, clock, observer, settings, position, state: State::default() })
    }

    /// Runs one batch and answers everybody in it.
    pub(crate) fn run(&mut self, mut jobs: Vec<Job>) {
        while !jobs.is_empty() {
            match self.attempt(&jobs) {
                Ok(outcomes) => {
                    let rest = jobs.split_off(outcomes.len().min(jobs.len()));
                    for (job, outcome) in jobs.into_iter().zip(outcomes) {
                        // A caller that has gone away does not undo what was written.
                        let _ = job.answer.send(Ok(outcome));
                    }
                    jobs = rest;
                }
                // One command that the store will not have must not take the others of its batch with it.
                Err(StoreError::Violated(_) | StoreError::Inconsistent { .. }) if jobs.len() > 1 => {
                    jobs.drain(..).for_each(|job| self.run(vec![job]));
                }
                Err(error) => {
                    tracing::error!(%error, commands = jobs.len(), "a batch was not written");
                    let failed = match error {
                        StoreError::Violated(problem) => LedgerError::Violated(problem),
                        other => LedgerError::Failed(other.to_string()),
                    };
                    for job in jobs.drain(..) {
                        let _ = job.answer.send(Err(failed.clone()));
                    }
                }
            }
        }
        if self.state.len() > self.settings.kept_records {
            self.state = State::default();
        }
    }

    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        let panicked = |_| Err(StoreError::Unavailable("the batch ended in a panic".to_owned()));
        let done = catch_unwind(AssertUnwindSafe(|| self.write(jobs))).unwrap_or_else(panicked);
        if done.is_err() {
            self.forget();
        }
        done
    }

    /// Decides and commits the first of these commands in one transaction: all of them, up to one that asks
    /// for the past while what came before it is not written yet. Says how those went.
    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        // Ledger time never goes back, whatever the wall clock does.
        let now = self.clock.now().max(self.position.time);
        self.load_records(jobs)?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut events = Vec::with_capacity(jobs.len());
        for job in jobs {
            // An earlier command of the batch may have made this one read other records.
            let past = self.load_records(std::slice::from_ref(job))?;
            if !past.is_empty() {
                if self.state.is_changed() {
                    break;
                }
                self.writer.load(&past, &mut self.state)?;
            }
            let applied = apply(&mut self.state, &job.request, now)
                .map_err(|NotLoaded(key)| StoreError::Unavailable(format!("a record was not loaded: {key:?}")))?;
            events.extend(applied.event);
            outcomes.push(applied.outcome);
        }
        let changes = self.state.take_changes();
        if changes.is_empty() && events.is_empty() {
            return Ok(outcomes);
        }
        let link = (!events.is_empty()).then(|| self.position.head.next(&events));
        let batch = Batch { time: now, changes, events, link };
        self.writer.commit(&batch)?;
        self.advance(now, &batch);
        self.observer.committed(&batch.changes);
        Ok(outcomes)
    }

    /// Loads what the commands read, but for the past; says which past they ask for.
    fn load_records(&mut self, jobs: &[Job]) -> Result<Vec<Key>, StoreError> {
        loop {
            let keys = self.missing(jobs);
            let (past, keys): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|key| matches!(key, Key::History(_)));
            if keys.is_empty() {
                return Ok(past);
            }
            self.writer.load(&keys, &mut self.state)?;
        }
    }

    fn missing(&self, jobs: &[Job]) -> Vec<Key> {
        let keys: HashSet<Key> = jobs.iter().flat_map(|job| needs(&self.state, &job.request.command)).collect();
        let mut keys: Vec<Key> = keys.into_iter().collect();
        // Always in the same order, so that writers on one database cannot wait for each other.
        keys.sort_unstable();
        keys
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
