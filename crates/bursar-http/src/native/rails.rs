//! The rails of this server, for those who run an organisation.

use bursar_service::rails::RailView;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let rails = call.bursar.rails(call.principal()?).await?;
    Reply::named("rails", rails.iter().map(shown).collect::<Vec<Value>>())
}

fn shown(rail: &RailView) -> Value {
    json!({
        "name": rail.name,
        "kind": rail.kind,
        "isSandbox": rail.is_sandbox,
        "wallets": rail.wallets,
        "caveat": rail.caveat,
        "health": rail.health.as_str(),
    })
}
