//! The engine over a real SQLite file: what is answered is on the disk, and one bad command harms nobody else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Change, Command, Key, Outcome, Record, Request, State, Trace, Write};
use bursar_core::time::{Span, Timestamp};
use bursar_ledger::{Ledger, LedgerError, Observer, Settings};
use bursar_store::{Batch, Position, Store, StoreError, Writer};
use bursar_store_sqlite::SqliteStore;
use bursar_testkit::FixedClock;

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn user(number: u8, name: &str) -> Request {
    let id = UserId::from_bytes([number; 16]);
    let user = User {
        id,
        username: name.to_owned(),
        full_name: String::new(),
        freeze: None,
        seeded: false,
        created: START,
        sessions_since: START,
        email: None,
    };
    let trace = Trace { action: "user.create", subject: format!("user:{id}"), data: Vec::new() };
    let write = Write {
        read: vec![(Key::User(id), 0)],
        put: vec![Record::User(id, user)],
        trace: Some(trace),
        ..Write::default()
    };
    Request { actor: Actor::Operator, command: Command::Write(write) }
}

fn start(writer: Box<dyn Writer>, settings: Settings) -> Ledger {
    Ledger::start(writer, Arc::new(FixedClock::at(START)), Arc::new(()), settings).unwrap()
}

fn open(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(directory.path()).unwrap()
}

#[tokio::test]
async fn what_is_answered_is_there_after_a_restart_with_its_event() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = start(open(&directory).writer().unwrap(), Settings::default());
    for number in 1..=20 {
        assert!(matches!(ledger.submit(user(number, &format!("user{number}"))).await, Ok(Outcome::Written)));
    }
    drop(ledger);
    let mut reader = open(&directory).reader().unwrap();
    assert!(reader.user_by_name("user20").unwrap().is_some());
    let links = reader.audit(0, 100).unwrap();
    assert_eq!(links.iter().map(|(_, events)| events.len()).sum::<usize>(), 20);
    let mut head = bursar_core::audit::Head::default();
    for (link, events) in &links {
        assert_eq!(head.next(events), *link, "the chain is whole");
        head = link.head();
    }
}

#[tokio::test]
async fn a_command_the_store_will_not_have_does_not_take_its_batch_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let writer = Gated { inner: open(&directory).writer().unwrap(), gate: Arc::clone(&gate) };
    let ledger = Arc::new(start(Box::new(writer), Settings::default()));
    // While the first batch waits at the gate, the others queue up and become one batch.
    let submit = |request: Request| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { ledger.submit(request).await })
    };
    let names = ["first", "same", "same", "other", "same"];
    let submitted: Vec<_> = (1_u8..).zip(names).map(|(number, name)| submit(user(number, name))).collect();
    tokio::task::yield_now().await;
    gate.open();
    let mut written = 0;
    for task in submitted {
        match task.await.unwrap() {
            Ok(Outcome::Written) => written += 1,
            Err(LedgerError::Violated(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written, 3, "one of each name");
    drop(ledger);
    let mut reader = open(&directory).reader().unwrap();
    for name in names {
        assert!(reader.user_by_name(name).unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_full_queue_sends_callers_away_and_a_closed_one_too() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let writer = Gated { inner: open(&directory).writer().unwrap(), gate: Arc::clone(&gate) };
    let settings = Settings { lane: 1, batch: 1, ..Settings::default() };
    let ledger = start(Box::new(writer), settings);
    // One is being written, one waits; sooner or later the next is sent away.
    let mut full = false;
    for number in 1..=3 {
        full |= ledger.submit_and_go_on(user(number, &format!("user{number}"))) == Err(LedgerError::Full);
    }
    assert!(full);
    gate.open();
    ledger.close();
    assert_eq!(ledger.submit_and_go_on(user(9, "late")), Err(LedgerError::Closed));
}

#[tokio::test]
async fn a_panic_fails_its_callers_and_the_ledger_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let writer = Panics { inner: open(&directory).writer().unwrap(), left: 1 };
    let ledger = start(Box::new(writer), Settings::default());
    assert!(matches!(ledger.submit(user(1, "a")).await, Err(LedgerError::Failed(_))));
    assert!(matches!(ledger.submit(user(1, "a")).await, Ok(Outcome::Written)));
}

#[tokio::test]
async fn a_command_that_panics_does_not_take_its_batch_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let gated = Gated { inner: open(&directory).writer().unwrap(), gate: Arc::clone(&gate) };
    let culprit = Key::User(UserId::from_bytes([3; 16]));
    let ledger = Arc::new(start(Box::new(PanicsOn { inner: Box::new(gated), culprit }), Settings::default()));
    let submit = |number| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { ledger.submit(user(number, &format!("user{number}"))).await })
    };
    let submitted: Vec<_> = (1..=5).map(submit).collect();
    tokio::task::yield_now().await;
    gate.open();
    let mut failed = Vec::new();
    for (number, task) in (1..).zip(submitted) {
        match task.await.unwrap() {
            Ok(Outcome::Written) => {}
            Err(LedgerError::Failed(_)) => failed.push(number),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(failed, [3]);
}

#[tokio::test]
async fn what_was_written_is_answered_so_whoever_panics_at_it() {
    struct Bad;
    impl Observer for Bad {
        fn committed(&self, _: &[Change]) {
            panic!("the observer panics");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let writer = open(&directory).writer().unwrap();
    let ledger = Ledger::start(writer, Arc::new(FixedClock::at(START)), Arc::new(Bad), Settings::default()).unwrap();
    for number in 1..=2 {
        assert!(matches!(ledger.submit(user(number, &format!("user{number}"))).await, Ok(Outcome::Written)));
    }
}

#[tokio::test]
async fn a_store_that_fails_is_known_and_takes_commands_again_once_it_is_well() {
    let directory = tempfile::tempdir().unwrap();
    let is_broken = Arc::new(AtomicBool::new(false));
    let writer = Breakable { inner: open(&directory).writer().unwrap(), is_broken: Arc::clone(&is_broken) };
    let ledger = start(Box::new(writer), Settings { probe_every: Duration::from_millis(5), ..Settings::default() });
    let problem = || ledger.health().problem_at(Instant::now());
    ledger.submit(user(1, "before")).await.unwrap();
    assert_eq!(problem(), None);

    is_broken.store(true, Ordering::SeqCst);
    let refused = LedgerError::Unavailable("the store is unavailable: disk full".to_owned());
    assert_eq!(ledger.submit(user(2, "during")).await.unwrap_err(), refused);
    assert_eq!(problem().as_deref(), Some("the store is unavailable: disk full"));

    is_broken.store(false, Ordering::SeqCst);
    // Nobody calls: the engine finds out by itself.
    while problem().is_some() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(ledger.submit(user(2, "during")).await, Ok(Outcome::Written)));
    let figures = ledger.figures();
    assert_eq!(figures.commands[&("write", "written")], 2);
    assert_eq!(figures.commands[&("write", "store_unavailable")], 1);
    assert!(figures.failed >= 1 && figures.committed >= 3, "{figures:?}");
    assert_eq!(figures.batch_size.buckets().next(), Some((1.0, 3)));
    drop(ledger);
    let mut reader = open(&directory).reader().unwrap();
    let links = reader.audit(0, 10).unwrap();
    assert_eq!(links.len(), 2, "a probe is no event, and what failed left none");
}

#[tokio::test]
async fn an_idle_store_that_goes_bad_is_known_before_anybody_calls() {
    let directory = tempfile::tempdir().unwrap();
    let is_broken = Arc::new(AtomicBool::new(true));
    let writer = Breakable { inner: open(&directory).writer().unwrap(), is_broken };
    let ledger = start(Box::new(writer), Settings { probe_every: Duration::from_millis(5), ..Settings::default() });
    while ledger.health().problem_at(Instant::now()).is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.figures().commands.len(), 0);
}

#[tokio::test]
async fn ledger_time_never_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(START));
    let writer = open(&directory).writer().unwrap();
    let ledger = Ledger::start(writer, Arc::clone(&clock) as _, Arc::new(()), Settings::default()).unwrap();
    ledger.submit(user(1, "a")).await.unwrap();
    clock.set(START.minus(Span::from_seconds(3600)));
    ledger.submit(user(2, "b")).await.unwrap();
    drop(ledger);
    let mut reader = open(&directory).reader().unwrap();
    let times: Vec<_> =
        reader.audit(0, 10).unwrap().into_iter().flat_map(|(_, events)| events).map(|e| e.time).collect();
    assert_eq!(times, [START, START]);
}

