//! The ledger seen from outside: a small world of records, commands, and what they leave behind.

mod edits;
mod holding;
mod keys;
mod model;
mod order;
mod settling;
mod unlocking;
mod writing;

use std::collections::HashMap;

use crate::account::{User, Wallet, WalletRole};
use crate::amount::Amount;
use crate::audit::Actor;
use crate::coin::Asset;
use crate::fixtures::{ADDRESS, ORGANISATION, TOKEN, USER, WALLET, at, coin, token, user, wallet};
use crate::hold::{Hold, HoldState, Recipient};
use crate::id::HoldId;
use crate::ledger::{
    Applied, Command, HoldRequest, Key, Outcome, Record, Request, State, TokenSecret, Version, Versioned, Write, apply,
    needs,
};
use crate::limit::{Budget, BudgetKey, Limit, Subject, Window};
use crate::time::Timestamp;
use crate::token::Token;

const BY_TOKEN: Subject = Subject::Token(TOKEN);
const BY_USER: Subject = Subject::User(USER);
const BY_WALLET: Subject = Subject::Wallet(WALLET);
const BY_ORGANISATION: Subject = Subject::Organisation(ORGANISATION);
const EVERYBODY: [Subject; 4] = [BY_TOKEN, BY_USER, BY_WALLET, BY_ORGANISATION];

/// A store in memory and a ledger that begins every command with nothing loaded.
struct World {
    records: HashMap<Key, Versioned<Record>>,
    now: Timestamp,
    holds: u8,
}

impl World {
    /// One user with a wallet of `tbtc` and an access token without limits.
    fn new() -> Self {
        let mut world = Self { records: HashMap::new(), now: at(0), holds: 0 };
        world.put(Record::User(USER, user(USER)));
        world.put(Record::Wallet(WALLET, wallet(WALLET, "tbtc")));
        world.put(Record::Role((WALLET, USER), WalletRole::ALL));
        world.put(Record::Token(TOKEN, token(TOKEN, USER)));
        world
    }

    /// The same with a limit on the token.
    fn limited(limit: Limit) -> Self {
        let mut world = Self::new();
        world.limits(BY_TOKEN, vec![limit]);
        world
    }

    fn put(&mut self, record: Record) {
        let version = self.version(&record.key()) + 1;
        self.records.insert(record.key(), Versioned { version, value: record });
    }

    fn limits(&mut self, subject: Subject, limits: Vec<Limit>) {
        self.put(Record::Limits(subject, limits));
    }

    fn version(&self, key: &Key) -> Version {
        self.records.get(key).map_or(0, |found| found.version)
    }

    fn edit_token(&mut self, edit: impl FnOnce(&mut Token)) {
        let mut token = self.token();
        edit(&mut token);
        self.put(Record::Token(TOKEN, token));
    }

    fn edit_user(&mut self, edit: impl FnOnce(&mut User)) {
        let mut owner = user(USER);
        edit(&mut owner);
        self.put(Record::User(USER, owner));
    }

    fn edit_wallet(&mut self, edit: impl FnOnce(&mut Wallet)) {
        let mut held = wallet(WALLET, "tbtc");
        edit(&mut held);
        self.put(Record::Wallet(WALLET, held));
    }

    fn token(&self) -> Token {
        match self.records.get(&Key::Token(TOKEN)).map(|found| &found.value) {
            Some(Record::Token(_, token)) => token.clone(),
            other => panic!("no token but {other:?}"),
        }
    }

    fn budget(&self, subject: Subject, asset: &str) -> Budget {
        let asset = Asset::parse(asset).unwrap();
        let key = Key::Budget(BudgetKey { subject, asset, window: Window::Lifetime });
        match self.records.get(&key).map(|found| &found.value) {
            Some(Record::Budget(_, budget)) => *budget,
            _ => Budget::default(),
        }
    }

    /// Loads what the command needs, in three rounds at most, applies it and writes what it changed.
    fn run(&mut self, command: Command) -> Applied {
        let mut state = State::default();
        for _ in 0..3 {
            for key in needs(&state, &command) {
                let found = self.records.get(&key).cloned();
                state.load(key, found);
            }
        }
        assert_eq!(needs(&state, &command), [], "three rounds suffice");
        let applied = apply(&mut state, &Request { actor: Actor::System, command }, self.now).unwrap();
        for change in state.take_changes() {
            match change.record {
                Some(value) => self.records.insert(change.key, Versioned { version: change.version, value }),
                None => self.records.remove(&change.key),
            };
        }
        applied
    }

    fn request(&mut self, amount: Amount) -> HoldRequest {
        self.holds += 1;
        HoldRequest {
            id: HoldId::from_bytes([self.holds; 16]),
            token: TOKEN,
            address: ADDRESS,
            wallet: WALLET,
            coin: coin("tbtc"),
            recipients: vec![Recipient { address: "2N9".to_owned(), amount }],
            fee: Amount::ZERO,
            key: None,
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            deadline: at(60),
        }
    }

    /// Asks for a hold of `amount` that `edit` makes special.
    fn ask(&mut self, amount: u128, edit: impl FnOnce(&mut HoldRequest)) -> Outcome {
        let mut request = self.request(Amount::new(amount));
        edit(&mut request);
        self.run(Command::Hold(Box::new(request))).outcome
    }

    fn hold(&mut self, amount: u128) -> HoldId {
        held(self.ask(amount, |_| ())).id
    }

    /// The code with which a hold of `amount` is refused, or the name of another outcome.
    fn refusal(&mut self, amount: u128) -> &'static str {
        answer(&self.ask(amount, |_| ()))
    }

    fn capture(&mut self, hold: HoldId, amount: Amount) -> Outcome {
        self.run(Command::Capture { hold, amount, reference: "txid".to_owned() }).outcome
    }

    fn release(&mut self, hold: HoldId) -> Outcome {
        self.run(Command::Release { hold, reason: "refused by the rail".to_owned() }).outcome
    }

    fn mark_unresolved(&mut self, hold: HoldId) -> Outcome {
        self.run(Command::MarkUnresolved { hold }).outcome
    }

    fn unlock(&mut self, until: Timestamp) -> Outcome {
        self.run(Command::Unlock { token: TOKEN, until, resume: false, drop_limits: false }).outcome
    }

    fn lock(&mut self) -> Outcome {
        self.run(Command::Lock { token: TOKEN }).outcome
    }

    fn write(&mut self, write: Write) -> Outcome {
        self.run(Command::Write(write)).outcome
    }
}

fn held(outcome: Outcome) -> Hold {
    match outcome {
        Outcome::Held(hold) => *hold,
        other => panic!("not held but {other:?}"),
    }
}

/// The settled spend, and whether it had been settled before.
fn settled(outcome: Outcome) -> (HoldState, bool) {
    match outcome {
        Outcome::Settled { hold, before } => (hold.state, before),
        other => panic!("not settled but {other:?}"),
    }
}

fn answer(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Held(_) => "held",
        Outcome::Known { same: true, .. } => "known",
        Outcome::Known { same: false, .. } => "known with another meaning",
        Outcome::Refused(refusal) => refusal.code(),
        other => panic!("not the answer to a hold: {other:?}"),
    }
}

/// Captured, held and overridden in base units.
fn figures(budget: Budget) -> [u128; 3] {
    [budget.captured, budget.held, budget.overridden].map(|usage| usage.amount.as_u64().unwrap().into())
}
