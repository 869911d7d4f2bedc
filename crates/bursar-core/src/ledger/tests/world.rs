//! One user, one wallet, one token; a store in memory, and a ledger in front of it.

use std::collections::HashMap;

use super::*;
use crate::account::{User, Wallet};
use crate::fixtures::{ADDRESS, payee};
use crate::ledger::conservation::{Conservation, Difference};
use crate::ledger::{Applied, HistoryKey, Past, Unlocking, Versioned, total_of_coins};
use crate::limit::History;
use crate::token::{LockedBy, Token};

pub(super) struct World {
    pub(super) records: HashMap<Key, Versioned<Record>>,
    pub(super) now: Timestamp,
    pub(super) holds: u16,
}

impl World {
    /// One user with a wallet of `tbtc` and an access token without limits.
    pub(super) fn new() -> Self {
        let mut world = Self { records: HashMap::new(), now: at(0), holds: 0 };
        world.put(Record::User(USER, user(USER)));
        world.put(Record::Wallet(WALLET, wallet(WALLET, "tbtc")));
        world.put(Record::Role((WALLET, USER), WalletRole::ALL));
        world.put(Record::Token(TOKEN, token(TOKEN, USER)));
        world
    }

    /// The same with a limit on the token.
    pub(super) fn limited(limit: Limit) -> Self {
        let mut world = Self::new();
        world.limits(BY_TOKEN, vec![limit]);
        world
    }

    pub(super) fn put(&mut self, record: Record) {
        let version = self.version(&record.key()) + 1;
        self.records.insert(record.key(), Versioned { version, value: record });
    }

    pub(super) fn version(&self, key: &Key) -> Version {
        self.records.get(key).map_or(0, |found| found.version)
    }

    pub(super) fn edit_token(&mut self, edit: impl FnOnce(&mut Token)) {
        let mut token = self.token();
        edit(&mut token);
        self.put(Record::Token(TOKEN, token));
    }

    pub(super) fn edit_user(&mut self, edit: impl FnOnce(&mut User)) {
        let mut owner = user(USER);
        edit(&mut owner);
        self.put(Record::User(USER, owner));
    }

    pub(super) fn edit_wallet(&mut self, edit: impl FnOnce(&mut Wallet)) {
        let mut held = wallet(WALLET, "tbtc");
        edit(&mut held);
        self.put(Record::Wallet(WALLET, held));
    }

    pub(super) fn token(&self) -> Token {
        match self.records.get(&Key::Token(TOKEN)).map(|found| &found.value) {
            Some(Record::Token(_, token)) => token.clone(),
            other => panic!("no token but {other:?}"),
        }
    }

    pub(super) fn budget(&self, subject: Subject, asset: &str) -> Budget {
        match self.records.get(&Key::Budget(budget_key(subject, asset))).map(|found| &found.value) {
            Some(Record::Budget(_, budget)) => budget.clone(),
            _ => Budget::default(),
        }
    }

    pub(super) fn rules(&self, subject: Subject) -> Option<&LimitSet> {
        match self.records.get(&Key::Limits(subject)).map(|found| &found.value) {
            Some(Record::Limits(_, rules)) => Some(rules),
            _ => None,
        }
    }

    pub(super) fn spends(&self) -> impl Iterator<Item = &Hold> {
        self.records.values().filter_map(|found| match &found.value {
            Record::Hold(_, hold) => Some(&**hold),
            _ => None,
        })
    }

    /// The id of a request.
    #[expect(clippy::unused_self, reason = "in other worlds ids are not known from their numbers alone")]
    pub(super) fn id_of(&self, number: u16) -> HoldId {
        hold_id(number)
    }

    pub(super) fn budgets(&self) -> impl Iterator<Item = (&BudgetKey, &Budget)> {
        self.records.values().filter_map(|found| match &found.value {
            Record::Budget(key, budget) => Some((key, budget)),
            _ => None,
        })
    }

    /// What the store tells of the past: from the spends it keeps, and from the totals of coins.
    fn past(&self, key: &HistoryKey) -> History {
        let subject = key.budget.subject;
        let mut past = Past::new(key.clone());
        let of_subject = |hold: &&Hold| hold.subjects().any(|charged| charged == subject);
        self.spends().filter(of_subject).for_each(|hold| past.add(hold));
        let mut history = past.finish();
        if key.is_told_by_totals() {
            let totals = self.budgets().filter_map(|(budget, sums)| match &budget.asset {
                Asset::Coin(coin) if budget.subject == subject && budget.destination.is_none() => {
                    Some((coin, sums.captured))
                }
                _ => None,
            });
            history.captured = total_of_coins(key, totals);
        }
        history
    }

    pub(super) fn find(&self, key: &Key) -> Option<Versioned<Record>> {
        match key {
            Key::History(past) => Some(Versioned { version: 1, value: Record::History(past.clone(), self.past(past)) }),
            _ => self.records.get(key).cloned(),
        }
    }

    /// Loads what the command needs, in five rounds at most; says what that was.
    pub(super) fn load(&self, state: &mut State, command: &Command) -> Vec<Key> {
        let mut loaded = Vec::new();
        for _ in 0..5 {
            for key in needs(state, command) {
                assert!(!(matches!(key, Key::History(_)) && state.is_changed()), "the store does not know it all");
                let found = self.find(&key);
                loaded.push(key.clone());
                state.load(key, found);
            }
        }
        assert_eq!(needs(state, command), [], "five rounds suffice");
        loaded
    }

