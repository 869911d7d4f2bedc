//! Settling spends: once, on somebody's word, in full. What is unknown is never released by the clock (I3).

use std::sync::Arc;

use crate::amount::Amount;
use crate::coin::Asset;
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold, HoldState};
use crate::id::HoldId;
use crate::ledger::begin::{self, rules};
use crate::ledger::charges::{Charge, Terms, charges, look_at_payments, payments_of};
use crate::ledger::command::Settler;
use crate::ledger::holds::told_of;
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::ledger::tokens::graver;
use crate::ledger::{Decided, Outcome, Trace};
use crate::ledger::{fees, paid};
use crate::limit::{BudgetKey, LimitSet, Subject, Usage, Window};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::token::{LockedBy, Token};

/// The budgets that hold the spend, and those that what was paid for it weighs on, if it was.
pub(super) fn needs_to_settle(state: &State, id: HoldId, paid: Option<(Amount, Amount)>) -> Vec<Key> {
    let mut keys = vec![Key::Hold(id)];
    let Ok(Some(hold)) = state.hold(&id) else { return keys };
    keys.push(Key::Token(hold.token));
    // What is released pays nobody and lets go of its names; what is corrected takes both back.
    if paid.is_none() || matches!(hold.state, HoldState::Released { .. }) {
        keys.extend(paid::keys_of(state, hold));
        keys.extend(hold.names().into_iter().map(Key::SpendKey));
    }
    let paid = paid.map(|(amount, fee)| hold.cost.really(amount, fee));
    for subject in hold.subjects() {
        keys.push(Key::Limits(subject));
        let Ok(set) = state.limits(&subject) else { continue };
        for cost in std::iter::once(&hold.cost).chain(&paid) {
            let terms = Terms { cost, payments: &payments_that_count(set, hold, cost) };
            keys.extend(charges(subject, set, terms).into_iter().map(|charge| Key::Budget(charge.budget)));
        }
    }
    keys
}

/// What is paid to whom, where these rules count it: to name each destination takes a hash.
fn payments_that_count(set: Option<&LimitSet>, hold: &Hold, cost: &Cost) -> Vec<(DestinationId, Amount)> {
    if set.is_some_and(look_at_payments) { payments_of(hold, cost) } else { Vec::new() }
}

pub(super) fn capture(
    state: &mut State,
    id: HoldId,
    paid: (Amount, Amount),
    reference: &str,
    by: &Settler,
    now: Timestamp,
) -> Result<Decided, NotLoaded> {
    let (hold, was_released) = match unsettled(state, id, by, now)? {
        Ok(hold) => (hold, false),
        // The rail has the last word: money that moved after all is money.
        Err(Outcome::Settled { hold, .. }) if is_correction(&hold, by) => {
            if matches!(by, Settler::Service { stepped_up: false, .. }) {
                return Ok((Outcome::StepUpNeeded, None));
            }
            (hold, true)
        }
        Err(outcome) => return Ok((outcome, None)),
    };
    let cost = hold.cost.really(paid.0, paid.1);
    if cost.is_absurd() {
        return Ok((Outcome::Refused(Refusal::AmountTooLarge), None));
    }
    // That less was paid, the fee included, is a release of the rest, and takes what a release takes.
    let gives_back = !was_released && hold.cost.exceeds(&cost);
    if gives_back && is_late(&hold, now) && matches!(by, Settler::Service { stepped_up: false, .. }) {
        return Ok((Outcome::StepUpNeeded, None));
    }
    let (amount, fee) = (cost.amount, cost.fee);
    let above = was_released || cost.exceeds(&hold.cost);
    let settled = HoldState::Captured { at: now, amount, fee, reference: reference.to_owned() };
    let token = state.token(&hold.token)?.filter(|_| above).cloned();
    let mut back = Vec::new();
    if was_released {
        back = paid::changed(state, &hold, true)?;
        // The same request would pay again, were its names free; what took one meanwhile keeps it.
        for name in hold.names() {
            if state.spend_key(&name)?.is_none() {
                back.push(Record::SpendKey(name, id));
            }
        }
    }
    settle(state, &hold, !was_released, Some(&cost), now)?;
    back.into_iter().for_each(|record| state.put(record));
    let mut data = vec![("reference", reference.to_owned())];
    data.extend(told_of(&cost, fee > Amount::ZERO || hold.cost.fee > Amount::ZERO));
    data.push(("held", hold.cost.amount.to_string()));
    if above {
        let alarm = if was_released { "captured_after_release" } else { "captured_above_hold" };
        data.push(("alarm", alarm.to_owned()));
        stop_spending(state, token, now);
    }
    let action = if was_released { "spend.correct" } else { "spend.capture" };
    Ok(settled_as(state, &hold, settled, by, action, data))
}

