//! Rows: what is no record is not taken for one, and every read finds its rows by an index.

use std::collections::HashSet;
use std::sync::mpsc::channel;

use bursar_core::account::{Email, Invitation, MemberRole, Membership, User, Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::audit::{Actor, Event, Head};
use bursar_core::coin::{Asset, Coin};
use bursar_core::destination::{Destination, DestinationId};
use bursar_core::hold::{Cost, Hold, HoldState, Payee, SpendKey};
use bursar_core::id::{FactorId, HoldId, InvitationId, TokenId, WalletId};
use bursar_core::ledger::{
    Credential, CredentialKind, Document, DocumentKey, DocumentKind, HistoryKey, Key, PastOf, Record, State,
    TokenSecret,
};
use bursar_core::limit::{
    Allowed, Budget, BudgetKey, Ceiling, Destinations, Limit, LimitSet, Measure, Subject, Window,
};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Token, TokenKind};
use bursar_store::{Batch, Page, Reader, Store, StoreError};
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::{ORGANISATION, USER, batch, sql};
use crate::SqliteStore;
use crate::open::Owner;
use crate::reader::SqliteReader;

const WALLET: WalletId = WalletId::from_bytes([2; 16]);
const TOKEN: TokenId = TokenId::from_bytes([3; 16]);
const HOLD: HoldId = HoldId::from_bytes([4; 16]);
const CAPTURED: HoldId = HoldId::from_bytes([0; 16]);
const SUBJECT: Subject = Subject::Token(TOKEN);

/// A record of every kind whose rows can be read but not believed, and an audit event.
fn fill(store: &SqliteStore) {
    let time = Timestamp::from_millis(7);
    let user = User {
        id: USER,
        username: "a".to_owned(),
        full_name: String::new(),
        freeze: None,
        seeded: false,
        created: time,
        sessions_since: time,
        email: Some(Email { address: "a@example.com".to_owned(), is_verified: true }),
    };
    let coin = Coin::parse("tbtc").unwrap();
    let wallet = Wallet {
        id: WALLET,
        coin: coin.clone(),
        label: String::new(),
        organisation: ORGANISATION,
        rail: String::new(),
        reference: String::new(),
        freeze: None,
        created: time,
    };
    let token = Token {
        id: TOKEN,
        kind: TokenKind::Access,
        user: USER,
        label: None,
        grant: Grant::default(),
        created: time,
        expires: Timestamp::from_millis(1_000),
        created_from: [127, 0, 0, 1].into(),
        revoked: None,
        locked: None,
        unlock: None,
        limits_dropped: false,
        extension_address: None,
        issued_by_ecdh: false,
        template: None,
    };
    let asset = Asset::Coin(coin.clone());
    let budget = BudgetKey { subject: SUBJECT, asset: asset.clone(), destination: None };
    let limit = Limit { asset, measure: Measure::Amount, window: Window::Lifetime, ceiling: Ceiling::Unlimited };
    let destination = Destination::new("bitcoin", &[7], None);
    let allowed =
        vec![Allowed { destination: destination.clone(), address: "x".to_owned(), coin: Coin::parse("tbtc").unwrap() }];
    let destinations = Destinations { allowed: Some(allowed), ..Destinations::default() };
    let key = SpendKey::Sequence(WALLET, "s".to_owned());
    let hold = Hold {
        id: HOLD,
        token: TOKEN,
        user: USER,
        wallet: Some(WALLET),
        organisation: ORGANISATION,
        payees: vec![Payee { address: "x".to_owned(), destination, amount: Amount::MAX }],
        cost: Cost { coin: coin.clone(), amount: Amount::MAX, fee_coin: coin, fee: Amount::ZERO },
        key: Some(key.clone()),
        aliases: Vec::new(),
        meaning: [0; 32],
        instruction: Vec::new(),
        comment: None,
        overridden: false,
        holder: None,
        captures_itself: false,
        created: time,
        deadline: time,
        state: HoldState::unresolved(time, "no answer"),
    };
    let captured = Hold {
        id: CAPTURED,
        state: HoldState::Captured { at: time, amount: Amount::new(1), fee: Amount::ZERO, reference: String::new() },
        ..hold.clone()
    };
    let factor = FactorId::from_bytes([6; 16]);
    let credential = Credential {
        id: factor,
        user: USER,
        kind: CredentialKind::Totp,
        label: String::new(),
        sealed: Vec::new(),
        progress: Vec::new(),
        created: time,
        last_used: None,
    };
    let document = DocumentKey { user: USER, kind: DocumentKind::Settings, name: String::new() };
    let secret = TokenSecret { lookup: [8; 32], sealed: vec![1], ends: None, used: None };
    let invitation = Invitation {
        id: InvitationId::from_bytes([9; 16]),
        organisation: ORGANISATION,
        address: "b@example.com".to_owned(),
        role: MemberRole::Member,
        wallets: vec![(WALLET, WalletRole::ALL)],
        invited_by: Some(USER),
        lookup: [1; 32],
        is_mailed: true,
        sent: 1,
        created: time,
        expires: time,
    };
    let membership = Membership { organisation: ORGANISATION, user: USER, role: MemberRole::Owner };
    let events =
        vec![Event { time, actor: Actor::Operator, action: "a".to_owned(), subject: "s".to_owned(), data: Vec::new() }];
    let link = Some(Head::default().next(&events));
    let records = [
        Record::User(USER, user),
        Record::Membership((ORGANISATION, USER), membership),
        Record::Invitation(invitation.id, invitation),
        Record::Credential(factor, credential),
        Record::Document(document, Document { title: None, body: Vec::new() }),
        Record::Wallet(WALLET, wallet),
        Record::Role((WALLET, USER), WalletRole::ALL),
        Record::Token(TOKEN, token),
        Record::Secrets(TOKEN, vec![secret]),
        Record::Limits(SUBJECT, LimitSet { limits: vec![limit], destinations: Some(destinations) }),
        Record::Paid(SUBJECT, vec![(DestinationId::from_bytes([1; 32]), 1)]),
        Record::Budget(budget, Budget::default()),
        Record::Hold(HOLD, hold.into()),
        Record::Hold(CAPTURED, captured.into()),
        Record::SpendKey(key, HOLD),
    ];
    store.writer().unwrap().commit(&Batch { events, link, ..batch(records) }).unwrap();
}

