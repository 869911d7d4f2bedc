//! The BitGo dialect: the cryptographic and textual half of what an unmodified BitGo client speaks.
//!
//! Wire names and wire formats live here and nowhere else; other crates see [`token_text::TokenText`],
//! [`signature::SigningKey`] or [`error::ErrorBody`], never a header value or a subject string.
//!
//! Pure: bytes, times and random bytes come in as arguments, texts and verdicts go out. No IO, no clock, no
//! randomness, no async, no panics. Nothing here prints a secret: tokens, their hashes, verifiers and parsed bodies
//! have a `Debug` that shows only that there is one.
//!
//! `WC §n` here and in other crates is section n of the wire contract, `docs/dialect.md`.
//!
//! To add a format: a module of its own, its facts written down there and cited, and vectors computed by the published
//! client in `tests/wire-vectors.json`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod bearer;
mod constant_time;
pub mod ecdh;
pub mod envelope;
pub mod error;
pub mod extend;
pub mod header;
pub mod json;
pub mod password;
pub mod requests;
pub mod shapes;
pub mod signature;
pub mod token_text;
