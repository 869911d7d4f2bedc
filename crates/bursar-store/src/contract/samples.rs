//! Records to write: of each kind one that says as little as it can, and one that says everything.

mod money;

use std::net::IpAddr;

use bursar_core::account::{
    Email, Freeze, FrozenBy, Invitation, MemberRole, Membership, Organisation, User, Wallet, WalletRole,
};
use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::hold::{Cost, Hold, HoldState};
use bursar_core::id::{FactorId, HoldId, InvitationId, OrganisationId, TemplateId, TokenId, UserId, WalletId};
use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::ledger::{Credential, CredentialKind, Document, DocumentKey, DocumentKind, Record, TokenSecret};
use bursar_core::limit::{BudgetKey, Ceiling, Limit, Measure, Subject, Window};
use bursar_core::scope::Scopes;
use bursar_core::time::Timestamp;
use bursar_core::token::{Grant, Lock, LockedBy, Narrowing, Token, TokenKind, Unlock};

pub(super) const USER: UserId = UserId::from_bytes([1; 16]);
pub(super) const OTHER: UserId = UserId::from_bytes([2; 16]);
pub(super) const WALLET: WalletId = WalletId::from_bytes([3; 16]);
pub(super) const TOKEN: TokenId = TokenId::from_bytes([4; 16]);
pub(super) const ORGANISATION: OrganisationId = OrganisationId::from_bytes([5; 16]);

/// One id of many, in order.
pub(super) const fn nth(number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = number;
    bytes
}

pub(super) const fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

pub(super) fn coin(text: &str) -> Coin {
    Coin::parse(text).expect("a coin")
}

pub(super) fn user(id: UserId, username: &str) -> User {
    User {
        id,
        username: username.to_owned(),
        full_name: String::new(),
        freeze: None,
        seeded: false,
        created: at(0),
        sessions_since: at(0),
        email: None,
    }
}

pub(super) fn wallet(id: WalletId, ticker: &str) -> Wallet {
    Wallet {
        id,
        coin: coin(ticker),
        label: String::new(),
        organisation: ORGANISATION,
        rail: "sandbox".to_owned(),
        reference: String::new(),
        freeze: None,
        created: at(0),
    }
}

pub(super) fn organisation(id: OrganisationId) -> Organisation {
    Organisation { id, name: "Acme".to_owned(), freeze: None, requires_second_factor: true }
}

pub(super) fn invitation(id: InvitationId) -> Invitation {
    Invitation {
        id,
        organisation: ORGANISATION,
        address: "new@example.com".to_owned(),
        role: MemberRole::Auditor,
        wallets: Vec::new(),
        invited_by: None,
        lookup: [7; 32],
        is_mailed: false,
        sent: 0,
        created: at(0),
        expires: at(1_000),
    }
}

pub(super) fn token(id: TokenId, user: UserId, kind: TokenKind) -> Token {
    Token {
        id,
        kind,
        user,
        label: None,
        grant: Grant::default(),
        created: at(0),
        expires: at(1_000),
        created_from: IpAddr::from([0, 0, 0, 0]),
        revoked: None,
        locked: None,
        unlock: None,
        limits_dropped: false,
        extension_address: None,
        issued_by_ecdh: false,
        template: None,
    }
}

pub(super) fn secret(byte: u8) -> TokenSecret {
    TokenSecret { lookup: [byte; 32], sealed: vec![byte, 0, 255], ends: None, used: None }
}

pub(super) fn asset(text: &str) -> Asset {
    Asset::parse(text).expect("an asset")
}

pub(super) fn budget_key(subject: Subject, text: &str) -> BudgetKey {
    BudgetKey { subject, asset: asset(text), destination: None }
}

pub(super) fn limit(of: &str, measure: Measure, window: &str, ceiling: Ceiling) -> Limit {
    Limit { asset: asset(of), measure, window: Window::parse(window).expect("a window"), ceiling }
}

/// What a spend of `amount` in `spent` costs whose fee is paid in a coin that may be another.
pub(super) fn cost(spent: &str, amount: u128, fee_coin: &str, fee: u128) -> Cost {
    Cost { coin: coin(spent), amount: Amount::new(amount), fee_coin: coin(fee_coin), fee: Amount::new(fee) }
}

pub(super) fn hold(id: HoldId, wallet: WalletId) -> Hold {
    Hold {
        id,
        token: TOKEN,
        user: USER,
        wallet: Some(wallet),
        organisation: ORGANISATION,
        payees: Vec::new(),
        cost: cost("tbtc", 0, "tbtc", 0),
        key: None,
        aliases: Vec::new(),
        meaning: [0; 32],
        instruction: Vec::new(),
        comment: None,
        overridden: false,
        holder: None,
        captures_itself: false,
        created: at(0),
        deadline: at(0),
        state: HoldState::Open,
    }
}

/// Captured at this time, at this cost.
pub(super) fn captured(ms: i64, amount: u128, fee: u128) -> HoldState {
    HoldState::Captured { at: at(ms), amount: Amount::new(amount), fee: Amount::new(fee), reference: String::new() }
}

/// Released at this time.
pub(super) fn released(ms: i64) -> HoldState {
    HoldState::Released { at: at(ms), reason: String::new() }
}

/// Two of every kind.
pub(super) fn records() -> Vec<Record> {
    let mut records = accounts();
    records.extend(tokens());
    records.extend(money::records());
    records
}

