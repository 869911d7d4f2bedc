//! The ledger's transition: every state change is a command, and this is where it is decided.
//!
//! `needs` says which records a command reads; the store loads them; `apply` decides on them and leaves
//! the changed records in the state. Deterministic, so that it may run again after a conflict and so
//! that a simulator can drive it. It checks everything before it changes anything.
//!
//! Invariants: whenever a hold is granted, captured + held ≤ ceiling for every limit it touches (I1);
//! a hold is settled at most once (I2); nothing here releases by the clock (I3); the sum of open holds
//! equals the held counters (I8).

mod begin;
pub mod charges;
mod command;
pub mod conservation;
mod decide;
mod document;
mod edits;
mod fees;
mod history;
mod holds;
mod paid;
mod retention;
mod settle;
mod standing;
mod state;
mod tokens;

#[cfg(test)]
mod tests;

pub use command::{Applied, Command, HoldRequest, LimitEdit, Outcome, Request, Settler, Trace, Unlocking, Write};
pub use document::{Credential, CredentialKind, Document, DocumentKey, DocumentKind};
pub use edits::rules_in_words;
pub use fees::FeeCeiling;
pub use history::{HistoryKey, Past, PastOf, total_of_coins};
pub use holds::dry_run;
pub use standing::{needs_for_standing, standing};
pub use state::{Change, Key, NotLoaded, Record, State, TokenSecret, Version, Versioned};

use crate::audit::Event;
use crate::limit::History;
use crate::time::Timestamp;

/// The records that `apply` will read for this command and that are not loaded yet.
///
/// Which records a command reads can depend on records it reads, so this is asked again after loading,
/// until the answer is empty; five rounds suffice for every command there is.
///
/// A [`Key::History`] is to be read from what is committed: if the state [is changed](State::is_changed),
/// the store must be told first. It is good for one command and then forgotten.
pub fn needs(state: &State, command: &Command) -> Vec<Key> {
    let mut keys = match command {
        Command::Write(write) => touched(write),
        Command::Hold(request) => holds::needs_to_hold(state, request),
        Command::Capture { hold, amount, fee, .. } => settle::needs_to_settle(state, *hold, Some((*amount, *fee))),
        Command::Release { hold, .. } => settle::needs_to_settle(state, *hold, None),
        Command::Expire { hold, .. } => vec![Key::Hold(*hold)],
        Command::SetLimits(edit) => edits::needs_to_edit(state, edit),
        Command::Forget { holds, .. } => retention::needs_to_forget(state, holds),
        Command::Unlock { token, .. }
        | Command::Lock { token, .. }
        | Command::Revoke { token }
        | Command::Extend { token, .. } => vec![Key::Token(*token)],
    };
    keys.retain(|key| !state.is_loaded(key));
    keys
}

/// Those of [`needs`] that commands about the same token and wallet, or about the same spend, are not likely to have
/// loaded before. Found at a fraction of the cost; [`apply`] says of a record that is left out after all.
pub fn needs_of_its_own(state: &State, command: &Command) -> Vec<Key> {
    match command {
        Command::Hold(request) if holds::is_one_of_many(state, request) => holds::needs_of_its_own(state, request),
        Command::Capture { hold, .. } | Command::Release { hold, .. } if state.hold(hold).is_ok() => Vec::new(),
        other => needs(state, other),
    }
}

/// Decides a command on loaded records at ledger time `now`, and changes them accordingly.
///
/// # Errors
/// A record was not loaded: `needs` and `apply` disagree. Nothing was changed.
pub fn apply(state: &mut State, request: &Request, now: Timestamp) -> Result<Applied, NotLoaded> {
    let (outcome, trace) = match &request.command {
        Command::Write(write) => write_records(state, write)?,
        Command::Hold(hold) => holds::hold(state, hold, now)?,
        Command::Capture { hold, amount, fee, reference, by } => {
            settle::capture(state, *hold, (*amount, *fee), reference, by, now)?
        }
        Command::Release { hold, reason, by } => settle::release(state, *hold, reason, by, now)?,
        Command::Expire { hold, overdue, reason } => settle::expire(state, *hold, *overdue, reason, now)?,
        Command::SetLimits(edit) => edits::set_limits(state, edit, now)?,
        Command::Forget { holds, kept } => retention::forget(state, holds, *kept, now)?,
        Command::Unlock { token, duration, how } => tokens::unlock(state, *token, *duration, *how, now)?,
        Command::Lock { token, by } => tokens::lock(state, *token, *by, now)?,
        Command::Revoke { token } => tokens::revoke(state, *token, now)?,
        Command::Extend { token, until } => tokens::extend(state, *token, *until, now)?,
    };
    state.forget_history();
    let event = trace.map(|trace| Event {
        time: now,
        actor: request.actor,
        action: trace.action.to_owned(),
        subject: trace.subject,
        data: trace.data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    });
    Ok(Applied { outcome, event })
}

/// An answer and the trace it leaves.
type Decided = (Outcome, Option<Trace>);

/// What is overwritten is read too: its version has to count on.
fn touched(write: &Write) -> Vec<Key> {
    let read = write.read.iter().map(|(key, _)| key.clone());
    read.chain(write.put.iter().map(Record::key)).chain(write.delete.iter().cloned()).collect()
}

fn write_records(state: &mut State, write: &Write) -> Result<Decided, NotLoaded> {
    for (key, version) in &write.read {
        let is_so = match key {
            // The past is no record and has no version; that there is none is that nothing was spent.
            Key::History(past) => *version == 0 && state.history(past)?.is_none_or(History::is_nothing),
            key => state.version(key)? == *version,
        };
        if !is_so {
            return Ok((Outcome::Conflict(key.clone()), None));
        }
    }
    for record in &write.put {
        state.put(record.clone());
    }
    for key in &write.delete {
        state.delete(key.clone());
    }
    Ok((Outcome::Written, write.trace.clone()))
}
