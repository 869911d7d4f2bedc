//! The core of Bursar: what a token may do, and what is left of its limits.
//!
//! Pure: no IO, no clock, no randomness, no async, no panics. Facts, a command and the time come in;
//! a verdict with its explanation comes out. [`authorize::authorize`] says whether a token may do
//! something at all, [`ledger::apply`] decides what changes state, first of all whether money may move.
//!
//! # Where to start
//!
//! Limits are read as people write them ([`limit::text`]), checked as a set, and told of where they are odd:
//!
//! ```
//! use bursar_core::decimals::Decimals;
//! use bursar_core::limit::LimitSet;
//! use bursar_core::limit::text::{describe, parse};
//! use bursar_core::limit::warnings::warnings_of_token;
//!
//! let written = ["hteth:usdc 100/day", "20 spends/hour"];
//! let limits: Vec<_> = written.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
//! assert_eq!(describe(&limits[0]), "hteth:usdc 100/day");
//!
//! let set = LimitSet::of(limits);
//! set.check()?;
//! // Nothing lets this token pay the fees of what it may spend. A server knows more decimals than these.
//! let (odd, decimals) = (warnings_of_token(&set), Decimals::default());
//! assert!(odd.iter().any(|warning| warning.sentence(&decimals).contains("hteth fees 0.01/day")));
//!
//! assert!(parse("tbtc 0.5/mnoth").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From there: [`token`] and [`scope`] say what a token is, [`limit`] how a limit counts, [`ledger`] what becomes of a
//! spend, [`refusal`] every way to say no. Whoever stores what [`ledger::apply`] returns, and nothing else, keeps its
//! promises; `bursar-ledger` does so.

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
pub mod text;
pub mod time;
pub mod token;

#[cfg(test)]
mod fixtures;
