//! Organisations, their members, and who may do what with their wallets.

use bursar_core::id::{OrganisationId, UserId};
use bursar_service::organisations::OrganisationEdit;
use bursar_wire::{requests, shapes};
use serde_json::{Value, json};

use super::users::order;
use crate::call::{Call, Reply};
use crate::failure::Failure;

/// The usual and the greatest length of a list.
pub(super) const USUAL: usize = 50;
pub(super) const MOST: usize = 500;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let now = call.bursar.now();
    let found = call.bursar.organisations(call.principal()?).await?;
    let shown = found.iter().map(|(organisation, role)| shapes::organisation(organisation, *role, now));
    Reply::named("organisations", shown.collect::<Vec<Value>>())
}

pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let request = requests::CreateOrganisation::read(&call.json()?)?;
    let made = call.bursar.create_organisation(call.principal()?, &request.name, request.otp.as_deref()).await?;
    Reply::created(shapes::organisation(&made, bursar_core::account::MemberRole::Owner, call.bursar.now()))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let (organisation, role) = call.bursar.organisation(call.principal()?, call.id("organisation")?)?;
    Reply::ok(shapes::organisation(&organisation, role, call.bursar.now()))
}

pub(crate) async fn edit(call: Call) -> Result<Reply, Failure> {
    let request = requests::EditOrganisation::read(&call.json()?)?;
    let (principal, id) = (call.principal()?, call.id("organisation")?);
    let edit = OrganisationEdit { name: request.name, requires_second_factor: request.requires_second_factor };
    call.bursar.edit_organisation(principal, id, &edit, request.otp.as_deref()).await?;
    show(call).await
}

pub(crate) async fn freeze(call: Call) -> Result<Reply, Failure> {
    let (id, order) = (call.id::<OrganisationId>("organisation")?, order(&call)?);
    let freeze = call.bursar.freeze_organisation(call.principal()?, id, &order).await?;
    Reply::named("frozen", shapes::freeze(Some(&freeze), call.bursar.now()))
}

pub(crate) async fn unfreeze(call: Call) -> Result<Reply, Failure> {
    let request = requests::StepUp::read(&call.json_or_nothing()?)?;
    let id = call.id("organisation")?;
    call.bursar.unfreeze_organisation(call.principal()?, id, request.otp.as_deref()).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn members(call: Call) -> Result<Reply, Failure> {
    let (now, page) = (call.bursar.now(), call.page::<UserId>(USUAL, MOST)?);
    let (found, next) = call.bursar.members(call.principal()?, call.id("organisation")?, page).await?;
    let shown: Vec<Value> = found.iter().map(|(role, user)| shapes::member(*role, user, now)).collect();
    Reply::ok(json!({"members": shown, "next": next.map(|next| next.to_string())}))
}

pub(crate) async fn set_member(call: Call) -> Result<Reply, Failure> {
    let request = requests::EditMember::read(&call.json()?)?;
    let (principal, id, user) = (call.principal()?, call.id("organisation")?, call.id("user")?);
    call.bursar.set_member_role(principal, id, user, request.role, request.otp.as_deref()).await?;
    Reply::ok(json!({"role": request.role.as_str()}))
}

pub(crate) async fn remove_member(call: Call) -> Result<Reply, Failure> {
    let (id, user) = (call.id("organisation")?, call.id("user")?);
    call.bursar.remove_member(call.principal()?, id, user).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn wallet_members(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<UserId>(USUAL, MOST)?;
    let (found, next) = call.bursar.wallet_members(call.principal()?, call.wallet()?, page).await?;
    let shown: Vec<Value> = found.iter().map(|(role, user)| shapes::wallet_member(*role, user)).collect();
    Reply::ok(json!({"members": shown, "next": next.map(|next| next.to_string())}))
}

pub(crate) async fn set_wallet_member(call: Call) -> Result<Reply, Failure> {
    let request = requests::EditWalletMember::read(&call.json()?)?;
    let (principal, wallet, user) = (call.principal()?, call.wallet()?, call.id("user")?);
    call.bursar.set_wallet_role(principal, wallet, user, request.role, request.otp.as_deref()).await?;
    let requests::EditWalletMember { role, .. } = request;
    Reply::ok(json!({"view": role.view, "spend": role.spend, "admin": role.admin}))
}

pub(crate) async fn remove_wallet_member(call: Call) -> Result<Reply, Failure> {
    let (wallet, user) = (call.wallet()?, call.id("user")?);
    call.bursar.set_wallet_role(call.principal()?, wallet, user, Default::default(), None).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn freeze_wallet(call: Call) -> Result<Reply, Failure> {
    let (wallet, order) = (call.wallet()?, order(&call)?);
    let freeze = call.bursar.freeze_wallet(call.principal()?, None, wallet, &order).await?;
    Reply::named("frozen", shapes::freeze(Some(&freeze), call.bursar.now()))
}

pub(crate) async fn unfreeze_wallet(call: Call) -> Result<Reply, Failure> {
    let request = requests::StepUp::read(&call.json_or_nothing()?)?;
    call.bursar.unfreeze_wallet_as(call.principal()?, call.wallet()?, request.otp.as_deref()).await?;
    Reply::ok(json!({}))
}
