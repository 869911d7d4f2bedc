//! What is promised beyond the contract: the directory, the file, durability, and rows that are no records.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::channel;

use bursar_core::account::{Organisation, User, Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::audit::{Actor, Event, Head};
use bursar_core::coin::{Asset, Coin};
use bursar_core::hold::{Charge, Hold, HoldState, Recipient, SpendKey};
use bursar_core::id::{FactorId, HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{
    Change, Credential, CredentialKind, Document, DocumentKey, DocumentKind, Key, Record, State, TokenSecret,
};
use bursar_core::limit::{Budget, BudgetKey, Ceiling, Limit, Measure, Subject, Window};
use bursar_core::time::Timestamp;
use bursar_core::token::{Grant, Token, TokenKind};
use bursar_store::{Batch, Page, Reader, Store, StoreError};
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::SqliteStore;
use crate::checkpoint::Bounds;
use crate::open::Owner;
use crate::reader::SqliteReader;

const USER: UserId = UserId::from_bytes([1; 16]);
const WALLET: WalletId = WalletId::from_bytes([2; 16]);
const TOKEN: TokenId = TokenId::from_bytes([3; 16]);
const HOLD: HoldId = HoldId::from_bytes([4; 16]);
const ORGANISATION: OrganisationId = OrganisationId::from_bytes([5; 16]);
const SUBJECT: Subject = Subject::Token(TOKEN);

fn organisation(name: &str) -> Record {
    Record::Organisation(ORGANISATION, Organisation { id: ORGANISATION, name: name.to_owned() })
}

fn batch(records: impl IntoIterator<Item = Record>) -> Batch {
    let change = |record: Record| Change { key: record.key(), version: 1, record: Some(record) };
    let changes = records.into_iter().map(change).collect();
    Batch { time: Timestamp::from_millis(1), changes, events: Vec::new(), link: None }
}

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
    let window = Window::Lifetime;
    let budget = BudgetKey { subject: SUBJECT, asset: asset.clone(), window };
    let limit = Limit { asset, measure: Measure::Amount, window, ceiling: Ceiling::Unlimited };
    let key = SpendKey::Sequence(WALLET, "s".to_owned());
    let hold = Hold {
        id: HOLD,
        token: TOKEN,
        user: USER,
        wallet: WALLET,
        organisation: ORGANISATION,
        coin,
        recipients: vec![Recipient { address: "x".to_owned(), amount: Amount::MAX }],
        amount: Amount::MAX,
        fee: Amount::ZERO,
        key: Some(key.clone()),
        meaning: [0; 32],
        instruction: Vec::new(),
        comment: None,
        charges: vec![Charge { budget: budget.clone(), overridden: false }],
        created: time,
        deadline: time,
        state: HoldState::Open,
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
    let secret = TokenSecret { lookup: [8; 32], sealed: vec![1], ends: None };
    let events =
        vec![Event { time, actor: Actor::Operator, action: "a".to_owned(), subject: "s".to_owned(), data: Vec::new() }];
    let link = Some(Head::default().next(&events));
    let records = [
        Record::User(USER, user),
        Record::Credential(factor, credential),
        Record::Document(document, Document { title: None, body: Vec::new() }),
        Record::Wallet(WALLET, wallet),
        Record::Role((WALLET, USER), WalletRole::ALL),
        Record::Token(TOKEN, token),
        Record::Secrets(TOKEN, vec![secret]),
        Record::Limits(SUBJECT, vec![limit]),
        Record::Budget(budget, Budget::default()),
        Record::Hold(HOLD, hold),
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
        found &= !reader.wallets(USER, None, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.spends(WALLET, Page { limit, after: None, newest_first })?.is_empty();
        found &= !reader.unsettled(Page { limit, after: None, newest_first })?.is_empty();
    }
    found &= reader.token_by_secret(&[8; 32])?.is_some() && reader.token(TOKEN)?.is_some();
    found &= reader.secrets(TOKEN)?.is_some() && reader.count_long_lived(USER, now)? == 1;
    found &= reader.user(USER)?.is_some() && reader.user_by_name("a")?.is_some();
    found &= !reader.credentials(USER)?.is_empty();
    found &= reader.wallet(WALLET, USER)?.is_some_and(|wallet| wallet.role.is_some());
    found &= !reader.limits(SUBJECT)?.value.is_empty() && !reader.budgets(SUBJECT)?.is_empty();
    found &= reader.hold(HOLD)?.is_some();
    found &= reader.hold_by_key(&SpendKey::Sequence(WALLET, "s".to_owned()))?.is_some();
    found &= !reader.audit(1, 10)?.is_empty();
    Ok(found)
}

fn sql(directory: &Path) -> Connection {
    Connection::open(directory.join("bursar.db")).unwrap()
}

#[test]
fn a_directory_belongs_to_one_store_until_its_writer_is_gone_too() {
    let directory = tempfile::tempdir().unwrap();
    let in_use = || matches!(SqliteStore::open(directory.path()), Err(StoreError::InUse));
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(in_use());
    let writer = store.writer().unwrap();
    drop(store);
    assert!(in_use());
    drop(writer);
    assert!(!in_use());
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let store = SqliteStore::open(&directory).unwrap();
    store.writer().unwrap().commit(&batch([organisation("Acme")])).unwrap();
    let _reader = store.reader().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    drop(store);
    drop(_reader);
    // A copy that was put there with another mode is closed again.
    fs::set_permissions(directory.join("bursar.db"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(SqliteStore::open(&directory).unwrap());
    assert_eq!(mode(&directory.join("bursar.db")), 0o600);
}

#[test]
fn a_store_is_fresh_once_and_keeps_one_data_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(store.is_fresh());
    assert_eq!(store.wrapped_data_key(), Ok(None));
    store.store_wrapped_data_key(b"wrapped").unwrap();
    assert!(store.store_wrapped_data_key(b"another").is_err());
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(!store.is_fresh());
    let _writer = store.writer().unwrap();
    assert_eq!(store.wrapped_data_key(), Ok(Some(b"wrapped".to_vec())));
    assert_eq!(store.store_wrapped_data_key(b"another"), Err(StoreError::InUse));
}

#[test]
fn the_writers_commits_are_synced_and_never_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let connection = store.connection.lock().unwrap();
    // This very connection becomes the writer's.
    let connection = connection.as_ref().unwrap();
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(number("synchronous"), 2);
    assert_eq!(number("fullfsync"), 1);
    assert_eq!(number("wal_autocheckpoint"), 0);
}

#[test]
fn the_log_stays_bounded_while_it_is_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path(), Bounds { step: 8, most: 64 }).unwrap();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let log = directory.path().join("bursar.db-wal");
    let mut longest = 0;
    for number in 0..1_000_u64 {
        let name = format!("{number:0>3000}");
        let change = Change { version: number + 1, ..batch([organisation(&name)]).changes.remove(0) };
        writer.commit(&Batch { changes: vec![change], ..batch([]) }).unwrap();
        assert_eq!(reader.user(USER), Ok(None));
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    // Unbounded it would be more than 8 MiB.
    assert!(longest < 4 << 20, "{longest} bytes");
    drop((reader, writer, store));
    let store = SqliteStore::open(directory.path()).unwrap();
    let mut state = State::default();
    let key = Key::Organisation(ORGANISATION);
    store.writer().unwrap().load(std::slice::from_ref(&key), &mut state).unwrap();
    assert_eq!(state.version(&key), Ok(1_000));
}

#[test]
fn a_commit_that_finds_no_room_asks_for_what_the_log_takes() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path(), Bounds { step: i64::MAX, most: i64::MAX }).unwrap();
    let database = directory.path().join("bursar.db");
    let length = || fs::metadata(&database).unwrap().len();
    {
        // This very connection becomes the writer's.
        let connection = store.connection.lock().unwrap();
        let connection = connection.as_ref().unwrap();
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    }
    let mut writer = store.writer().unwrap();
    writer.commit(&batch([organisation("a")])).unwrap();
    let before = length();
    let refused = writer.commit(&batch([organisation(&"b".repeat(100_000))]));
    assert!(matches!(&refused, Err(StoreError::Unavailable(problem)) if problem.contains("full")), "{refused:?}");
    // Nothing else would have copied the log: so far from its bound it never is.
    while length() == before {
        std::thread::yield_now();
    }
    let change = Change { version: 2, ..batch([organisation("c")]).changes.remove(0) };
    writer.commit(&Batch { changes: vec![change], ..batch([]) }).unwrap();
}

