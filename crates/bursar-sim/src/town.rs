//! Who lives in the simulated world: users, wallets, tokens and what can be written about them.

use std::net::{IpAddr, Ipv4Addr};

use bursar_core::account::{MemberRole, Membership, User, Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{FeeCeiling, Record};
use bursar_core::limit::Subject;
use bursar_core::scope::Scopes;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Token, TokenKind};

/// When the world begins, a little before clocks are put back in Zurich.
pub(crate) const DAWN: Timestamp = Timestamp::from_millis(1_792_885_800_000);
pub(crate) const ORGANISATION: OrganisationId = OrganisationId::from_bytes([4; 16]);
/// The service credential that moves money itself and settles what it held.
pub(crate) const SERVICE: TokenId = TokenId::from_bytes([9; 16]);
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
pub(crate) const USERS: [UserId; 2] = [UserId::from_bytes([0x11; 16]), UserId::from_bytes([0x12; 16])];
pub(crate) const WALLETS: [WalletId; 2] = [WalletId::from_bytes([0x31; 16]), WalletId::from_bytes([0x32; 16])];
/// What the wallets hold.
pub(crate) const CHAINS: [&str; 2] = ["hteth", "tbtc"];
/// What can be spent from the first wallet, and from the second.
pub(crate) const COINS: [&[&str]; 2] = [&["hteth", "hteth:usdc"], &["tbtc"]];

/// What the rail of the wallets lets fees take.
pub(crate) const FEES: FeeCeiling = FeeCeiling { per_spend: Amount::power_of_two(2), per_day: Amount::power_of_two(6) };

const FOREVER: Span = Span::from_seconds(100 * 366 * 86_400);

pub(crate) fn coin(ticker: &str) -> Coin {
    Coin::parse(ticker).expect("a ticker")
}

/// One of a handful of destinations on a coin's chain.
pub(crate) fn destination(ticker: &str, number: u8) -> Destination {
    Destination::new(coin(ticker).chain(), &[number; 20], None)
}

pub(crate) fn user(id: UserId) -> User {
    User {
        id,
        username: format!("{id}@example.com"),
        full_name: String::new(),
        freeze: None,
        seeded: false,
        created: DAWN,
        sessions_since: DAWN,
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
        created: DAWN,
    }
}

pub(crate) fn token(id: TokenId, user: UserId, created: Timestamp) -> Token {
    let spend = "wallet_spend_all".parse().expect("a scope");
    Token {
        id,
        kind: TokenKind::Access,
        user,
        label: None,
        grant: Grant { scopes: Scopes::new([spend]), ..Grant::default() },
        created,
        expires: created.plus(FOREVER),
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

/// Everybody but the tokens.
pub(crate) fn everybody() -> Vec<Record> {
    let mut records = Vec::new();
    for id in USERS {
        records.push(Record::User(id, user(id)));
        let membership = Membership { organisation: ORGANISATION, user: id, role: MemberRole::Admin };
        records.push(Record::Membership((ORGANISATION, id), membership));
        records.extend(WALLETS.map(|wallet| Record::Role((wallet, id), WalletRole::ALL)));
    }
    let wallets = WALLETS.into_iter().zip(CHAINS);
    records.extend(wallets.map(|(id, holds)| Record::Wallet(id, wallet(id, holds))));
    records
}

/// Everybody, tokens aside, whose limits a spend can fall under.
pub(crate) fn subjects() -> Vec<Subject> {
    let users = USERS.map(Subject::User);
    let wallets = WALLETS.map(Subject::Wallet);
    users.into_iter().chain(wallets).chain([Subject::Organisation(ORGANISATION)]).collect()
}
