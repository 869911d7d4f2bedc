//! The naive reading of limits: every spend is kept, and every question is answered by adding up.
//!
//! Shares with the ledger what its terms mean (which coins an asset covers, where a calendar month
//! begins) and none of how it counts.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::amount::Amount;
use bursar_core::destination::DestinationId;
use bursar_core::hold::{Cost, Hold};
use bursar_core::id::HoldId;
use bursar_core::limit::{Ceiling, Limit, LimitSet, Measure, Subject, Usage, Window};
use bursar_core::time::{Span, Timestamp};

/// A spend that was granted.
#[derive(Debug)]
pub(crate) struct Spend {
    pub(crate) hold: Hold,
    /// The rules it was granted under.
    pub(crate) rules: BTreeMap<Subject, LimitSet>,
    pub(crate) fate: Fate,
    /// What the rail's book says: when it moved, and how much.
    pub(crate) moved: Option<(Timestamp, Cost)>,
    pub(crate) is_forgotten: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Held,
    Captured { at: Timestamp, cost: Cost },
    Released,
}

/// Who says what was spent, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Witness {
    /// The ledger: captured when it was recorded, and held.
    Ledger,
    /// The rail's book alone.
    Rail,
}

/// Every spend there ever was, in the order in which they were granted.
#[derive(Debug, Default)]
pub(crate) struct Spends {
    spends: Vec<Spend>,
    places: BTreeMap<HoldId, usize>,
}

impl Spend {
    /// Whether it falls under the limits of this subject.
    fn is_of(&self, subject: Subject) -> bool {
        let hold = &self.hold;
        hold.subjects().any(|own| own == subject) && !(hold.overridden && matches!(subject, Subject::Token(_)))
    }

    /// When it counts from, and for how much; no time for what is held.
    fn weight(&self, witness: Witness) -> Option<(Option<Timestamp>, &Cost)> {
        match (witness, &self.fate, &self.moved) {
            (Witness::Rail, _, Some((at, cost))) => Some((Some(*at), cost)),
            (Witness::Rail, _, None) | (Witness::Ledger, Fate::Released, _) => None,
            (Witness::Ledger, Fate::Captured { at, cost }, _) => Some((Some(*at), cost)),
            (Witness::Ledger, Fate::Held, _) => Some((None, &self.hold.cost)),
        }
    }

    /// What of a cost goes to a destination.
    fn paid_to(&self, destination: DestinationId, cost: &Cost) -> Option<Usage> {
        let payees = || self.hold.payees.iter();
        let all_alike = payees().all(|payee| payee.destination.id() == destination);
        let mut paid = payees().filter(|payee| payee.destination.id() == destination).peekable();
        paid.peek()?;
        let sum = paid.fold(Amount::ZERO, |sum, payee| sum.saturating_add(payee.amount));
        Some(Usage::one(if all_alike { cost.without_fee() } else { sum }))
    }
}

impl Spends {
    pub(crate) fn add(&mut self, spend: Spend) {
        self.places.insert(spend.hold.id, self.spends.len());
        self.spends.push(spend);
    }

    pub(crate) fn get(&self, id: HoldId) -> Option<&Spend> {
        self.spends.get(*self.places.get(&id)?)
    }

    pub(crate) fn get_mut(&mut self, id: HoldId) -> Option<&mut Spend> {
        self.spends.get_mut(*self.places.get(&id)?)
    }

    pub(crate) fn all(&self) -> &[Spend] {
        &self.spends
    }

    /// Whom a subject's spends pay that are held or captured, and kept.
    pub(crate) fn paid_by(&self, subject: Subject) -> BTreeSet<DestinationId> {
        let paying = self.spends.iter().filter(|spend| {
            let hold = &spend.hold;
            let mut of = hold.subjects();
            spend.fate != Fate::Released && !spend.is_forgotten && of.any(|own| own == subject)
        });
        paying.flat_map(|spend| spend.hold.payees.iter().map(|payee| payee.destination.id())).collect()
    }

