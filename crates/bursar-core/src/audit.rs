//! The audit chain: events in a canonical form, and links that chain them so that none can be
//! rewritten, dropped or inserted unnoticed.
//!
//! Canonical form of an event: each of time, actor, address, action, subject and then every key and value
//! of its data, as UTF-8 behind its length in four big-endian bytes. An event's hash is the SHA-256 of
//! that. A link covers the events of one batch: SHA-256 over a fixed tag, the link's number, the previous
//! link's hash, the number of events and their hashes. Never does a secret enter an event.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::{TokenId, UserId};
use crate::time::Timestamp;

/// The hash of an event or of a link.
pub type Hash = [u8; 32];

const LINK_TAG: &[u8] = b"bursar audit link 1";

/// Who did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Bursar itself: a reconciler, a timer.
    System,
    /// The operator of the machine, through the command line.
    Operator,
    /// Somebody without a token: a login.
    Anonymous,
    /// A user through one of their tokens.
    Token {
        /// The user.
        user: UserId,
        /// The token.
        token: TokenId,
    },
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Ledger time.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What they did: `token.issue`, `spend.hold`, ...
    pub action: String,
    /// What it was done to, its kind first: `token:<id>`.
    pub subject: String,
    /// Figures and facts, in the order given.
    pub data: Vec<(String, String)>,
}

/// One link of the chain: what a batch wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Counts up from 1 without gaps.
    pub number: u64,
    /// The hash of the link before; zeroes for the first.
    pub previous: Hash,
    /// How many events it covers.
    pub events: u32,
    /// This link's hash.
    pub hash: Hash,
}

/// The end of the chain, from which the next link follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The last link's number; 0 before the first.
    pub number: u64,
    /// The last link's hash; zeroes before the first.
    pub hash: Hash,
}

impl Event {
    /// The hash of the event's canonical form.
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        let mut field = |text: &str| {
            // Longer texts cannot occur: labels and reasons are bounded where they are read.
            hasher.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        };
        field(&self.time.as_millis().to_string());
        field(&self.actor.to_string());
        field(&self.action);
        field(&self.subject);
        for (key, value) in &self.data {
            field(key);
            field(value);
        }
        hasher.finalize().into()
    }
}

impl Head {
    /// The link that covers `events` and follows this head.
    pub fn next(&self, events: &[Event]) -> Link {
        self.next_of(events.iter().map(Event::hash))
    }

    /// The link that covers events with these hashes and follows this head.
    pub fn next_of(&self, hashes: impl ExactSizeIterator<Item = Hash>) -> Link {
        let number = self.number.saturating_add(1);
        let events = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
        let mut hasher = Sha256::new();
        hasher.update(LINK_TAG);
        hasher.update(number.to_be_bytes());
        hasher.update(self.hash);
        hasher.update(events.to_be_bytes());
        hashes.for_each(|hash| hasher.update(hash));
        Link { number, previous: self.hash, events, hash: hasher.finalize().into() }
    }
}

impl Link {
    /// The head this link is.
    pub const fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token { user, token } => write!(f, "user:{user} token:{token}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> Event {
        Event {
            time: Timestamp::from_millis(1_790_000_000_000),
            actor: Actor::Operator,
            action: action.to_owned(),
            subject: "token:1".to_owned(),
            data: vec![("label".to_owned(), "bot".to_owned())],
        }
    }

    #[test]
    fn changing_dropping_or_reordering_an_event_changes_the_link() {
        let link = |events: &[Event]| Head::default().next(events).hash;
        let all = link(&[event("a"), event("b")]);
        assert_ne!(all, link(&[event("a"), event("c")]));
        assert_ne!(all, link(&[event("a")]));
        assert_ne!(all, link(&[event("b"), event("a")]));
    }

    #[test]
    fn a_link_depends_on_every_link_before_it() {
        let first = Head::default().next(&[event("a")]);
        let other = Head::default().next(&[event("b")]);
        assert_ne!(first.head().next(&[event("c")]).hash, other.head().next(&[event("c")]).hash);
        assert_eq!(first.head().next(&[event("c")]).number, 2);
    }

    #[test]
    fn moving_text_between_fields_changes_the_hash() {
        let mut shifted = event("a");
        shifted.data = vec![("labelb".to_owned(), "ot".to_owned())];
        assert_ne!(shifted.hash(), event("a").hash());
    }
}
