//! The check that nothing is lost and nothing invented (I8): what is open adds up to what is held, and
//! what was captured to what counts as captured.

use std::collections::HashMap;
use std::fmt;

use crate::coin::Asset;
use crate::hold::{Hold, HoldState};
use crate::ledger::charges::{Terms, charges, payments_of, subjects};
use crate::limit::{Budget, BudgetKey, LimitSet, Subject, Usage};

/// Adds up spends, and compares them with the budgets.
#[derive(Debug, Default)]
pub struct Conservation {
    sums: HashMap<BudgetKey, Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    held: Usage,
    captured: Usage,
    overridden: Usage,
}

/// A budget that does not say what its spends say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which budget.
    pub budget: BudgetKey,
    /// Which figure: `held` or `captured`.
    pub figure: &'static str,
    /// What the spends add up to.
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
        write!(
            f,
            ", {asset}: the spends add up to {} base units in {} spends {figure}, the budget says {} in {}",
            spends.amount, spends.count, counted.amount, counted.count
        )
    }
}

impl Conservation {
    /// Takes in a spend, under the rules its subjects have now.
    pub fn add<'a>(&mut self, hold: &Hold, rules: impl Fn(Subject) -> Option<&'a LimitSet>) {
        let is_captured = matches!(hold.state, HoldState::Captured { .. });
        let cost = match hold.captured() {
            Some(cost) => cost,
            None if hold.state.is_held() => hold.cost.clone(),
            None => return,
        };
        let payments = payments_of(hold, &cost);
        for subject in subjects(hold.token, hold.user, hold.wallet, hold.organisation) {
            let lifted = hold.overridden && matches!(subject, Subject::Token(_));
            for charge in charges(subject, rules(subject), Terms { cost: &cost, payments: &payments }) {
                let sums = self.sums.entry(charge.budget).or_default();
                let sum = match (is_captured, lifted) {
                    (true, true) => &mut sums.overridden,
                    (true, false) => &mut sums.captured,
                    (false, true) => continue,
                    (false, false) => &mut sums.held,
                };
                *sum = sum.saturating_add(charge.usage);
            }
        }
    }

    /// Compares a budget with the spends taken in; `all` says that captured spends were among them.
    pub fn compare(&mut self, key: &BudgetKey, budget: &Budget, all: bool) -> Vec<Difference> {
        let sums = self.sums.remove(key).unwrap_or_default();
        let mut differences = Vec::new();
        let mut check = |figure, spends, counted| {
            if spends != counted {
                differences.push(Difference { budget: key.clone(), figure, spends, counted });
            }
        };
        check("held", sums.held, budget.held);
        // Totals of groups and destinations begin with the limit that speaks of them.
        let is_total = matches!(key.asset, Asset::Coin(_)) && key.destination.is_none();
        if all && is_total {
            let kept = sums.captured.saturating_add(sums.overridden);
            let counted = budget.captured.saturating_add(budget.overridden);
            check("captured", kept.saturating_add(budget.rolled), counted);
        }
        differences
    }

    /// The budgets that should hold something and were never compared: they are missing.
    pub fn finish(self) -> Vec<Difference> {
        let missing = self.sums.into_iter().filter(|(key, sums)| {
            // What no limit has looked at since it began to be counted is told by its past.
            let must_be = matches!(key.asset, Asset::Coin(_)) && key.destination.is_none();
            must_be && sums.held != Usage::default()
        });
        let mut missing: Vec<Difference> = missing
            .map(|(budget, sums)| Difference { budget, figure: "held", spends: sums.held, counted: Usage::default() })
            .collect();
        missing.sort_unstable_by(|one, other| one.budget.cmp(&other.budget));
        missing
    }
}
