//! The world in which a script happens, in one thread: people, the server with the real engine, the disk
//! and the rail. Each step is judged before the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use bursar_core::account::{Freeze, User};
use bursar_core::ambient::Clock;
use bursar_core::audit::Actor;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::{HoldId, TokenId, UserId};
use bursar_core::ledger::{Command, HoldRequest, Key, LimitEdit, Record, Request, Settler, Trace, Write};
use bursar_core::limit::{Subject, Window};
use bursar_core::time::{Span, Timestamp};
use bursar_ledger::{Sequential, Settings};

use crate::Breakage;
use crate::clock::SimulatedClock;
use crate::judge::{Judge, Verdict};
use crate::rail::{Rail, Word};
use crate::script::{Happening, Step};
use crate::simulation::Counts;
use crate::store::{CrashPoint, Fault, SharedDisk, Snapshot};
use crate::town::{DAWN, USERS, everybody, subjects, token};
use crate::wishes;

const CLIENTS: usize = 3;
/// How many wishes of the past a client may come back to.
const REMEMBERED: usize = 4;
/// Spends are kept for longer than any window reaches back.
const RETENTION: Span = Window::LONGEST;

/// Software with a token, and what it wants.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) token: TokenId,
    pub(crate) user: UserId,
    pub(crate) wish: Option<HoldRequest>,
    /// Whether it waits for an answer.
    pub(crate) waits: bool,
    /// What it wanted before, by names.
    pub(crate) before: Vec<HoldRequest>,
}

/// A command on its way to the engine, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) from: From,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum From {
    Client(usize),
    /// The server itself: settlements, overdue answers, retention.
    Server,
    /// A person.
    Owner,
    /// A person who makes a new token for a client.
    Issuer(usize, TokenId),
}

pub(crate) struct World {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) disk: SharedDisk,
    pub(crate) engine: Sequential,
    pub(crate) rail: Rail,
    pub(crate) judge: Judge,
    pub(crate) clients: Vec<Client>,
    pub(crate) inbox: Vec<Job>,
    /// How often the server was started.
    pub(crate) life: u32,
    pub(crate) breakage: Option<Breakage>,
    pub(crate) fault: Option<Fault>,
    pub(crate) counts: Counts,
    serial: u64,
}

