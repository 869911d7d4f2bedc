//! The world as the engine has it: a store in a directory, the engine on top, and what it said that it wrote.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};

use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_core::ledger::{
    Change, Command, HoldRequest, Key, Outcome, Record, Request, State, Trace, Version, Versioned, Write,
};
use bursar_core::limit::{Budget, BudgetKey};
use bursar_core::time::{Span, Timestamp};
use bursar_ledger::{Observer, Sequential, Settings};
use bursar_store::{Compared, Reader, Store};
use bursar_store_sqlite::SqliteStore;
use bursar_testkit::FixedClock;
use tempfile::TempDir;

use crate::fixtures::{ADDRESS, TOKEN, WALLET, at, coin};

/// What the engine says that it wrote, since somebody last looked.
#[derive(Default)]
struct Written(Mutex<Vec<Change>>);

impl Observer for Written {
    fn committed(&self, changes: &[Change]) {
        self.0.lock().unwrap().extend_from_slice(changes);
    }
}

/// What runs: gone and there again with every restart.
struct Server {
    engine: Sequential,
    reader: Mutex<Box<dyn Reader>>,
}

pub(crate) struct World {
    // Dropped before the directory is.
    server: Option<Server>,
    directory: TempDir,
    clock: Arc<FixedClock>,
    written: Arc<Written>,
    records: HashMap<Key, Versioned<Record>>,
    /// Edits that wait to be written, and will be.
    waiting: HashMap<Key, Version>,
    ids: Vec<HoldId>,
    pub(crate) holds: u16,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn of(everybody: Vec<Record>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (clock, now) = (Arc::new(FixedClock::at(at(0))), at(0));
        let (records, waiting) = (HashMap::new(), HashMap::new());
        let ids = vec![HoldId::time_ordered(now, [0; 10])];
        let written = Arc::default();
        let mut world = Self { server: None, directory, clock, written, records, waiting, ids, holds: 0, now };
        world.restart(Settings::default().kept_records);
        let read = everybody.iter().map(|record| (record.key(), 0)).collect();
        let trace = Trace { action: "world.begin", subject: "world".to_owned(), data: Vec::new() };
        let write = Write { read, put: everybody, trace: Some(trace), ..Write::default() };
        assert!(matches!(world.run(vec![Command::Write(write)])[..], [Outcome::Written]));
        world
    }

    /// The server ends and starts again, with so many records kept in memory.
    pub(crate) fn restart(&mut self, kept_records: usize) {
        drop(self.server.take());
        let store = SqliteStore::open(self.directory.path()).unwrap();
        let settings = Settings { kept_records, ..Settings::default() };
        let (clock, written) = (Arc::clone(&self.clock), Arc::clone(&self.written));
        let engine = Sequential::new(store.writer().unwrap(), clock, written, settings).unwrap();
        self.server = Some(Server { engine, reader: Mutex::new(store.reader().unwrap()) });
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    fn read<T>(&self, read: impl FnOnce(&mut dyn Reader) -> T) -> T {
        let server = self.server.as_ref().expect("it runs");
        read(&mut **server.reader.lock().unwrap())
    }

    pub(crate) fn pass(&mut self, now: Timestamp) {
        self.now = now;
        self.clock.set(now);
    }

    /// Runs one batch.
    pub(crate) fn run(&mut self, commands: Vec<Command>) -> Vec<Outcome> {
        let request = |command| Request { actor: Actor::System, command };
        let answers = self.server().engine.run(commands.into_iter().map(request).collect());
        for change in mem::take(&mut *self.written.0.lock().unwrap()) {
            match change.record {
                Some(value) => self.records.insert(change.key, Versioned { version: change.version, value }),
                None => self.records.remove(&change.key),
            };
        }
        self.waiting.clear();
        answers.into_iter().map(|answer| answer.expect("the engine decides")).collect()
    }

    /// A request that everything but its id is still to be said of.
    pub(crate) fn request(&mut self, amount: Amount) -> HoldRequest {
        assert_eq!(amount, Amount::ZERO, "payees say how much");
        self.holds += 1;
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.holds.to_be_bytes());
        self.ids.push(HoldId::time_ordered(self.now, random));
        HoldRequest {
            id: self.id_of(self.holds),
            token: TOKEN,
            address: ADDRESS,
            wallet: Some(WALLET),
            organisation: None,
            coin: coin("tbtc"),
            payees: Vec::new(),
            fee_coin: coin("tbtc"),
            fee: Amount::ZERO,
            key: None,
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            holder: None,
            captures_itself: false,
            patience: Span::from_seconds(60),
            fee_ceiling: None,
            read: Vec::new(),
        }
    }

    /// The id of a request.
    pub(crate) fn id_of(&self, number: u16) -> HoldId {
        self.ids[usize::from(number)]
    }

    /// The version of a record after what waits.
    pub(crate) fn version(&self, key: &Key) -> Version {
        let written = self.records.get(key).map_or(0, |found| found.version);
        written + self.waiting.get(key).copied().unwrap_or_default()
    }

    /// Something waits that will change this record.
    pub(crate) fn is_about_to_change(&mut self, key: Key) {
        *self.waiting.entry(key).or_default() += 1;
    }

    pub(crate) fn spends(&self) -> impl Iterator<Item = &Hold> {
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

    /// I8, as the store itself says.
    pub(crate) fn is_conserved(&self) {
        assert_eq!(self.read(|reader| reader.conservation(true)).unwrap(), Compared::default());
    }

    /// The database has just what the engine said that it wrote.
    pub(crate) fn is_on_disk(&self) {
        for (key, expected) in &self.records {
            let found = self.read(|reader| stored(reader, key));
            let Some(found) = found else { continue };
            assert_eq!(found.as_ref(), Some(&expected.value), "{key:?}");
        }
        let spends = self.spends().filter(|hold| hold.state.is_held()).count();
        let page = bursar_store::Page { limit: usize::MAX >> 1, after: None, newest_first: false };
        assert_eq!(self.read(|reader| reader.unsettled(page)).unwrap().len(), spends, "open spends");
    }
}

/// A record as the database has it; nothing is said of records that hardly change here.
fn stored(reader: &mut dyn Reader, key: &Key) -> Option<Option<Record>> {
    Some(match key {
        Key::Hold(id) => reader.hold(*id).unwrap().map(|hold| Record::Hold(*id, hold.into())),
        Key::SpendKey(name) => reader.hold_by_key(name).unwrap().map(|id| Record::SpendKey(name.clone(), id)),
        Key::Token(id) => reader.token(*id).unwrap().map(|found| Record::Token(*id, found.value)),
        Key::Limits(subject) => Some(Record::Limits(*subject, reader.limits(*subject).unwrap().value)),
        Key::Budget(budget) => {
            let mut state = State::default();
            reader.load(std::slice::from_ref(key), &mut state).unwrap();
            let mut found = None;
            state.change_budget(budget, |stored| found = Some(stored.clone())).unwrap();
            found.map(|found| Record::Budget(budget.clone(), found))
        }
        _ => return None,
    })
}
