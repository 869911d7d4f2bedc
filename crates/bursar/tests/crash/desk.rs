//! Desks: each is software that moves money itself, with a token of its own, and the person who sets that token's
//! limit. A desk asks for one thing after the other, so it knows to the unit what the server must say of it;
//! after a kill there is at most one thing of which it does not know whether it was done.

use std::collections::BTreeMap;

use bursar_client::{Bearer, Client, ClientError, LimitsOf};
use bursar_core::secret::Secret;
use serde_json::{Value, json};

/// Where the money goes; Bursar does not move it.
const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

/// Longer than any test: a deadline that passes is tested elsewhere.
const DEADLINE_S: u64 = 86_400;

/// What an edit leaves to be spent: more than a turn of holds takes, and less.
const ROOM: [u64; 2] = [20, 6];

/// Something that a desk may ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ask {
    Hold { key: String, amount: u64 },
    Capture { spend: String, amount: u64 },
    Release { spend: String },
    SetLimit { ceiling: u64 },
}

/// What was done, as far as anybody counts it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Done {
    Held,
    Captured,
    Released,
    Edited,
}

impl Done {
    pub(crate) const ALL: [Self; 4] = [Self::Held, Self::Captured, Self::Released, Self::Edited];
}

/// What became of a spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    Captured(u64),
    Released,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Spend {
    key: String,
    amount: u64,
    state: State,
}

impl Spend {
    fn read(shown: &Value) -> Self {
        let state = match shown["state"].as_str() {
            Some("open") => State::Open,
            Some("captured") => State::Captured(number(&shown["captured"]["amount"])),
            Some("released") => State::Released,
            _ => panic!("{shown}"),
        };
        Self { key: text(shown, "idempotencyKey"), amount: number(&shown["amount"]), state }
    }

    const fn counts(&self) -> u64 {
        match self.state {
            State::Open => self.amount,
            State::Captured(amount) => amount,
            State::Released => 0,
        }
    }
}

/// A desk, and all that was acknowledged to it.
pub(crate) struct Desk {
    owner: Bearer,
    service: Bearer,
    spender: String,
    token: String,
    version: u64,
    ceiling: u64,
    /// By their ids, which are ordered in time.
    spends: BTreeMap<String, Spend>,
    asked: usize,
    unanswered: Option<Ask>,
    /// Of what was not answered, how much had been done and how much had not.
    pub(crate) interrupted: (usize, usize),
}

impl Desk {
    /// Sets up a desk of this organisation.
    pub(crate) fn open(url: &str, owner: &str, organisation: &str, number: usize) -> Self {
        let owner: Bearer = Secret::new(owner.to_owned());
        let client = Client::new(url, Some(owner.clone()));
        let label = format!("desk {number}");
        let service = json!({"label": label, "organisation": organisation, "otp": "000000"});
        let service = Secret::new(text(&client.create_service(&service).unwrap(), "token"));
        let ceiling = ROOM[0];
        let wishes = json!({
            "otp": "000000", "label": label, "duration": DEADLINE_S, "scope": ["wallet_spend_all"],
            "limits": [limit(ceiling)],
        });
        let made = client.create_token(&wishes).unwrap();
        let token = text(&made, "id");
        let version = client.limits(LimitsOf::Token(&token)).unwrap()["version"].as_u64().unwrap();
        let (spender, spends) = (text(&made, "token"), BTreeMap::new());
        Self {
            owner,
            service,
            spender,
            token,
            version,
            ceiling,
            spends,
            asked: 0,
            unanswered: None,
            interrupted: (0, 0),
        }
    }

    /// Asks for one thing after the other until nobody answers, and tells what was done.
    pub(crate) fn work(&mut self, url: &str, mut tell: impl FnMut(Done)) {
        let client = Client::new(url, None);
        loop {
            let ask = self.next();
            match self.ask(&client, &ask) {
                Ok(done) => done.into_iter().for_each(&mut tell),
                Err(NoAnswer) => return self.unanswered = Some(ask),
            }
        }
    }

