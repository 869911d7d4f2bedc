//! Letting go of spends that were settled long ago: their names are free again, their sums stay. Windows
//! do not notice, since none reaches back as far as spends are kept.

use crate::hold::{Hold, HoldState};
use crate::id::HoldId;
use crate::ledger::charges::{Terms, charges};
use crate::ledger::state::{Key, NotLoaded, State};
use crate::ledger::{Decided, Outcome, Trace};
use crate::limit::{BudgetKey, Subject, Usage};
use crate::time::{Span, Timestamp};

pub(super) fn needs_to_forget(state: &State, holds: &[HoldId]) -> Vec<Key> {
    let mut keys = Vec::new();
    for id in holds {
        keys.push(Key::Hold(*id));
        let Ok(Some(hold)) = state.hold(id) else { continue };
        keys.extend(hold.names().into_iter().map(Key::SpendKey));
        keys.extend(totals(hold).into_iter().map(|(budget, _)| Key::Budget(budget)));
    }
    keys
}

/// The totals that a captured spend is part of.
fn totals(hold: &Hold) -> Vec<(BudgetKey, Usage)> {
    let Some(cost) = hold.captured() else { return Vec::new() };
    let of = |subject: Subject| charges(subject, None, Terms { cost: &cost, payments: &[] });
    hold.subjects().flat_map(of).map(|charge| (charge.budget, charge.usage)).collect()
}

pub(super) fn forget(state: &mut State, holds: &[HoldId], kept: Span, now: Timestamp) -> Result<Decided, NotLoaded> {
    let before = now.minus(kept);
    if let Some(missing) = needs_to_forget(state, holds).into_iter().find(|key| !state.is_loaded(key)) {
        return Err(NotLoaded(missing));
    }
    let mut forgotten: u64 = 0;
    for id in holds {
        let Some(hold) = state.hold(id)?.filter(|hold| is_settled_before(hold, before)).cloned() else { continue };
        for (budget, usage) in totals(&hold) {
            state.change_budget(&budget, |budget| budget.rolled = budget.rolled.saturating_add(usage))?;
        }
        for name in hold.names() {
            if state.spend_key(&name)? == Some(id) {
                state.delete(Key::SpendKey(name));
            }
        }
        state.delete(Key::Hold(*id));
        forgotten = forgotten.saturating_add(1);
    }
    let trace = (forgotten > 0).then(|| Trace {
        action: "spends.roll",
        subject: "ledger:spends".to_owned(),
        data: vec![("spends", forgotten.to_string()), ("settled_before", before.to_string())],
    });
    Ok((Outcome::Forgotten { spends: forgotten }, trace))
}

fn is_settled_before(hold: &Hold, before: Timestamp) -> bool {
    match hold.state {
        HoldState::Captured { at, .. } | HoldState::Released { at, .. } => at < before,
        HoldState::Open | HoldState::Unresolved { .. } => false,
    }
}
