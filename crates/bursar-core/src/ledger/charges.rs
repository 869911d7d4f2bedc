//! Which budgets a spend weighs on, and how heavily. The same answer when it is held and when it is
//! settled, as long as the rules are the same; a change of rules prepares budgets for the next one.

use std::collections::HashMap;
use std::convert::Infallible;

use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold};
use crate::id::{OrganisationId, TokenId, UserId, WalletId};
use crate::limit::{BudgetKey, Destinations, LimitSet, Subject, Usage};

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

impl Hold {
    /// Whose limits the spend falls under, and whose budgets it weighs on.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> + use<> {
        subjects(self.token, self.user, self.wallet, self.organisation)
    }
}

/// The budgets of a subject that a spend weighs on: those of its coins, which are kept with or without a
/// limit so that a later limit finds its history; those of the groups of coins that limits speak of; and
/// each destination's, once they are counted.
pub fn charges(subject: Subject, set: Option<&LimitSet>, terms: Terms<'_>) -> Vec<Charge> {
    let mut all = Vec::new();
    let told: Result<(), Infallible> = each_charge(subject, set, terms, |charge| {
        all.push(charge);
        Ok(())
    });
    let Ok(()) = told;
    all
}

/// Tells of each of these [`charges`], without a list of them.
pub(super) fn each_charge<E>(
    subject: Subject,
    set: Option<&LimitSet>,
    terms: Terms<'_>,
    mut tell: impl FnMut(Charge) -> Result<(), E>,
) -> Result<(), E> {
    let mut tell =
        |asset: Asset, destination, usage| tell(Charge { budget: BudgetKey { subject, asset, destination }, usage });
    for (coin, usage) in terms.cost.parts() {
        tell(Asset::Coin(coin.clone()), None, usage)?;
    }
    let Some(set) = set else { return Ok(()) };
    for group in set.groups() {
        if let Some(usage) = sum(terms.cost, |coin| set.covers(group, coin)) {
            tell(group.clone(), None, usage)?;
        }
    }
    if set.destinations.as_ref().is_some_and(Destinations::are_counted) {
        for (destination, amount) in terms.payments {
            tell(Asset::Coin(terms.cost.coin.clone()), Some(*destination), Usage::one(*amount))?;
        }
    }
    Ok(())
}

/// Whether it matters to these rules who is paid how much.
pub(super) fn look_at_payments(set: &LimitSet) -> bool {
    set.destinations.as_ref().is_some_and(|rules| rules.at_most.is_some() || rules.are_counted())
}

/// What recipients get, by destination, each once.
pub fn payments<'a>(payees: impl Iterator<Item = (DestinationId, &'a Amount)>) -> Vec<(DestinationId, Amount)> {
    let mut payments: Vec<(DestinationId, Amount)> = Vec::new();
    let mut places: HashMap<DestinationId, usize> = HashMap::new();
    for (destination, amount) in payees {
        let place = *places.entry(destination).or_insert(payments.len());
        match payments.get_mut(place) {
            Some((_, sum)) => *sum = sum.saturating_add(*amount),
            None => payments.push((destination, *amount)),
        }
    }
    payments
}

/// What a spend pays to whom, given what it cost: held, or captured.
pub fn payments_of(hold: &Hold, cost: &Cost) -> Vec<(DestinationId, Amount)> {
    let mut all = payments(hold.payees.iter().map(|payee| (payee.destination.id(), &payee.amount)));
    // A part that was captured can be told apart for one recipient only; of several each counts in full, and what is
    // more than all of them were to get may have gone to any.
    match &mut all[..] {
        [(_, amount)] => *amount = cost.without_fee(),
        several => {
            let sum = several.iter().fold(Amount::ZERO, |sum, (_, amount)| sum.saturating_add(*amount));
            let excess = cost.without_fee().saturating_sub(sum);
            several.iter_mut().for_each(|(_, amount)| *amount = amount.saturating_add(excess));
        }
    }
    all
}

/// How heavily a spend weighs on a budget in which these coins count; nothing if not at all.
pub(super) fn sum(cost: &Cost, covers: impl Fn(&Coin) -> bool) -> Option<Usage> {
    let mut covered = cost.parts().filter(|(coin, _)| covers(coin)).map(|(_, usage)| usage);
    let first = covered.next()?;
    Some(covered.fold(first, Usage::saturating_add))
}