    fn used(&self) -> u64 {
        self.spends.values().map(Spend::counts).sum()
    }

    /// Every turn of eight has two captures, one of a part, a release, a hold that stays open and an edit.
    fn next(&mut self) -> Ask {
        self.asked += 1;
        let open = self.spends.iter().rev().find(|(_, spend)| spend.state == State::Open);
        let open = open.map(|(id, spend)| (id.clone(), spend.amount));
        let hold = |amount| Ask::Hold { key: format!("order-{}", self.asked), amount };
        match (self.asked % 8, open) {
            (2, Some((spend, amount))) => Ask::Capture { spend, amount },
            (4, Some((spend, amount))) => Ask::Capture { spend, amount: amount / 2 },
            (6, Some((spend, _))) => Ask::Release { spend },
            (0, _) => Ask::SetLimit { ceiling: self.used() + ROOM[self.asked / 8 % ROOM.len()] },
            (place, _) => hold([1, 3, 1, 5, 1, 4, 1, 1][place]),
        }
    }

    /// What was done; nothing, if it was refused as it had to be.
    fn ask(&mut self, client: &Client, ask: &Ask) -> Result<Option<Done>, NoAnswer> {
        let service = client.on_behalf_of(self.service.clone());
        match ask {
            Ask::Hold { key, amount } => {
                let spend = self.payment(*amount);
                let fits = self.used() + amount <= self.ceiling;
                let Some(held) = answered(service.hold(&spend, key), (!fits).then_some("limit_exceeded"))? else {
                    return Ok(None);
                };
                self.spends.insert(text(&held, "id"), Spend::read(&held));
                Ok(Some(Done::Held))
            }
            Ask::Capture { spend, amount } => {
                let moved = json!({"amount": amount.to_string(), "reference": "moved"});
                answered(service.capture(spend, &moved), None)?;
                self.settle(spend, State::Captured(*amount));
                Ok(Some(Done::Captured))
            }
            Ask::Release { spend } => {
                answered(service.release(spend, "not moved", None), None)?;
                self.settle(spend, State::Released);
                Ok(Some(Done::Released))
            }
            Ask::SetLimit { ceiling } => {
                let mut edit = json!({"version": self.version, "limits": [limit(*ceiling)]});
                if *ceiling > self.ceiling {
                    edit["otp"] = "000000".into();
                }
                let owner = client.on_behalf_of(self.owner.clone());
                let set = answered(owner.set_limits(LimitsOf::Token(&self.token), &edit), None)?.unwrap();
                assert!(set["version"].as_u64().unwrap() > self.version, "{set}");
                (self.version, self.ceiling) = (set["version"].as_u64().unwrap(), *ceiling);
                Ok(Some(Done::Edited))
            }
        }
    }

    fn payment(&self, amount: u64) -> Value {
        json!({
            "token": self.spender, "coin": "tbtc", "deadline": DEADLINE_S,
            "recipients": [{"address": ADDRESS, "amount": amount.to_string()}],
        })
    }

    fn settle(&mut self, spend: &str, state: State) {
        self.spends.get_mut(spend).unwrap().state = state;
    }

