//! The world in which a script happens, in one thread: people, the server with the real engine, the disk
//! and the rail. Each step is judged before the next.

use std::sync::Arc;

use bursar_core::ambient::Clock;
use bursar_core::audit::Actor;
use bursar_core::id::{TokenId, UserId};
use bursar_core::ledger::{Command, HoldRequest, Record, Request};
use bursar_core::limit::{Subject, Window};
use bursar_core::time::{Span, Timestamp};
use bursar_ledger::{Sequential, Settings};

use crate::Breakage;
use crate::clock::SimulatedClock;
use crate::judge::{Judge, Verdict};
use crate::rail::Rail;
use crate::script::{Happening, Step};
use crate::simulation::Counts;
use crate::store::{CrashPoint, Fault, SharedDisk};
use crate::town::{DAWN, USERS, everybody, subjects, token};
use crate::wishes;

pub(crate) const CLIENTS: usize = 3;
/// How many wishes of the past a client may come back to.
const REMEMBERED: usize = 4;

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
    pub(crate) serial: u64,
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
        let clock = Arc::new(SimulatedClock::at(DAWN, seed.is_multiple_of(2)));
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

    pub(crate) fn put(&mut self, from: From, command: Command) {
        self.inbox.push(Job { request: Request { actor: Actor::System, command }, from });
    }

    pub(crate) fn ledger_time(&self) -> Timestamp {
        self.disk.view(|view| view.position.time).max(self.clock.now())
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
