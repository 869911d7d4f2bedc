//! How long the core takes to decide, on records that are loaded: the share of every spend that waits for
//! no disk. The goal is below a microsecond for the decision itself.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bursar_core::account::{User, Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Payee, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{
    Command, HoldRequest, Key, Outcome, Record, Request, Settler, State, Versioned, apply, dry_run, needs,
};
use bursar_core::limit::text::parse;
use bursar_core::limit::{LimitSet, Subject};
use bursar_core::scope::{Scopes, WalletAction};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Token, TokenKind};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// The binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USER: UserId = UserId::from_bytes([1; 16]);
const TOKEN: TokenId = TokenId::from_bytes([2; 16]);
const WALLET: WalletId = WalletId::from_bytes([3; 16]);
const ORGANISATION: OrganisationId = OrganisationId::from_bytes([4; 16]);
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn coin(text: &str) -> Coin {
    Coin::parse(text).expect("a ticker")
}

fn user() -> User {
    User {
        id: USER,
        username: "user@example.com".to_owned(),
        full_name: "A User".to_owned(),
        freeze: None,
        seeded: false,
        created: NOW,
        sessions_since: NOW,
        email: None,
    }
}

fn wallet() -> Wallet {
    Wallet {
        id: WALLET,
        coin: coin("tbtc"),
        label: "till".to_owned(),
        organisation: ORGANISATION,
        rail: "sandbox".to_owned(),
        reference: "till".to_owned(),
        freeze: None,
        created: NOW,
    }
}

fn token() -> Token {
    let scopes = ["openid", "profile", "wallet_view_all", "wallet_create", "wallet_spend_all"];
    let scopes = Scopes::new(scopes.map(|scope| scope.parse().expect("a scope")));
    Token {
        id: TOKEN,
        kind: TokenKind::Access,
        user: USER,
        label: Some("bot".to_owned()),
        grant: Grant { scopes, ..Grant::default() },
        created: NOW,
        expires: LATER,
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

/// Ten limits of every kind of window, all of which count what is spent: `ceiling` base units each.
fn limits(ceiling: u128) -> LimitSet {
    let windows = [
        " per spend",
        " in total",
        "/hour",
        "/7 days",
        "/30 days from 2026-01-05T00:00:00Z",
        "/calendar day",
        "/calendar week in Europe/Zurich",
        "/calendar month",
        "/6 hours",
        "/30 days",
    ];
    let limit = |window: &str| parse(&format!("tbtc {ceiling} base units{window}")).expect("a limit");
    LimitSet { limits: windows.map(limit).to_vec(), destinations: None }
}

fn number(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}

fn hold(id: u128, key: Option<SpendKey>) -> Request {
    let command = Command::Hold(Box::new(HoldRequest {
        id: HoldId::from_bytes(number(id)),
        token: TOKEN,
        address: ADDRESS,
        wallet: Some(WALLET),
        organisation: None,
        coin: coin("tbtc"),
        payees: vec![Payee {
            address: "2N9QaSyKrBLzGhVxBUp3vTzqzWQBMEZvfGL".to_owned(),
            destination: Destination::new("tbtc", b"2N9QaSyKrBLzGhVxBUp3vTzqzWQBMEZvfGL", None),
            amount: Amount::new(1),
        }],
        fee_coin: coin("tbtc"),
        fee: Amount::new(1),
        fee_ceiling: None,
        key,
        meaning: [0; 32],
        instruction: Vec::new(),
        comment: None,
        stepped_up: false,
        holder: None,
        captures_itself: false,
        patience: Span::from_seconds(60),
        read: Vec::new(),
    }));
    Request { actor: Actor::Token { user: USER, token: TOKEN }, command }
}

fn warm(ceiling: u128) -> State {
    let mut state = State::default();
    for record in [
        Record::User(USER, user()),
        Record::Token(TOKEN, token()),
        Record::Wallet(WALLET, wallet()),
        Record::Role((WALLET, USER), WalletRole::ALL),
        Record::Limits(Subject::Token(TOKEN), limits(ceiling)),
    ] {
        state.load(record.key(), Some(Versioned { version: 1, value: record }));
    }
    // Not the very first spend, which begins to count every window.
    let first = hold(0, None);
    load(&mut state, &first);
    assert!(apply(&mut state, &first, NOW).is_ok());
    load(&mut state, &hold(1, None));
    state
}

fn load(state: &mut State, request: &Request) {
    loop {
        let missing: Vec<Key> = needs(state, &request.command);
        if missing.is_empty() {
            return;
        }
        missing.into_iter().for_each(|key| state.load(key, None));
    }
}

fn decide(bench: &mut Criterion) {
    let (token, owner, wallet) = (token(), user(), wallet());
    let need = Need::Wallet { action: WalletAction::Spend, wallet: &wallet, role: Some(WalletRole::ALL) };
    bench.bench_function("authorize a spend", |bencher| {
        bencher.iter(|| authorize(black_box(&token), black_box(&owner), ADDRESS, need, NOW));
    });

    let state = warm(u128::MAX);
    let request = hold(1, None);
    let Command::Hold(asked) = &request.command else { unreachable!("it is a hold") };
    bench.bench_function("needs of a hold, all loaded", |bencher| {
        bencher.iter(|| needs(black_box(&state), black_box(&request.command)));
    });

    bench.bench_function("decide a hold that is granted, 10 limits", |bencher| {
        bencher.iter(|| dry_run(black_box(&state), black_box(asked), NOW));
    });

    let request = hold(1, None);
    bench.bench_function("apply a hold that is granted, 10 limits", |bencher| {
        let granted = |state: &mut State| {
            let applied = apply(state, black_box(&request), NOW);
            assert!(matches!(&applied, Ok(applied) if matches!(applied.outcome, Outcome::Held { .. })), "{applied:?}");
            applied
        };
        bencher.iter_batched_ref(|| warm(u128::MAX), granted, BatchSize::SmallInput);
    });

    let mut state = warm(2);
    let request = hold(1, None);
    bench.bench_function("apply a hold that is refused by a limit, 10 limits", |bencher| {
        bencher.iter(|| apply(&mut state, black_box(&request), NOW));
    });

    let mut state = warm(u128::MAX);
    let named = || hold(1, Some(SpendKey::Sequence(WALLET, "order-1".to_owned())));
    load(&mut state, &named());
    assert!(apply(&mut state, &named(), NOW).is_ok());
    let request = named();
    bench.bench_function("apply a hold whose key is known", |bencher| {
        bencher.iter(|| apply(&mut state, black_box(&request), NOW));
    });

    let request = hold(1, None);
    let (hold, reference) = (HoldId::from_bytes(number(1)), "2c9f5f1e".repeat(8));
    let command = Command::Capture { hold, amount: Amount::new(2), fee: Amount::new(1), reference, by: Settler::Rail };
    let capture = Request { actor: Actor::System, command };
    bench.bench_function("apply a capture", |bencher| {
        let held = || {
            let mut state = warm(u128::MAX);
            assert!(apply(&mut state, &request, NOW).is_ok());
            state
        };
        bencher.iter_batched_ref(held, |state| apply(state, black_box(&capture), NOW), BatchSize::SmallInput);
    });
}

criterion_group!(benches, decide);
criterion_main!(benches);