    /// The limits that a spend was granted against although, to this witness, there was no room; all
    /// that was granted later does not count.
    pub(crate) fn broken_by(&self, id: HoldId, witness: Witness) -> Option<String> {
        let place = *self.places.get(&id)?;
        let spend = self.spends.get(place)?;
        let until = &self.spends[..=place];
        for (subject, set) in &spend.rules {
            if !spend.is_of(*subject) {
                continue;
            }
            for limit in &set.limits {
                let weigh = |_: &Spend, cost: &Cost| {
                    let covered = cost.parts().filter(|(coin, _)| set.covers(&limit.asset, coin));
                    covered.map(|(_, usage)| usage).reduce(Usage::saturating_add)
                };
                if let Some(broken) = judge(until, *subject, limit, witness, weigh) {
                    return Some(broken);
                }
            }
            let paid: BTreeSet<DestinationId> = spend.hold.payees.iter().map(|payee| payee.destination.id()).collect();
            for limit in set.each() {
                for destination in &paid {
                    let weigh = |spend: &Spend, cost: &Cost| {
                        // Totals are kept for each coin, not for each destination: what was let go of is not
                        // told to a limit for one destination that comes later.
                        let covered = set.covers(&limit.asset, &cost.coin) && !spend.is_forgotten;
                        covered.then(|| spend.paid_to(*destination, cost)).flatten()
                    };
                    if let Some(broken) = judge(until, *subject, limit, witness, weigh) {
                        return Some(format!("to one destination, {broken}"));
                    }
                }
            }
        }
        None
    }
}

/// Whether the last of these spends went over a limit when it was granted.
fn judge(
    spends: &[Spend],
    subject: Subject,
    limit: &Limit,
    witness: Witness,
    weigh: impl Fn(&Spend, &Cost) -> Option<Usage>,
) -> Option<String> {
    let (last, before) = spends.split_last()?;
    let now = last.hold.created;
    let Ceiling::At(ceiling) = limit.ceiling else { return None };
    let asked = weigh(last, &last.hold.cost)?;
    // A fee in a coin of its own is no spend of that coin.
    if asked.count == 0 && !matches!(limit.measure, Measure::Amount | Measure::Fee) {
        return None;
    }
    let considered = if limit.window == Window::Spend { &[] } else { before };
    let considered = considered.iter().chain([last]).filter(|spend| spend.is_of(subject));
    let mut dated: Vec<(Timestamp, Amount)> = Vec::new();
    let mut held = Amount::ZERO;
    for spend in considered {
        let Some((at, cost)) = spend.weight(witness) else { continue };
        let Some(usage) = weigh(spend, cost) else { continue };
        let amount = usage.measured(limit.measure);
        match at.filter(|at| *at <= now) {
            Some(at) => dated.push((at, amount)),
            // What happened after the decision was held when it was made.
            None => held = held.saturating_add(amount),
        }
    }
    dated.sort_unstable();
    let fits = match &limit.window {
        Window::Accrual { rate, period } => wears_off(&dated, held, (*rate, *period), ceiling, now),
        window => {
            let counts = |at: Timestamp| match window {
                Window::Rolling(length) => at.plus(*length) > now,
                Window::Calendar(..) | Window::Fixed { .. } => {
                    window.period_at(now).is_none_or(|period| at >= period.start)
                }
                _ => true,
            };
            let used = dated.iter().filter(|(at, _)| counts(*at)).map(|(_, amount)| *amount);
            used.fold(held, Amount::saturating_add) <= ceiling
        }
    };
    (!fits).then(|| {
        format!(
            "the {}'s limit on the {} of {} ({ceiling} over `{}`) had no room for spend {} at {now}, says the {}",
            subject.kind(),
            limit.measure.as_str(),
            limit.asset,
            limit.window,
            last.hold.id,
            if witness == Witness::Rail { "rail's book" } else { "ledger" },
        )
    })
}

/// Spends that wear off, exactly: counted in parts of a base unit, as many as the period has milliseconds.
fn wears_off(
    dated: &[(Timestamp, Amount)],
    held: Amount,
    (rate, period): (Amount, Span),
    ceiling: Amount,
    now: Timestamp,
) -> bool {
    let parts = Amount::new(period.as_millis().into());
    let mut level = Amount::ZERO;
    let mut since = None;
    for (at, amount) in dated.iter().copied().chain([(now, Amount::ZERO)]) {
        let elapsed = since.map_or(Span::ZERO, |since| at.since(since));
        level = level.saturating_sub(rate.saturating_mul(Amount::new(elapsed.as_millis().into())));
        level = level.saturating_add(amount.saturating_mul(parts));
        since = Some(at);
    }
    level.saturating_add(held.saturating_mul(parts)) <= ceiling.saturating_mul(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wears_off_is_counted_to_the_part_of_a_unit() {
        let at = Timestamp::from_millis;
        let amount = Amount::new;
        let rate = (amount(1), Span::from_millis(10));
        // Ten at once; one wears off in ten milliseconds.
        let fits = |now, held| wears_off(&[(at(0), amount(10))], amount(held), rate, amount(10), at(now));
        assert!(!fits(9, 1) && fits(10, 1) && !fits(10, 2) && fits(100, 10) && !fits(99, 10));
    }
}
