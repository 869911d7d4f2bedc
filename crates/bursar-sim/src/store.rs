//! A disk with a part that survives and a part that may not, and the writer that the engine gets.
//!
//! What is committed goes into the unsynced part first; a sync makes it durable, a crash loses a tail of
//! it, never a part of a transaction. Nothing reaches the durable part in any other way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::coin::{Asset, Coin};
use bursar_core::hold::Hold;
use bursar_core::ledger::{Change, HistoryKey, Key, Past, Record, State, Versioned, total_of_coins};
use bursar_core::limit::{Budget, BudgetKey, History, LimitSet, Subject, Usage};
use bursar_core::time::Span;
use bursar_store::{Batch, Position, StoreError, Writer};

use crate::Breakage;
use crate::clock::SimulatedClock;

/// What will go wrong with the disk while the next batch is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// This load, counted from 0, finds no disk.
    Load(u8),
    /// This commit, counted from 0, fails, and nothing is written.
    Commit(u8),
    /// This commit fails, and everything is written all the same.
    Unsure(u8),
    /// The machine goes down at this commit.
    Crash(u8, CrashPoint),
    /// Each commit takes that long.
    Slow(Span),
}

/// Where in a commit the machine goes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CrashPoint {
    BeforeWrite,
    BeforeSync,
    AfterSync,
}

/// All records, and where the store stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) records: BTreeMap<Key, Versioned<Record>>,
    pub(crate) position: Position,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What survives.
    durable: Snapshot,
    /// What survived before the last transaction; kept only to lose it.
    durable_before: Option<Snapshot>,
    breakage: Option<Breakage>,
    /// What is read.
    view: Snapshot,
    /// The view before the last commit.
    stale: Snapshot,
    unsynced: Vec<Batch>,
    /// What has become durable since somebody asked.
    written: Vec<Batch>,
    fault: Option<Fault>,
    loads: u8,
    commits: u8,
    is_down: bool,
    /// Whether something went wrong since the last fault was set.
    pub(crate) has_failed: bool,
    /// Whether something was written of which it was said that it may not be.
    pub(crate) is_unsure: bool,
    /// How often the past was asked for.
    pub(crate) histories: u64,
}

/// The disk as everybody in the world holds it.
#[derive(Clone, Debug)]
pub(crate) struct SharedDisk {
    disk: Arc<Mutex<Disk>>,
    clock: Arc<SimulatedClock>,
    breakage: Option<Breakage>,
}

impl Snapshot {
    fn write(&mut self, batch: &Batch) {
        batch.changes.iter().for_each(|change| self.change(change));
        self.position.time = batch.time;
        if let Some(link) = batch.link {
            self.position.head = link.head();
        }
    }

    fn change(&mut self, change: &Change) {
        match &change.record {
            Some(record) => {
                let found = Versioned { version: change.version, value: record.clone() };
                self.records.insert(change.key.clone(), found);
            }
            None => {
                self.records.remove(&change.key);
            }
        }
    }

    pub(crate) fn version(&self, key: &Key) -> u64 {
        self.records.get(key).map_or(0, |found| found.version)
    }

    pub(crate) fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.records.values().filter_map(|found| match &found.value {
            Record::Hold(_, hold) => Some(&**hold),
            _ => None,
        })
    }

    pub(crate) fn budgets(&self) -> impl Iterator<Item = (&BudgetKey, &Budget)> {
        self.records.values().filter_map(|found| match &found.value {
            Record::Budget(key, budget) => Some((key, budget)),
            _ => None,
        })
    }

    pub(crate) fn rules(&self, subject: Subject) -> Option<&LimitSet> {
        match self.records.get(&Key::Limits(subject)).map(|found| &found.value) {
            Some(Record::Limits(_, rules)) => Some(rules),
            _ => None,
        }
    }

    /// What every store says about the past of a budget.
    fn history(&self, key: &HistoryKey) -> History {
        let subject = key.budget.subject;
        let mut past = Past::new(key.clone());
        let of_subject = |hold: &&Hold| hold.subjects().any(|other| other == subject);
        self.holds().filter(of_subject).for_each(|hold| past.add(hold));
        let mut history = past.finish();
        if key.is_told_by_totals() {
            // Spends that are no longer kept are in the totals of their coins.
            let totals = self.budgets().filter_map(|(other, budget)| match &other.asset {
                Asset::Coin(coin) if other.subject == subject && other.destination.is_none() => {
                    Some((coin, budget.captured))
                }
                _ => None,
            });
            let totals: Vec<(&Coin, Usage)> = totals.collect();
            history.captured = total_of_coins(key, totals.into_iter());
        }
        history
    }
}

impl Disk {
    fn sync(&mut self) {
        for batch in self.unsynced.drain(..) {
            self.durable_before = self.breakage.map(|_| self.durable.clone());
            self.durable.write(&batch);
            self.written.push(batch);
        }
    }

    fn check(&mut self, wanted: Fault) -> Result<(), StoreError> {
        if self.is_down || self.fault == Some(wanted) {
            self.has_failed = true;
            return Err(StoreError::Unavailable("the disk does not answer".to_owned()));
        }
        Ok(())
    }