pub(super) fn release(
    state: &mut State,
    id: HoldId,
    reason: &str,
    by: &Settler,
    now: Timestamp,
) -> Result<Decided, NotLoaded> {
    let hold = match unsettled(state, id, by, now)? {
        Ok(hold) => hold,
        Err(outcome) => return Ok((outcome, None)),
    };
    if is_late(&hold, now) && matches!(by, Settler::Service { stepped_up: false, .. }) {
        return Ok((Outcome::StepUpNeeded, None));
    }
    // What did not happen does not occupy its names: the same request may be tried again.
    let mut freed = Vec::new();
    for name in hold.names() {
        if state.spend_key(&name)? == Some(&id) {
            freed.push(Key::SpendKey(name));
        }
    }
    let payees = paid::changed(state, &hold, false)?;
    settle(state, &hold, true, None, now)?;
    payees.into_iter().for_each(|record| state.put(record));
    freed.into_iter().for_each(|name| state.delete(name));
    let settled = HoldState::released(now, reason);
    let data = match (&settled, by) {
        // Where it is what a person saw, their evidence tells it.
        (_, Settler::Person { evidence }) if evidence == reason => Vec::new(),
        (HoldState::Released { reason, .. }, _) => vec![("reason", reason.clone())],
        _ => Vec::new(),
    };
    Ok(settled_as(state, &hold, settled, by, "spend.release", data))
}

pub(super) fn expire(
    state: &mut State,
    id: HoldId,
    overdue: bool,
    reason: &str,
    now: Timestamp,
) -> Result<Decided, NotLoaded> {
    let Some(hold) = state.hold(&id)?.map(Arc::clone) else {
        return Ok((Outcome::NoSuchHold, None));
    };
    // Whoever finds a deadline over goes by a clock of their own; this is the ledger's.
    let is_early = overdue && now < hold.deadline;
    if hold.state != HoldState::Open || is_early {
        return Ok((Outcome::Settled { hold, before: true }, None));
    }
    let unresolved = HoldState::unresolved(now, reason);
    let data = match &unresolved {
        HoldState::Unresolved { reason, .. } if !reason.is_empty() => vec![("reason", reason.clone())],
        _ => Vec::new(),
    };
    let hold = Arc::new(Hold { state: unresolved, ..Hold::clone(&hold) });
    state.put(Record::Hold(id, Arc::clone(&hold)));
    let trace = Trace { action: "spend.unresolved", subject: format!("spend:{id}"), data };
    Ok((Outcome::Settled { hold, before: false }, Some(trace)))
}

/// The spend, if it is still held and may be settled on this word.
fn unsettled(state: &State, id: HoldId, by: &Settler, now: Timestamp) -> Result<Result<Arc<Hold>, Outcome>, NotLoaded> {
    let Some(hold) = state.hold(&id)? else { return Ok(Err(Outcome::NoSuchHold)) };
    if let Settler::Service { token, .. } = by
        && hold.holder != Some(*token)
    {
        return Ok(Err(Outcome::NoSuchHold));
    }
    if !hold.state.is_held() {
        return Ok(Err(Outcome::Settled { hold: Arc::clone(hold), before: true }));
    }
    // While the rail is at it, nobody else can know.
    if matches!(by, Settler::Person { .. }) && hold.state == HoldState::Open && now < hold.deadline {
        return Ok(Err(Outcome::Conflict(Key::Hold(id))));
    }
    Ok(Ok(Arc::clone(hold)))
}

/// Whether it is too late for a service to be sure by itself that money did not move.
fn is_late(hold: &Hold, now: Timestamp) -> bool {
    now >= hold.deadline || hold.state != HoldState::Open
}

/// Whether a rail, or the service that held it, says that money moved of which somebody said that it did not (I2: a
/// record of its own).
const fn is_correction(hold: &Hold, by: &Settler) -> bool {
    matches!((&hold.state, by), (HoldState::Released { .. }, Settler::Rail | Settler::Service { .. }))
}