impl World {
    pub(crate) fn new(seed: u64, breakage: Option<Breakage>) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let mut records = everybody();
        let mut clients = Vec::new();
        for number in 1..=CLIENTS {
            let id = TokenId::from_bytes([u8::try_from(number).unwrap_or(u8::MAX); 16]);
            let user = USERS[number % USERS.len()];
            records.push(Record::Token(id, token(id, user, DAWN)));
            records.push(Record::Limits(Subject::Token(id), wishes::first_rules(Subject::Token(id), DAWN, &mut dice)));
            clients.push(Client { token: id, user, wish: None, waits: false, before: Vec::new() });
        }
        for subject in subjects() {
            if dice.bool() {
                continue;
            }
            records.push(Record::Limits(subject, wishes::first_rules(subject, DAWN, &mut dice)));
        }
        let mut judge = Judge::default();
        judge.begin(&records);
        let clock = Arc::new(SimulatedClock::at(DAWN, seed % 2 == 0));
        let disk = SharedDisk::new(records, Arc::clone(&clock), breakage);
        let engine = start(&disk, &clock, &mut dice);
        let (rail, inbox) = (Rail::default(), Vec::new());
        let (life, fault, serial, counts) = (0, None, 0, Counts::default());
        Self { clock, disk, engine, rail, judge, clients, inbox, life, breakage, fault, counts, serial }
    }

    pub(crate) fn step(&mut self, step: Step) -> Verdict {
        let mut dice = fastrand::Rng::with_seed(step.salt);
        let dice = &mut dice;
        self.clock.pass(Span::from_millis(dice.u64(..3000)));
        match step.happening {
            Happening::Ask => self.ask(dice),
            Happening::GoAway => {
                let client = &mut self.clients[dice.usize(..CLIENTS)];
                (client.wish, client.waits) = (None, false);
                Ok(())
            }
            Happening::Batch => self.batch(dice),
            Happening::RailWorks => {
                let now = self.disk.durable(|durable| durable.position.time);
                match self.rail.work(dice) {
                    Some((hold, cost)) => self.judge.moves(hold, &cost, now),
                    None => Ok(()),
                }
            }
            Happening::RailAnswers => {
                self.rail_answers(dice);
                Ok(())
            }
            Happening::Sweep => {
                self.sweep();
                Ok(())
            }
            Happening::Reconcile => {
                self.reconcile(dice);
                Ok(())
            }
            Happening::Edit => {
                self.edit(dice);
                Ok(())
            }
            Happening::Control => {
                self.control(dice);
                Ok(())
            }
            Happening::Freeze => {
                self.freeze(dice);
                Ok(())
            }
            Happening::Wait => {
                let seconds = [1, 10, 61, 600, 1800, 3600, 7200, 30_000, 90_000, 700_000];
                self.clock.pass(Span::from_seconds(seconds[dice.usize(..seconds.len())]));
                if dice.u8(..40) == 0 {
                    self.clock.pass(Window::LONGEST);
                }
                Ok(())
            }
            Happening::Jump if dice.u8(..3) == 0 => {
                self.engine.accept_clock();
                Ok(())
            }
            Happening::Jump => {
                let by = Span::from_seconds(dice.u64(..90_000));
                let now = self.clock.now();
                self.clock.set(if dice.bool() { now.plus(by) } else { now.minus(by) });
                Ok(())
            }
            Happening::Forget => {
                self.forget();
                Ok(())
            }
            Happening::Fault => {
                let points = [CrashPoint::BeforeWrite, CrashPoint::BeforeSync, CrashPoint::AfterSync];
                self.fault = Some(match dice.u8(..7) {
                    0 => Fault::Load(dice.u8(..4)),
                    1 => Fault::Commit(dice.u8(..2)),
                    2 => Fault::Unsure(dice.u8(..2)),
                    3 => Fault::Slow(Span::from_seconds(dice.u64(1..200))),
                    _ => Fault::Crash(dice.u8(..2), points[dice.usize(..3)]),
                });
                Ok(())
            }
            Happening::Crash => self.crash(dice),
            Happening::Sync => {
                self.disk.sync();
                self.take_written()
            }
        }
    }

    /// What can only be judged at the end.
    pub(crate) fn end(&mut self) -> Verdict {
        self.counts.histories = self.disk.lock().histories;
        self.judge.rails_book()
    }

    fn ask(&mut self, dice: &mut fastrand::Rng) -> Verdict {
        let number = dice.usize(..CLIENTS);
        self.serial += 1;
        let serial = self.serial;
        let client = &mut self.clients[number];
        let wish = match client.wish.take() {
            // Asks again with the same key, or gives up: without one, asking again is another spend.
            Some(wish) if wish.key.is_some() || dice.bool() => wish,
            _ if !client.before.is_empty() && dice.u8(..6) == 0 => {
                let mut wish = client.before[dice.usize(..client.before.len())].clone();
                if dice.u8(..3) == 0 {
                    wish.meaning[31] = 1;
                }
                wish
            }
            _ => wishes::spend(client.token, serial, dice),
        };
        client.wish = Some(wish.clone());
        client.waits = true;
        let twice = dice.u8(..8) == 0;
        for copy in 0..=u8::from(twice) {
            let mut random = [0; 10];
            random[..8].copy_from_slice(&serial.to_be_bytes());
            random[9] = copy;
            let id = HoldId::time_ordered(self.clock.now(), random);
            let request = HoldRequest { id, ..wish.clone() };
            if request.stepped_up {
                self.judge.stepped_up.insert(id);
            }
            self.put(From::Client(number), Command::Hold(Box::new(request)));
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, from: From, command: Command) {
        self.inbox.push(Job { request: Request { actor: Actor::System, command }, from });
    }

    fn rail_answers(&mut self, dice: &mut fastrand::Rng) {
        let Some(answer) = self.rail.next_answer(dice) else { return };
        // Who asked is no longer there: the answer goes nowhere.
        if answer.life != self.life {
            return;
        }
        let holder = self.find(answer.hold).and_then(|hold| hold.holder);
        let by = match holder {
            Some(token) => Settler::Service { token, stepped_up: dice.u8(..4) == 0 },
            None => Settler::Rail,
        };
        self.settle(answer.hold, answer.word, by);
    }

    fn settle(&mut self, hold: HoldId, word: Word, by: Settler) {
        let command = match word {
            Word::Moved(cost) => {
                Command::Capture { hold, amount: cost.amount, fee: cost.fee, reference: "txid".to_owned(), by }
            }
            Word::NotMoved => Command::Release { hold, reason: "the rail refused".to_owned(), by },
        };
        self.put(From::Server, command);
    }

    fn find(&self, id: HoldId) -> Option<Hold> {
        self.disk.view(|view| match view.records.get(&Key::Hold(id)).map(|found| &found.value) {
            Some(Record::Hold(_, hold)) => Some(hold.clone()),
            _ => None,
        })
    }

    fn ledger_time(&self) -> Timestamp {
        self.disk.view(|view| view.position.time).max(self.clock.now())
    }

    fn sweep(&mut self) {
        let now = self.ledger_time();
        let overdue = |view: &Snapshot| -> Vec<HoldId> {
            let open = view.holds().filter(|hold| hold.state == HoldState::Open && hold.deadline <= now);
            open.map(|hold| hold.id).collect()
        };
        for hold in self.disk.view(overdue) {
            if self.breakage == Some(Breakage::ReleasesOnTimeout) {
                self.settle(hold, Word::NotMoved, Settler::Rail);
            } else {
                self.put(From::Server, Command::Expire { hold });
            }
        }
    }

    fn reconcile(&mut self, dice: &mut fastrand::Rng) {
        let unresolved = |view: &Snapshot| -> Vec<HoldId> {
            let unresolved = view.holds().filter(|hold| matches!(hold.state, HoldState::Unresolved { .. }));
            unresolved.map(|hold| hold.id).collect()
        };
        let unresolved = self.disk.view(unresolved);
        let Some(hold) = unresolved.get(dice.usize(..unresolved.len().max(1))).copied() else { return };
        let Some(word) = self.rail.ask(hold) else { return };
        let by = if dice.bool() {
            Settler::Rail
        } else {
            Settler::Person { evidence: "the rail's book says so".to_owned() }
        };
        self.settle(hold, word, by);
    }

    fn edit(&mut self, dice: &mut fastrand::Rng) {
        let mut subjects = subjects();
        subjects.extend(self.clients.iter().map(|client| Subject::Token(client.token)));
        let subject = subjects[dice.usize(..subjects.len())];
        // The judge reads what an edit wrote from its transaction: one edit of a subject in each.
        if self.edited().contains(&subject) {
            return;
        }
        let rules = wishes::rules(subject, dice);
        let version = self.disk.view(|view| view.version(&Key::Limits(subject)));
        let seen = if dice.u8(..8) == 0 { version.saturating_sub(1) } else { version };
        let edit = LimitEdit { subject, seen, rules, stepped_up: dice.u8(..4) > 0 };
        self.put(From::Owner, Command::SetLimits(Box::new(edit)));
    }

    /// Whose rules what waits in the inbox may change.
    fn edited(&self) -> BTreeSet<Subject> {
        let edited = self.inbox.iter().filter_map(|job| match (&job.request.command, job.from) {
            (Command::SetLimits(edit), _) => Some(edit.subject),
            (_, From::Issuer(_, token)) => Some(Subject::Token(token)),
            _ => None,
        });
        edited.collect()
    }

    fn control(&mut self, dice: &mut fastrand::Rng) {
        let number = dice.usize(..CLIENTS);
        let token = self.clients[number].token;
        let unlock = |resume, dice: &mut fastrand::Rng| {
            let duration = Span::from_seconds(dice.u64(1..600));
            Command::Unlock { token, duration, resume, drop_limits: dice.u8(..30) == 0 }
        };
        let command = match dice.u8(..10) {
            0..3 => Command::Lock { token },
            3..5 => unlock(false, dice),
            5..9 => unlock(true, dice),
            _ => Command::Revoke { token },
        };
        if matches!(command, Command::Unlock { .. }) {
            self.judge.promises.unlocking(token);
        }
        let is_over = matches!(command, Command::Revoke { .. });
        self.put(From::Owner, command);
        if is_over {
            self.issue(number, dice);
        }
    }

    /// A new token in the place of one that is revoked.
    fn issue(&mut self, client: usize, dice: &mut fastrand::Rng) {
        self.serial += 1;
        let mut bytes = [0xee; 16];
        bytes[..8].copy_from_slice(&self.serial.to_be_bytes());
        let id = TokenId::from_bytes(bytes);
        let created = self.ledger_time();
        let made = token(id, self.clients[client].user, created);
        let subject = Subject::Token(id);
        let put = vec![Record::Token(id, made), Record::Limits(subject, wishes::first_rules(subject, created, dice))];
        let trace = Trace { action: "token.issue", subject: format!("token:{id}"), data: Vec::new() };
        let write = Write { read: vec![(Key::Token(id), 0)], put, delete: Vec::new(), trace: Some(trace) };
        self.put(From::Issuer(client, id), Command::Write(write));
    }

    fn freeze(&mut self, dice: &mut fastrand::Rng) {
        let id = USERS[dice.usize(..USERS.len())];
        let key = Key::User(id);
        let (version, found) = self.disk.view(|view| (view.version(&key), view.records.get(&key).cloned()));
        let Some(Record::User(_, user)) = found.map(|found| found.value) else { return };
        let pending = |job: &Job| matches!(&job.request.command, Command::Write(write) if write.put.iter().any(|record| record.key() == key));
        if self.inbox.iter().any(pending) {
            return;
        }
        let since = self.ledger_time();
        let freeze = match user.freeze {
            Some(_) => None,
            None => {
                let until = Some(since.plus(Span::from_seconds(dice.u64(1..4000))));
                Some(Freeze { since, until, reason: "lost phone".to_owned() })
            }
        };
        let action = if freeze.is_some() { "user.freeze" } else { "user.unfreeze" };
        let trace = Trace { action, subject: format!("user:{id}"), data: Vec::new() };
        let put = vec![Record::User(id, User { freeze, ..user })];
        let write = Write { read: vec![(key, version)], put, delete: Vec::new(), trace: Some(trace) };
        self.put(From::Owner, Command::Write(write));
    }

    fn forget(&mut self) {
        let before = self.ledger_time().minus(RETENTION);
        let old = |view: &Snapshot| -> Vec<HoldId> {
            let settled = view.holds().filter(|hold| match hold.state {
                HoldState::Captured { at, .. } | HoldState::Released { at, .. } => at < before,
                _ => false,
            });
            settled.map(|hold| hold.id).collect()
        };
        let holds = self.disk.view(old);
        if !holds.is_empty() {
            self.put(From::Server, Command::Forget { holds, before });
        }
    }

    pub(crate) fn crash(&mut self, dice: &mut fastrand::Rng) -> Verdict {
        self.life += 1;
        self.inbox.clear();
        self.clients.iter_mut().for_each(|client| client.waits = false);
        self.counts.lost += u64::try_from(self.disk.crash(dice)).unwrap_or(u64::MAX);
        self.counts.crashes += 1;
        self.engine = start(&self.disk, &self.clock, dice);
        self.take_written()
    }

    pub(crate) fn take_written(&mut self) -> Verdict {
        let written = self.disk.take_written();
        written.iter().try_for_each(|batch| self.judge.take(batch, &self.rail))?;
        self.disk.durable(|durable| self.judge.stands(durable))
    }

    /// Keeps a wish whose names somebody may come back to.
    pub(crate) fn is_answered(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.waits = false;
        if let Some(wish) = client.wish.take().filter(|wish| wish.key.is_some()) {
            client.before.push(wish);
            if client.before.len() > REMEMBERED {
                client.before.remove(0);
            }
        }
    }
}

/// The server starts; how much it keeps in memory is chance.
fn start(disk: &SharedDisk, clock: &Arc<SimulatedClock>, dice: &mut fastrand::Rng) -> Sequential {
    let kept_records = [0, 20, 100_000][dice.usize(..3)];
    let settings = Settings { kept_records, ..Settings::default() };
    let clock: Arc<dyn Clock> = Arc::<SimulatedClock>::clone(clock);
    Sequential::new(disk.writer(), clock, Arc::new(()), settings).expect("the disk is up")
}