    fn go_down(&mut self) -> StoreError {
        (self.is_down, self.has_failed) = (true, true);
        StoreError::Unavailable("the machine is down".to_owned())
    }
}

impl SharedDisk {
    /// A disk on which these records are.
    pub(crate) fn new(records: Vec<Record>, clock: Arc<SimulatedClock>, breakage: Option<Breakage>) -> Self {
        let records = records.into_iter().map(|value| (value.key(), Versioned { version: 1, value }));
        let durable = Snapshot { records: records.collect(), position: Position::default() };
        let disk = Disk { breakage, view: durable.clone(), stale: durable.clone(), durable, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)), clock, breakage }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What survives a crash now.
    pub(crate) fn durable<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> T {
        read(&self.lock().durable)
    }

    /// What is read now.
    pub(crate) fn view<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> T {
        read(&self.lock().view)
    }

    pub(crate) fn arm(&self, fault: Option<Fault>) {
        let mut disk = self.lock();
        (disk.fault, disk.loads, disk.commits) = (fault, 0, 0);
        (disk.has_failed, disk.is_unsure) = (false, false);
    }

    /// Whether the machine went down while a batch was written.
    pub(crate) fn is_down(&self) -> bool {
        self.lock().is_down
    }

    /// What has become durable since the last call, in order.
    pub(crate) fn take_written(&self) -> Vec<Batch> {
        std::mem::take(&mut self.lock().written)
    }

    pub(crate) fn sync(&self) {
        self.lock().sync();
    }

    /// The machine comes up again, with some of what was not synced. Says how many transactions are lost.
    pub(crate) fn crash(&self, dice: &mut fastrand::Rng) -> usize {
        let mut disk = self.lock();
        let kept = dice.usize(..=disk.unsynced.len());
        let lost = disk.unsynced.split_off(kept);
        if self.breakage == Some(Breakage::TransactionsTear)
            && let Some(torn) = lost.first()
        {
            let kept = dice.usize(..=torn.changes.len());
            torn.changes.iter().take(kept).for_each(|change| disk.durable.change(change));
        }
        disk.sync();
        if self.breakage == Some(Breakage::DurableIsLost)
            && let Some(before) = disk.durable_before.take()
        {
            disk.durable = before;
        }
        disk.view = disk.durable.clone();
        disk.stale = disk.durable.clone();
        (disk.is_down, disk.fault) = (false, None);
        lost.len()
    }

    pub(crate) fn writer(&self) -> Box<dyn Writer> {
        Box::new(SimulatedWriter(self.clone()))
    }
}

struct SimulatedWriter(SharedDisk);

impl Writer for SimulatedWriter {
    fn position(&mut self) -> Result<Position, StoreError> {
        let disk = self.0.lock();
        if disk.is_down { Err(StoreError::Unavailable("down".to_owned())) } else { Ok(disk.view.position) }
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        let mut disk = self.0.lock();
        let number = disk.loads;
        disk.loads = number.saturating_add(1);
        disk.check(Fault::Load(number))?;
        for key in keys {
            let found = match key {
                Key::History(wanted) => {
                    disk.histories += 1;
                    let mut history = disk.view.history(wanted);
                    if self.0.breakage == Some(Breakage::PastIsLost) {
                        (history.captured, history.captures) = (Usage::default(), Vec::new());
                    }
                    Some(Versioned { version: 1, value: Record::History(wanted.clone(), history) })
                }
                Key::Budget(_) if self.0.breakage == Some(Breakage::ReadsAreStale) => {
                    disk.stale.records.get(key).cloned()
                }
                _ => disk.view.records.get(key).cloned(),
            };
            state.load(key.clone(), found);
        }
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut disk = self.0.lock();
        let number = disk.commits;
        disk.commits = number.saturating_add(1);
        disk.check(Fault::Commit(number))?;
        let crash = match disk.fault {
            Some(Fault::Crash(at, point)) if at == number => Some(point),
            Some(Fault::Slow(span)) => {
                self.0.clock.pass(span);
                None
            }
            _ => None,
        };
        if crash == Some(CrashPoint::BeforeWrite) {
            return Err(disk.go_down());
        }
        let events = batch.events.clone();
        let copy = Batch { time: batch.time, changes: batch.changes.clone(), events, link: batch.link };
        if self.0.breakage == Some(Breakage::ReadsAreStale) {
            disk.stale = disk.view.clone();
        }
        disk.view.write(&copy);
        disk.unsynced.push(copy);
        if crash == Some(CrashPoint::BeforeSync) {
            return Err(disk.go_down());
        }
        if self.0.breakage != Some(Breakage::AnswersBeforeSync) {
            disk.sync();
        }
        if disk.fault == Some(Fault::Unsure(number)) {
            (disk.has_failed, disk.is_unsure) = (true, true);
            return Err(StoreError::Unavailable("the disk does not say whether it wrote".to_owned()));
        }
        if crash == Some(CrashPoint::AfterSync) { Err(disk.go_down()) } else { Ok(()) }
    }
}
