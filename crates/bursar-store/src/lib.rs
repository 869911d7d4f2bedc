//! The ports to a database: what Bursar asks of a store, and how secrets are sealed before they get there.
//!
//! A store keeps records and an audit chain; it decides nothing. All writing goes through one
//! [`Writer`], which the ledger's engine owns; everybody else reads. Two implementations, one contract
//! suite. Nothing here knows SQL, and no secret reaches a store unsealed.

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod ports;
pub mod seal;

pub use error::StoreError;
pub use ports::{
    Batch, Compared, CountedOrganisation, Page, Position, Reader, Store, TokenBySecret, WalletOfUser, Writer,
};
