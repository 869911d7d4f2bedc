//! The ledger put into worlds in which everything goes wrong: tests only, nothing of it is shipped.
//!
//! [`simulation`] drives the real engine, one step after the other and all chance from a seed, over a disk
//! that crashes and a rail that loses answers. [`exhaustive`] drives the real transition through every
//! order in which few clients, few crashes and few lost answers can happen. What is checked is said from
//! outside: by what is durable, what was answered, and what the rail's own book says. The machinery never
//! reads a clock and never draws from ambient chance, so that a failure happens again.

mod clock;
pub mod exhaustive;
mod judge;
mod naive;
mod people;
mod promises;
mod rail;
mod script;
mod server;
pub mod simulation;
mod store;
mod town;
mod wishes;
mod world;

/// A promise that somebody breaks on purpose, so that the tests can show that it would be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breakage {
    /// The disk says that a transaction is written, and syncs it later.
    AnswersBeforeSync,
    /// A crash may leave a part of a transaction behind.
    TransactionsTear,
    /// A crash takes the last durable transaction with it.
    DurableIsLost,
    /// A new limit is told of nothing that was captured before it.
    PastIsLost,
    /// A budget is read as it was one transaction ago.
    ReadsAreStale,
    /// A spend whose answer is overdue is released.
    ReleasesOnTimeout,
    /// The rail is called while the hold is being written.
    ForwardsBeforeHold,
}
