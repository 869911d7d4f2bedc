//! Wallets that one may read.

use bursar_core::id::WalletId;
use bursar_core::time::Timestamp;
use bursar_service::wallets::WalletView;
use bursar_wire::header::OTP;
use bursar_wire::requests::CreateWallet;
use bursar_wire::shapes;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rail;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<WalletId>(50, 200)?;
    let (views, next) = call.bursar.wallets(call.principal()?, None, page).await?;
    let list: Vec<Value> = views.iter().map(|view| shown(view, call.bursar.now())).collect();
    Reply::ok(json!({"wallets": list, "next": next.map(|next| next.to_string())}))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let view = call.bursar.wallet(call.principal()?, None, call.wallet()?).await?;
    Reply::ok(shown(&view, call.bursar.now()))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let made = call.bursar.make_wallet(call.principal()?, &CreateWallet::read(&call.json()?)?).await?;
    Reply::created(shown(&made, call.bursar.now()))
}

pub(crate) async fn remove(call: Call) -> Result<Reply, Failure> {
    call.bursar.remove_wallet_as(call.principal()?, call.wallet()?, call.header(OTP)).await?;
    Reply::ok(json!({}))
}

fn shown(view: &WalletView, now: Timestamp) -> Value {
    let wallet = &view.wallet;
    json!({
        "id": wallet.id.to_string(),
        "coin": wallet.coin.as_str(),
        "label": wallet.label,
        "organisation": wallet.organisation.to_string(),
        "rail": wallet.rail,
        "reference": wallet.reference,
        "railPath": rail::path(view),
        "isSandbox": view.is_sandbox,
        "role": {"view": view.role.view, "spend": view.role.spend, "admin": view.role.admin},
        "balance": view.balance.map(|balance| balance.confirmed.to_string()),
        "address": view.address,
        "unexplainedOutflow": view.outflow.as_ref().map(|seen| shapes::outflow(seen.at, &seen.reference)),
        "frozen": shapes::freeze(wallet.freeze.as_ref(), now),
        "created": wallet.created.to_string(),
    })
}
