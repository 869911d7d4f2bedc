//! The audit chain: events in a canonical form, and links that chain them so that none can be
//! rewritten, dropped or inserted unnoticed.
//!
//! A *field* is a text as UTF-8 behind its length in bytes; every number is big-endian. A hash is SHA-256.
//!
//! | form | bytes |
//! | --- | --- |
//! | field | length (4), text |
//! | event | fields: time in milliseconds as decimal text, actor, action, subject, then key and value of each datum |
//! | link | tag `bursar audit link 1`, number (8), hash of the link before (32), number of events (4), their hashes (32 each) |
//! | checkpoint | tag `bursar audit checkpoint 1`, field: the chain's name, number (8), hash (32), time in milliseconds (8) |
//!
//! The lengths make the forms unambiguous: no two events, and no event and link, have the same bytes. The
//! first link has number 1 and follows a hash of zeroes; a link covers the events of one batch. `docs/audit.md` says it for those who write a verifier of their own.
//!
//! A chain belongs to one writer and has a name. The name is not in the links, which differ from those of
//! any other chain by what they cover, but in exports and checkpoints. Never does a secret enter an event.

mod archive;
mod checkpoint;
mod event;
mod reasons;
mod rules;
mod told;
mod verify;

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

pub use archive::{ARCHIVED, Archived};
pub use checkpoint::Checkpoint;
pub use event::{Actor, Event, InvalidActor};
pub use reasons::in_units as reason_in_units;
pub use verify::{Broken, Fault, Verified, Verifier};

/// The hash of an event or of a link.
pub type Hash = [u8; 32];

/// The name of the one chain of a store with one writer.
pub const MAIN_CHAIN: &str = "main";

const LINK_TAG: &[u8] = b"bursar audit link 1";

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
