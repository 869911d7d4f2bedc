//! Holding budget: what a spend needs to be decided, and what a decision changes.

use std::convert::Infallible;
use std::sync::Arc;

use crate::amount::Amount;
use crate::decimals::Decimals;
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold, HoldState, Payee};
use crate::ledger::begin::lacks_past;
use crate::ledger::charges::{Terms, each_charge, look_at_payments, payments, subjects};
use crate::ledger::command::HoldRequest;
use crate::ledger::decide::{Granted, Verdict, decide};
use crate::ledger::fees::with_ceiling;
use crate::ledger::history::HistoryKey;
use crate::ledger::paid::{self, at_most};
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::ledger::{Decided, Outcome, Trace};
use crate::limit::LimitReport;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(super) fn needs_to_hold(state: &State, request: &HoldRequest) -> Vec<Key> {
    let mut keys = Vec::new();
    keys.extend(request.read.iter().map(|(key, _)| key).filter(|key| !state.is_loaded(key)).cloned());
    let holder = request.holder.and_then(|holder| seen(&mut keys, state.token(&holder)));
    if let Some(holder) = holder {
        seen(&mut keys, state.user(&holder.user));
    }
    keys.extend(needs_of_its_own(state, request));
    let token = seen(&mut keys, state.token(&request.token));
    let wallet = request.wallet.and_then(|wallet| seen(&mut keys, state.wallet(&wallet)));
    let Some(token) = token else { return keys };
    seen(&mut keys, state.user(&token.user));
    let organisation = match (request.wallet, wallet) {
        (Some(_), None) => return keys,
        (_, Some(wallet)) => {
            seen(&mut keys, state.role(&(wallet.id, token.user)));
            wallet.organisation
        }
        (None, None) => {
            let Some(organisation) = request.organisation else { return keys };
            seen(&mut keys, state.membership(&(organisation, token.user)));
            organisation
        }
    };
    seen(&mut keys, state.organisation(&organisation));
    if let Some(holder) = holder {
        seen(&mut keys, state.membership(&(organisation, holder.user)));
    }
    let Some(cost) = cost_of(request) else { return keys };
    let mut parties = [None; 4];
    for (party, subject) in parties.iter_mut().zip(subjects(token.id, token.user, request.wallet, organisation)) {
        match state.limits(&subject) {
            Ok(rules) => *party = Some((subject, rules)),
            Err(NotLoaded(key)) => keys.push(key),
        }
    }
    let by_payee = parties.iter().flatten().filter_map(|(_, rules)| *rules).any(look_at_payments);
    let paid = if by_payee { payments_of(request) } else { Vec::new() };
    let terms = Terms { cost: &cost, payments: &paid };
    for (subject, rules) in parties.into_iter().flatten() {
        let set = with_ceiling(rules, subject, request);
        let set = set.as_deref();
        if at_most(set).is_some() {
            seen(&mut keys, state.paid(&subject));
        }
        let told: Result<(), Infallible> = each_charge(subject, set, terms, |charge| {
            match (state.budget(&charge.budget), set) {
                (Err(NotLoaded(key)), _) => keys.push(key),
                (Ok(budget), Some(set)) if lacks_past(set, &charge.budget, budget) => {
                    keys.push(Key::History(HistoryKey::new(charge.budget, set)));
                }
                _ => {}
            }
            Ok(())
        });
        let Ok(()) = told;
    }
    keys
}

/// Whether what the spend is decided on was probably loaded for others: all but its id and its names.
pub(super) fn is_one_of_many(state: &State, request: &HoldRequest) -> bool {
    let Ok(Some(token)) = state.token(&request.token) else { return false };
    let organisation = match request.wallet {
        Some(wallet) => state.wallet(&wallet).ok().flatten().map(|wallet| wallet.organisation),
        None => request.organisation,
    };
    let Some(organisation) = organisation else { return false };
    // Budgets of single destinations are as many as there are destinations.
    let looks_at_none = |subject| state.limits(&subject).is_ok_and(|rules| !rules.is_some_and(look_at_payments));
    subjects(token.id, token.user, request.wallet, organisation).all(looks_at_none)
}

