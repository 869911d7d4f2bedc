//! One's own account, and freezing those of others.

use bursar_core::id::UserId;
use bursar_service::freezes::FreezeOrder;
use bursar_wire::{requests, shapes};
use serde_json::json;

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn me(call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    Reply::ok(shapes::profile(&principal.owner, call.bursar.now()))
}

pub(crate) async fn edit_me(call: Call) -> Result<Reply, Failure> {
    let request = requests::EditProfile::read(&call.json()?)?;
    call.bursar.rename(call.principal()?, &request.full_name).await?;
    Reply::ok(json!({"fullName": request.full_name}))
}

pub(crate) async fn change_password(call: Call) -> Result<Reply, Failure> {
    let request = requests::ClearPasswords::read(&call.json()?)?;
    let (old, new) = (&request.old, &request.new);
    call.bursar.change_password_in_clear(call.principal()?, old, new, request.otp.as_deref()).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn change_address(call: Call) -> Result<Reply, Failure> {
    let request = requests::ChangeAddress::read(&call.json()?)?;
    call.bursar.ask_address(call.principal()?, &request.address, request.otp.as_deref()).await?;
    Reply::accepted()
}

pub(crate) async fn resend_confirmation(call: Call) -> Result<Reply, Failure> {
    call.json_or_nothing()?;
    call.bursar.resend_confirmation(call.principal()?).await?;
    Reply::accepted()
}

pub(crate) async fn verify_address(call: Call) -> Result<Reply, Failure> {
    let request = requests::RedeemLink::read(&call.json()?)?;
    call.bursar.verify_address(request.link.expose(), call.address).await?;
    Reply::ok(json!({}))
}

/// Answered before anything is looked up: whether there is such an account cannot be told from it.
pub(crate) async fn ask_reset(call: Call) -> Result<Reply, Failure> {
    let request = requests::ResetPassword::read(&call.json()?)?;
    call.bursar.ask_reset(&request.username, call.address)?;
    Reply::accepted()
}

pub(crate) async fn redeem_reset(call: Call) -> Result<Reply, Failure> {
    let request = requests::RedeemReset::read(&call.json()?)?;
    call.bursar.redeem_reset(request.link.expose(), &request.password, call.address).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn freeze(call: Call) -> Result<Reply, Failure> {
    let (id, order) = (call.id::<UserId>("user")?, order(&call)?);
    let freeze = call.bursar.freeze_user(call.principal()?, id, &order).await?;
    let now = call.bursar.now();
    // A freeze that holds longer stays, and its reason may be another organisation's.
    let is_own = order.reason.as_ref() == Some(&freeze.reason);
    let shown = if is_own { shapes::freeze } else { shapes::freeze_without_reason };
    Reply::named("frozen", shown(Some(&freeze), now))
}

pub(crate) async fn unfreeze(call: Call) -> Result<Reply, Failure> {
    let request = requests::StepUp::read(&call.json_or_nothing()?)?;
    call.bursar.unfreeze_user(call.principal()?, call.id("user")?, request.otp.as_deref()).await?;
    Reply::ok(json!({}))
}

pub(super) fn order(call: &Call) -> Result<FreezeOrder, Failure> {
    Ok(requests::Freeze::read_strictly(&call.json_or_nothing()?)?.into())
}
