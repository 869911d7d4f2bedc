//! What clients are answered in BitGo's dialect: terms of the core in, JSON out, keys in BitGo's order (WC §1, §3, §4,
//! §7, §8, §11).
//!
//! Fields that BitGo leaves out are left out, not `null` or `false`: clients take `unlock`, `enterprise` and `needsOTP`
//! for set as soon as they exist. Amounts are numbers only while every client keeps them exact, and texts beyond.
//! A token's text is in no shape but that of its making. What BitGo does not have stands in fields of its own.

mod account;
mod object;
mod refusal;
mod session;
mod spend;
mod token;
mod unlock;
mod wallet;

pub use account::{keychain, settings, user};
pub use refusal::{Refused, refusal};
pub use session::{Login, login};
pub use spend::{built, sent, transfer};
pub use token::{Handed, TokenView, created_token, session, template};
pub use wallet::{WalletView, address, key, key_ids, wallet};

use object::Object;
use serde_json::Value;

/// A page of a list under its name, and from where the next one goes on.
pub fn list(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    Object::new()
        .with(name, entries)
        .with_some("nextBatchPrevId", next)
        .into()
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
