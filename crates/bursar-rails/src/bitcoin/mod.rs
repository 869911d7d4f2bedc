//! Bitcoin: what a call to a node's wallet means, what a transaction does, and what the node's answers say.
//!
//! No client's sending is ever passed on. The node builds ([`build`], or [`assemble`] where it cannot), what it built is decoded ([`transaction`]) and
//! compared with what was asked for ([`payment`]); that is held, signed, compared again ([`signed`]) and broadcast.
//! What inputs are worth and which outputs are change ([`change`]) the wallet's own node says, never the request.

pub mod amount;
mod arguments;
pub mod assemble;
pub mod build;
pub mod change;
pub mod methods;
pub mod network;
pub mod outcome;
pub mod payment;
pub mod raise;
pub mod request;
pub mod signed;
pub mod transaction;

pub use request::{Spend, classify, classify_all};

#[cfg(test)]
mod fixtures;
