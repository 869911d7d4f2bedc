//! The model: a list of all spends there ever were, added up anew each time.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{BY_ORGANISATION, BY_USER};
use super::steps::{By, COINS, KEPT, Spend, Step, TOKENS, WALLETS, fee_coin};
use super::sums::Figures;
use crate::limit::{LimitSet, Subject};
use crate::time::{Span, Timestamp};

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Fate {
    Open,
    Unresolved,
    Captured { at: Timestamp, amount: u64, fee: u64 },
    Released,
}

#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) spend: Spend,
    pub(super) overridden: bool,
    pub(super) deadline: Timestamp,
    pub(super) fate: Fate,
    /// Whether the ledger still keeps it.
    pub(super) is_kept: bool,
    /// What it is called, also while the names are free.
    names: BTreeSet<Name>,
    /// When it was settled.
    settled: Timestamp,
}

#[derive(Default, Clone, Copy)]
struct TokenState {
    is_locked: bool,
    unlocked_until: Option<Timestamp>,
    limits_dropped: bool,
}

/// Names are per wallet, or per token where there is none.
type Name = (Option<usize>, usize, u8);

#[derive(Default)]
pub(super) struct Naive {
    pub(super) now: Timestamp,
    requests: u16,
    pub(super) made: BTreeMap<u16, Made>,
    /// Those the ledger let go of and whose ids were used anew: their sums stay.
    replaced: Vec<Made>,
    names: BTreeMap<Name, u16>,
    pub(super) rules: BTreeMap<Subject, LimitSet>,
    /// Whom those paid that the ledger let go of while the number of destinations was limited.
    paid_once: BTreeMap<Subject, BTreeSet<usize>>,
    tokens: [TokenState; 2],
}

fn name(spend: &Spend) -> Option<Name> {
    let token = if spend.wallet.is_some() { 0 } else { spend.token };
    spend.key.map(|key| (spend.wallet, token, key))
}

impl Spend {
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let wallet = self.wallet.map(|wallet| Subject::Wallet(WALLETS[wallet]));
        [Some(Subject::Token(TOKENS[self.token])), Some(BY_USER), wallet, Some(BY_ORGANISATION)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What leaves of its coin at most, and the fee.
    pub(super) fn cost(&self) -> (u64, u64) {
        let paid: u64 = self.payments.iter().map(|(_, amount)| amount).sum();
        (paid + if fee_coin(self.coin) == self.coin { self.fee } else { 0 }, self.fee)
    }
}

impl Naive {
    pub(super) fn beginning(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    pub(super) fn subjects() -> [Subject; 6] {
        let [one, two] = TOKENS.map(Subject::Token);
        let [till, vault] = WALLETS.map(Subject::Wallet);
        [one, two, BY_USER, till, vault, BY_ORGANISATION]
    }

    /// All spends there ever were.
    pub(super) fn all(&self) -> impl Iterator<Item = &Made> {
        self.made.values().chain(&self.replaced)
    }

    /// The spend that a step is about: the nth of those that are held, from the latest on; else any.
    pub(super) fn target(&self, step: &Step) -> u16 {
        let (Step::Capture(nth, ..) | Step::Release(nth, _) | Step::Expire(nth)) = step else { return 0 };
        let held = self.made.iter().rev().filter(|(_, made)| made.is_held()).map(|(number, _)| *number);
        held.clone().nth((*nth).into()).unwrap_or(self.requests.saturating_sub(*nth))
    }

    /// What a step captures of a spend.
    pub(super) fn paid(&self, step: &Step, number: u16) -> (u64, u64) {
        let Step::Capture(_, percent, fee_percent, _) = step else { return (0, 0) };
        let Some(made) = self.made.get(&number) else { return (0, 0) };
        let (amount, fee) = made.spend.cost();
        // A fee that nobody expected, too.
        let fee = if *fee_percent > 200 { fee + 3 } else { fee * fee_percent / 100 };
        (amount * percent / 100, fee)
    }

    /// What the ledger should answer; `target` is the spend that the step is about. Of an edit without a second factor the model does not say whether it
    /// loosens; the caller asks what it lets through.
    pub(super) fn decide(&mut self, step: &Step, target: u16) -> (&'static str, Vec<Figures>) {
        let answer = match step {
            Step::Hold(spend) => return self.hold(spend),
            Step::Capture(_, _, _, by) => self.capture(step, target, by),
            Step::Release(_, by) => self.release(target, by),
            Step::Expire(_) => match self.kept(target) {
                None => "no such hold",
                Some(made) if made.fate == Fate::Open => {
                    made.fate = Fate::Unresolved;
                    "settled"
                }
                Some(_) => "settled before",
            },
            Step::Unlock { token, seconds, resume, drop_limits } => {
                self.unlock(*token, Span::from_seconds((*seconds).into()), *resume, *drop_limits)
            }
            Step::Lock(token) => {
                self.lock(*token);
                "token"
            }
            Step::Limits { is_stale: true, .. } => "conflict",
            Step::Limits { subject, rules, stepped_up, .. } => {
                if let Some(token) = self.tokens.get_mut(*subject) {
                    token.limits_dropped &= !stepped_up;
                }
                let subject = Self::subjects()[*subject];
                if rules.destinations.as_ref().is_none_or(|rules| rules.at_most.is_none()) {
                    self.paid_once.remove(&subject);
                }
                self.rules.insert(subject, rules.clone());
                "limits"
            }
            Step::Forget => {
                let before = self.now.minus(KEPT);
                for made in self.made.values_mut() {
                    let was_kept = made.is_kept;
                    made.is_kept &= matches!(made.fate, Fate::Open | Fate::Unresolved) || made.settled >= before;
                    if was_kept && !made.is_kept && made.fate != Fate::Released {
                        for subject in made.spend.subjects() {
                            let rules = self.rules.get(&subject).and_then(|rules| rules.destinations.as_ref());
                            if rules.is_some_and(|rules| rules.at_most.is_some()) {
                                let paid = self.paid_once.entry(subject).or_default();
                                paid.extend(made.spend.payments.iter().map(|(to, _)| *to));
                            }
                        }
                    }
                }
                let kept = |number: &u16| self.made[number].is_kept;
                self.names.retain(|_, number| kept(number));
                "forgotten"
            }
            Step::Wait(_) => unreachable!("time is not a command"),
        };
        (answer, Vec::new())
    }

    fn kept(&mut self, number: u16) -> Option<&mut Made> {
        self.made.get_mut(&number).filter(|made| made.is_kept)
    }

    fn lock(&mut self, token: usize) {
        self.tokens[token].is_locked = true;
        self.tokens[token].unlocked_until = None;
    }

    fn unlock(&mut self, token: usize, duration: Span, resume: bool, drop_limits: bool) -> &'static str {
        let (until, now) = (self.now.plus(duration), self.now);
        let token = &mut self.tokens[token];
        token.is_locked &= !resume;
        if token.unlocked_until.is_some_and(|running| running > now && running > until) {
            return "unlocked longer";
        }
        if resume && duration == Span::ZERO {
            return "token";
        }
        token.unlocked_until = Some(until);
        token.limits_dropped |= drop_limits;
        "token"
    }

