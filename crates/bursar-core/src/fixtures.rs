//! Sound records for the tests: each may do everything that is asked of it here, so that a test changes
//! the one thing it is about.

#[path = "fixtures/any.rs"]
pub(crate) mod any;

use std::net::{IpAddr, Ipv4Addr};

use crate::account::{Freeze, FrozenBy, User, Wallet};
use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::destination::Destination;
use crate::hold::Payee;
use crate::id::{OrganisationId, TokenId, UserId, WalletId};
use crate::limit::{Ceiling, Limit, Measure, Window};
use crate::scope::Scopes;
use crate::time::Timestamp;
use crate::token::{Grant, Token, TokenKind};

pub(crate) const USER: UserId = UserId::from_bytes([1; 16]);
pub(crate) const TOKEN: TokenId = TokenId::from_bytes([2; 16]);
pub(crate) const WALLET: WalletId = WalletId::from_bytes([3; 16]);
pub(crate) const ORGANISATION: OrganisationId = OrganisationId::from_bytes([4; 16]);
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// The instant `seconds` after the tests begin; tokens live for the first thousand.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((1_790_000_000 + seconds) * 1000)
}

pub(crate) fn coin(text: &str) -> Coin {
    Coin::parse(text).unwrap()
}

pub(crate) fn scopes(texts: &[&str]) -> Scopes {
    Scopes::new(texts.iter().map(|text| text.parse().unwrap()))
}

pub(crate) fn freeze(until: Option<Timestamp>) -> Freeze {
    Freeze { since: at(-10), until, reason: "lost phone".to_owned(), by: FrozenBy::Person, persons_from: None }
}

pub(crate) fn limit(asset: &str, ceiling: u128) -> Limit {
    let ceiling = Ceiling::At(Amount::new(ceiling));
    Limit { asset: Asset::parse(asset).unwrap(), measure: Measure::Amount, window: Window::Lifetime, ceiling }
}

/// The same limit over another window.
pub(crate) fn over(window: &str, limit: Limit) -> Limit {
    Limit { window: Window::parse(window).unwrap(), ..limit }
}

/// The same limit in another measure.
pub(crate) fn of(measure: Measure, limit: Limit) -> Limit {
    Limit { measure, ..limit }
}

pub(crate) fn unlimited(asset: &str) -> Limit {
    Limit { ceiling: Ceiling::Unlimited, ..limit(asset, 0) }
}

pub(crate) fn count_limit(asset: &str, ceiling: u128) -> Limit {
    of(Measure::Count, limit(asset, ceiling))
}

/// The destination that tests write as `address`.
pub(crate) fn destination(address: &str) -> Destination {
    Destination::new("test", address.as_bytes(), None)
}

pub(crate) fn payee(address: &str, amount: u128) -> Payee {
    Payee { address: address.to_owned(), destination: destination(address), amount: Amount::new(amount) }
}

pub(crate) fn user(id: UserId) -> User {
    User {
        id,
        username: "user@example.com".to_owned(),
        full_name: "A User".to_owned(),
        freeze: None,
        seeded: false,
        created: at(-100),
        sessions_since: at(-100),
        email: None,
    }
}

pub(crate) fn wallet(id: WalletId, holds: &str) -> Wallet {
    Wallet {
        id,
        coin: coin(holds),
        label: "till".to_owned(),
        organisation: ORGANISATION,
        rail: "sandbox".to_owned(),
        reference: id.to_string(),
        freeze: None,
        created: at(-100),
    }
}

pub(crate) fn token(id: TokenId, user: UserId) -> Token {
    Token {
        id,
        kind: TokenKind::Access,
        user,
        label: Some("bot".to_owned()),
        grant: Grant { scopes: scopes(&["wallet_spend_all", "wallet_view_all"]), ..Grant::default() },
        created: at(-100),
        expires: at(1000),
        created_from: ADDRESS,
        revoked: None,
        locked: None,
        unlock: None,
        limits_dropped: false,
        extension_address: None,
        issued_by_ecdh: false,
        template: None,
    }
}