/// The spend that it asks for, and those that its names stand for.
pub(super) fn needs_of_its_own(state: &State, request: &HoldRequest) -> Vec<Key> {
    let mut keys = Vec::with_capacity(3);
    seen(&mut keys, state.hold(&request.id));
    for name in request.names() {
        if let Some(known) = seen(&mut keys, state.spend_key(&name)) {
            seen(&mut keys, state.hold(known));
        }
    }
    keys
}

/// The record, if there is one; where it was not loaded, that it is needed.
fn seen<'a, T>(keys: &mut Vec<Key>, found: Result<Option<&'a T>, NotLoaded>) -> Option<&'a T> {
    match found {
        Ok(found) => found,
        Err(NotLoaded(key)) => {
            keys.push(key);
            None
        }
    }
}

pub(super) fn cost_of(request: &HoldRequest) -> Option<Cost> {
    let amounts = request.payees.iter().map(|payee| payee.amount);
    Cost::of(request.coin.clone(), amounts, request.fee_coin.clone(), request.fee)
}

pub(super) fn payments_of(request: &HoldRequest) -> Vec<(DestinationId, Amount)> {
    payments(request.payees.iter().map(|payee| (payee.destination.id(), &payee.amount)))
}

pub(super) fn hold(state: &mut State, request: &HoldRequest, now: Timestamp) -> Result<Decided, NotLoaded> {
    for (key, version) in &request.read {
        if state.version(key)? != *version {
            return Ok((Outcome::Conflict(key.clone()), None));
        }
    }
    match decide(state, request, now)? {
        Verdict::Known(known) => known_as(state, &known, request),
        Verdict::Refused { refusal, learnt } => {
            for (budget, learnt) in learnt {
                state.change_budget(&budget, |budget| *budget = learnt)?;
            }
            let mut data = vec![("coin", request.coin.to_string())];
            data.extend(request.wallet.map(|wallet| ("wallet", wallet.to_string())));
            data.push(("code", refusal.code().to_owned()));
            // Base units: whoever declares decimals may do so differently later, and what is written down stays.
            data.push(("reason", refusal.sentence(&Decimals::default())));
            let subject = format!("token:{}", request.token);
            Ok((Outcome::Refused(refusal), Some(Trace { action: "spend.refuse", subject, data })))
        }
        Verdict::Granted(granted) => {
            let hold = Arc::new(held(request, &granted, now));
            let paid = if granted.notes_paid { paid::changed(state, &hold, true)? } else { Vec::new() };
            let Granted { weights, reports, .. } = *granted;
            for weight in weights {
                if weight.lifted && weight.begun.is_none() && state.budget(&weight.charge.budget)?.is_some() {
                    continue;
                }
                state.change_budget(&weight.charge.budget, |budget| {
                    if let Some(begun) = weight.begun {
                        *budget = begun.budget;
                    }
                    if !weight.lifted {
                        budget.hold(weight.charge.usage);
                    }
                })?;
            }
            paid.into_iter().for_each(|record| state.put(record));
            for name in hold.names() {
                state.put(Record::SpendKey(name, hold.id));
            }
            state.put(Record::Hold(hold.id, Arc::clone(&hold)));
            let trace = Trace { action: "spend.hold", subject: format!("spend:{}", hold.id), data: told(&hold) };
            Ok((Outcome::Held { hold, reports }, Some(trace)))
        }
    }
}

/// The most recipients that the audit log names of one spend: events are kept for good.
const MOST_PAYEES_TOLD: usize = 20;

