//! Records for the tests of the shapes; a test changes the one thing it is about.

use std::net::{IpAddr, Ipv4Addr};

use bursar_core::account::{Freeze, FrozenBy, User, Wallet};
use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::destination::Destination;
use bursar_core::hold::{Cost, Hold, HoldState, Payee, Recipient};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::text::parse;
use bursar_core::limit::{Ceiling, Limit, LimitSet, Measure, Window};
use bursar_core::scope::Scopes;
use bursar_core::time::Timestamp;
use bursar_core::token::{Grant, Token, TokenKind};

pub(super) const USER: UserId = UserId::from_bytes([1; 16]);
pub(super) const TOKEN: TokenId = TokenId::from_bytes([2; 16]);
pub(super) const WALLET: WalletId = WalletId::from_bytes([3; 16]);
pub(super) const ORGANISATION: OrganisationId = OrganisationId::from_bytes([4; 16]);
pub(super) const HOLD: HoldId = HoldId::from_bytes([5; 16]);
pub(super) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// The instant `seconds` after the tests begin; tokens live for the first thousand.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((1_790_000_000 + seconds) * 1000)
}

pub(super) fn coin(text: &str) -> Coin {
    Coin::parse(text).unwrap()
}

pub(super) fn scopes(texts: &[&str]) -> Scopes {
    Scopes::new(texts.iter().map(|text| text.parse().unwrap()))
}

pub(super) fn freeze(until: Option<Timestamp>) -> Freeze {
    Freeze { since: at(-10), until, reason: "lost phone".to_owned(), by: FrozenBy::Person, persons_from: None }
}

pub(super) fn limit(asset: &str, ceiling: Amount) -> Limit {
    let ceiling = Ceiling::At(ceiling);
    Limit { asset: Asset::parse(asset).unwrap(), measure: Measure::Amount, window: Window::Lifetime, ceiling }
}

pub(super) fn unlimited(asset: &str) -> Limit {
    Limit { ceiling: Ceiling::Unlimited, ..limit(asset, Amount::ZERO) }
}

/// A limit, as people write it.
pub(super) fn rule(text: &str) -> Limit {
    parse(text).unwrap()
}

pub(super) fn rules(texts: &[&str]) -> LimitSet {
    LimitSet::of(texts.iter().map(|text| rule(text)).collect())
}

pub(super) fn user() -> User {
    User {
        id: USER,
        username: "user@example.com".to_owned(),
        full_name: "Ada von Example".to_owned(),
        freeze: None,
        seeded: false,
        created: at(-100),
        sessions_since: at(-100),
        email: None,
    }
}

pub(super) fn wallet() -> Wallet {
    Wallet {
        id: WALLET,
        coin: coin("tbtc"),
        label: "till".to_owned(),
        organisation: ORGANISATION,
        rail: "sandbox".to_owned(),
        reference: "till-1".to_owned(),
        freeze: None,
        created: at(-100),
    }
}

pub(super) fn token() -> Token {
    Token {
        id: TOKEN,
        kind: TokenKind::Access,
        user: USER,
        label: Some("bot".to_owned()),
        grant: Grant { scopes: scopes(&["openid", "wallet_spend_all"]), ..Grant::default() },
        created: at(0),
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

pub(super) fn recipient(address: &str, amount: Amount) -> Recipient {
    Recipient { address: address.to_owned(), amount }
}

pub(super) fn payee(address: &str, amount: Amount) -> Payee {
    let destination = Destination::new("bitcoin-testnet", address.as_bytes(), None);
    Payee { address: address.to_owned(), destination, amount }
}

/// What a spend of `amount` costs, fee included.
pub(super) fn cost(amount: Amount, fee: Amount) -> Cost {
    Cost { coin: coin("tbtc"), amount, fee_coin: coin("tbtc"), fee }
}

/// A spend of 60 to one recipient, with at most 10 for the fee.
pub(super) fn hold(state: HoldState) -> Hold {
    Hold {
        id: HOLD,
        token: TOKEN,
        user: USER,
        wallet: Some(WALLET),
        organisation: ORGANISATION,
        payees: vec![payee("tb1q", Amount::new(60))],
        cost: cost(Amount::new(70), Amount::new(10)),
        key: None,
        aliases: Vec::new(),
        meaning: [0; 32],
        instruction: vec![],
        comment: None,
        overridden: false,
        holder: None,
        captures_itself: false,
        created: at(1),
        deadline: at(31),
        state,
    }
}
