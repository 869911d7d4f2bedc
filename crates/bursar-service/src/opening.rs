//! A session begins: who it is was proven, and what the session is good for follows from how.

use std::net::IpAddr;

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::id::TokenId;
use bursar_core::limit::LimitSet;
use bursar_core::scope::{Scope, ScopeName, Scopes};
use bursar_core::token::{Grant, Token, TokenKind};
use bursar_wire::token_text::TokenText;

use crate::Bursar;
use crate::error::ServiceError;
use crate::issue::Making;
use crate::login::{Handed, NewSession};

/// What a session may do (WC §5, the scopes of a password login).
const FULL: [ScopeName; 10] = [
    ScopeName::CryptoCompare,
    ScopeName::UserManage,
    ScopeName::Openid,
    ScopeName::Profile,
    ScopeName::WalletCreate,
    ScopeName::WalletManageAll,
    ScopeName::WalletApproveAll,
    ScopeName::WalletSpendAll,
    ScopeName::WalletEditAll,
    ScopeName::WalletViewAll,
];
/// What it may do until a second factor is enrolled: see whose it is.
const ENROLLING: [ScopeName; 2] = [ScopeName::Openid, ScopeName::Profile];

/// What a session is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// All that its owner may do.
    Full,
    /// Enrolling a first second factor.
    Enrolling,
}

/// A session to open.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Whose, as they were before the first proof was looked at.
    pub(crate) user: User,
    /// From where.
    pub(crate) address: IpAddr,
    /// What for.
    pub(crate) standing: Standing,
    /// The address whose key may extend it (WC §2.9).
    pub(crate) extension_address: Option<String>,
    /// Whether its text is handed out in clear whatever the owner's settings say.
    pub(crate) plain_token: bool,
}

impl Standing {
    pub(crate) fn scopes(self) -> Scopes {
        let names: &[ScopeName] = match self {
            Self::Full => &FULL,
            Self::Enrolling => &ENROLLING,
        };
        Scopes::new(names.iter().filter_map(|name| Scope::of(*name).ok()))
    }
}

impl Bursar {
    /// Opens a session for somebody who was proven.
    pub(crate) async fn open_session(&self, opening: Opening) -> Result<NewSession, ServiceError> {
        let Opening { user, address, standing, extension_address, plain_token } = opening;
        let now = self.clock.now();
        let ecdh_key = if plain_token || !self.policy.ecdh_issuance { None } else { self.ecdh_key_of(user.id).await? };
        let token = Token {
            id: TokenId::time_ordered(now, self.random.bytes()),
            kind: TokenKind::Session,
            user: user.id,
            label: None,
            grant: Grant { scopes: standing.scopes(), ..Grant::default() },
            created: now,
            expires: now.plus(self.policy.session),
            created_from: address,
            revoked: None,
            locked: None,
            unlock: None,
            limits_dropped: false,
            extension_address,
            issued_by_ecdh: ecdh_key.is_some(),
            template: None,
        };
        let text = TokenText::from_random(self.random.bytes());
        let making = Making { action: "session.create", most: None, key: None, began_in: Some(user.sessions_since) };
        self.store_token(Actor::Anonymous, &token, &text, LimitSet::default(), making).await?;
        let (handed, encrypted_ecdh_key) = match ecdh_key {
            Some((xpub, encrypted)) => (self.hand_out_sealed(&text, &xpub)?, Some(encrypted)),
            None => (Handed::Plain(text), None),
        };
        self.ask_to_confirm_once(&user).await;
        let id = user.id;
        let factors = self.reads.run(move |reader| reader.credentials(id)).await?;
        let factors = factors.into_iter().map(|factor| factor.value).filter(crate::login::is_shown).collect();
        Ok(NewSession { token, handed, encrypted_ecdh_key, user, factors })
    }
}