    /// After a start the server has all that was acknowledged, of what was not answered all or nothing, and
    /// nothing else; and its limit counts just that. Asking again then does what was not done, and no more.
    pub(crate) fn compare(&mut self, url: &str) {
        let client = Client::new(url, Some(self.owner.clone()));
        let listed = client.spends(&self.token).unwrap();
        let listed: BTreeMap<_, _> = listed.iter().map(|shown| (text(shown, "id"), Spend::read(shown))).collect();
        let limits = client.limits(LimitsOf::Token(&self.token)).unwrap();
        let (version, ceiling) = (limits["version"].as_u64().unwrap(), number(&limits["limits"][0]["ceiling"]));
        let unanswered = self.unanswered.take();
        let before = (self.spends.clone(), self.version);
        match &unanswered {
            Some(Ask::Hold { key, amount }) => {
                let made = listed.iter().find(|(_, spend)| spend.key == *key);
                self.spends.extend(made.map(|(id, spend)| (id.clone(), spend.clone())));
                assert!(
                    made.is_none_or(|(_, spend)| (spend.amount, spend.state) == (*amount, State::Open)),
                    "{made:?}"
                );
            }
            Some(Ask::Capture { spend, amount }) if listed[spend].state != State::Open => {
                self.settle(spend, State::Captured(*amount));
            }
            Some(Ask::Release { spend }) if listed[spend].state != State::Open => self.settle(spend, State::Released),
            Some(Ask::SetLimit { ceiling }) if version != self.version => {
                assert_eq!(version, self.version + 1, "one edit makes one version");
                (self.version, self.ceiling) = (version, *ceiling);
            }
            _ => {}
        }
        assert_eq!(listed, self.spends, "what is listed and what was acknowledged");
        assert_eq!((version, ceiling), (self.version, self.ceiling), "the limit");
        let open = |spend: &&Spend| spend.state == State::Open;
        let held: u64 = self.spends.values().filter(open).map(Spend::counts).sum();
        let counted = ["captured", "held"].map(|name| number(&limits["limits"][0][name]));
        assert_eq!(counted, [self.used() - held, held], "captured and held");
        assert!(self.used() <= self.ceiling, "{} counts with a limit of {}", self.used(), self.ceiling);

        let is_done = before != (self.spends.clone(), self.version);
        match (unanswered, is_done) {
            (Some(_), true) => self.interrupted.0 += 1,
            (Some(ask), false) => {
                self.interrupted.1 += 1;
                self.ask(&client, &ask).unwrap_or_else(|NoAnswer| panic!("{ask:?}: no answer"));
            }
            (None, _) => {}
        }
        self.ask_again(&client);
    }

    /// What was done before is answered as it was then.
    fn ask_again(&mut self, client: &Client) {
        let before = self.spends.clone();
        let newest = |is: fn(&Spend) -> bool| before.iter().rev().find(|(_, spend)| is(spend));
        if let Some((id, spend)) = newest(|spend| matches!(spend.state, State::Captured(_))) {
            self.ask(client, &Ask::Capture { spend: id.clone(), amount: spend.counts() }).unwrap();
        }
        if let Some((id, _)) = newest(|spend| spend.state == State::Released) {
            self.ask(client, &Ask::Release { spend: id.clone() }).unwrap();
        }
        if let Some((id, spend)) = newest(|spend| spend.state != State::Released) {
            let service = client.on_behalf_of(self.service.clone());
            let again = service.hold(&self.payment(spend.amount), &spend.key).unwrap();
            assert_eq!((text(&again, "id"), Spend::read(&again)), (id.clone(), spend.clone()));
        }
        assert_eq!(self.spends, before);
    }
}

/// Nobody answered.
#[derive(Debug)]
struct NoAnswer;

/// An answer that must be a refusal with this code, or must be none.
fn answered(answer: Result<Value, ClientError>, refused: Option<&str>) -> Result<Option<Value>, NoAnswer> {
    match answer {
        Ok(value) if refused.is_none() => Ok(Some(value)),
        Err(ClientError::Declined(declined)) if refused.is_some() && declined.code() == refused => Ok(None),
        Err(ClientError::Unreachable { .. } | ClientError::Unreadable { .. }) => Err(NoAnswer),
        other => panic!("{other:?}, and not {refused:?}"),
    }
}

fn limit(ceiling: u64) -> String {
    format!("tbtc {ceiling} base units in total")
}

fn text(shown: &Value, name: &str) -> String {
    shown[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {shown}")).to_owned()
}

fn number(shown: &Value) -> u64 {
    shown.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {shown}"))
}
