//! New secrets on their way from the form that made them to the one page that shows them.
//!
//! They wait in memory only, for whoever made them in the same session, and leave with the first look. A form that is sent
//! twice finds what it made the first time, so that nobody is left with a token whose text went to a page they never saw.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::id::TokenId;
use bursar_core::time::{Span, Timestamp};
use bursar_wire::token_text::TokenText;

/// The most that wait; of more the oldest are forgotten, and their tokens have to be rotated.
const MOST_WAITING: usize = 256;
/// How long they wait.
const PATIENCE: Span = Span::from_seconds(600);
/// How many forms are worked on at once; two with the same key never are.
const DESKS: usize = 64;

/// A secret that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The token.
    pub(crate) token: TokenId,
    /// Its text, until it was shown.
    pub(crate) text: Option<TokenText>,
    /// Until when its old secret goes on, if it came by a rotation.
    pub(crate) old_ends: Option<Timestamp>,
    /// What its maker should know.
    pub(crate) warnings: Vec<String>,
}

struct Waiting {
    session: TokenId,
    key: String,
    since: Timestamp,
    made: Made,
}

/// Secrets that wait to be shown.
pub(crate) struct Handover {
    waiting: Mutex<VecDeque<Waiting>>,
    desks: Vec<tokio::sync::Mutex<()>>,
}

impl Handover {
    pub(crate) fn new() -> Self {
        let desks = (0..DESKS).map(|_| tokio::sync::Mutex::new(())).collect();
        Self { waiting: Mutex::default(), desks }
    }

    /// To be held while a form with this key is worked on: the same form, sent again, waits for the first.
    pub(crate) async fn desk(&self, key: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let sum = key.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        match self.desks.get(sum.checked_rem(DESKS)?) {
            Some(desk) => Some(desk.lock().await),
            None => None,
        }
    }

    /// Takes a secret into keeping.
    pub(crate) fn put(&self, session: TokenId, key: &str, made: Made, now: Timestamp) {
        let mut waiting = self.lock();
        waiting.retain(|one| now.since(one.since) < PATIENCE);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { session, key: key.to_owned(), since: now, made });
    }

    /// The token for which a form made a secret before.
    pub(crate) fn made_by(&self, session: TokenId, key: &str) -> Option<TokenId> {
        let waiting = self.lock();
        waiting.iter().find(|one| one.session == session && one.key == key).map(|one| one.made.token)
    }

    /// The newest secret of a token, which is not there a second time.
    pub(crate) fn take(&self, session: TokenId, token: TokenId, now: Timestamp) -> Option<Made> {
        let mut waiting = self.lock();
        let is_it = |one: &Waiting| {
            one.session == session
                && one.made.token == token
                && one.made.text.is_some()
                && now.since(one.since) < PATIENCE
        };
        let found = waiting.iter_mut().rev().find(|one| is_it(one))?;
        let made = &mut found.made;
        // That the form made something is remembered; what, is not.
        Some(Made {
            token: made.token,
            text: made.text.take(),
            old_ends: made.old_ends,
            warnings: std::mem::take(&mut made.warnings),
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // A list is sound at every moment.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: TokenId = TokenId::from_bytes([1; 16]);
    const OTHER: TokenId = TokenId::from_bytes([2; 16]);
    const TOKEN: TokenId = TokenId::from_bytes([3; 16]);

    fn made() -> Made {
        let text = Some(TokenText::from_random([7; 28]));
        Made { token: TOKEN, text, old_ends: None, warnings: Vec::new() }
    }

    #[test]
    fn a_secret_is_shown_once_and_only_to_the_session_that_made_it() {
        let handover = Handover::new();
        let now = Timestamp::from_millis(1000);
        handover.put(SESSION, "key", made(), now);
        assert!(handover.take(OTHER, TOKEN, now).is_none());
        assert!(handover.take(SESSION, OTHER, now).is_none());
        assert!(handover.take(SESSION, TOKEN, now).is_some());
        assert!(handover.take(SESSION, TOKEN, now).is_none());
        assert_eq!(handover.made_by(SESSION, "key"), Some(TOKEN));
        assert_eq!(handover.made_by(OTHER, "key"), None);
    }

    #[test]
    fn what_nobody_looks_at_is_forgotten() {
        let handover = Handover::new();
        let now = Timestamp::from_millis(1000);
        handover.put(SESSION, "key", made(), now);
        assert!(handover.take(SESSION, TOKEN, now.plus(PATIENCE)).is_none());
        for number in 0..=MOST_WAITING {
            handover.put(OTHER, &number.to_string(), made(), now);
        }
        assert_eq!(handover.lock().len(), MOST_WAITING);
    }
}
