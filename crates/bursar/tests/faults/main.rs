//! The machine fails the store, for real: a disk that is full, a file system that takes nothing, a sync
//! that does not happen. What was acknowledged must survive it, what was not must not move money, and the
//! server must say what is wrong and go on by itself once it can.
//!
//! `cargo xtask test --only faults` runs these: they take `strace`, and namespaces to mount in.

mod client;
mod disk;
mod order;
mod server;
mod store;
mod strace;
mod unsynced;