    /// A spend that lacks any one of the records it reads changes nothing, so that it may be decided before it is known
    /// that all of them are there.
    fn lacking_any_changes_nothing(&self, loaded: &[Key], command: &Command) {
        if !matches!(command, Command::Hold(_) | Command::Capture { .. } | Command::Release { .. }) {
            return;
        }
        // A third of them, which are others with the next spend.
        for missing in loaded.iter().skip(usize::from(self.holds % 3)).step_by(3) {
            let mut state = State::default();
            for key in loaded.iter().filter(|key| *key != missing) {
                state.load(key.clone(), self.find(key));
            }
            let request = Request { actor: Actor::System, command: command.clone() };
            let applied = apply(&mut state, &request, self.now);
            assert!(applied.is_ok() || !state.is_changed(), "{command:?} without {missing:?}");
            let touched = state.take_changes().iter().any(|change| change.key == *missing);
            assert!(!touched, "{missing:?} was written and not read by {command:?}");
        }
    }

    /// Decides a command beginning with nothing loaded, and writes what it changed.
    pub(super) fn run(&mut self, command: Command) -> Applied {
        let mut state = State::default();
        let loaded = self.load(&mut state, &command);
        self.lacking_any_changes_nothing(&loaded, &command);
        let applied = apply(&mut state, &Request { actor: Actor::System, command }, self.now).unwrap();
        for change in state.take_changes() {
            match change.record {
                Some(value) => self.records.insert(change.key, Versioned { version: change.version, value }),
                None => self.records.remove(&change.key),
            };
        }
        applied
    }

    /// Changes the rules of a subject, seen as they are.
    pub(super) fn edit(&mut self, subject: Subject, rules: LimitSet, stepped_up: bool) -> Outcome {
        let seen = self.version(&Key::Limits(subject));
        self.run(Command::SetLimits(Box::new(LimitEdit { subject, seen, rules, stepped_up }))).outcome
    }

    pub(super) fn limits(&mut self, subject: Subject, limits: Vec<Limit>) {
        assert_eq!(answer(&self.edit(subject, LimitSet::of(limits), true)), "limits");
    }

    /// A request to pay `amount` to one destination.
    pub(super) fn request(&mut self, amount: Amount) -> HoldRequest {
        self.holds += 1;
        HoldRequest {
            id: hold_id(self.holds),
            token: TOKEN,
            address: ADDRESS,
            wallet: Some(WALLET),
            organisation: None,
            coin: coin("tbtc"),
            payees: vec![crate::hold::Payee { amount, ..payee("2N9", 0) }],
            fee_coin: coin("tbtc"),
            fee: Amount::ZERO,
            fee_ceiling: None,
            key: None,
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            holder: None,
            captures_itself: false,
            patience: Span::from_seconds(60),
            read: Vec::new(),
        }
    }

    /// Asks for a hold of `amount` that `edit` makes special.
    pub(super) fn ask(&mut self, amount: u128, edit: impl FnOnce(&mut HoldRequest)) -> Outcome {
        let mut request = self.request(Amount::new(amount));
        edit(&mut request);
        self.run(Command::Hold(Box::new(request))).outcome
    }

    pub(super) fn hold(&mut self, amount: u128) -> HoldId {
        held(self.ask(amount, |_| ())).id
    }

    /// The code with which a hold of `amount` is refused, or the name of another outcome.
    pub(super) fn refusal(&mut self, amount: u128) -> &'static str {
        answer(&self.ask(amount, |_| ()))
    }

    pub(super) fn capture(&mut self, hold: HoldId, amount: Amount) -> Outcome {
        self.capture_with_fee(hold, amount, Amount::ZERO)
    }

    pub(super) fn capture_with_fee(&mut self, hold: HoldId, amount: Amount, fee: Amount) -> Outcome {
        self.run(Command::Capture { hold, amount, fee, reference: "txid".to_owned(), by: Settler::Rail }).outcome
    }

    /// Spends `amount`: held and captured at once.
    pub(super) fn spend(&mut self, amount: u128) {
        let hold = self.hold(amount);
        self.capture(hold, Amount::new(amount));
    }

    pub(super) fn release(&mut self, hold: HoldId) -> Outcome {
        self.run(Command::Release { hold, reason: "refused by the rail".to_owned(), by: Settler::Rail }).outcome
    }

    pub(super) fn expire(&mut self, hold: HoldId) -> Outcome {
        self.run(Command::Expire { hold, overdue: false, reason: "no answer".to_owned() }).outcome
    }

    /// Unlocks the token until an instant that lies ahead.
    pub(super) fn unlock(&mut self, until: Timestamp) -> Outcome {
        self.unlock_and(until, false, false)
    }

    pub(super) fn unlock_and(&mut self, until: Timestamp, resume: bool, drop_limits: bool) -> Outcome {
        let duration = until.since(self.now);
        let how = Unlocking { resume, drop_limits, agrees: false };
        self.run(Command::Unlock { token: TOKEN, duration, how }).outcome
    }

    pub(super) fn lock(&mut self) -> Outcome {
        self.run(Command::Lock { token: TOKEN, by: LockedBy::Owner }).outcome
    }

    pub(super) fn write(&mut self, write: Write) -> Outcome {
        self.run(Command::Write(write)).outcome
    }

    /// I8: all budgets say what the spends say that are kept.
    pub(super) fn is_conserved(&self) {
        assert_eq!(self.differences(), []);
    }

    /// What the check of the ledger finds.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let mut conservation = Conservation::new(self.now, true);
        self.spends().for_each(|hold| conservation.add(hold, |subject| self.rules(subject)));
        let mut found = Vec::new();
        for (key, budget) in self.budgets() {
            found.extend(conservation.compare(key, budget, self.rules(key.subject)));
        }
        found.extend(conservation.finish());
        found
    }
}

/// Requests are numbered from 1.
pub(super) fn hold_id(number: u16) -> HoldId {
    let mut bytes = [0; 16];
    bytes[14..].copy_from_slice(&number.to_be_bytes());
    HoldId::from_bytes(bytes)
}
