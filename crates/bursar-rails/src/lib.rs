//! What a request to a rail means, and what an answer of one says.
//!
//! Pure: bytes come in, operations and outcomes go out. Nothing here asks a node, holds a key or knows a limit. What is
//! understood here must be what the rail will understand (SECURITY.md, P5): whatever can be read in two ways is refused, and
//! so is whatever is not known. Never may a request be called a read because nobody knew what it was.

#[cfg(feature = "bitcoin")]
pub mod bitcoin;
#[cfg(feature = "bitgo")]
pub mod bitgo;
pub mod dialect;
#[cfg(feature = "evm")]
pub mod evm;
pub mod exchange;
pub mod forbidden;
#[cfg(feature = "http")]
pub mod http;
pub mod json;
pub mod jsonrpc;

pub use forbidden::{Forbidden, Why};

/// What a request means to the money behind a rail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation<S> {
    /// It moves nothing and shows no secret.
    Read,
    /// It moves money, or makes a signature that can: what a hold must cover.
    Spend(S),
    /// It is never carried out for a token.
    Forbidden(Forbidden),
}
