//! Pages about wallets.

pub(super) mod freeze;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod page;
pub(super) mod remove;

use bursar_core::account::{Wallet, WalletRole};
use bursar_core::id::WalletId;

/// What a wallet is called.
pub(super) fn name(wallet: &Wallet) -> String {
    match wallet.label.trim() {
        "" => "Wallet without a name".to_owned(),
        label => label.to_owned(),
    }
}

/// The page of a wallet.
pub(crate) fn path(id: WalletId) -> String {
    format!("/wallets/{id}")
}

/// What somebody may do with a wallet.
fn role(role: WalletRole) -> &'static str {
    if role.admin {
        "You administer it"
    } else if role.spend {
        "You may spend from it"
    } else {
        "You may look at it"
    }
}