fn accounts() -> Vec<Record> {
    let freeze = |until, by| {
        let persons_from = (by == FrozenBy::Operator).then(|| at(i64::MIN));
        Some(Freeze { since: at(-5), until, reason: "asked 'so'".to_owned(), by, persons_from })
    };
    let full_user = User {
        full_name: "Ünal Öz".to_owned(),
        freeze: freeze(None, FrozenBy::Operator),
        seeded: true,
        email: Some(Email { address: "a@example.com".to_owned(), is_verified: true }),
        ..user(USER, "a@x")
    };
    let full_wallet = Wallet {
        label: "cold\nwallet".to_owned(),
        reference: "7".to_owned(),
        freeze: freeze(Some(at(i64::MAX)), FrozenBy::Person),
        created: at(i64::MIN),
        ..wallet(WALLET, "tavaxc:LINK")
    };
    let (second_wallet, second_organisation) = (WalletId::from_bytes(nth(1)), OrganisationId::from_bytes(nth(1)));
    let full_invitation = Invitation {
        wallets: vec![(WALLET, WalletRole { view: true, spend: false, admin: true }), (second_wallet, WalletRole::ALL)],
        invited_by: Some(USER),
        is_mailed: true,
        sent: 3,
        ..invitation(InvitationId::from_bytes(nth(1)))
    };
    let membership =
        |organisation, user, role| Record::Membership((organisation, user), Membership { organisation, user, role });
    let credential = |id, kind, last_used| Credential {
        id,
        user: USER,
        kind,
        label: "phone".to_owned(),
        sealed: vec![0, 1, 255],
        progress: Vec::new(),
        created: at(1),
        last_used,
    };
    let document = |kind, name: &str, title: Option<&str>| {
        let key = DocumentKey { user: USER, kind, name: name.to_owned() };
        Record::Document(key, Document { title: title.map(str::to_owned), body: b"{\"a\":1}\0".to_vec() })
    };
    let (first, second) = (FactorId::from_bytes(nth(1)), FactorId::from_bytes(nth(2)));
    let (third, fourth) = (FactorId::from_bytes(nth(3)), FactorId::from_bytes(nth(4)));
    vec![
        Record::User(USER, full_user),
        Record::User(OTHER, user(OTHER, "")),
        Record::Organisation(
            ORGANISATION,
            Organisation { freeze: freeze(Some(at(2)), FrozenBy::Ledger), ..organisation(ORGANISATION) },
        ),
        Record::Organisation(second_organisation, organisation(second_organisation)),
        Record::Invitation(full_invitation.id, full_invitation),
        Record::Invitation(InvitationId::from_bytes(nth(2)), invitation(InvitationId::from_bytes(nth(2)))),
        membership(ORGANISATION, USER, MemberRole::Owner),
        membership(ORGANISATION, OTHER, MemberRole::Admin),
        membership(second_organisation, USER, MemberRole::Member),
        membership(second_organisation, OTHER, MemberRole::Auditor),
        Record::Credential(first, credential(first, CredentialKind::Password, None)),
        Record::Credential(second, credential(second, CredentialKind::Totp, Some(at(7)))),
        Record::Credential(third, credential(third, CredentialKind::RecoveryCodes, None)),
        Record::Credential(fourth, credential(fourth, CredentialKind::Passkey, Some(at(8)))),
        document(DocumentKind::Settings, "", None),
        document(DocumentKind::Keychain, "xpub", Some("")),
        document(DocumentKind::Template, "1", Some("bot")),
        document(DocumentKind::Template, "2", Some("Bot")),
        document(DocumentKind::Attempts, "1", Some("bot")),
        Record::Wallet(WALLET, full_wallet),
        Record::Wallet(second_wallet, wallet(second_wallet, "tbtc")),
        Record::Role((WALLET, USER), WalletRole { view: true, spend: false, admin: false }),
        Record::Role((second_wallet, USER), WalletRole { view: false, spend: true, admin: false }),
        Record::Role((WALLET, OTHER), WalletRole { view: false, spend: false, admin: true }),
    ]
}

fn tokens() -> Vec<Record> {
    let scopes = ["profile", "wallet_view_all", "wallet_spend:03030303030303030303030303030303"];
    let rules = ["203.0.113.0/24", "192.0.2.7", "2001:db8::/64"];
    let full = Token {
        label: Some("bot".to_owned()),
        grant: Grant {
            scopes: Scopes::new(scopes.map(|scope| scope.parse().expect("a scope"))),
            organisation: Some(ORGANISATION),
            narrowing: Narrowing::Wallets(vec![WALLET, WalletId::from_bytes(nth(1))]),
            ips: IpRestriction::new(rules.map(|rule| IpRule::parse(rule).expect("a rule")).to_vec()),
        },
        created_from: "2001:db8::7".parse().expect("an address"),
        revoked: Some(at(3)),
        locked: Some(Lock { since: at(2), by: LockedBy::Rail }),
        unlock: Some(Unlock { since: at(1), until: at(9) }),
        limits_dropped: true,
        extension_address: Some("tb1q".to_owned()),
        issued_by_ecdh: true,
        template: Some(TemplateId::from_bytes([6; 16])),
        ..token(TOKEN, USER, TokenKind::Access)
    };
    let second = TokenId::from_bytes(nth(1));
    let third = TokenId::from_bytes(nth(2));
    // Narrowed to nothing is not the same as not narrowed.
    let nothing = Grant { narrowing: Narrowing::Organisations(Vec::new()), ..Grant::default() };
    let ending = TokenSecret { ends: Some(at(5)), used: Some(at(4)), ..secret(2) };
    vec![
        Record::Token(TOKEN, full),
        Record::Token(second, token(second, USER, TokenKind::Session)),
        Record::Token(third, Token { grant: nothing, ..token(third, OTHER, TokenKind::Service) }),
        Record::Secrets(TOKEN, vec![secret(3), ending]),
        Record::Secrets(second, vec![secret(1)]),
    ]
}
