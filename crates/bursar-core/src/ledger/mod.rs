//! The ledger's transition: every state change is a command, and this is where it is decided.
//!
//! `needs` says which records a command reads; the store loads them; `apply` decides on them and leaves
//! the changed records in the state. Deterministic, so that it may run again after a conflict and so
//! that a simulator can drive it. It checks everything before it changes anything.
//!
//! Invariants: whenever a hold is granted, captured + held ≤ ceiling for every limit it touches (I1);
//! a hold is settled at most once (I2); nothing here releases by the clock (I3); the sum of open holds
//! equals the held counters (I8).

mod command;
mod document;
mod holds;
mod state;
mod tokens;

#[cfg(test)]
mod tests;

pub use command::{Applied, Command, HoldRequest, Outcome, Request, Trace, Write};
pub use document::{Credential, CredentialKind, Document, DocumentKey, DocumentKind};
pub use state::{Change, Key, NotLoaded, Record, State, TokenSecret, Version, Versioned};

use crate::audit::Event;
use crate::time::Timestamp;

/// The records that `apply` will read for this command and that are not loaded yet.
///
/// Which records a command reads can depend on records it reads, so this is asked again after loading,
/// until the answer is empty; three rounds suffice for every command there is.
pub fn needs(state: &State, command: &Command) -> Vec<Key> {
    let mut keys = match command {
        Command::Write(write) => touched(write),
        Command::Hold(request) => holds::needs_to_hold(state, request),
        Command::Capture { hold, .. } | Command::Release { hold, .. } | Command::MarkUnresolved { hold } => {
            holds::needs_to_settle(state, *hold)
        }
        Command::Unlock { token, .. }
        | Command::Lock { token }
        | Command::Revoke { token }
        | Command::Extend { token, .. } => vec![Key::Token(*token)],
    };
    keys.retain(|key| !state.is_loaded(key));
    keys
}

/// Decides a command on loaded records at ledger time `now`, and changes them accordingly.
///
/// # Errors
/// A record was not loaded: `needs` and `apply` disagree. Nothing was changed.
pub fn apply(state: &mut State, request: &Request, now: Timestamp) -> Result<Applied, NotLoaded> {
    let (outcome, trace) = match &request.command {
        Command::Write(write) => write_records(state, write)?,
        Command::Hold(hold) => holds::hold(state, hold, now)?,
        Command::Capture { hold, amount, reference } => holds::capture(state, *hold, *amount, reference, now)?,
        Command::Release { hold, reason } => holds::release(state, *hold, reason, now)?,
        Command::MarkUnresolved { hold } => holds::mark_unresolved(state, *hold, now)?,
        Command::Unlock { token, until, resume, drop_limits } => {
            tokens::unlock(state, *token, *until, *resume, *drop_limits, now)?
        }
        Command::Lock { token } => tokens::lock(state, *token, now)?,
        Command::Revoke { token } => tokens::revoke(state, *token, now)?,
        Command::Extend { token, until } => tokens::extend(state, *token, *until, now)?,
    };
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
        if state.version(key)? != *version {
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
