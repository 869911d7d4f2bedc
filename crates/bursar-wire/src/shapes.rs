//! Answers of the dialect (WC §1.3, §1.4, §3.1, §4.1, §8, §11), and of the native interface where it has shapes of
//! its own. Figures of the dialect are JSON numbers only while every
//! reader keeps them exactly, and decimal text beyond (WC §4.3 rule 1).

#![expect(clippy::indexing_slicing, reason = "naming a field of a JSON object made here adds it and cannot panic")]

mod account;
mod factors;
#[cfg(test)]
mod fixtures;
mod limits;
mod people;
mod refusal;
mod session;
mod spend;
mod template;
mod trail;
mod wallet;

pub use account::{device, login, user};
pub use factors::{added_factor, factor, recovery_code_texts, sign_in};
pub use limits::{apart, limit, limit_report, limit_rules, limit_standing, others_limit};
pub use people::{
    freeze, freeze_without_reason, invitation, invitation_offer, member, native_session, organisation, profile,
    wallet_member,
};
pub use refusal::{refusal, refusal_to};
pub use session::{SessionView, access_tokens, created_token, session};
pub use spend::{looked_up, native_spend, native_spends, reconciled};
pub use template::{template, templates};
pub use trail::trail_event;
pub use wallet::{WalletView, addresses, awaiting, built, key, outflow, sent, transfer, transfers, wallet, wallets};

use bursar_core::amount::Amount;
use bursar_core::text::LARGEST_EXACT;
use serde_json::Value;

/// The amount as a number where that is exact, as text where it is not.
fn figure(amount: Amount) -> Value {
    match amount.as_u64() {
        Some(small) if small <= LARGEST_EXACT => small.into(),
        _ => amount.to_string().into(),
    }
}
