//! Small cases in full: every order in which few clients ask and ask again, the server crashes, the rail
//! moves or refuses, answers once, twice or never, and the reconciler looks.
//!
//! The transition is the real one; what surrounds it is as small as can be. A batch is decided, written and
//! synced in one action, since a crash in the middle of it leaves nothing behind, like a crash before it;
//! the answers that follow leave one by one. Losing an answer is that nothing more happens to it.

mod explore;
mod records;

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::hold::{HoldState, Payee, SpendKey};
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::{Command, HoldRequest, Key, Outcome, Record, Settler};
use bursar_core::limit::{Ceiling, Limit, LimitSet, Measure, Subject, Window};
use bursar_core::time::Span;

use crate::town::{ADDRESS, DAWN, ORGANISATION, USERS, WALLETS, coin, destination, everybody, token};
use records::{Records, rank};

pub use explore::{Explored, explore};

/// A small case.
#[derive(Clone, Debug)]
pub struct Case {
    /// For each client the number of its token and of the key under which it asks for a spend of 1.
    pub clients: Vec<(u8, u8)>,
    /// What each token may spend in all.
    pub per_token: u8,
    /// What all tokens of the user may spend together.
    pub per_user: u8,
    /// How often each client asks at most.
    pub attempts: u8,
    /// How often the server crashes at most.
    pub crashes: u8,
    /// How often the rail gives an answer at most.
    pub answers: u8,
    /// A promise that is broken on purpose.
    pub broken: Option<Broken>,
}

/// How a small case may be broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// What is overdue is released.
    ReleasesOnTimeout,
    /// Clients ask again without a key.
    AsksWithoutKey,
    /// The rail is called although the answer was that the spend is known.
    SendsWhatIsKnown,
}

/// What the server has to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Job {
    /// Client and attempt.
    Ask(u8, u8),
    Capture(HoldId),
    Release(HoldId),
    Expire(HoldId),
}

/// What a job came to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Answer {
    Held(HoldId),
    Known(HoldId),
    Refused(HoldId),
    Settled(HoldId, u8),
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Client {
    asked: u8,
    is_answered: bool,
}

/// Where a small case stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Standing {
    records: Records,
    /// In the server's memory.
    inbox: Vec<Job>,
    answers: Vec<Answer>,
    listens: BTreeSet<HoldId>,
    /// Outside of it.
    clients: Vec<Client>,
    calls: BTreeSet<HoldId>,
    /// The rail's book: whether the money moved, or never will.
    book: BTreeMap<HoldId, bool>,
    said: BTreeMap<HoldId, u8>,
    crashes: u8,
    /// What was answered: how far each spend had come.
    promised: BTreeMap<HoldId, u8>,
    refused: BTreeSet<HoldId>,
    called: BTreeSet<HoldId>,
}

/// One thing that happens.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Action {
    Ask(u8),
    Batch,
    Answer,
    Crash,
    RailMoves(HoldId),
    RailRefuses(HoldId),
    RailAnswers(HoldId),
    Expire(HoldId),
    Reconcile(HoldId),
}

fn token_id(number: u8) -> TokenId {
    TokenId::from_bytes([number + 1; 16])
}

/// The id of the spend that a client's attempt would become.
fn hold_id(client: u8, attempt: u8) -> HoldId {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (client, attempt);
    HoldId::from_bytes(bytes)
}

fn limit(ceiling: u8) -> LimitSet {
    let asset = Asset::Coin(coin("hteth"));
    let ceiling = Ceiling::At(Amount::new(ceiling.into()));
    LimitSet::of(vec![Limit { asset, measure: Measure::Amount, window: Window::Lifetime, ceiling }])
}

