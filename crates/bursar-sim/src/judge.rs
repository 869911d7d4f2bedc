//! The invariants of the ledger, checked from outside: on what became durable, on what was answered, and
//! on the rail's book. Nothing here asks the engine what it thinks.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use bursar_core::account::User;
use bursar_core::amount::Amount;
use bursar_core::audit::{Event, Head};
use bursar_core::destination::DestinationId;
use bursar_core::hold::{Cost, Hold, HoldState, SpendKey, names};
use bursar_core::id::{HoldId, TokenId, UserId};
use bursar_core::ledger::conservation::Conservation;
use bursar_core::ledger::{Change, Key, Record};
use bursar_core::limit::{BudgetKey, LimitSet, Subject, Usage};
use bursar_core::time::Timestamp;
use bursar_store::Batch;

use crate::naive::{Fate, Spend, Spends, Witness};
use crate::promises::Promises;
use crate::rail::Rail;
use crate::store::Snapshot;
use crate::town::FEES;

/// A promise that did not hold, in words, the promise first.
pub(crate) type Verdict = Result<(), String>;

#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) spends: Spends,
    pub(crate) promises: Promises,
    rules: BTreeMap<Subject, LimitSet>,
    /// Whom spends paid that were let go of while the number of destinations was limited.
    paid_once: BTreeMap<Subject, BTreeSet<DestinationId>>,
    /// The spend that each name belongs to.
    names: BTreeMap<SpendKey, HoldId>,
    /// All that was ever captured of each budget.
    captured: BTreeMap<BudgetKey, Usage>,
    refused: BTreeSet<HoldId>,
    called: BTreeSet<HoldId>,
    users: BTreeMap<UserId, User>,
    tokens: BTreeMap<TokenId, Control>,
    /// Requests that came with a one-time password.
    pub(crate) stepped_up: BTreeSet<HoldId>,
    time: Timestamp,
    head: Head,
    /// All that happened, as the audit log tells it.
    pub(crate) events: Vec<Event>,
}

/// What people said about a token, in the words of the audit log.
#[derive(Debug, Default)]
struct Control {
    is_revoked: bool,
    is_locked: bool,
    /// Until when it is unlocked; times in this form sort as they follow each other.
    unlocked: Option<String>,
}