/// What settling a spend does to one budget.
struct Change {
    budget: BudgetKey,
    held: Usage,
    captured: Option<Usage>,
    windows: Vec<Window>,
    /// Whether an unlock kept the spend out of it.
    lifted: bool,
}

/// Takes the hold out of every budget it weighs on, if it is still in them, and puts in what it cost really.
fn settle(state: &mut State, hold: &Hold, is_held: bool, cost: Option<&Cost>, now: Timestamp) -> Result<(), NotLoaded> {
    for change in changes(state, hold, cost)? {
        state.change_budget(&change.budget, |budget| match change.captured {
            captured if change.lifted => {
                budget.overridden = budget.overridden.saturating_add(captured.unwrap_or_default());
            }
            captured => {
                if is_held {
                    budget.settle(change.held);
                }
                if let Some(usage) = captured {
                    // A wallet's rail may ask for its fees, whatever limits there are.
                    let of_wallet = matches!(change.budget.subject, Subject::Wallet(_));
                    budget.keep_counting(|window| change.windows.contains(window) || of_wallet && *window == fees::DAY);
                    // It may be the first that a destination gets after all, of a spend that had been released.
                    if change.budget.destination.is_some() {
                        begin::count(budget, change.windows.iter(), &[], now);
                    }
                    budget.capture(usage, now);
                }
            }
        })?;
    }
    Ok(())
}

fn changes(state: &State, hold: &Hold, cost: Option<&Cost>) -> Result<Vec<Change>, NotLoaded> {
    let mut changes = Vec::with_capacity(8);
    for subject in hold.subjects() {
        let lifted = hold.overridden && matches!(subject, Subject::Token(_));
        let set = state.limits(&subject)?;
        let payments_held = payments_that_count(set, hold, &hold.cost);
        let payments = cost.map(|cost| payments_that_count(set, hold, cost)).unwrap_or_default();
        let mut captured: Vec<Charge> = match cost {
            Some(cost) => charges(subject, set, Terms { cost, payments: &payments }),
            None => Vec::new(),
        };
        let mut all = Vec::with_capacity(captured.len());
        for held in charges(subject, set, Terms { cost: &hold.cost, payments: &payments_held }) {
            let same = captured.iter().position(|charge| charge.budget == held.budget);
            all.push((held.budget, held.usage, same.map(|place| captured.swap_remove(place).usage)));
        }
        // What was never held, such as a fee that nobody expected, is money all the same.
        all.extend(captured.into_iter().map(|charge| (charge.budget, Usage::default(), Some(charge.usage))));
        for (budget, held, captured) in all {
            // A group that is not counted yet will be told of this spend by its past. The total of a coin, and what each
            // destination gets where that is counted, are there from their first spend on.
            if state.budget(&budget)?.is_some() || matches!(budget.asset, Asset::Coin(_)) {
                let windows = windows(set, &budget);
                changes.push(Change { budget, held, captured, windows, lifted });
            }
        }
    }
    Ok(changes)
}

/// The windows that limits look at in a budget.
fn windows(set: Option<&LimitSet>, key: &BudgetKey) -> Vec<Window> {
    set.into_iter().flat_map(|set| rules(set, key)).map(|limit| limit.window.clone()).collect()
}

fn settled_as(
    state: &mut State,
    hold: &Hold,
    settled: HoldState,
    by: &Settler,
    action: &'static str,
    mut data: Vec<(&'static str, String)>,
) -> Decided {
    let action = match by {
        Settler::Rail => action,
        Settler::Service { token, .. } => {
            data.push(("service", token.to_string()));
            action
        }
        Settler::Person { evidence } => {
            data.push(("became", settled.name().to_owned()));
            data.push(("evidence", evidence.clone()));
            "spend.resolve"
        }
    };
    let trace = Trace { action, subject: format!("spend:{}", hold.id), data };
    let hold = Arc::new(Hold { state: settled, ..hold.clone() });
    state.put(Record::Hold(hold.id, Arc::clone(&hold)));
    (Outcome::Settled { hold, before: false }, Some(trace))
}

/// More left than was held: whatever moves this token's money is not to be trusted with more of it until
/// its owner has looked.
fn stop_spending(state: &mut State, token: Option<Token>, now: Timestamp) {
    if let Some(token) = token {
        let locked = Some(graver(token.locked, LockedBy::Rail, now));
        state.put(Record::Token(token.id, Token { locked, unlock: None, ..token }));
    }
}
