//! Wallets, keys, addresses, transfers (WC §8).

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::{HoldId, WalletId};
use bursar_core::time::Timestamp;
use bursar_service::Page;
use bursar_service::wallets::WalletView;
use bursar_wire::{requests, shapes};
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rail;

fn shown(view: &WalletView, now: Timestamp) -> Value {
    let rail_path = rail::path(view);
    shapes::wallet(&shapes::WalletView {
        wallet: &view.wallet,
        role: view.role,
        balance: view.balance.map(|balance| balance.confirmed),
        address: view.address.as_deref(),
        is_sandbox: view.is_sandbox,
        rail_path: rail_path.as_deref(),
        outflow: view.outflow.as_ref().map(|seen| (seen.at, seen.reference.as_str())),
        now,
    })
}

pub(crate) async fn list_all(call: Call) -> Result<Reply, Failure> {
    listed(call, None).await
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let coin = call.coin()?;
    listed(call, Some(coin)).await
}

async fn listed(call: Call, coin: Option<Coin>) -> Result<Reply, Failure> {
    let page = call.page::<WalletId>(25, 500)?;
    let (views, next) = call.bursar.wallets(call.principal()?, coin, page).await?;
    let now = call.bursar.now();
    Reply::ok(shapes::wallets(views.iter().map(|view| shown(view, now)).collect(), next))
}

/// The sums of what the caller's wallets hold, by coin.
pub(crate) async fn balances(call: Call) -> Result<Reply, Failure> {
    let sums = call.bursar.balances(call.principal()?).await?;
    let one = |(coin, sum): (&Coin, &Amount)| {
        let sum = sum.to_string();
        json!({"coin": coin.as_str(), "balanceString": sum, "confirmedBalanceString": sum, "spendableBalanceString": sum})
    };
    Reply::ok(json!({"balances": sums.iter().map(one).collect::<Vec<_>>()}))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let view = call.bursar.wallet(call.principal()?, Some(&call.coin()?), call.wallet()?).await?;
    Reply::ok(shown(&view, call.bursar.now()))
}

/// Keys of one's own that hang on the password: there are none here, wallets belong to rails.
pub(crate) async fn keys(_call: Call) -> Result<Reply, Failure> {
    Reply::ok(json!({"keys": []}))
}

pub(crate) async fn key(call: Call) -> Result<Reply, Failure> {
    let wallets = call.bursar.all_wallets(call.principal()?, &call.coin()?).await?;
    match shapes::key(&wallets, call.parameter("key")?) {
        Some(key) => Reply::ok(key),
        None => Err(bursar_service::error::ServiceError::NotFound("key").into()),
    }
}

pub(crate) async fn addresses(call: Call) -> Result<Reply, Failure> {
    let (coin, wallet) = (call.coin()?, call.wallet()?);
    let list = call.bursar.addresses(call.principal()?, &coin, wallet).await?;
    Reply::ok(shapes::addresses(&coin, wallet, &list))
}

pub(crate) async fn create_address(call: Call) -> Result<Reply, Failure> {
    let (coin, wallet) = (call.coin()?, call.wallet()?);
    let address = call.bursar.new_address(call.principal()?, &coin, wallet).await?;
    Reply::ok(json!({"address": address, "coin": coin.as_str(), "wallet": wallet.to_string()}))
}

pub(crate) async fn transfers(call: Call) -> Result<Reply, Failure> {
    let (coin, wallet) = (call.coin()?, call.wallet()?);
    let page = Page { newest_first: true, ..call.page::<HoldId>(25, 500)? };
    let (list, next) = call.bursar.transfers(call.principal()?, &coin, wallet, page).await?;
    Reply::ok(shapes::transfers(&coin, &call.bursar.with_names(list).await?, next))
}

pub(crate) async fn transfer(call: Call) -> Result<Reply, Failure> {
    let (coin, wallet) = (call.coin()?, call.wallet()?);
    let hold = call.bursar.transfer(call.principal()?, &coin, wallet, call.id("transfer")?).await?;
    Reply::ok(shapes::transfer(&hold, call.bursar.sent_as(&hold).await?.as_deref()))
}

/// The spend that a `sequenceId` names: what a client asks whose answer was lost.
pub(crate) async fn transfer_by_sequence(call: Call) -> Result<Reply, Failure> {
    let (coin, wallet, name) = (call.coin()?, call.wallet()?, call.parameter("sequence")?.to_owned());
    let hold = call.bursar.transfer_by_sequence(call.principal()?, &coin, wallet, name).await?;
    Reply::ok(shapes::transfer(&hold, call.bursar.sent_as(&hold).await?.as_deref()))
}

pub(crate) async fn freeze(call: Call) -> Result<Reply, Failure> {
    let order = requests::Freeze::read(&call.json_or_nothing()?)?.into();
    let freeze = call.bursar.freeze_wallet(call.principal()?, Some(&call.coin()?), call.wallet()?, &order).await?;
    let mut shown = json!({"time": freeze.since.to_string()});
    if let Some((until, fields)) = freeze.until.zip(shown.as_object_mut()) {
        fields.insert("expires".to_owned(), until.to_string().into());
    }
    Reply::named("freeze", shown)
}
