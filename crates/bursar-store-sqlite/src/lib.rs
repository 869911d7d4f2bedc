//! The embedded store: one SQLite file in a data directory that one process owns.
//!
//! One writer, whose commits are on the disk when they return (write-ahead log, `synchronous=FULL`), and
//! any number of readers, each with its own connection. Nothing is decided here: a record goes in and
//! comes out unchanged, or the store says which table holds a row that is no record. Never must the
//! writer's thread do the checkpointing, and never a half-written batch be seen.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod chain;
mod checkpoint;
mod conservation;
mod copy;
mod migrations;
mod open;
mod page;
mod reader;
mod rows;
mod sql;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::SqliteChain;
pub use copy::copy;
pub use open::SqliteStore;
