//! Invitations: offered, listed, withdrawn, taken.

use bursar_core::id::InvitationId;
use bursar_service::invitations::{NewAccount, NewInvitation};
use bursar_wire::{requests, shapes};
use serde_json::{Value, json};

use super::organisations::{MOST, USUAL};
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let (now, page) = (call.bursar.now(), call.page::<InvitationId>(USUAL, MOST)?);
    let (found, next) = call.bursar.invitations(call.principal()?, call.id("organisation")?, page).await?;
    let shown: Vec<Value> = found.iter().map(|found| shapes::invitation(found, now)).collect();
    Reply::ok(json!({"invitations": shown, "next": next.map(|next| next.to_string())}))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let requests::CreateInvitation { address, role, wallets, otp } = requests::CreateInvitation::read(&call.json()?)?;
    let (principal, organisation) = (call.principal()?, call.id("organisation")?);
    let new = NewInvitation { address, role, wallets };
    let made = call.bursar.invite(principal, organisation, &new, otp.as_deref()).await?;
    Reply::created(shapes::invitation(&made, call.bursar.now()))
}

pub(crate) async fn withdraw(call: Call) -> Result<Reply, Failure> {
    call.bursar.withdraw_invitation(call.principal()?, call.id("invitation")?).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn resend(call: Call) -> Result<Reply, Failure> {
    let sent = call.bursar.resend_invitation(call.principal()?, call.id("invitation")?).await?;
    Reply::ok(shapes::invitation(&sent, call.bursar.now()))
}

/// The link stands in the body, not in the path, which logs keep.
pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let request = requests::RedeemLink::read(&call.json()?)?;
    let view = call.bursar.invitation_by_link(request.link.expose(), call.address)?;
    Reply::ok(shapes::invitation_offer(&view.invitation, &view.organisation.name, view.has_account))
}

pub(crate) async fn redeem(call: Call) -> Result<Reply, Failure> {
    let requests::RedeemInvitation { link, account } = requests::RedeemInvitation::read(&call.json()?)?;
    let taken = match (account, call.caller.as_ref()) {
        (Some((full_name, password)), None) => {
            let new = NewAccount { full_name, password };
            call.bursar.accept(link.expose(), &new, call.address).await?
        }
        (None, Some(principal)) => call.bursar.join(principal, link.expose()).await?,
        (Some(_), Some(_)) => {
            let problem = "stands beside a session; leave it out to join with the account of the session";
            return Err(bursar_service::error::ServiceError::invalid("password", problem).into());
        }
        (None, None) => return Err(Failure::NoToken),
    };
    Reply::created(json!({
        "user": {"id": taken.user.id.to_string(), "username": taken.user.username},
        "organisation": {"id": taken.organisation.id.to_string(), "name": taken.organisation.name},
        "role": taken.role.as_str(),
        "new": taken.is_new,
    }))
}