#[test]
fn a_store_that_a_newer_program_wrote_is_refused_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(directory.path()).unwrap());
    sql(directory.path()).pragma_update(None, "user_version", 2).unwrap();
    let before = fs::read(directory.path().join("bursar.db")).unwrap();
    let refused = SqliteStore::open(directory.path()).err();
    assert_eq!(refused, Some(StoreError::Newer { found: 2, known: 1 }));
    assert_eq!(fs::read(directory.path().join("bursar.db")).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bursar.db"), "not a database at all ".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(directory.path()), Err(StoreError::Unavailable(_))));
}

#[test]
fn a_reader_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Owner::new(directory.path()).unwrap().read().unwrap();
    assert!(connection.execute_batch("CREATE TABLE t (a) STRICT").is_err());
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
        ("UPDATE limits SET ceiling = x'05'", "limits", "ceiling"),
        ("UPDATE budgets SET held_amount = x'05'", "budgets", "held_amount"),
        ("UPDATE budgets SET captured_count = -1", "budgets", "captured_count"),
        ("UPDATE holds SET amount = zeroblob(33)", "holds", "amount"),
        ("UPDATE holds SET recipients = x''", "holds", "recipients"),
        ("UPDATE holds SET charges = x'0100'", "holds", "charges"),
        ("UPDATE holds SET key_kind = 'transaction'", "holds", "key"),
        ("UPDATE holds SET reason = 'none'", "holds", "reason"),
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
