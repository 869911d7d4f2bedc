//! The check that nothing is lost and nothing invented (I8): what is open adds up to what is held, what was
//! captured to what counts as captured, and no window counts less than was captured in it.
//!
//! Only spends that are kept can say something. What was rolled into totals is believed.

mod windows;

use std::collections::HashMap;
use std::fmt;

use crate::coin::{Asset, Coin};
use crate::hold::{Hold, HoldState};
use crate::ledger::begin;
use crate::ledger::charges::{Charge, Terms, charges, payments_of};
use crate::ledger::fees;
use crate::ledger::history::{HistoryKey, total_of_coins};
use crate::limit::{Budget, BudgetKey, LimitSet, Subject, Usage, Window};
use crate::time::Timestamp;
use windows::Seen;

/// Adds up spends, and compares them with the budgets.
#[derive(Debug)]
pub struct Conservation {
    now: Timestamp,
    all: bool,
    /// Of whom alone, if not of everybody.
    only: Option<Subject>,
    sums: HashMap<BudgetKey, Sums>,
    /// What budgets say was captured of coins, and of groups of them.
    coins: HashMap<Subject, Vec<(Coin, Usage)>>,
    groups: Vec<(HistoryKey, Usage)>,
}

#[derive(Debug, Default)]
struct Sums {
    held: Usage,
    captured: Usage,
    overridden: Usage,
    windows: Vec<Seen>,
    /// Whether a spend cannot have been held without this budget.
    is_due: bool,
}

/// What of a budget differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Figure {
    /// What is held.
    Held,
    /// What was ever captured.
    Captured,
    /// What counts in a window, which is too little.
    Window(Window),
}

/// A budget that does not say what its spends say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which budget.
    pub budget: BudgetKey,
    /// Which figure.
    pub figure: Figure,
    /// What the spends add up to; of a window, at least.
    pub spends: Usage,
    /// What the budget says.
    pub counted: Usage,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, figure, spends, counted } = self;
        let BudgetKey { subject, asset, destination } = budget;
        write!(f, "{} ", subject.kind())?;
        subject.id_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        destination.map_or(Ok(()), |destination| write!(f, " to {destination:?}"))?;
        let figure = match figure {
            Figure::Held => "held".to_owned(),
            Figure::Captured => "captured".to_owned(),
            Figure::Window(window) => format!("that count over `{window}`"),
        };
        write!(
            f,
            ", {asset}: the spends add up to {} base units in {} spends {figure}, the budget says {} in {}",
            spends.amount, spends.count, counted.amount, counted.count
        )
    }
}

impl Conservation {
    /// Nothing yet, at a ledger time; `all` says that captured spends will be taken in, too.
    pub fn new(now: Timestamp, all: bool) -> Self {
        Self { now, all, only: None, sums: HashMap::new(), coins: HashMap::new(), groups: Vec::new() }
    }

    /// Nothing yet of one subject, of which all spends will be taken in, and budgets of nobody else compared.
    pub fn of(subject: Subject, now: Timestamp) -> Self {
        Self { only: Some(subject), ..Self::new(now, true) }
    }

