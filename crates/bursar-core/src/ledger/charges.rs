//! Which budgets a spend weighs on, and how heavily. The same answer when it is held and when it is
//! settled, as long as the rules are the same; a change of rules prepares budgets for the next one.

use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold};
use crate::id::{OrganisationId, TokenId, UserId, WalletId};
use crate::limit::{BudgetKey, LimitSet, Subject, Usage};

/// A budget that a spend weighs on, and how heavily.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Which budget.
    pub budget: BudgetKey,
    /// How much.
    pub usage: Usage,
}

/// What of a spend matters to budgets.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// What it costs.
    pub cost: &'a Cost,
    /// What is paid to whom, while it was held.
    pub payments: &'a [(DestinationId, Amount)],
}

/// Whose limits a spend falls under, and whose budgets it weighs on.
pub fn subjects(
    token: TokenId,
    user: UserId,
    wallet: Option<WalletId>,
    organisation: OrganisationId,
) -> impl Iterator<Item = Subject> {
    let wallet = wallet.map(Subject::Wallet);
    [Some(Subject::Token(token)), Some(Subject::User(user)), wallet, Some(Subject::Organisation(organisation))]
        .into_iter()
        .flatten()
}

/// The budgets of a subject that a spend weighs on: those of its coins, which are kept with or without a
/// limit so that a later limit finds its history; those of the groups of coins that limits speak of; and
/// each destination's, once they are counted.
pub fn charges(subject: Subject, set: Option<&LimitSet>, terms: Terms<'_>) -> Vec<Charge> {
    let of = |asset: Asset, destination, usage| Charge { budget: BudgetKey { subject, asset, destination }, usage };
    let mut charges: Vec<Charge> =
        terms.cost.parts().map(|(coin, usage)| of(Asset::Coin(coin.clone()), None, usage)).collect();
    let Some(set) = set else { return charges };
    for group in set.groups() {
        if let Some(usage) = sum(terms.cost, |coin| set.covers(group, coin)) {
            charges.push(of(group.clone(), None, usage));
        }
    }
    if set.destinations.as_ref().is_some_and(|rules| rules.counted_since.is_some()) {
        for (destination, amount) in terms.payments {
            let usage = Usage::one(*amount);
            charges.push(of(Asset::Coin(terms.cost.coin.clone()), Some(*destination), usage));
        }
    }
    charges
}

/// What recipients get, by destination, each once.
pub fn payments<'a>(payees: impl Iterator<Item = (DestinationId, &'a Amount)>) -> Vec<(DestinationId, Amount)> {
    let mut payments: Vec<(DestinationId, Amount)> = Vec::new();
    for (destination, amount) in payees {
        match payments.iter_mut().find(|(known, _)| *known == destination) {
            Some((_, sum)) => *sum = sum.saturating_add(*amount),
            None => payments.push((destination, *amount)),
        }
    }
    payments
}

/// What a spend pays to whom, given what it cost: held, or captured.
pub fn payments_of(hold: &Hold, cost: &Cost) -> Vec<(DestinationId, Amount)> {
    let mut all = payments(hold.payees.iter().map(|payee| (payee.destination.id(), &payee.amount)));
    // A part that was captured can be told apart for one recipient only; of several each counts in full.
    if let [(_, amount)] = &mut all[..] {
        *amount = cost.without_fee();
    }
    all
}

/// How heavily a spend weighs on one budget under rules by which these coins count; nothing if not at all.
pub(super) fn usage_of(key: &BudgetKey, covers: impl Fn(&Coin) -> bool, hold: &Hold, cost: &Cost) -> Option<Usage> {
    match key.destination {
        None => sum(cost, covers),
        Some(_) if !covers(&cost.coin) => None,
        Some(wanted) => {
            let payments = payments_of(hold, cost);
            payments.iter().find(|(destination, _)| *destination == wanted).map(|(_, amount)| Usage::one(*amount))
        }
    }
}

fn sum(cost: &Cost, covers: impl Fn(&Coin) -> bool) -> Option<Usage> {
    let mut covered = cost.parts().filter(|(coin, _)| covers(coin)).map(|(_, usage)| usage);
    let first = covered.next()?;
    Some(covered.fold(first, Usage::saturating_add))
}