impl Case {
    /// What never changes.
    fn base(&self) -> BTreeMap<Key, Record> {
        let mut records = everybody();
        for (number, _) in &self.clients {
            let id = token_id(*number);
            records.push(Record::Token(id, token(id, USERS[0], DAWN)));
            records.push(Record::Limits(Subject::Token(id), limit(self.per_token)));
        }
        records.push(Record::Limits(Subject::User(USERS[0]), limit(self.per_user)));
        records.into_iter().map(|record| (record.key(), record)).collect()
    }

    fn begin(&self) -> Standing {
        Standing {
            records: Records::default(),
            inbox: Vec::new(),
            answers: Vec::new(),
            listens: BTreeSet::new(),
            clients: vec![Client { asked: 0, is_answered: false }; self.clients.len()],
            calls: BTreeSet::new(),
            book: BTreeMap::new(),
            said: BTreeMap::new(),
            crashes: 0,
            promised: BTreeMap::new(),
            refused: BTreeSet::new(),
            called: BTreeSet::new(),
        }
    }

    /// The key that names what a spend is for, whether its client says so or not.
    fn key_of(&self, id: HoldId) -> Option<u8> {
        self.clients.get(usize::from(id.as_bytes()[0])).map(|(_, key)| *key)
    }

    fn actions(&self, at: &Standing, actions: &mut Vec<Action>) {
        for (number, client) in (0_u8..).zip(&at.clients) {
            if !client.is_answered && client.asked < self.attempts && self.may_begin(number, at) {
                actions.push(Action::Ask(number));
            }
        }
        match at.answers.is_empty() {
            false => actions.push(Action::Answer),
            true if !at.inbox.is_empty() => actions.push(Action::Batch),
            true => {}
        }
        let has_memory = !(at.inbox.is_empty() && at.answers.is_empty() && at.listens.is_empty());
        if at.crashes < self.crashes && has_memory {
            actions.push(Action::Crash);
        }
        for id in &at.calls {
            actions.extend([Action::RailMoves(*id), Action::RailRefuses(*id)]);
        }
        for id in at.book.keys().filter(|id| at.listens.contains(id)) {
            if at.said.get(id).is_none_or(|said| *said < self.answers) {
                actions.push(Action::RailAnswers(*id));
            }
        }
        for hold in at.records.holds() {
            let waits = |wanted: &Job| at.inbox.contains(wanted);
            match hold.state {
                HoldState::Open if !waits(&Job::Expire(hold.id)) => actions.push(Action::Expire(hold.id)),
                HoldState::Unresolved { .. } if !waits(&Job::Capture(hold.id)) && !waits(&Job::Release(hold.id)) => {
                    actions.push(Action::Reconcile(hold.id));
                }
                _ => {}
            }
        }
    }

    /// Clients of one token are alike up to their names: they begin in the order of these.
    fn may_begin(&self, number: u8, at: &Standing) -> bool {
        let place = usize::from(number);
        let Some(before) = place.checked_sub(1).filter(|before| self.clients[*before].0 == self.clients[place].0)
        else {
            return true;
        };
        at.clients[before].asked > 0
    }

    fn after(&self, before: &Standing, base: &BTreeMap<Key, Record>, action: &Action) -> Standing {
        let mut at = before.clone();
        match action {
            Action::Ask(client) => {
                let asked = &mut at.clients[usize::from(*client)].asked;
                at.inbox.push(Job::Ask(*client, *asked));
                *asked += 1;
            }
            Action::Batch => {
                let jobs = std::mem::take(&mut at.inbox);
                let commands = jobs.iter().map(|job| self.command(job)).collect();
                let outcomes = at.records.run(base, commands);
                at.answers = jobs.iter().zip(&outcomes).map(|(job, outcome)| answer(job, outcome)).collect();
            }
            Action::Answer => self.answer(&mut at),
            Action::Crash => {
                at.crashes += 1;
                at.inbox.clear();
                at.answers.clear();
                at.listens.clear();
            }
            Action::RailMoves(id) | Action::RailRefuses(id) => {
                at.calls.remove(id);
                // What the rail has given its word on stays as it is.
                at.book.entry(*id).or_insert(matches!(action, Action::RailMoves(_)));
            }
            Action::RailAnswers(id) => {
                *at.said.entry(*id).or_default() += 1;
                at.inbox.push(if at.book[id] { Job::Capture(*id) } else { Job::Release(*id) });
            }
            Action::Expire(id) if self.broken == Some(Broken::ReleasesOnTimeout) => at.inbox.push(Job::Release(*id)),
            Action::Expire(id) => at.inbox.push(Job::Expire(*id)),
            Action::Reconcile(id) => {
                // Asked of what it does not know, the rail gives its word not to move it.
                let moved = *at.book.entry(*id).or_insert(false);
                at.inbox.push(if moved { Job::Capture(*id) } else { Job::Release(*id) });
            }
        }
        at
    }

