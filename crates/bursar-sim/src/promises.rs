//! What was answered, and must therefore be there whatever happens (P2).

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::hold::HoldState;
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::{Key, Outcome, Record, Version};
use bursar_core::limit::{LimitSet, Subject};
use bursar_core::token::Token;

use crate::judge::{Verdict, demand};
use crate::naive::Spends;
use crate::store::Snapshot;

#[derive(Debug, Default)]
pub(crate) struct Promises {
    holds: BTreeMap<HoldId, HoldState>,
    limits: BTreeMap<Subject, (Version, LimitSet)>,
    tokens: BTreeMap<TokenId, Token>,
    issued: BTreeSet<TokenId>,
    /// Requests of which it was said that nothing was done.
    undone: BTreeSet<HoldId>,
}

impl Promises {
    /// Somebody heard this answer.
    pub(crate) fn answered(&mut self, outcome: &Outcome, subject: Option<Subject>) {
        match outcome {
            Outcome::Held { hold, .. } | Outcome::Known { hold, .. } | Outcome::Settled { hold, .. } => {
                let known = self.holds.get(&hold.id);
                if known.is_none_or(HoldState::is_held) {
                    self.holds.insert(hold.id, hold.state.clone());
                }
            }
            Outcome::Limits { rules, version } => {
                self.limits.extend(subject.map(|subject| (subject, (*version, (**rules).clone()))));
            }
            Outcome::Token(token) => {
                self.tokens.insert(token.id, (**token).clone());
            }
            _ => {}
        }
    }

    /// Somebody was told that this token exists.
    pub(crate) fn issued(&mut self, token: TokenId) {
        self.issued.insert(token);
    }

    /// Somebody was told that nothing was done.
    pub(crate) fn undone(&mut self, hold: HoldId) {
        self.undone.insert(hold);
    }

    /// The token may have been resumed, now or in a while.
    pub(crate) fn unlocking(&mut self, token: TokenId) {
        if let Some(promised) = self.tokens.get_mut(&token) {
            promised.locked = None;
        }
    }

    /// P2: all that was answered is there.
    pub(crate) fn check(&self, durable: &Snapshot, spends: &Spends) -> Verdict {
        let find = |key: Key| durable.records.get(&key);
        for (id, promised) in &self.holds {
            let Some(Record::Hold(_, hold)) = find(Key::Hold(*id)).map(|found| &found.value) else {
                let forgotten = spends.get(*id).is_some_and(|spend| spend.is_forgotten);
                demand(forgotten, || format!("P2: spend {id} was answered and is gone"))?;
                continue;
            };
            let kept = match promised {
                HoldState::Open => true,
                HoldState::Unresolved { .. } => hold.state != HoldState::Open,
                settled => hold.state == *settled,
            };
            demand(kept, || {
                format!("P2: spend {id} was answered as {} and is {}", promised.name(), hold.state.name())
            })?;
        }
        for id in &self.undone {
            let is_there = find(Key::Hold(*id)).is_some();
            demand(!is_there, || format!("of spend {id} it was answered that nothing was done, and it is there"))?;
        }
        for (subject, (version, rules)) in &self.limits {
            let found = find(Key::Limits(*subject));
            let kept = found.is_some_and(|found| {
                let same = matches!(&found.value, Record::Limits(_, kept) if kept == rules);
                found.version > *version || (found.version == *version && same)
            });
            demand(kept, || format!("P2: an answered edit of the {}'s limits is gone", subject.kind()))?;
        }
        for id in &self.issued {
            demand(find(Key::Token(*id)).is_some(), || format!("P2: token {id} was issued and is gone"))?;
        }
        for (id, promised) in &self.tokens {
            let Some(Record::Token(_, token)) = find(Key::Token(*id)).map(|found| &found.value) else {
                return Err(format!("P2: token {id} is gone"));
            };
            let kept = promised.revoked.is_none_or(|at| token.revoked == Some(at))
                && promised.locked.is_none_or(|_| token.locked.is_some());
            demand(kept, || format!("P2: a lock or revocation of token {id} was answered and is gone"))?;
        }
        Ok(())
    }
}
