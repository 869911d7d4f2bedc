//! The core of Bursar: what a token may do, and what is left of its limits.
//!
//! Pure: no IO, no clock, no randomness, no async, no panics. Facts, a command and the time come in;
//! a verdict with its explanation comes out. [`authorize::authorize`] says whether a token may do
//! something at all, [`ledger::apply`] decides what changes state, first of all whether money may move.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

pub mod account;
pub mod ambient;
pub mod amount;
pub mod audit;
pub mod authorize;
pub mod breaker;
pub mod coin;
pub mod decimals;
pub mod destination;
pub mod hold;
pub mod id;
pub mod ip;
pub mod ledger;
pub mod limit;
pub mod refusal;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;

#[cfg(test)]
mod fixtures;