pub(crate) fn demand(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Judge {
    /// What is there before anybody asks for anything.
    pub(crate) fn begin(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.note(record));
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::User(id, user) => {
                self.users.insert(*id, user.clone());
            }
            Record::Limits(subject, rules) => {
                if !limits_destinations(rules) {
                    self.paid_once.remove(subject);
                }
                self.rules.insert(*subject, rules.clone());
            }
            _ => {}
        }
    }

    /// A transaction that is durable: its events, in order, are what happened.
    pub(crate) fn take(&mut self, batch: &Batch, rail: &Rail) -> Verdict {
        demand(batch.time >= self.time, || format!("ledger time went back from {} to {}", self.time, batch.time))?;
        self.time = batch.time;
        let expected = (!batch.events.is_empty()).then(|| self.head.next(&batch.events));
        demand(batch.link == expected, || "P9: the audit chain is broken".to_owned())?;
        self.head = expected.map_or(self.head, |link| link.head());
        self.monotone(batch)?;
        self.events.extend_from_slice(&batch.events);
        batch.events.iter().try_for_each(|event| self.happened(event, batch, rail))
    }

    /// What is durable now, once all transactions are taken in.
    pub(crate) fn stands(&self, durable: &Snapshot) -> Verdict {
        self.promises.check(durable, &self.spends)?;
        conserved(durable)
    }

    fn happened(&mut self, event: &Event, batch: &Batch, rail: &Rail) -> Verdict {
        let record = |wanted: &Key| {
            let change = batch.changes.iter().find(|change| change.key == *wanted);
            change.and_then(|change| change.record.clone())
        };
        if let Some(id) = event.subject.strip_prefix("spend:") {
            let id = HoldId::from_str(id).map_err(|_| format!("an event speaks of spend `{id}`"))?;
            let Some(Record::Hold(_, hold)) = record(&Key::Hold(id)) else {
                return Err(format!("P9: `{}` of spend {id} changed no spend", event.action));
            };
            return match event.action.as_str() {
                "spend.hold" => self.granted(Hold::clone(&hold)),
                "spend.name" => {
                    for name in &hold.aliases {
                        self.names.entry(name.clone()).or_insert(id);
                    }
                    Ok(())
                }
                "spend.unresolved" => self.held(id).map(|_| ()),
                "spend.capture" | "spend.release" | "spend.resolve" => self.settled(&hold, rail),
                other => Err(format!("an event `{other}` that nobody knows")),
            };
        }
        match event.action.as_str() {
            // Their subjects occur once in a batch, so the record is what this event wrote.
            "limits.set" | "token.issue" => {
                let of_event = |change: &&Change| match &change.key {
                    Key::Limits(subject) => named(*subject) == event.subject,
                    _ => false,
                };
                let rules = batch.changes.iter().find(of_event).and_then(|change| change.record.clone());
                rules.iter().for_each(|rules| self.note(rules));
            }
            "user.freeze" | "user.unfreeze" => {
                let of_event = |key: &Key| matches!(key, Key::User(id) if event.subject == format!("user:{id}"));
                let user = batch.changes.iter().find(|change| of_event(&change.key));
                user.and_then(|change| change.record.clone()).iter().for_each(|user| self.note(user));
            }
            "token.lock" | "token.unlock" | "token.resume" | "token.revoke" => self.controlled(event),
            "spends.roll" => {
                let gone = batch.changes.iter().filter(|change| change.record.is_none());
                for change in gone {
                    match &change.key {
                        Key::Hold(id) => {
                            self.forgotten(*id)?;
                        }
                        Key::SpendKey(name) => {
                            self.names.remove(name);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn forgotten(&mut self, id: HoldId) -> Verdict {
        let settled = self.spends.get_mut(id).filter(|spend| spend.fate != Fate::Held);
        let spend = settled.ok_or_else(|| format!("P4: spend {id} was forgotten while it was held"))?;
        spend.is_forgotten = true;
        if spend.fate == Fate::Released {
            return Ok(());
        }
        let hold = &spend.hold;
        for subject in hold.subjects() {
            if self.rules.get(&subject).is_some_and(limits_destinations) {
                let paid = self.paid_once.entry(subject).or_default();
                paid.extend(hold.payees.iter().map(|payee| payee.destination.id()));
            }
        }
        Ok(())
    }

    fn controlled(&mut self, event: &Event) {
        let Some(id) = event.subject.strip_prefix("token:").and_then(|id| TokenId::from_str(id).ok()) else { return };
        let told = |wanted: &str| event.data.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone());
        let token = self.tokens.entry(id).or_default();
        match event.action.as_str() {
            "token.lock" => (token.is_locked, token.unlocked) = (true, None),
            "token.unlock" => {
                token.is_locked &= told("resume").as_deref() != Some("true");
                token.unlocked = told("until");
            }
            "token.resume" => token.is_locked = false,
            _ => token.is_revoked = true,
        }
    }

    /// P3: what a person said about the token, and about its owner, holds from the next decision on.
    fn permitted(&self, hold: &Hold) -> Verdict {
        let id = hold.id;
        let none = Control::default();
        let token = self.tokens.get(&hold.token).unwrap_or(&none);
        demand(!token.is_revoked, || format!("P3: spend {id} was granted to a revoked token"))?;
        let unlocked = token.unlocked.as_ref().is_some_and(|until| hold.created.to_string() < *until);
        let may_override = unlocked || self.stepped_up.contains(&id);
        demand(hold.overridden == may_override, || format!("spend {id} had the token's limits lifted: {unlocked}"))?;
        demand(hold.overridden || !token.is_locked, || format!("P3: spend {id} was granted to a locked token"))?;
        let freeze = self.users.get(&hold.user).and_then(|user| user.freeze.as_ref());
        let frozen = freeze.is_some_and(|freeze| freeze.holds_at(hold.created));
        demand(!frozen, || format!("P3: spend {id} was granted although its token's owner is frozen"))
    }

    /// I1, P3, and a name is one spend.
    fn granted(&mut self, hold: Hold) -> Verdict {
        let id = hold.id;
        demand(self.spends.get(id).is_none(), || format!("spend {id} was granted twice"))?;
        self.permitted(&hold)?;
        for name in names(hold.key.as_ref(), hold.wallet, &hold.instruction) {
            let before = self.names.insert(name.clone(), id).and_then(|before| self.spends.get(before));
            let is_free = before.is_none_or(|before| before.fate == Fate::Released || before.is_forgotten);
            demand(is_free, || format!("once per key: {name:?} named a spend already when {id} was granted"))?;
        }
        let subjects = hold.subjects();
        let known = subjects.filter_map(|subject| Some((subject, self.rules.get(&subject)?.clone())));
        let mut rules: BTreeMap<Subject, LimitSet> = known.collect();
        if let Some(wallet) = hold.wallet.filter(|_| hold.cost.fee > Amount::ZERO) {
            let of_wallet = rules.entry(Subject::Wallet(wallet)).or_default();
            of_wallet.limits.extend(FEES.limits(&hold.cost.fee_coin));
        }
        self.destinations(&hold, &rules)?;
        self.spends.add(Spend { hold, rules, fate: Fate::Held, moved: None, is_forgotten: false });
        self.spends.broken_by(id, Witness::Ledger).map_or(Ok(()), |broken| Err(format!("P1: {broken}")))
    }

    fn destinations(&mut self, hold: &Hold, rules: &BTreeMap<Subject, LimitSet>) -> Verdict {
        for (subject, set) in rules {
            let Some(destinations) = &set.destinations else { continue };
            let stray = hold.payees.iter().find(|payee| !destinations.allow(&payee.destination));
            demand(stray.is_none(), || format!("spend {} goes where the {} must not pay", hold.id, subject.kind()))?;
            let Some(at_most) = destinations.at_most else { continue };
            let mut paid = self.spends.paid_by(*subject);
            paid.extend(self.paid_once.get(subject).into_iter().flatten());
            let before = paid.len();
            paid.extend(hold.payees.iter().map(|payee| payee.destination.id()));
            let few = paid.len() == before || u32::try_from(paid.len()).is_ok_and(|paid| paid <= at_most);
            demand(few, || format!("spend {} is one destination too many of the {}", hold.id, subject.kind()))?;
        }
        Ok(())
    }

    fn held(&mut self, id: HoldId) -> Result<&mut Spend, String> {
        let spend = self.spends.get_mut(id).ok_or_else(|| format!("spend {id} was never granted"))?;
        demand(spend.fate == Fate::Held, || format!("I2: spend {id} was settled twice"))?;
        Ok(spend)
    }

    /// I2, I3 and P4; what is captured is what moved.
    fn settled(&mut self, hold: &Hold, rail: &Rail) -> Verdict {
        let spend = self.held(hold.id)?;
        let id = hold.id;
        match &hold.state {
            HoldState::Captured { at, .. } => {
                let cost = hold.captured().ok_or("captured without a cost")?;
                let moved = spend.moved.as_ref().map(|(_, moved)| moved);
                demand(moved == Some(&cost), || format!("spend {id} captured {cost:?}, and {moved:?} moved"))?;
                spend.fate = Fate::Captured { at: *at, cost };
            }
            HoldState::Released { .. } => {
                demand(rail.will_not_move(id), || {
                    format!("P4: spend {id} was released, and nobody knows its outcome")
                })?;
                spend.fate = Fate::Released;
            }
            state => return Err(format!("spend {id} was settled as {}", state.name())),
        }
        Ok(())
    }

    /// I5: captured totals never fall while they are kept.
    fn monotone(&mut self, batch: &Batch) -> Verdict {
        for change in &batch.changes {
            let Key::Budget(key) = &change.key else { continue };
            match &change.record {
                Some(Record::Budget(_, budget)) => {
                    let before = self.captured.insert(key.clone(), budget.captured).unwrap_or_default();
                    let grew = budget.captured.checked_sub(before).is_some();
                    demand(grew, || format!("I5: the captured total of {key:?} fell"))?;
                }
                _ => {
                    self.captured.remove(key);
                }
            }
        }
        Ok(())
    }

    /// Somebody was told that a spend may not happen.
    pub(crate) fn refused(&mut self, id: HoldId) -> Verdict {
        self.refused.insert(id);
        demand(!self.called.contains(&id), || format!("I6: spend {id} was refused, and the rail was called"))
    }

    /// The server calls the rail (I6, I7).
    pub(crate) fn calls(&mut self, id: HoldId, durable: &Snapshot) -> Verdict {
        self.called.insert(id);
        demand(!self.refused.contains(&id), || format!("I6: spend {id} was refused, and the rail is called"))?;
        let hold = durable.records.get(&Key::Hold(id)).map(|found| &found.value);
        let is_held = matches!(hold, Some(Record::Hold(_, hold)) if hold.state.is_held());
        demand(is_held, || format!("I7: the rail is called for spend {id}, for which no durable hold exists"))
    }

    /// Money moves: once, never after a release, never more than was held. It is dated by the ledger time
    /// that is durable, which is never later than that of its capture.
    pub(crate) fn moves(&mut self, id: HoldId, cost: &Cost, now: Timestamp) -> Verdict {
        let spend = self.spends.get_mut(id).ok_or_else(|| format!("I7: {cost:?} moved without a hold {id}"))?;
        demand(spend.moved.is_none(), || format!("spend {id} moved twice"))?;
        demand(spend.fate == Fate::Held, || format!("P4: spend {id} moved after it was {:?}", spend.fate))?;
        demand(!cost.exceeds(&spend.hold.cost), || format!("spend {id} moved more than was held"))?;
        spend.moved = Some((now, cost.clone()));
        Ok(())
    }

    /// P1 by the rail's book alone, over all that was ever granted.
    pub(crate) fn rails_book(&self) -> Verdict {
        let mut granted = self.spends.all().iter();
        let broken = granted.find_map(|spend| self.spends.broken_by(spend.hold.id, Witness::Rail));
        broken.map_or(Ok(()), |broken| Err(format!("P1: {broken}")))
    }
}

fn limits_destinations(rules: &LimitSet) -> bool {
    rules.destinations.as_ref().is_some_and(|rules| rules.at_most.is_some())
}

/// How the audit log writes a subject.
fn named(subject: Subject) -> String {
    let id = u128::from_be_bytes(*subject.id_bytes());
    format!("{}:{id:032x}", subject.kind())
}

/// I8: open holds add up to what is held, captures to what is captured.
fn conserved(durable: &Snapshot) -> Verdict {
    let mut conservation = Conservation::new(durable.position.time, true);
    durable.holds().for_each(|hold| conservation.add(hold, |subject| durable.rules(subject)));
    let mut differences = Vec::new();
    for (key, budget) in durable.budgets() {
        differences.extend(conservation.compare(key, budget, durable.rules(key.subject)));
    }
    differences.extend(conservation.finish());
    demand(differences.is_empty(), || format!("I8: {differences:?}"))
}
