//! Wallets, their keys and addresses (WC §8).

use bitcoin::NetworkKind;
use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::secp256k1::PublicKey;
use bursar_core::account::{Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::id::{UserId, WalletId};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::object::{Object, number, texts};

/// How many keys a wallet shows: those of user, backup and server, where BitGo has them.
const KEYS: u8 = 3;

/// A wallet as one user sees it.
#[derive(Clone, Copy, Debug)]
pub struct WalletView<'a> {
    /// The wallet.
    pub wallet: &'a Wallet,
    /// Who looks.
    pub user: UserId,
    /// What they may do with it.
    pub role: WalletRole,
    /// What it holds.
    pub balance: Amount,
    /// Where it can be paid.
    pub address: Option<&'a str>,
    /// Whether it holds play money.
    pub is_sandbox: bool,
}

/// A wallet.
pub fn wallet(view: &WalletView<'_>) -> Value {
    let wallet = view.wallet;
    let permissions = permissions(view.role);
    let owner = Object::new()
        .with("user", view.user.to_string())
        .with("permissions", permissions.clone());
    let balance = view.balance.to_string();
    Object::new()
        .with("id", wallet.id.to_string())
        .with("users", vec![Value::from(owner)])
        .with("coin", wallet.coin.as_str())
        .with("label", wallet.label.as_str())
        .with("m", 2)
        .with("n", KEYS)
        .with("keys", key_ids(wallet.id).to_vec())
        .with("multisigType", "onchain")
        .with("type", "hot")
        .with("enterprise", wallet.organisation.to_string())
        .with("permissions", permissions)
        .with("balance", number(view.balance))
        .with("balanceString", balance.as_str())
        .with("confirmedBalance", number(view.balance))
        .with("confirmedBalanceString", balance.as_str())
        .with("spendableBalance", number(view.balance))
        .with("spendableBalanceString", balance)
        .with_some("receiveAddress", view.address.map(|text| Object::new().with("address", text)))
        .with_some("freeze", wallet.freeze.as_ref().map(|freeze| {
            Object::new()
                .with("time", freeze.since.to_string())
                .with_some("expires", freeze.until.map(|until| until.to_string()))
        }))
        .with("created", wallet.created.to_string())
        .with_some("isSandbox", view.is_sandbox.then_some(true))
        .into()
}

/// The ids of a wallet's keys, always the same for the same wallet.
pub fn key_ids(wallet: WalletId) -> [String; KEYS as usize] {
    std::array::from_fn(|index| {
        let digest = Sha256::new()
            .chain_update(b"bursar wallet key")
            .chain_update(wallet.as_bytes())
            .chain_update(index.to_be_bytes())
            .finalize();
        base16ct::lower::encode_string(digest.get(..16).unwrap_or_default())
    })
}

/// A key of a sandbox wallet. Nobody has its private half: it is there to be looked at.
pub fn key(id: &str) -> Value {
    Object::new()
        .with("id", id)
        .with_some("pub", placeholder(id).map(|xpub| xpub.to_string()))
        .with("isSandbox", true)
        .into()
}

/// An address of a wallet.
pub fn address(wallet: &Wallet, address: &str, label: Option<&str>) -> Value {
    Object::new()
        .with("address", address)
        .with("coin", wallet.coin.as_str())
        .with("wallet", wallet.id.to_string())
        .with_some("label", label)
        .into()
}

fn permissions(role: WalletRole) -> Value {
    let held = [(role.view, "view"), (role.spend, "spend"), (role.admin, "admin")];
    texts(held.into_iter().filter_map(|(has, name)| has.then_some(name)))
}

/// An extended public key from a hash: a key derived from a private one would be spendable by whoever reads this.
fn placeholder(id: &str) -> Option<Xpub> {
    let hash = |purpose: &[u8], attempt: u8| -> [u8; 32] {
        Sha256::new()
            .chain_update(purpose)
            .chain_update(id)
            .chain_update([attempt])
            .finalize()
            .into()
    };
    // Half of all texts of this length are a point.
    let public_key = (0..=u8::MAX).find_map(|attempt| {
        let mut point = [2; 33];
        point.get_mut(1..)?.copy_from_slice(&hash(b"bursar placeholder key", attempt));
        PublicKey::from_slice(&point).ok()
    })?;
    Some(Xpub {
        network: NetworkKind::Main,
        depth: 0,
        parent_fingerprint: Fingerprint::default(),
        child_number: ChildNumber::Normal { index: 0 },
        public_key,
        chain_code: ChainCode::from(hash(b"bursar placeholder chain code", 0)),
    })
}
