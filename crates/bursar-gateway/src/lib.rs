//! Carries operations out where money really moves: the rails behind [`bursar_service::rail::Rail`].
//!
//! [`mail`] carries mails out behind [`bursar_service::mail::Mailer`].
//!
//! Nothing here decides whether money may move. A rail sends what its permit says, once, and answers
//! afterwards what became of it; when it cannot know, it says so (SECURITY.md, P4).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(
    not(all(feature = "bitcoin", feature = "bitgo", feature = "evm", feature = "http")),
    allow(dead_code, unused_imports, reason = "some kinds of rails need less than others")
)]

#[cfg(feature = "bitcoin")]
pub mod bitcoin;
#[cfg(feature = "bitgo")]
pub mod bitgo;
#[cfg(feature = "evm")]
pub mod evm;
#[cfg(test)]
mod fixtures;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "evm")]
pub mod live;
pub mod mail;
pub mod node;
#[cfg(test)]
mod notes;
#[cfg(any(feature = "bitcoin", feature = "evm"))]
mod said;
pub mod sandbox;
pub mod tls;
pub mod upstream;