/// The spend as it begins.
fn held(request: &HoldRequest, granted: &Granted, now: Timestamp) -> Hold {
    Hold {
        id: request.id,
        token: request.token,
        user: granted.user,
        wallet: request.wallet,
        organisation: granted.organisation,
        payees: request.payees.clone(),
        cost: granted.cost.clone(),
        key: request.key.clone(),
        aliases: Vec::new(),
        meaning: request.meaning,
        instruction: request.instruction.clone(),
        comment: request.comment.clone(),
        overridden: granted.overridden,
        holder: request.holder,
        captures_itself: request.captures_itself,
        created: now,
        deadline: now.plus(request.patience),
        state: HoldState::Open,
    }
}

/// Whatever name led to a spend names it from now on, and no other; unless it came to nothing.
fn known_as(state: &mut State, known: &Arc<Hold>, request: &HoldRequest) -> Result<Decided, NotLoaded> {
    let mut new = Vec::new();
    if !matches!(known.state, HoldState::Released { .. }) {
        for name in request.names() {
            if state.spend_key(&name)?.is_none() {
                new.push(name);
            }
        }
    }
    let few = known.aliases.len().saturating_add(new.len()) <= Hold::MOST_ALIASES;
    if known.meaning != request.meaning || !few {
        let data = vec![("spend", known.id.to_string())];
        let trace = Trace { action: "spend.conflict", subject: format!("token:{}", request.token), data };
        return Ok((Outcome::Known { hold: Arc::clone(known), same: false }, Some(trace)));
    }
    if new.is_empty() {
        return Ok((Outcome::Known { hold: Arc::clone(known), same: true }, None));
    }
    let data = vec![("token", request.token.to_string()), ("names", new.len().to_string())];
    let trace = Trace { action: "spend.name", subject: format!("spend:{}", known.id), data };
    new.iter().for_each(|name| state.put(Record::SpendKey(name.clone(), known.id)));
    let mut known = Hold::clone(known);
    known.aliases.extend(new);
    let known = Arc::new(known);
    state.put(Record::Hold(known.id, Arc::clone(&known)));
    Ok((Outcome::Known { hold: known, same: true }, Some(trace)))
}

/// What a spend costs: what recipients get, the fee that comes to it, and what leaves in all.
pub(super) fn told_of(cost: &Cost, has_fee: bool) -> Vec<(&'static str, String)> {
    let mut data = vec![("amount", cost.without_fee().to_string())];
    if has_fee {
        data.push(("fee", format!("{} {}", cost.fee, cost.fee_coin)));
        data.push(("total", cost.amount.to_string()));
    }
    data
}

fn told(hold: &Hold) -> Vec<(&'static str, String)> {
    let mut data = vec![("token", hold.token.to_string())];
    data.extend(hold.wallet.map(|wallet| ("wallet", wallet.to_string())));
    data.push(("coin", hold.cost.coin.to_string()));
    data.extend(told_of(&hold.cost, hold.cost.fee > Amount::ZERO));
    // Of one alone the amount is that of the spend.
    let is_one = hold.payees.len() == 1;
    let told = |payee: &Payee| match is_one {
        true => payee.address.clone(),
        false => format!("{} {}", payee.address, payee.amount),
    };
    let mut to: Vec<String> = hold.payees.iter().take(MOST_PAYEES_TOLD).map(told).collect();
    let untold = hold.payees.len().saturating_sub(MOST_PAYEES_TOLD);
    if untold > 0 {
        to.push(format!("and {untold} more"));
    }
    if !to.is_empty() {
        data.push(("to", to.join(", ")));
    }
    data.push(("overridden", hold.overridden.to_string()));
    data
}

/// What limits say to a spend, without holding anything: the same decision, and nothing is changed.
///
/// # Errors
/// A record was not loaded.
pub fn dry_run(
    state: &State,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<Result<Vec<LimitReport>, Refusal>, NotLoaded> {
    Ok(match decide(state, request, now)? {
        Verdict::Granted(granted) => Ok(granted.reports),
        Verdict::Known(_) => Ok(Vec::new()),
        Verdict::Refused { refusal, .. } => Err(refusal),
    })
}
