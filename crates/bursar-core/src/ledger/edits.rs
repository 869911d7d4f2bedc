//! Changing the rules of a subject. Usage is never reset: an edited limit goes on counting, a new one
//! starts with what was spent before.

use std::collections::BTreeSet;

use crate::coin::Asset;
use crate::ledger::begin;
use crate::ledger::command::LimitEdit;
use crate::ledger::history::{HistoryKey, is_beyond_bounds};
use crate::ledger::paid::at_most;
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::ledger::{Decided, Outcome, Trace};
use crate::limit::{Allowed, BudgetKey, Ceiling, Destinations, InvalidLimit, Limit, LimitSet, Subject};
use crate::time::Timestamp;
use crate::token::Token;

/// The subject's rules, and the budgets of groups of coins that may have to be counted anew.
pub(super) fn needs_to_edit(state: &State, edit: &LimitEdit) -> Vec<Key> {
    let mut keys = vec![Key::Limits(edit.subject)];
    match edit.subject {
        Subject::Token(token) => keys.push(Key::Token(token)),
        Subject::Wallet(wallet) => keys.push(Key::Wallet(wallet)),
        Subject::User(_) | Subject::Organisation(_) => {}
    }
    if let Ok(Some(before)) = state.limits(&edit.subject) {
        keys.extend(before.groups().into_iter().map(|asset| Key::Budget(group(edit.subject, asset))));
    }
    keys.push(Key::Paid(edit.subject));
    // What is not granted looks at no past: others would wait for it.
    let (Ok(None), Ok(before)) = (obstacle(state, edit), state.limits(&edit.subject)) else { return keys };
    if begins_to_count_payees(before, &edit.rules) {
        keys.push(Key::History(HistoryKey::of_payees(edit.subject)));
    }
    if let Some(past) = past_of_destinations(before, edit) {
        if let Ok(Some(history)) = state.history(&past) {
            keys.extend(history.destinations.iter().map(|(budget, _)| Key::Budget(budget.clone())));
        }
        keys.push(Key::History(past));
    }
    keys
}

/// What has to be known of the past, where a limit begins to look at what each destination gets, or to look at it over
/// another window. All of it at once, and now: a spend would have to look through all spends before it for each
/// destination that it pays.
fn past_of_destinations(before: Option<&LimitSet>, edit: &LimitEdit) -> Option<HistoryKey> {
    let counted = before.filter(|set| set.destinations.as_ref().is_some_and(Destinations::are_counted));
    let looked_at = |limit: &Limit| {
        let known = |known: &Limit| known.asset == limit.asset && known.window == limit.window;
        counted.is_some_and(|set| !limit.window.is_counted() || set.each().iter().any(known))
    };
    let each = edit.rules.each();
    (!each.iter().all(looked_at)).then(|| HistoryKey::of_destinations(edit.subject, each))
}

/// Whether the number of destinations is limited from now on, and was not.
fn begins_to_count_payees(before: Option<&LimitSet>, after: &LimitSet) -> bool {
    at_most(before).is_none() && at_most(Some(after)).is_some()
}

fn group(subject: Subject, asset: &Asset) -> BudgetKey {
    BudgetKey { subject, asset: asset.clone(), destination: None }
}

/// Why an edit is not granted, whatever was spent before.
fn obstacle(state: &State, edit: &LimitEdit) -> Result<Option<Outcome>, NotLoaded> {
    let key = Key::Limits(edit.subject);
    if state.version(&key)? != edit.seen {
        return Ok(Some(Outcome::Conflict(key)));
    }
    // Of a wallet that is gone, nothing stays.
    if let Subject::Wallet(wallet) = edit.subject
        && state.wallet(&wallet)?.is_none()
    {
        return Ok(Some(Outcome::Conflict(Key::Wallet(wallet))));
    }
    if let Err(problem) = edit.rules.check() {
        return Ok(Some(Outcome::Invalid(problem)));
    }
    let needs_step_up = !edit.stepped_up && loosens(state, edit)?;
    Ok(needs_step_up.then_some(Outcome::StepUpNeeded))
}

/// Whether an edit lets more through than the rules before it.
fn loosens(state: &State, edit: &LimitEdit) -> Result<bool, NotLoaded> {
    let nothing = LimitSet::default();
    let before = state.limits(&edit.subject)?.unwrap_or(&nothing);
    Ok(edit.rules.loosens(before, matches!(edit.subject, Subject::Token(_))))
}

