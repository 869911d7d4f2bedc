//! Changes of a token's state: unlock, lock, revoke, extend.

use crate::id::TokenId;
use crate::ledger::state::{NotLoaded, Record, State};
use crate::ledger::{Decided, Outcome, Trace, Unlocking};
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};
use crate::token::{Lock, LockedBy, Token, Unlock};

/// The lock once there is this reason for it, too.
pub(super) fn graver(locked: Option<Lock>, by: LockedBy, now: Timestamp) -> Lock {
    locked.map_or(Lock { since: now, by }, |lock| Lock { by: lock.by.max(by), ..lock })
}

pub(super) fn unlock(
    state: &mut State,
    id: TokenId,
    duration: Span,
    how: Unlocking,
    now: Timestamp,
) -> Result<Decided, NotLoaded> {
    let Unlocking { resume, drop_limits, agrees } = how;
    let mut token = match living(state, id, now)? {
        Ok(token) => token,
        Err(refusal) => return Ok((Outcome::Refused(refusal), None)),
    };
    if let Some(lock) = token.stopped_at(now).filter(|_| !agrees) {
        return Ok((Outcome::Refused(Refusal::Locked(lock)), None));
    }
    let until = now.plus(duration).min(token.expires);
    if let Some(running) = token.unlocked_at(now).filter(|running| running.until > until) {
        if resume && token.locked.take().is_some() {
            let (_, trace) = changed(state, token, "token.resume", Vec::new());
            return Ok((Outcome::UnlockedLonger { until: running.until }, trace));
        }
        return Ok((Outcome::UnlockedLonger { until: running.until }, None));
    }
    if resume {
        token.locked = None;
    }
    // Its lock alone is lifted: its limits hold as before.
    if resume && duration == Span::ZERO {
        return Ok(changed(state, token, "token.resume", Vec::new()));
    }
    token.unlock = Some(Unlock { since: now, until });
    token.limits_dropped |= drop_limits;
    let data = vec![
        ("until", until.to_string()),
        ("resume", resume.to_string()),
        ("limits_dropped", token.limits_dropped.to_string()),
    ];
    Ok(changed(state, token, "token.unlock", data))
}

pub(super) fn lock(state: &mut State, id: TokenId, by: LockedBy, now: Timestamp) -> Result<Decided, NotLoaded> {
    let mut token = match living(state, id, now)? {
        Ok(token) => token,
        Err(refusal) => return Ok((Outcome::Refused(refusal), None)),
    };
    // Locking twice is locking once; a check that finds the same again says nothing new.
    if token.locked.is_some_and(|lock| lock.by >= by) && token.unlocked_at(now).is_none() {
        return Ok((Outcome::Token(Box::new(token)), None));
    }
    token.unlock = None;
    token.locked = Some(graver(token.locked, by, now));
    let mut data: Vec<_> = by.reason().map(|reason| ("reason", reason.to_owned())).into_iter().collect();
    if by == LockedBy::Rail {
        data.push(("alarm", "moved_above_hold".to_owned()));
    }
    Ok(changed(state, token, "token.lock", data))
}

pub(super) fn revoke(state: &mut State, id: TokenId, now: Timestamp) -> Result<Decided, NotLoaded> {
    let Some(token) = state.token(&id)?.cloned() else {
        return Ok((Outcome::Refused(Refusal::TokenUnknown), None));
    };
    // Revoking twice is revoking once; what ended by itself keeps its end.
    if token.revoked.is_some() {
        return Ok((Outcome::Token(Box::new(token)), None));
    }
    let expires = token.expires.min(now);
    Ok(changed(state, Token { revoked: Some(now), unlock: None, expires, ..token }, "token.revoke", Vec::new()))
}

pub(super) fn extend(state: &mut State, id: TokenId, until: Timestamp, now: Timestamp) -> Result<Decided, NotLoaded> {
    let token = match living(state, id, now)? {
        Ok(token) => token,
        Err(refusal) => return Ok((Outcome::Refused(refusal), None)),
    };
    let unlock = token.unlock.map(|unlock| Unlock { until: unlock.until.min(until), ..unlock });
    let data = vec![("expires", until.to_string())];
    Ok(changed(state, Token { expires: until, unlock, ..token }, "token.extend", data))
}

fn living(state: &State, id: TokenId, now: Timestamp) -> Result<Result<Token, Refusal>, NotLoaded> {
    Ok(match state.token(&id)?.cloned() {
        None => Err(Refusal::TokenUnknown),
        Some(Token { revoked: Some(at), .. }) => Err(Refusal::TokenRevoked { at }),
        Some(token) if now >= token.expires => Err(Refusal::TokenExpired { at: token.expires }),
        Some(token) => Ok(token),
    })
}

fn changed(state: &mut State, token: Token, action: &'static str, data: Vec<(&'static str, String)>) -> Decided {
    state.put(Record::Token(token.id, token.clone()));
    let subject = format!("token:{}", token.id);
    (Outcome::Token(Box::new(token)), Some(Trace { action, subject, data }))
}