    /// Takes in a spend, under the rules its subjects have now.
    pub fn add<'a>(&mut self, hold: &Hold, rules: impl Fn(Subject) -> Option<&'a LimitSet>) {
        let captured_at = match hold.state {
            HoldState::Captured { at, .. } => Some(at),
            _ => None,
        };
        let cost = match hold.captured() {
            Some(cost) => cost,
            None if hold.state.is_held() => hold.cost.clone(),
            None => return,
        };
        let payments = payments_of(hold, &cost);
        let now = self.now;
        let is_meant = |subject: &Subject| self.only.is_none_or(|only| only == *subject);
        for subject in hold.subjects().filter(is_meant) {
            let lifted = hold.overridden && matches!(subject, Subject::Token(_));
            let set = rules(subject);
            for Charge { budget, usage } in charges(subject, set, Terms { cost: &cost, payments: &payments }) {
                let is_of_destination = budget.destination.is_some();
                let sums = self.sums.entry(budget).or_insert_with_key(|key| Sums::new(key, set, now));
                sums.is_due |= is_of_destination && was_counted(set, hold);
                let sum = match (captured_at, lifted) {
                    (Some(_), true) => &mut sums.overridden,
                    (Some(at), false) => {
                        sums.windows.iter_mut().for_each(|window| window.add(at, usage));
                        &mut sums.captured
                    }
                    (None, true) => continue,
                    (None, false) => &mut sums.held,
                };
                *sum = sum.saturating_add(usage);
            }
        }
    }

    /// Compares a budget with the spends taken in, under the rules its subject has now.
    pub fn compare(&mut self, key: &BudgetKey, budget: &Budget, rules: Option<&LimitSet>) -> Vec<Difference> {
        let sums = self.sums.remove(key).unwrap_or_default();
        let mut differences = Vec::new();
        let mut differ = |figure, spends, counted| {
            differences.push(Difference { budget: key.clone(), figure, spends, counted });
        };
        if sums.held != budget.held {
            differ(Figure::Held, sums.held, budget.held);
        }
        if !self.all {
            return differences;
        }
        match &key.asset {
            // Totals of destinations begin with the limit that speaks of them, and nothing is rolled into them.
            _ if key.destination.is_some() => {
                if budget.captured.checked_sub(sums.captured).is_none() {
                    differ(Figure::Captured, sums.captured, budget.captured);
                }
            }
            Asset::Coin(coin) => {
                let spends = sums.captured.saturating_add(sums.overridden).saturating_add(budget.rolled);
                let counted = budget.captured.saturating_add(budget.overridden);
                if spends != counted {
                    differ(Figure::Captured, spends, counted);
                }
                self.coins.entry(key.subject).or_default().push((coin.clone(), budget.captured));
            }
            // A group says what its coins say; they may be still to come.
            _ => {
                if let Some(set) = rules.filter(|set| begin::rules(set, key).next().is_some()) {
                    self.groups.push((HistoryKey::new(key.clone(), set), budget.captured));
                }
            }
        }
        for seen in sums.windows {
            // A window that is not counted yet will be told of all this by its past.
            let Some(counter) = budget.counter(&seen.window) else { continue };
            let (least, used) = (seen.least(self.now), counter.used(&seen.window, self.now));
            if used.checked_sub(least).is_none() {
                differ(Figure::Window(seen.window), least, used);
            }
        }
        differences
    }

    /// The budgets that should be there and were never compared, and groups that do not say what their coins say.
    pub fn finish(self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (budget, sums) in self.sums {
            // What no limit has looked at since it began to be counted is told by its past.
            if !sums.is_due {
                continue;
            }
            let captured = sums.captured.saturating_add(sums.overridden);
            for (figure, spends) in [(Figure::Held, sums.held), (Figure::Captured, captured)] {
                if !spends.is_zero() {
                    let counted = Usage::default();
                    found.push(Difference { budget: budget.clone(), figure, spends, counted });
                }
            }
        }
        for (key, counted) in self.groups {
            let coins = self.coins.get(&key.budget.subject).into_iter().flatten();
            let spends = total_of_coins(&key, coins.map(|(coin, captured)| (coin, *captured)));
            if spends != counted {
                found.push(Difference { budget: key.budget, figure: Figure::Captured, spends, counted });
            }
        }
        found.sort_by(|one, other| one.budget.cmp(&other.budget));
        found
    }
}

impl Sums {
    /// Nothing yet, in all windows that limits look at.
    fn new(key: &BudgetKey, set: Option<&LimitSet>, now: Timestamp) -> Self {
        let mut windows: Vec<&Window> =
            set.into_iter().flat_map(|set| begin::rules(set, key)).map(|limit| &limit.window).collect();
        // A wallet's rail may ask for its fees, whatever limits there are.
        if matches!(key.subject, Subject::Wallet(_)) {
            windows.push(&fees::DAY);
        }
        let mut seen: Vec<Seen> = Vec::with_capacity(windows.len());
        for window in windows {
            if !seen.iter().any(|seen| seen.window == *window) {
                seen.extend(Seen::new(window, now));
            }
        }
        let is_due = matches!(key.asset, Asset::Coin(_)) && key.destination.is_none();
        Self { windows: seen, is_due, ..Self::default() }
    }
}

/// Whether what each destination gets was counted already when a spend was held.
fn was_counted(set: Option<&LimitSet>, hold: &Hold) -> bool {
    let since = set.and_then(|set| set.destinations.as_ref()).and_then(|rules| rules.counted_since);
    since.is_some_and(|since| since < hold.created)
}
