//! Wallets, their keys, addresses and transfers (WC §8).

use bitcoin::NetworkKind;
use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::secp256k1::{Parity, XOnlyPublicKey};
use bursar_core::account::{Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, HoldState, Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, WalletId};
use bursar_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::shapes::{figure, freeze};

#[cfg(test)]
mod tests;

/// How many keys a wallet is shown with: those of a multi-signature wallet of BitGo's.
const KEYS: u8 = 3;

/// What there is to show of a wallet.
#[derive(Clone, Copy, Debug)]
pub struct WalletView<'a> {
    /// The wallet.
    pub wallet: &'a Wallet,
    /// What the caller's user may do with it.
    pub role: WalletRole,
    /// What it holds; nothing while its rail does not say.
    pub balance: Option<Amount>,
    /// Where it can be paid.
    pub address: Option<&'a str>,
    /// Whether it holds play money.
    pub is_sandbox: bool,
    /// Where its rail is spoken to in its own way, as a path of the server's; nothing if it is not.
    pub rail_path: Option<&'a str>,
    /// Money that left it lately and that no spend explains: when it was seen, and what the rail calls it.
    pub outflow: Option<(Timestamp, &'a str)>,
    /// When it is looked at, which says whether a freeze holds.
    pub now: Timestamp,
}

/// A wallet. The SDK refuses by itself to spend where `permissions` lacks `spend`.
pub fn wallet(view: &WalletView<'_>) -> Value {
    let wallet = view.wallet;
    let roles = [(view.role.view, "view"), (view.role.spend, "spend"), (view.role.admin, "admin")];
    let permissions: Vec<&str> = roles.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
    let balance = view.balance.map(|balance| balance.to_string());
    let in_number = view.balance.map(figure);
    json!({
        "id": wallet.id.to_string(),
        "coin": wallet.coin.as_str(),
        "label": wallet.label,
        "enterprise": wallet.organisation.to_string(),
        "keys": (0..KEYS).map(|at| key_id(wallet.id, at)).collect::<Vec<_>>(),
        "multisigType": "onchain",
        "type": "hot",
        "m": 2,
        "n": KEYS,
        "permissions": permissions,
        "balance": in_number,
        "balanceString": balance,
        "confirmedBalance": in_number,
        "confirmedBalanceString": balance,
        "spendableBalance": in_number,
        "spendableBalanceString": balance,
        "receiveAddress": view.address.map(|address| json!({"address": address, "coin": wallet.coin.as_str()})),
        "isSandbox": view.is_sandbox,
        "rail": wallet.rail,
        "reference": wallet.reference,
        "railPath": view.rail_path,
        "unexplainedOutflow": view.outflow.map(|(at, reference)| outflow(at, reference)),
        "frozen": freeze(wallet.freeze.as_ref(), view.now),
    })
}

/// Money that left a wallet and that no spend explains.
pub fn outflow(at: Timestamp, reference: &str) -> Value {
    json!({"at": at.to_string(), "reference": reference})
}

/// A list of wallets, and where the next part begins.
pub fn wallets(list: Vec<Value>, next: Option<WalletId>) -> Value {
    let mut shown = json!({"wallets": Value::from(list)});
    if let Some(next) = next {
        shown["nextBatchPrevId"] = next.to_string().into();
    }
    shown
}

