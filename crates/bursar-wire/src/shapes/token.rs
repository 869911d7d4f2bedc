//! A token as its session, as a list entry, as it was just made; and templates (WC §1.3, §1.4, §11).

use std::net::IpAddr;

use bursar_core::id::{TemplateId, UserId};
use bursar_core::limit::{Budget, BudgetKey, Limit};
use bursar_core::time::Timestamp;
use bursar_core::token::{Narrowing, Token, TokenKind};
use serde_json::Value;

use super::object::{Object, texts};
use super::unlock;
use crate::ecdh::IssuedToken;
use crate::requests::TemplateBody;
use crate::token_text::TokenText;

/// A token with all that is shown of it.
#[derive(Clone, Copy, Debug)]
pub struct TokenView<'a> {
    /// The token.
    pub token: &'a Token,
    /// Its own limits.
    pub limits: &'a [Limit],
    /// What it spent and holds.
    pub budgets: &'a [(BudgetKey, Budget)],
    /// The environment's name.
    pub origin: &'a str,
    /// What time it is.
    pub now: Timestamp,
    /// Tells its secret from others without being one.
    pub fingerprint: Option<&'a str>,
    /// When and from where it was last used.
    pub last_used: Option<(Timestamp, IpAddr)>,
}

/// A token's text as it is handed out, once.
#[derive(Clone, Copy, Debug)]
pub enum Handed<'a> {
    /// In clear.
    Plain(&'a TokenText),
    /// Sealed to the owner's ECDH key (WC §3.4).
    Encrypted(&'a IssuedToken),
}

/// `Session`: what a token is, and what is left of its limits.
pub fn session(view: &TokenView<'_>) -> Value {
    object(view).into()
}

/// A token that was just made: its session, its text, and what its maker should know.
pub fn created_token(view: &TokenView<'_>, handed: Handed<'_>, warnings: &[String]) -> Value {
    let object = object(view);
    let object = match handed {
        Handed::Plain(text) => object.with("token", text.expose()),
        Handed::Encrypted(issued) => object
            .with("encryptedToken", issued.encrypted_token.as_str())
            .with("derivationPath", issued.derivation_path.as_str()),
    };
    let warnings = (!warnings.is_empty()).then(|| texts(warnings));
    object.with_some("warnings", warnings).into()
}

/// A template.
pub fn template(id: TemplateId, user: UserId, body: &TemplateBody) -> Value {
    Object::new()
        .with("id", id.to_string())
        .with("userId", user.to_string())
        .with_all(body.to_fields())
        .with("createdAt", body.created.to_string())
        .with("updatedAt", body.updated.to_string())
        .into()
}

/// When the token ends, or ended: a removed token is answered as one that is over (WC §1.4).
pub(super) fn end(token: &Token) -> Timestamp {
    token.revoked.map_or(token.expires, |at| at.min(token.expires))
}

fn object(view: &TokenView<'_>) -> Object {
    let token = view.token;
    let (wallets, organisations) = match &token.grant.narrowing {
        Narrowing::None => (None, None),
        Narrowing::Wallets(wallets) => (Some(texts(wallets)), None),
        Narrowing::Organisations(organisations) => (None, Some(texts(organisations))),
    };
    let rules = token.grant.ips.rules();
    let last_used = view.last_used.map(|(time, ip)| {
        Object::new()
            .with("time", time.to_string())
            .with("ip", ip.to_string())
    });
    Object::new()
        .with("id", token.id.to_string())
        .with("client", "bitgo")
        .with("user", token.user.to_string())
        .with("scope", texts(token.grant.scopes.iter()))
        .with("created", token.created.to_string())
        .with("expires", end(token).to_string())
        .with("ip", token.created_from.to_string())
        .with("origin", view.origin)
        .with("isExtensible", token.extension_address.is_some())
        .with_some("extensionAddress", token.extension_address.as_deref())
        .with_some("label", token.label.as_deref())
        .with_some("ipRestrict", (!rules.is_empty()).then(|| texts(rules)))
        .with_some("enterprise", token.grant.organisation.map(|id| id.to_string()))
        .with_some("permittedWallets", wallets)
        .with_some("permittedEnterprises", organisations)
        .with_some("accessTokenTemplateId", token.template.map(|id| id.to_string()))
        .with_some("unlock", unlock::unlock(view))
        .with("kind", kind(token.kind))
        .with_some("locked", token.locked.map(|since| since.to_string()))
        .with_some("fingerprint", view.fingerprint)
        .with_some("lastUsed", last_used)
}

const fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Session => "session",
        TokenKind::Access => "access",
    }
}