    fn hold(&mut self, spend: &Spend) -> (&'static str, Vec<Figures>) {
        self.requests += 1;
        let number = self.requests.saturating_sub(spend.again.unwrap_or(0));
        if let Some(answer) = self.known(number, spend) {
            return (answer, Vec::new());
        }
        let (answer, figures) = self.verdict(spend, None);
        if answer == "held" {
            let made = Made {
                spend: spend.clone(),
                overridden: self.lifts(spend),
                deadline: self.now.plus(Span::from_seconds(spend.patience.into())),
                fate: Fate::Open,
                is_kept: true,
                names: name(spend).into_iter().collect(),
                settled: self.now,
            };
            self.replaced.extend(self.made.insert(number, made));
            self.names.extend(name(spend).map(|name| (name, number)));
        }
        (answer, figures)
    }

    fn known(&mut self, number: u16, spend: &Spend) -> Option<&'static str> {
        if self.inadmissible(spend).is_some() {
            return None;
        }
        let mut known = self.made.get(&number).filter(|made| made.is_kept).map(|made| (number, made));
        let named = name(spend).and_then(|name| self.names.get(&name)).map(|number| (*number, &self.made[number]));
        if let Some(named) = named
            && known.is_none_or(|(_, known)| known.spend.meaning == spend.meaning)
        {
            known = Some(named);
        }
        let (number, known) = known?;
        if known.spend.meaning != spend.meaning {
            return Some("known with another meaning");
        }
        if known.fate != Fate::Released
            && let Some(name) = name(spend)
            && *self.names.entry(name).or_insert(number) == number
            && let Some(made) = self.made.get_mut(&number)
        {
            made.names.insert(name);
        }
        Some("known")
    }

