//! What can go wrong with a store.

use std::fmt;

/// A store could not do what it was asked. Always a fault of ours or of the machine, never of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// The database did not answer as it should: disk full, read-only, gone.
    Unavailable(String),
    /// The batch breaks a rule of the schema, such as a name that is taken; nothing of it was written.
    Violated(String),
    /// A stored row does not make a record: table and what is wrong.
    Inconsistent {
        /// Where.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The data directory or database belongs to another process.
    InUse,
    /// The store was written by a newer program.
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(problem) => write!(f, "the store is unavailable: {problem}"),
            Self::Violated(problem) => write!(f, "the store refuses the change: {problem}"),
            Self::Inconsistent { table, problem } => {
                write!(f, "table `{table}` holds a row that is no record: {problem}")
            }
            Self::InUse => f.write_str("the data directory is in use by another process"),
            Self::Newer { found, known } => {
                write!(f, "the store has schema {found}, this program knows {known}; use the program that wrote it")
            }
        }
    }
}

impl std::error::Error for StoreError {}