pub(super) fn set_limits(state: &mut State, edit: &LimitEdit, now: Timestamp) -> Result<Decided, NotLoaded> {
    let key = Key::Limits(edit.subject);
    if let Some(obstacle) = obstacle(state, edit)? {
        return Ok((obstacle, None));
    }
    let before = state.limits(&edit.subject)?.cloned().unwrap_or_default();
    let loosens = loosens(state, edit)?;
    // What counts in a group is kept only while a limit speaks of it, and while the same coins belong to it.
    let mut gone = Vec::new();
    for asset in before.groups() {
        let stays = edit.rules.groups().contains(&asset) && edit.rules.groups_alike(&before, asset);
        let budget = group(edit.subject, asset);
        if !stays && state.budget(&budget)?.is_some() {
            gone.push(Key::Budget(budget));
        }
    }
    let paid = match state.paid(&edit.subject)? {
        _ if begins_to_count_payees(Some(&before), &edit.rules) => {
            let past = state.history(&HistoryKey::of_payees(edit.subject))?;
            let paid = past.map_or_else(Vec::new, |past| past.paid.clone());
            if is_beyond_bounds(paid.len(), 0) {
                return Ok((Outcome::Invalid(InvalidLimit::TooManyPaid), None));
            }
            Some(Record::Paid(edit.subject, paid))
        }
        // Nobody goes on counting, so what was counted would be wrong one day.
        Some(_) if at_most(Some(&edit.rules)).is_none() => {
            gone.push(Key::Paid(edit.subject));
            None
        }
        _ => None,
    };
    let mut begun = Vec::new();
    if let Some(past) = past_of_destinations(state.limits(&edit.subject)?, edit)
        && let Some(history) = state.history(&past)?
    {
        if is_beyond_bounds(0, history.destinations.len()) {
            return Ok((Outcome::Invalid(InvalidLimit::TooManyPaid), None));
        }
        for (key, past) in &history.destinations {
            let found = state.budget(key)?;
            let budget = begin::begun(&edit.rules, (key, found), Some(past), now);
            if found != Some(&budget) {
                begun.push(Record::Budget(key.clone(), budget));
            }
        }
    }
    gone.into_iter().for_each(|record| state.delete(record));
    paid.into_iter().chain(begun).for_each(|record| state.put(record));
    let mut rules = edit.rules.clone();
    let counted = before.destinations.as_ref().and_then(|old| old.counted_since);
    // Once counted, always counted: a limit that comes back finds what happened in between.
    if counted.is_some() && rules.destinations.is_none() {
        rules.destinations = Some(Destinations::default());
    }
    if let Some(destinations) = &mut rules.destinations {
        destinations.counted_since = match counted {
            None if !destinations.each.is_empty() => Some(now),
            counted => counted,
        };
    }
    // Limits that somebody sets with a second factor count, also where an unlock had dropped those of before.
    let revived = match edit.subject {
        Subject::Token(token) if edit.stepped_up => state.token(&token)?.filter(|token| token.limits_dropped).cloned(),
        _ => None,
    };
    // What changes nothing leaves no trace, however often it is asked for; but that there are no rules is said once.
    if edit.seen > 0 && rules == before && revived.is_none() {
        let version = state.version(&key)?;
        return Ok((Outcome::Limits { rules: Box::new(rules), version }, None));
    }
    let (was, is) = (counted_in_words(&before), counted_in_words(&rules));
    let mut data = vec![("loosens", loosens.to_string()), ("before", was), ("after", is)];
    data.extend(only_in("allowed", &rules, &before));
    data.extend(only_in("disallowed", &before, &rules));
    if let Some(token) = revived {
        data.push(("limits_dropped", "false".to_owned()));
        state.put(Record::Token(token.id, Token { limits_dropped: false, ..token }));
    }
    let id = edit.subject.id_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let subject = format!("{}:{id}", edit.subject.kind());
    state.put(Record::Limits(edit.subject, rules.clone()));
    let version = state.version(&key)?;
    let outcome = Outcome::Limits { rules: Box::new(rules), version };
    Ok((outcome, Some(Trace { action: "limits.set", subject, data })))
}

/// The destinations that one list has and the other has not: a long list is not written down anew with each of its edits.
fn only_in(name: &'static str, of: &LimitSet, other: &LimitSet) -> Option<(&'static str, String)> {
    let (of, other) = (allowed(of)?, allowed(other).unwrap_or_default());
    let known: BTreeSet<&str> = other.iter().map(|entry| entry.address.as_str()).collect();
    let only: Vec<&str> = of.iter().map(|entry| entry.address.as_str()).filter(|one| !known.contains(one)).collect();
    (!only.is_empty()).then(|| (name, only.join(", ")))
}

fn allowed(set: &LimitSet) -> Option<&[Allowed]> {
    set.destinations.as_ref()?.allowed.as_deref()
}

/// All rules of a subject in one line, as the audit log tells them.
pub fn rules_in_words(set: &LimitSet) -> String {
    in_words(set, |allowed| {
        let addresses: Vec<&str> = allowed.iter().map(|entry| entry.address.as_str()).collect();
        format!("[{}]", addresses.join(", "))
    })
}

/// The same with the number of destinations in place of each.
fn counted_in_words(set: &LimitSet) -> String {
    in_words(set, |allowed| match allowed.len() {
        1 => "1 destination".to_owned(),
        several => format!("{several} destinations"),
    })
}

fn in_words(set: &LimitSet, listed: impl Fn(&[Allowed]) -> String) -> String {
    let limits = |limits: &[Limit]| limits.iter().map(rule).collect::<Vec<_>>().join(", ");
    let mut text = limits(&set.limits);
    if let Some(destinations) = &set.destinations {
        if let Some(allowed) = &destinations.allowed {
            text.push_str(&format!("; only to {}", listed(allowed)));
        }
        if let Some(at_most) = destinations.at_most {
            text.push_str(&format!("; at most {at_most} destinations"));
        }
        if !destinations.each.is_empty() {
            text.push_str(&format!("; each destination {}", limits(&destinations.each)));
        }
    }
    text
}

fn rule(limit: &Limit) -> String {
    let ceiling = match limit.ceiling {
        Ceiling::At(amount) => amount.to_string(),
        Ceiling::Unlimited => "unlimited".to_owned(),
    };
    format!("{} {} {ceiling} over {}", limit.asset, limit.measure.as_str(), limit.window)
}