    fn inadmissible(&self, spend: &Spend) -> Option<&'static str> {
        match spend.wallet {
            Some(_) if COINS[spend.coin] == "tbtc" => Some("wrong_coin"),
            None if !spend.of_member => Some("not_a_member"),
            _ => None,
        }
    }

    fn lifts(&self, spend: &Spend) -> bool {
        spend.stepped_up || self.tokens[spend.token].unlocked_until.is_some_and(|until| self.now < until)
    }

    /// What a new spend is answered, and what each limit said; under other rules of one subject, if given.
    pub(super) fn verdict(
        &self,
        spend: &Spend,
        replaced: Option<(Subject, &LimitSet)>,
    ) -> (&'static str, Vec<Figures>) {
        if let Some(answer) = self.inadmissible(spend) {
            return (answer, Vec::new());
        }
        let none = LimitSet::default();
        let rules = |subject: Subject| match replaced {
            Some((changed, rules)) if changed == subject => rules,
            _ => self.rules.get(&subject).unwrap_or(&none),
        };
        for subject in spend.subjects() {
            if let Some(refused) = self.refuses_destination(subject, rules(subject), spend) {
                return (refused, Vec::new());
            }
        }
        let token = self.tokens[spend.token];
        let own = Subject::Token(TOKENS[spend.token]);
        if !self.lifts(spend) {
            if token.is_locked {
                return ("locked", Vec::new());
            }
            if token.limits_dropped || rules(own).limits.is_empty() {
                return ("no_limit", Vec::new());
            }
            if let Some(refused) = super::sums::cannot_spend_alone(rules(own), spend) {
                return (refused, Vec::new());
            }
        }
        let judging = spend.subjects().into_iter().filter(|subject| !(self.lifts(spend) && *subject == own));
        let all: Vec<Figures> = judging.flat_map(|subject| self.judge(subject, rules(subject), spend)).collect();
        (if all.iter().all(Figures::fits) { "held" } else { "limit_exceeded" }, all)
    }

    fn refuses_destination(&self, subject: Subject, rules: &LimitSet, spend: &Spend) -> Option<&'static str> {
        let rules = rules.destinations.as_ref()?;
        let to = |place: usize| super::steps::ADDRESSES[place];
        if let Some(allowed) = &rules.allowed
            && spend.payments.iter().any(|(place, _)| allowed.iter().all(|entry| entry.address != to(*place)))
        {
            return Some("destination_not_allowed");
        }
        let mut paid = self.paid_once.get(&subject).cloned().unwrap_or_default();
        let paying = self.made.values().filter(|made| made.is_kept && made.fate != Fate::Released);
        let of_subject = paying.filter(|made| made.spend.subjects().contains(&subject));
        paid.extend(of_subject.flat_map(|made| made.spend.payments.iter().map(|(to, _)| *to)));
        let mut all = paid.clone();
        all.extend(spend.payments.iter().map(|(to, _)| *to));
        let is_more = all.len() > paid.len() && rules.at_most.is_some_and(|most| all.len() > most as usize);
        is_more.then_some("too_many_destinations")
    }

    fn capture(&mut self, step: &Step, number: u16, by: &By) -> &'static str {
        let (amount, fee) = self.paid(step, number);
        let now = self.now;
        let Some(made) = self.kept(number).filter(|made| may_settle(made, by)) else { return "no such hold" };
        let is_correction = made.fate == Fate::Released && !matches!(by, By::Person);
        if is_correction && matches!(by, By::Service(_, false)) {
            return "step-up needed";
        }
        if !matches!(made.fate, Fate::Open | Fate::Unresolved) && !is_correction {
            return "settled before";
        }
        if is_too_early(made, by, now) {
            return "conflict";
        }
        let same = fee_coin(made.spend.coin) == made.spend.coin;
        let amount = if same { amount.max(fee) } else { amount };
        let to_recipients = |amount: u64, fee: u64| if same { amount - fee } else { amount };
        let (got, promised) = (to_recipients(amount, fee), to_recipients(made.spend.cost().0, made.spend.cost().1));
        let (held, held_fee) = made.spend.cost();
        let is_less = got < promised || fee < held_fee || amount < held;
        if !is_correction && is_less && is_late_without_a_person(made, by, now) {
            return "step-up needed";
        }
        (made.fate, made.settled) = (Fate::Captured { at: now, amount, fee }, now);
        let token = made.spend.token;
        let names = made.names.clone();
        if is_correction {
            for name in names {
                self.names.entry(name).or_insert(number);
            }
        }
        if is_correction || amount > held || fee > held_fee || got > promised {
            self.lock(token);
        }
        "settled"
    }

    fn release(&mut self, number: u16, by: &By) -> &'static str {
        let now = self.now;
        let Some(made) = self.kept(number).filter(|made| may_settle(made, by)) else { return "no such hold" };
        if !matches!(made.fate, Fate::Open | Fate::Unresolved) {
            return "settled before";
        }
        if is_too_early(made, by, now) {
            return "conflict";
        }
        if is_late_without_a_person(made, by, now) {
            return "step-up needed";
        }
        (made.fate, made.settled) = (Fate::Released, now);
        self.names.retain(|_, named| *named != number);
        "settled"
    }
}

/// While the rail is at it, no person can know.
fn is_too_early(made: &Made, by: &By, now: Timestamp) -> bool {
    matches!(by, By::Person) && made.fate == Fate::Open && now < made.deadline
}

/// After its deadline a service alone cannot know that money did not move.
fn is_late_without_a_person(made: &Made, by: &By, now: Timestamp) -> bool {
    matches!(by, By::Service(_, false)) && (now >= made.deadline || made.fate == Fate::Unresolved)
}

fn may_settle(made: &Made, by: &By) -> bool {
    match by {
        By::Rail | By::Person => true,
        By::Service(service, _) => made.spend.holder == Some(*service),
    }
}
