//! The model: a list of spends, added up anew each time.

use std::collections::HashMap;

use super::super::{BY_ORGANISATION, BY_USER, Budget, BudgetKey};
use super::steps::{COINS, Spend, Step, TOKENS, WALLETS};
use crate::amount::Amount;
use crate::limit::{Ceiling, Limit, Measure, Subject, Usage};

#[derive(PartialEq)]
enum Fate {
    Open,
    Unresolved,
    Captured(u64),
    Released,
}

struct Made {
    spend: Spend,
    overridden: bool,
    /// The assets it counts against, by subject: its coin, and the families whose limit it fell under.
    counts: Vec<(Subject, String)>,
    fate: Fate,
}

#[derive(Default, Clone, Copy)]
struct TokenState {
    locked: bool,
    unlocked_until: i64,
    limits_dropped: bool,
}

#[derive(Default)]
pub(super) struct Naive {
    pub(super) seconds: i64,
    attempts: u8,
    made: HashMap<u8, Made>,
    limits: HashMap<Subject, Vec<Limit>>,
    tokens: [TokenState; 2],
}

impl Naive {
    pub(super) fn subjects() -> [Subject; 6] {
        let [one, two] = TOKENS.map(Subject::Token);
        let [till, vault] = WALLETS.map(Subject::Wallet);
        [one, two, BY_USER, till, vault, BY_ORGANISATION]
    }

    pub(super) fn decide(&mut self, step: &Step) -> &'static str {
        match step {
            Step::Hold(spend) => self.hold(spend),
            Step::Capture(hold, percent) => self.settle(*hold, |spend| Fate::Captured(total(spend) * percent / 100)),
            Step::Release(hold) => self.settle(*hold, |_| Fate::Released),
            Step::MarkUnresolved(hold) => match self.made.get_mut(hold) {
                None => "no such hold",
                Some(made) if made.fate == Fate::Open => {
                    made.fate = Fate::Unresolved;
                    "settled"
                }
                Some(_) => "settled before",
            },
            Step::Unlock { token, seconds, resume, drop_limits } => {
                let until = self.seconds + i64::from(*seconds);
                let now = self.seconds;
                let token = &mut self.tokens[*token];
                if token.unlocked_until > now && token.unlocked_until > until {
                    return "unlocked longer";
                }
                token.unlocked_until = until;
                token.locked &= !resume;
                token.limits_dropped |= drop_limits;
                "token"
            }
            Step::Lock(token) => {
                let token = &mut self.tokens[*token];
                token.locked = true;
                token.unlocked_until = 0;
                "token"
            }
            Step::Limits(subject, limits) => {
                self.limits.insert(Self::subjects()[*subject], limits.clone());
                "written"
            }
            Step::Wait(_) => "",
        }
    }

    fn hold(&mut self, spend: &Spend) -> &'static str {
        self.attempts += 1;
        let named = |made: &&Made| {
            let other = &made.spend;
            made.fate != Fate::Released && other.key.is_some() && other.key == spend.key && other.wallet == spend.wallet
        };
        if let Some(known) = self.made.values().find(named) {
            return if known.spend.meaning == spend.meaning { "known" } else { "known with another meaning" };
        }
        let token = self.tokens[spend.token];
        let own = Subject::Token(TOKENS[spend.token]);
        let overridden = spend.stepped_up || self.seconds < token.unlocked_until;
        if !overridden {
            if token.locked {
                return "locked";
            }
            if token.limits_dropped || self.limits.get(&own).is_none_or(Vec::is_empty) {
                return "no_limit";
            }
            if self.matching(own, spend).is_empty() {
                return "no_limit_for_coin";
            }
        }
        let subjects = [own, BY_USER, Subject::Wallet(WALLETS[spend.wallet]), BY_ORGANISATION];
        let judging = subjects.iter().filter(|subject| !(overridden && **subject == own));
        if !judging
            .clone()
            .all(|subject| self.matching(*subject, spend).iter().all(|limit| self.fits(*subject, limit, spend)))
        {
            return "limit_exceeded";
        }
        let mut counts = Vec::new();
        for subject in subjects {
            counts.push((subject, COINS[spend.coin].to_owned()));
            if self.matching(subject, spend).iter().any(|limit| limit.asset.to_string() == "*erc20") {
                counts.push((subject, "*erc20".to_owned()));
            }
        }
        let made = Made { spend: spend.clone(), overridden, counts, fate: Fate::Open };
        self.made.insert(self.attempts, made);
        "held"
    }

    fn settle(&mut self, hold: u8, fate: impl FnOnce(&Spend) -> Fate) -> &'static str {
        match self.made.get_mut(&hold) {
            None => "no such hold",
            Some(made) if matches!(made.fate, Fate::Open | Fate::Unresolved) => {
                made.fate = fate(&made.spend);
                "settled"
            }
            Some(_) => "settled before",
        }
    }

    fn matching(&self, subject: Subject, spend: &Spend) -> Vec<Limit> {
        let named = |name: &str| -> Vec<Limit> {
            let limits = self.limits.get(&subject).into_iter().flatten();
            limits.filter(|limit| limit.asset.to_string() == name).cloned().collect()
        };
        let own = named(COINS[spend.coin]);
        let is_token = COINS[spend.coin] != "hteth";
        if own.is_empty() && is_token { named("*erc20") } else { own }
    }

    fn fits(&self, subject: Subject, limit: &Limit, spend: &Spend) -> bool {
        let Ceiling::At(ceiling) = limit.ceiling else { return true };
        let (mut used, mut number) = (total(spend), 1);
        for (_, made) in self.counted(subject, &limit.asset.to_string()) {
            match made.fate {
                _ if made.overridden && matches!(subject, Subject::Token(_)) => (),
                Fate::Open | Fate::Unresolved => {
                    used += total(&made.spend);
                    number += 1;
                }
                Fate::Captured(amount) => {
                    used += amount;
                    number += 1;
                }
                Fate::Released => (),
            }
        }
        let measured = if limit.measure == Measure::Count { number } else { used };
        measured <= ceiling.as_u64().unwrap()
    }

    fn counted(&self, subject: Subject, asset: &str) -> impl Iterator<Item = (&u8, &Made)> {
        let wanted = (subject, asset.to_owned());
        self.made.iter().filter(move |(_, made)| made.counts.contains(&wanted))
    }

    /// What the ledger's budget should say.
    pub(super) fn budget(&self, key: &BudgetKey) -> Budget {
        let mut budget = Budget::default();
        for (_, made) in self.counted(key.subject, &key.asset.to_string()) {
            let lifted = made.overridden && matches!(key.subject, Subject::Token(_));
            let (counter, amount) = match made.fate {
                Fate::Open | Fate::Unresolved if !lifted => (&mut budget.held, total(&made.spend)),
                Fate::Captured(amount) if lifted => (&mut budget.overridden, amount),
                Fate::Captured(amount) => (&mut budget.captured, amount),
                _ => continue,
            };
            *counter = counter.checked_add(Usage::one(Amount::new(amount.into()))).unwrap();
        }
        budget
    }
}

fn total(spend: &Spend) -> u64 {
    spend.amount + spend.fee
}
