//! A server for the test that must notice a missing sync: the same engine, pipeline and rail, on a store
//! that was told whether to sync. The program itself cannot be told that.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_gateway::sandbox::SandboxRail;
use bursar_http::operations::{self, Operations};
use bursar_identity::fixed_otp::FixedOtp;
use bursar_identity::password::PasswordCost;
use bursar_service::people::NewUser;
use bursar_service::rail::Rail;
use bursar_service::{Bursar, Parts, Policy, RequireIp};
use bursar_store::seal::Sealer;
use bursar_store_sqlite::SqliteStore;
use bursar_testkit::{FixedClock, SystemRandom};
use serde_json::json;
use tokio::net::TcpListener;

const DIRECTORY: &str = "BURSAR_FAULTS_DIRECTORY";
const SYNCHRONOUS: &str = "BURSAR_FAULTS_SYNCHRONOUS";

const USER: &str = "user@example.com";
const PASSWORD: &str = "violet harbour 31";

/// Starts this very program again, as a server.
pub(crate) fn command(directory: &Path, synchronous: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", "unsynced::serves_until_it_is_told_to_end"]);
    command.env(DIRECTORY, directory).env(SYNCHRONOUS, synchronous);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is the server of another test"]
async fn serves_until_it_is_told_to_end() {
    #[expect(clippy::disallowed_methods, reason = "another test tells this one where and how to serve")]
    let [directory, synchronous] = [DIRECTORY, SYNCHRONOUS].map(|name| std::env::var(name).ok());
    let Some(directory) = directory else { return };
    let directory = Path::new(&directory);
    let store = match synchronous.as_deref() {
        Some("OFF") => SqliteStore::open_unsynced(directory).unwrap(),
        _ => SqliteStore::open(directory).unwrap(),
    };
    let (bursar, wallet) = business(directory, store).await;
    let listeners = [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let [url, operate] = listeners.each_ref().map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let [clients, operators] = listeners;
    let operations = Arc::new(Operations::new());
    let settings = bursar_http::Settings {
        trusted_proxies: Vec::new(),
        environment: "test".to_owned(),
        body_limit: 64 * 1024,
        authz: Arc::default(),
        rail_hosts: BTreeMap::new(),
    };
    let router = bursar_http::router(Arc::clone(&bursar), settings, &operations);
    tokio::spawn(bursar_http::serve(clients, router, Vec::new(), std::future::pending()));
    tokio::spawn(bursar_http::serve(
        operators,
        operations::router(bursar, operations),
        Vec::new(),
        std::future::pending(),
    ));
    let ready = json!({
        "url": url, "operations": operate, "username": USER, "password": PASSWORD, "otp": "000000",
        "pid": std::process::id(), "wallets": [{"coin": "tbtc", "id": wallet.to_string()}],
    });
    println!("{ready}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

async fn business(directory: &Path, store: SqliteStore) -> (Arc<Bursar>, WalletId) {
    let coin = Coin::parse("tbtc").unwrap();
    let wallet = WalletId::from_bytes([7; 16]);
    let rail = SandboxRail::open(&directory.join("sandbox.db")).unwrap();
    rail.create_wallet(&wallet.to_string(), &coin, Amount::new(1_000_000), [1; 16]).await.unwrap();
    let parts = Parts {
        store: Arc::new(store),
        clock: Arc::new(FixedClock::at(Timestamp::from_millis(1_790_000_000_000))),
        random: Arc::new(SystemRandom),
        sealer: Sealer::new(&Secret::new([9; 32])).unwrap(),
        rails: BTreeMap::from([("sandbox".to_owned(), Arc::new(rail) as Arc<dyn Rail>)]),
        ecdh_key: Secret::new(String::new()),
        ecdh_public_key: String::new(),
        mail: None,
        policy: policy(),
        engine: bursar_ledger::Settings::default(),
    };
    let bursar = Arc::new(Bursar::start(parts).unwrap());
    let (username, password) = (USER.to_owned(), Secret::new(PASSWORD.to_owned()));
    let new = NewUser { username, full_name: "Test User".to_owned(), password, seeded: true };
    let owner = bursar.create_user(new).await.unwrap().0.id;
    bursar.register_wallet(wallet, coin, "Treasury".to_owned(), "sandbox", owner).await.unwrap();
    (bursar, wallet)
}

fn policy() -> Policy {
    Policy {
        fixed_otp: Some(FixedOtp::for_test_environment()),
        origin: "localhost".to_owned(),
        session: Span::from_seconds(3600),
        default_duration: Span::from_seconds(3600),
        longest_duration: Span::from_seconds(3600),
        tokens_per_user: 10,
        require_ip_restriction: RequireIp::Off,
        unlock_drops_limits: false,
        ecdh_issuance: false,
        rate_limits: false,
        relying_party: None,
        password_cost: PasswordCost::TEST,
        spend_deadline: Span::from_seconds(60),
        breaker: None,
        freeze_unexplained: false,
        retention: None,
    }
}