/// The id of one of the keys a wallet is shown with.
fn key_id(wallet: WalletId, at: u8) -> String {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(b"bursar wallet key")
        .chain_update(wallet.as_bytes())
        .chain_update([at])
        .finalize()
        .into();
    base16ct::lower::encode_string(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// One of the keys of a wallet, by its id. Rails hold their own keys, so what is shown is a point without a
/// known private half: it follows from the id, and nobody can sign for it.
pub fn key(wallets: &[Wallet], id: &str) -> Option<Value> {
    let wallet = wallets.iter().find(|wallet| (0..KEYS).any(|at| key_id(wallet.id, at) == id))?;
    let hash = |counter: u8| -> [u8; 32] { Sha256::new().chain_update(id).chain_update([counter]).finalize().into() };
    // About every other 32 bytes are the x coordinate of a point.
    let point = (0..=u8::MAX).find_map(|counter| XOnlyPublicKey::from_slice(&hash(counter)).ok())?;
    let public = Xpub {
        network: NetworkKind::Test,
        depth: 0,
        parent_fingerprint: Fingerprint::default(),
        child_number: ChildNumber::Normal { index: 0 },
        public_key: point.public_key(Parity::Even),
        chain_code: ChainCode::from(hash(0)),
    };
    Some(json!({"id": id, "pub": public.to_string(), "coin": wallet.coin.as_str(), "isSandbox": true}))
}

/// Addresses of a wallet.
pub fn addresses(coin: &Coin, wallet: WalletId, list: &[String]) -> Value {
    let one = |address: &String| json!({"address": address, "coin": coin.as_str(), "wallet": wallet.to_string()});
    json!({"coin": coin.as_str(), "count": list.len(), "addresses": list.iter().map(one).collect::<Vec<_>>()})
}

/// A spend as BitGo shows a transfer. `sent` is what it is called where it was sent, while it is not settled.
pub fn transfer(hold: &Hold, sent: Option<&str>) -> Value {
    let (state, txid) = match &hold.state {
        HoldState::Captured { reference, .. } => ("confirmed", Some(reference.as_str())),
        HoldState::Open => ("signed", sent),
        HoldState::Unresolved { .. } => ("unconfirmed", sent),
        HoldState::Released { .. } => ("failed", None),
    };
    let cost = hold.captured().unwrap_or_else(|| hold.cost.clone());
    let entry =
        |to: &Payee| json!({"address": to.address, "value": figure(to.amount), "valueString": to.amount.to_string()});
    let mut shown = json!({
        "id": hold.id.to_string(),
        "coin": cost.coin.as_str(),
        "wallet": hold.wallet.map(|wallet| wallet.to_string()),
        "enterprise": hold.organisation.to_string(),
        "type": "send",
        "txid": txid,
        "state": state,
        "date": hold.created.to_string(),
        "value": negative(cost.amount),
        "valueString": negative_text(cost.amount),
        "feeString": cost.fee.to_string(),
        "entries": hold.payees.iter().map(entry).collect::<Vec<_>>(),
    });
    if let Some(comment) = &hold.comment {
        shown["comment"] = comment.clone().into();
    }
    if let Some(key @ SpendKey::Sequence(..)) = &hold.key
        && let Some(name) = key.of_client()
    {
        shown["sequenceId"] = name.into();
    }
    shown
}

fn negative(amount: Amount) -> Value {
    match figure(amount) {
        Value::Number(number) => number.as_i64().map_or(Value::Null, |value| value.wrapping_neg().into()),
        _ => negative_text(amount).into(),
    }
}

/// Nothing has no sign.
fn negative_text(amount: Amount) -> String {
    if amount == Amount::ZERO { amount.to_string() } else { format!("-{amount}") }
}

/// A list of transfers, each with what it is called where it was sent, and where the next part begins.
pub fn transfers(coin: &Coin, list: &[(Hold, Option<String>)], next: Option<HoldId>) -> Value {
    let shown = list.iter().map(|(hold, sent)| transfer(hold, sent.as_deref()));
    let mut shown = json!({"coin": coin.as_str(), "transfers": shown.collect::<Vec<_>>()});
    if let Some(next) = next {
        shown["nextBatchPrevId"] = next.to_string().into();
    }
    shown
}

/// The answer to a spend that went through.
pub fn sent(hold: &Hold, reference: &str, transaction: &[u8]) -> Value {
    json!({
        "txid": reference,
        "tx": base16ct::lower::encode_string(transaction),
        "status": "signed",
        "transfer": transfer(hold, Some(reference)),
    })
}

/// The answer to a spend that waits for somebody's approval where it was sent.
pub fn awaiting(hold: &Hold, approval: &str) -> Value {
    let mut transfer = transfer(hold, None);
    transfer["state"] = "pendingApproval".into();
    json!({
        "status": "pendingApproval",
        "pendingApproval": {"id": approval, "coin": hold.cost.coin.as_str(), "state": "pending"},
        "transfer": transfer,
    })
}

/// A transaction that was built and not sent.
pub fn built(transaction: &[u8], fee: Amount, recipients: &[Recipient]) -> Value {
    let one = |to: &Recipient| json!({"address": to.address, "amount": to.amount.to_string()});
    json!({
        "txHex": base16ct::lower::encode_string(transaction),
        "txInfo": {"recipients": recipients.iter().map(one).collect::<Vec<_>>()},
        "feeInfo": {"fee": figure(fee), "feeString": fee.to_string()},
    })
}
