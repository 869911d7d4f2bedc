//! What was moved out of the store: the event that tells of it, from which the rest of the chain is believed.

use std::fmt::Write as _;

use super::{Event, Hash, Head};

/// The action of the event.
pub const ARCHIVED: &str = "audit.archive";

/// A beginning of the chain that is kept in a file, and no longer in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archived {
    /// The first link in the file.
    pub first: u64,
    /// The last link in the file, from which the store's chain goes on.
    pub through: Head,
    /// The file's name.
    pub file: String,
    /// The SHA-256 of the file.
    pub digest: Hash,
}

impl Archived {
    /// The facts of its event.
    pub fn data(&self) -> Vec<(&'static str, String)> {
        vec![
            ("first", self.first.to_string()),
            ("last", self.through.number.to_string()),
            ("hash", hex(&self.through.hash)),
            ("file", self.file.clone()),
            ("sha256", hex(&self.digest)),
        ]
    }
}

/// Up to where an event says that the chain was archived; nothing if it tells of something else.
pub(super) fn archived_through(event: &Event) -> Option<(u64, &str)> {
    let fact = |name| event.data.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if event.action != ARCHIVED {
        return None;
    }
    Some((fact("last")?.parse().ok()?, fact("hash")?))
}

/// Whether what an event said of an end is so of this one.
pub(super) fn is_told(told: Option<&(u64, String)>, base: Head) -> bool {
    match told {
        Some((number, hash)) => *number == base.number && *hash == hex(&base.hash),
        None => base == Head::default(),
    }
}

fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
