//! Accounts, organisations, members, invitations and sessions on the native interface.

use std::net::IpAddr;

use bursar_core::account::{Freeze, Invitation, MemberRole, Organisation, User, WalletRole};
use bursar_core::time::Timestamp;
use bursar_core::token::Token;
use serde_json::{Value, json};

/// A freeze that is in force, or nothing.
pub fn freeze(freeze: Option<&Freeze>, now: Timestamp) -> Value {
    freeze.filter(|freeze| freeze.holds_at(now)).map_or(Value::Null, |freeze| {
        json!({
            "since": freeze.since.to_string(),
            "until": freeze.until.map(|until| until.to_string()),
            "reason": freeze.reason,
        })
    })
}

/// The freeze of an account to others than its owner: a reason is told by one organisation, and not to all of them.
pub fn freeze_without_reason(found: Option<&Freeze>, now: Timestamp) -> Value {
    let mut shown = freeze(found, now);
    if let Some(reason) = shown.get_mut("reason") {
        *reason = Value::Null;
    }
    shown
}

/// An account, to its owner.
pub fn profile(user: &User, now: Timestamp) -> Value {
    json!({
        "id": user.id.to_string(),
        "username": user.username,
        "fullName": user.full_name,
        "email": user.email.as_ref().map(|email| json!({"address": email.address, "verified": email.is_verified})),
        "created": user.created.to_string(),
        "frozen": freeze(user.freeze.as_ref(), now),
    })
}

/// An organisation, and what the caller is there.
pub fn organisation(organisation: &Organisation, role: MemberRole, now: Timestamp) -> Value {
    json!({
        "id": organisation.id.to_string(),
        "name": organisation.name,
        "requiresSecondFactor": organisation.requires_second_factor,
        "frozen": freeze(organisation.freeze.as_ref(), now),
        "role": role.as_str(),
    })
}

/// A member of an organisation, to whoever runs or audits it.
pub fn member(role: MemberRole, user: &User, now: Timestamp) -> Value {
    let mut profile = profile(user, now);
    profile["frozen"] = freeze_without_reason(user.freeze.as_ref(), now);
    json!({"role": role.as_str(), "user": profile})
}

/// Somebody who may do something with a wallet.
pub fn wallet_member(role: WalletRole, user: &User) -> Value {
    json!({
        "view": role.view,
        "spend": role.spend,
        "admin": role.admin,
        "user": {"id": user.id.to_string(), "username": user.username, "fullName": user.full_name},
    })
}

/// An invitation, without its link.
pub fn invitation(invitation: &Invitation, now: Timestamp) -> Value {
    let wallet = |(id, role): &(_, WalletRole)| {
        let id: &bursar_core::id::WalletId = id;
        json!({"wallet": id.to_string(), "view": role.view, "spend": role.spend, "admin": role.admin})
    };
    json!({
        "id": invitation.id.to_string(),
        "organisation": invitation.organisation.to_string(),
        "email": invitation.address,
        "role": invitation.role.as_str(),
        "wallets": invitation.wallets.iter().map(wallet).collect::<Vec<_>>(),
        "invitedBy": invitation.invited_by.map(|by| by.to_string()),
        "sent": invitation.sent,
        "created": invitation.created.to_string(),
        "expires": invitation.expires.to_string(),
        "open": now < invitation.expires,
    })
}

/// An invitation, to whoever has its link.
pub fn invitation_offer(invitation: &Invitation, organisation: &str, has_account: bool) -> Value {
    json!({
        "email": invitation.address,
        "organisation": organisation,
        "role": invitation.role.as_str(),
        "expires": invitation.expires.to_string(),
        "hasAccount": has_account,
    })
}

/// A session, to its owner.
pub fn native_session(token: &Token, last_used: Option<(Timestamp, IpAddr)>, is_this: bool) -> Value {
    json!({
        "id": token.id.to_string(),
        "created": token.created.to_string(),
        "createdFrom": token.created_from.to_string(),
        "expires": token.expires.to_string(),
        "lastUsed": last_used.map(|(at, from)| json!({"at": at.to_string(), "from": from.to_string()})),
        "current": is_this,
    })
}
