//! Whom a subject has paid, as long as their number is limited. A destination counts while a spend pays it that is
//! held or captured; the record begins with the rule, from what was spent before, and ends with it.

use crate::destination::DestinationId;
use crate::hold::Hold;
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::limit::{LimitSet, Subject};

/// How many destinations may be paid under these rules, if that is limited.
pub(super) fn at_most(set: Option<&LimitSet>) -> Option<u32> {
    set.and_then(|set| set.destinations.as_ref()).and_then(|rules| rules.at_most)
}

/// The destinations of a spend, each once.
pub(super) fn payees_of(hold: &Hold) -> Vec<DestinationId> {
    let mut all: Vec<DestinationId> = hold.payees.iter().map(|payee| payee.destination.id()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The records that change when a spend comes to nothing, or to something after all.
pub(super) fn keys_of(state: &State, hold: &Hold) -> Vec<Key> {
    let limited = |subject: &Subject| state.limits(subject).is_ok_and(|set| at_most(set).is_some());
    hold.subjects().filter(limited).map(Key::Paid).collect()
}

/// What the records say once a spend is among those that pay its destinations, or no longer.
pub(super) fn changed(state: &State, hold: &Hold, is_paid: bool) -> Result<Vec<Record>, NotLoaded> {
    let mut changed = Vec::new();
    for subject in hold.subjects() {
        if at_most(state.limits(&subject)?).is_none() {
            continue;
        }
        let mut paid = state.paid(&subject)?.cloned().unwrap_or_default();
        for destination in payees_of(hold) {
            match paid.binary_search_by_key(&destination, |(known, _)| *known) {
                Ok(place) => {
                    if let Some((_, spends)) = paid.get_mut(place) {
                        *spends = if is_paid { spends.saturating_add(1) } else { spends.saturating_sub(1) };
                    }
                }
                Err(place) if is_paid => paid.insert(place, (destination, 1)),
                Err(_) => {}
            }
        }
        paid.retain(|(_, spends)| *spends > 0);
        changed.push(Record::Paid(subject, paid));
    }
    Ok(changed)
}
