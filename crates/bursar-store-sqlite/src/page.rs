//! Where a page begins, as a value that every key lies behind, so that one statement with one range
//! serves the first page and all others.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// Smaller than any id.
const BEFORE_ALL: &[u8] = &[];
/// Greater than any id: one byte longer.
const BEHIND_ALL: &[u8] = &[0xff; 17];

/// What ids are compared with: greater than this, or, newest first, less.
pub(crate) fn id_bound(after: Option<&[u8; 16]>, newest_first: bool) -> &[u8] {
    let start = if newest_first { BEHIND_ALL } else { BEFORE_ALL };
    after.map_or(start, |id| id)
}

/// What names are compared with.
pub(crate) enum NameBound {
    /// At least this name: for the first page the empty one, else the successor of the last.
    From(String),
    /// Below this name; for the first page below anything, since SQLite sorts blobs behind texts.
    Below(Option<String>),
}

impl NameBound {
    /// The bound of a page of names.
    pub(crate) fn new(after: Option<&str>, newest_first: bool) -> Self {
        if newest_first {
            Self::Below(after.map(str::to_owned))
        } else {
            Self::From(after.map_or_else(String::new, |name| format!("{name}\0")))
        }
    }
}

impl ToSql for NameBound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::From(name) | Self::Below(Some(name)) => ValueRef::Text(name.as_bytes()),
            Self::Below(None) => ValueRef::Blob(&[]),
        }))
    }
}

/// The number of entries as SQLite counts.
pub(crate) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