#[tokio::test]
async fn the_observer_hears_of_a_change_before_the_caller_does() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<Key>>);
    impl Observer for Heard {
        fn committed(&self, changes: &[Change]) {
            self.0.lock().unwrap().extend(changes.iter().map(|change| change.key.clone()));
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let clock = Arc::new(FixedClock::at(START));
    let writer = open(&directory).writer().unwrap();
    let ledger = Ledger::start(writer, clock, Arc::clone(&heard) as _, Settings::default()).unwrap();
    ledger.submit(user(1, "a")).await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [Key::User(UserId::from_bytes([1; 16]))]);
}

/// Closed until it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

/// Commits only once the gate is open.
struct Gated {
    inner: Box<dyn Writer>,
    gate: Arc<Gate>,
}

impl Writer for Gated {
    fn position(&mut self) -> Result<Position, StoreError> {
        self.inner.position()
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        self.inner.load(keys, state)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.gate.wait();
        self.inner.commit(batch)
    }
}

/// Panics while committing, so many times.
struct Panics {
    inner: Box<dyn Writer>,
    left: u32,
}

impl Writer for Panics {
    fn position(&mut self) -> Result<Position, StoreError> {
        self.inner.position()
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        self.inner.load(keys, state)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.left > 0 {
            self.left -= 1;
            panic!("the store panics");
        }
        self.inner.commit(batch)
    }
}

/// Panics while loading one record.
struct PanicsOn {
    inner: Box<dyn Writer>,
    culprit: Key,
}

impl Writer for PanicsOn {
    fn position(&mut self) -> Result<Position, StoreError> {
        self.inner.position()
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        assert!(!keys.contains(&self.culprit), "the store panics");
        self.inner.load(keys, state)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }
}

/// A store whose disk is full for as long as it is told so.
struct Breakable {
    inner: Box<dyn Writer>,
    is_broken: Arc<AtomicBool>,
}

impl Breakable {
    fn check(&self) -> Result<(), StoreError> {
        match self.is_broken.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("disk full".to_owned())),
            false => Ok(()),
        }
    }
}

impl Writer for Breakable {
    fn position(&mut self) -> Result<Position, StoreError> {
        self.inner.position()
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        self.inner.load(keys, state)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.check()?;
        self.inner.commit(batch)
    }
}