    /// The first of the answers leaves.
    fn answer(&self, at: &mut Standing) {
        let answer = at.answers.remove(0);
        let mut hears = |id: HoldId| at.clients[usize::from(id.as_bytes()[0])].is_answered = true;
        match answer {
            Answer::Held(id) => {
                hears(id);
                at.promised.insert(id, 0);
                at.called.insert(id);
                at.calls.insert(id);
                at.listens.insert(id);
            }
            Answer::Known(id) => {
                at.promised.entry(id).or_insert(0);
                if self.broken == Some(Broken::SendsWhatIsKnown) {
                    at.calls.insert(id);
                }
            }
            Answer::Refused(id) => {
                hears(id);
                at.refused.insert(id);
            }
            Answer::Settled(id, rank) => {
                let promised = at.promised.entry(id).or_insert(rank);
                *promised = rank.max(*promised);
                at.listens.remove(&id);
            }
            Answer::Nothing => {}
        }
    }

    fn command(&self, job: &Job) -> Command {
        let reference = String::new;
        match job {
            Job::Ask(client, attempt) => Command::Hold(Box::new(self.request(*client, *attempt))),
            Job::Capture(hold) => {
                let (amount, fee) = (Amount::new(1), Amount::ZERO);
                Command::Capture { hold: *hold, amount, fee, reference: reference(), by: Settler::Rail }
            }
            Job::Release(hold) => Command::Release { hold: *hold, reason: reference(), by: Settler::Rail },
            Job::Expire(hold) => Command::Expire { hold: *hold, overdue: false, reason: String::new() },
        }
    }

    fn request(&self, client: u8, attempt: u8) -> HoldRequest {
        let (number, key) = self.clients[usize::from(client)];
        let key_text = (self.broken != Some(Broken::AsksWithoutKey)).then(|| key.to_string());
        let payee = Payee { address: String::new(), destination: destination("hteth", 0), amount: Amount::new(1) };
        HoldRequest {
            id: hold_id(client, attempt),
            token: token_id(number),
            address: ADDRESS,
            wallet: Some(WALLETS[0]),
            organisation: Some(ORGANISATION),
            coin: coin("hteth"),
            payees: vec![payee],
            fee_coin: coin("hteth"),
            fee: Amount::ZERO,
            fee_ceiling: None,
            key: key_text.map(|text| SpendKey::Client(token_id(number), text)),
            meaning: [key; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            holder: None,
            captures_itself: false,
            patience: Span::from_seconds(60),
            read: Vec::new(),
        }
    }
}

fn answer(job: &Job, outcome: &Outcome) -> Answer {
    match (job, outcome) {
        (_, Outcome::Held { hold, .. }) => Answer::Held(hold.id),
        (_, Outcome::Known { hold, .. }) => Answer::Known(hold.id),
        (Job::Ask(client, attempt), Outcome::Refused(_)) => Answer::Refused(hold_id(*client, *attempt)),
        (_, Outcome::Settled { hold, .. }) => Answer::Settled(hold.id, rank(&hold.state)),
        _ => Answer::Nothing,
    }
}
