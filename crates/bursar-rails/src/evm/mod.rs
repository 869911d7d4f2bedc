//! Calls to a node of Ethereum and its like: what a call means, what a transaction does, what a receipt says.
//!
//! The encodings are those of the `alloy` libraries; what is decoded is encoded again and must come out as it went in,
//! so that no byte means something to a node that nobody here has seen. Keys never come near: the builder gives a hash
//! to sign, and takes a signature, or what a node with the key made of the transaction. Which wallets there are is asked
//! through [`Own`].

pub mod address;
pub mod build;
pub mod by_node;
mod calldata;
pub mod chain;
pub mod classify;
pub mod fees;
pub mod message;
pub mod methods;
pub mod payment;
pub mod quantity;
pub mod raw;
pub mod receipt;
pub mod request;
pub mod rule;
pub mod subscription;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use alloy_primitives::{Address, B256, Bytes, U256};
pub use build::Unsigned;
pub use by_node::{Altered, Seen};
pub use chain::Chain;
pub use classify::{Transport, classify, classify_calls};
pub use fees::{FeeCeilings, Price};
pub use message::Message;
pub use payment::{Form, Kind, Payment, Signed};
pub use receipt::Receipt;
pub use rule::ContractRule;

/// Says whether an address is a wallet that spends through here.
pub type Own<'a> = &'a dyn Fn(&Address) -> bool;
