//! The account behind the tokens: profile, settings, password, keychains (WC §1.5, §1.6, §1.7).

use bursar_core::id::UserId;
use bursar_core::scope::ScopeName;
use bursar_wire::{requests, shapes};
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn me(call: Call) -> Result<Reply, Failure> {
    profile(call, None).await
}

pub(crate) async fn user(call: Call) -> Result<Reply, Failure> {
    let id = call.id("user")?;
    profile(call, Some(id)).await
}

async fn profile(call: Call, id: Option<UserId>) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    call.bursar.require_scope(principal, ScopeName::Profile)?;
    let (user, factors) = call.bursar.user(principal, id).await?;
    Reply::named("user", shapes::user(&user, &factors, call.bursar.now()))
}

pub(crate) async fn settings(call: Call) -> Result<Reply, Failure> {
    Reply::named("settings", call.bursar.settings(call.principal()?).await?)
}

pub(crate) async fn set_settings(call: Call) -> Result<Reply, Failure> {
    let settings = requests::Settings::read(&call.json()?)?;
    Reply::named("settings", call.bursar.set_settings(call.principal()?, settings).await?)
}

pub(crate) async fn verify_password(call: Call) -> Result<Reply, Failure> {
    let request = requests::VerifyPassword::read(&call.json()?)?;
    let is_right = call.bursar.is_password(call.principal()?, request.password.expose()).await?;
    Reply::ok(json!({"valid": is_right}))
}

pub(crate) async fn change_password(call: Call) -> Result<Reply, Failure> {
    let request = requests::ChangePassword::read(&call.json()?)?;
    call.bursar.change_password(call.principal()?, request).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn freeze(call: Call) -> Result<Reply, Failure> {
    let order = requests::Freeze::read(&call.json_or_nothing()?)?.into();
    call.bursar.freeze_self(call.principal()?, &order).await?;
    Reply::ok(json!({}))
}

/// An organisation is an `enterprise` here (WC §1.7).
pub(crate) async fn freeze_organisation(call: Call) -> Result<Reply, Failure> {
    let order = requests::Freeze::read(&call.json_or_nothing()?)?.into();
    call.bursar.freeze_organisation(call.principal()?, call.id("organisation")?, &order).await?;
    Reply::ok(json!({}))
}

/// The keys that hang on the password, for re-encrypting them in the client.
pub(crate) async fn keychains(call: Call) -> Result<Reply, Failure> {
    let keychains = call.bursar.keychains(call.principal()?).await?;
    Reply::ok(json!({"keychains": keychains, "version": 1}))
}

/// All keys fit one request here, so the client never has to send them in parts.
pub(crate) async fn batching(_call: Call) -> Result<Reply, Failure> {
    Reply::ok(json!({"isBatchingFlowEnabled": false}))
}

pub(crate) async fn create_keychain(call: Call) -> Result<Reply, Failure> {
    let request = requests::CreateKeychain::read(&call.json()?)?;
    keychain(call, request).await
}

pub(crate) async fn show_keychain(call: Call) -> Result<Reply, Failure> {
    let request = requests::CreateKeychain { xpub: call.parameter("xpub")?.to_owned(), encrypted_xprv: None };
    keychain(call, request).await
}

async fn keychain(call: Call, request: requests::CreateKeychain) -> Result<Reply, Failure> {
    let (xpub, encrypted) = call.bursar.keychain(call.principal()?, request).await?;
    Reply::ok(json!({"xpub": xpub, "encryptedXprv": encrypted.map_or(Value::Null, Value::String)}))
}