/// Every list and look-up a reader has, on what `fill` wrote; whether each of them found something.
fn read_everything(reader: &mut dyn Reader) -> Result<bool, StoreError> {
    let now = Timestamp::from_millis(0);
    let mut found = true;
    for newest_first in [false, true] {
        let (limit, kind) = (10, DocumentKind::Settings);
        found &= !reader.users(Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.access_tokens(USER, now, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.documents(USER, kind, &Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.members(ORGANISATION, None, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.invitations(ORGANISATION, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.wallet_members(WALLET, Page { limit, after: None, newest_first })?.is_empty();
        found &= reader.sessions(USER, now, now, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.wallets(USER, None, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.spends(WALLET, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.spends_of_token(TOKEN, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.unsettled(Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.unresolved(Page { limit, after: None, newest_first })?.is_empty();
    }
    found &= reader.token_by_secret(&[8; 32])?.is_some() && reader.token(TOKEN)?.is_some();
    found &= reader.secrets(TOKEN)?.is_some() && reader.count_long_lived(USER, now)? == 1;
    found &= reader.user(USER)?.is_some() && reader.user_by_name("a")?.is_some();
    found &= reader.user_by_address("a@example.com")?.is_some();
    found &= !reader.credentials(USER)?.is_empty();
    found &= reader.wallet(WALLET, USER)?.is_some_and(|wallet| wallet.role.is_some());
    found &= !reader.limits(SUBJECT)?.value.is_empty() && !reader.budgets(SUBJECT)?.is_empty();
    found &= reader.hold(HOLD)?.is_some();
    found &= reader.hold_by_key(&SpendKey::Sequence(WALLET, "s".to_owned()))?.is_some();
    found &= !reader.settled_before(Timestamp::from_millis(99), 9)?.is_empty();
    found &= !reader.usage_of_token(TOKEN, now, Span::from_millis(1))?.is_empty();
    found &= !reader.audit(1, 10)?.is_empty();
    Ok(found & read_pasts(reader)?)
}

/// What a spend was paid to, and the past of every subject.
fn read_pasts(reader: &mut dyn Reader) -> Result<bool, StoreError> {
    let mut keys = vec![Key::Paid(SUBJECT)];
    for subject in [SUBJECT, Subject::User(USER), Subject::Wallet(WALLET), Subject::Organisation(ORGANISATION)] {
        let budget = BudgetKey { subject, asset: Asset::Any, destination: None };
        keys.push(Key::History(HistoryKey {
            budget,
            without: Vec::new(),
            reach: Span::from_seconds(9),
            of: PastOf::Budget,
        }));
    }
    let mut state = State::default();
    reader.load(&keys, &mut state)?;
    let found = |key: &Key| match key {
        Key::History(key) => state.history(key).unwrap().is_some_and(|past| past.captures.len() == 1),
        key => state.version(key) == Ok(1),
    };
    Ok(keys.iter().all(found))
}

#[test]
fn a_row_that_is_no_record_is_named_by_its_table_and_shown_to_nobody() {
    for (damage, table, column) in [
        ("UPDATE users SET id = x'01'", "users", "id"),
        ("UPDATE credentials SET kind = 'pin'", "credentials", "kind"),
        ("UPDATE wallets SET coin = ' '", "wallets", "coin"),
        ("UPDATE wallets SET organisation = x''", "wallets", "organisation"),
        ("UPDATE tokens SET version = -1", "tokens", "version"),
        ("UPDATE tokens SET scopes = 'profile everything'", "tokens", "scopes"),
        ("UPDATE tokens SET ips = '10.0.0.0/8'", "tokens", "ips"),
        ("UPDATE tokens SET narrowing = 'wallets', narrowed_to = '1'", "tokens", "narrowed_to"),
        ("UPDATE tokens SET created_from = 'here'", "tokens", "created_from"),
        ("UPDATE limits SET asset = '*all'", "limits", "asset"),
        ("UPDATE limits SET window = 'day'", "limits", "window"),
        ("UPDATE limits SET measure = 'size'", "limits", "measure"),
        ("UPDATE limits SET ceiling = x'05'", "limits", "ceiling"),
        ("UPDATE limit_sets SET destinations = 'some'", "limit_sets", "destinations"),
        ("UPDATE limit_sets SET at_most = -1", "limit_sets", "at_most"),
        ("UPDATE budgets SET held = x'0500'", "budgets", "held"),
        ("UPDATE budgets SET captured = x'8001'", "budgets", "captured"),
        ("UPDATE budgets SET windows = x''", "budgets", "windows"),
        ("UPDATE paid SET destinations = zeroblob(33)", "paid", "destinations"),
        ("UPDATE holds SET terms = x''", "holds", "terms"),
        ("UPDATE holds SET terms = CAST(terms || x'00' AS BLOB)", "holds", "terms"),
        ("UPDATE holds SET aliases = x'0200'", "holds", "aliases"),
        ("UPDATE holds SET outcome = x'01020474657374'", "holds", "outcome"),
        ("UPDATE holds SET state = 'captured'", "holds", "outcome"),
        ("UPDATE spend_keys SET hold = x''", "spend_keys", "hold"),
        ("UPDATE audit_links SET hash = x''", "audit_links", "hash"),
        ("UPDATE audit_events SET actor = 'token'", "audit_events", "actor_token"),
        ("UPDATE audit_events SET data = '{}'", "audit_events", "data"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        fill(&store);
        let mut reader = store.reader().unwrap();
        assert_eq!(read_everything(&mut *reader), Ok(true));
        sql(directory.path()).execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {damage}")).unwrap();
        match read_everything(&mut *reader) {
            Err(StoreError::Inconsistent { table: named, problem }) => {
                assert_eq!(named, table, "{damage}");
                assert!(problem.starts_with(&format!("column `{column}`: ")), "{damage}: {problem}");
            }
            other => panic!("{damage}: {other:?}"),
        }
    }
}

#[test]
fn no_read_walks_a_table_or_sorts() {
    let directory = tempfile::tempdir().unwrap();
    fill(&SqliteStore::open(directory.path()).unwrap());
    let owner = Owner::new(directory.path()).unwrap();
    let mut connection = owner.read().unwrap();
    let (ran, statements) = channel();
    let watch = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            ran.send(statement.sql().into_owned()).unwrap();
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(watch)).unwrap();
    assert_eq!(read_everything(&mut SqliteReader::new(connection)), Ok(true));
    let statements: HashSet<String> = statements.iter().filter(|sql| sql.starts_with("SELECT")).collect();
    assert!(statements.len() > 20, "{statements:?}");
    let connection = owner.read().unwrap();
    for statement in statements {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let nulls = rusqlite::params_from_iter(vec![rusqlite::types::Null; plan.parameter_count()]);
        let steps: Vec<String> =
            plan.query_map(nulls, |row| row.get("detail")).unwrap().collect::<Result<_, _>>().unwrap();
        let costly = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
        assert!(!steps.is_empty() && !steps.iter().any(costly), "{statement}: {steps:?}");
    }
}
