//! Coins whose decimals this server's rails tell: who asks reads and writes amounts as the server does.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let declared = call.bursar.decimals().all_declared();
    let coins = declared.map(|(coin, places)| json!({"coin": coin.as_str(), "decimals": places}));
    Reply::named("coins", coins.collect::<Vec<Value>>())
}
