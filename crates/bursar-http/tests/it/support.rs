//! A server without a socket: the real router, a real SQLite file, the sandbox rail, a clock that is told
//! what time it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use bursar_core::ambient::Clock;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_gateway::sandbox::SandboxRail;
use bursar_http::operations::Operations;
use bursar_identity::fixed_otp::FixedOtp;
use bursar_identity::password::PasswordCost;
use bursar_service::mail::{Mail, MailProblem, Mailer, Post};
use bursar_service::people::NewUser;
use bursar_service::rail::Rail;
use bursar_service::relying_party::RelyingParty;
use bursar_service::{Bursar, Parts, Policy, RequireIp};
use bursar_store::seal::Sealer;
use bursar_store_sqlite::SqliteStore;
use bursar_testkit::{FixedClock, SystemRandom};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};
use tower::ServiceExt;

use crate::described;
use crate::untaken::{Disk, OnDisk};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// Where pages come from.
pub(crate) const ORIGIN: &str = "https://bursar.example.com";
pub(crate) const OTP: &str = "000000";

pub(crate) struct Server {
    pub(crate) bursar: Arc<Bursar>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) directory: TempDir,
    pub(crate) disk: Disk,
    pub(crate) wallet: WalletId,
    pub(crate) operations: Arc<Operations>,
    mailbox: Mutex<mpsc::UnboundedReceiver<Mail>>,
    router: Router,
}

/// A server on a socket.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) stop: tokio::sync::oneshot::Sender<()>,
    pub(crate) served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Mails as the server hands them over.
struct Mailbox(mpsc::UnboundedSender<Mail>);

impl Mailer for Mailbox {
    fn send<'a>(&'a self, mail: &'a Mail) -> bursar_service::rail::Answer<'a, Result<(), MailProblem>> {
        let Mail { to, subject, text } = mail;
        // A test that looks at no mail drops the mailbox first.
        self.0.send(Mail { to: to.clone(), subject: subject.clone(), text: text.clone() }).ok();
        Box::pin(async { Ok(()) })
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::built(policy(), true, chain()).await
    }

    /// One with this rail under the name `chain`.
    pub(crate) async fn before(rail: Arc<dyn Rail>) -> Self {
        Self::built(policy(), true, rail).await
    }

    /// The same, whose operator decided otherwise.
    pub(crate) async fn before_with(rail: Arc<dyn Rail>, policy: Policy) -> Self {
        Self::built(policy, true, rail).await
    }

    /// One whose operator decided otherwise.
    pub(crate) async fn with(policy: Policy) -> Self {
        Self::built(policy, true, chain()).await
    }

    /// One that sends mail, or none at all.
    pub(crate) async fn sending(sends_mail: bool) -> Self {
        Self::built(policy(), sends_mail, chain()).await
    }

    /// One whose only rail is this one, under the name `chain`.
    pub(crate) async fn alone(rail: Arc<dyn Rail>) -> Self {
        Self::on(policy(), true, rail, false).await
    }

    async fn built(policy: Policy, sends_mail: bool, chain: Arc<dyn Rail>) -> Self {
        Self::on(policy, sends_mail, chain, true).await
    }

    async fn on(policy: Policy, sends_mail: bool, chain: Arc<dyn Rail>, has_sandbox: bool) -> Self {
        let (directory, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let clock = Arc::new(FixedClock::at(Timestamp::from_millis(1_790_000_000_000)));
        let rail = SandboxRail::open(&directory.path().join("sandbox.db")).unwrap();
        let wallet = WalletId::from_bytes([7; 16]);
        let coin = Coin::parse("tbtc").unwrap();
        rail.create_wallet(&wallet.to_string(), &coin, Amount::new(1_000_000), [1; 16]).await.unwrap();
        let rail: Arc<dyn Rail> = Arc::new(rail);
        let (mails, mailbox) = mpsc::unbounded_channel();
        let post = Post { mailer: Arc::new(Mailbox(mails)), public_url: "https://bursar.example".to_owned() };
        let parts = Parts {
            store: Arc::new(OnDisk { inner: SqliteStore::open(directory.path()).unwrap(), disk: disk.clone() }),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            sealer: Sealer::new(&Secret::new([9; 32])).unwrap(),
            rails: has_sandbox
                .then(|| ("sandbox".to_owned(), rail))
                .into_iter()
                .chain([("chain".to_owned(), chain)])
                .collect(),
            ecdh_key: Secret::new(String::new()),
            ecdh_public_key: String::new(),
            mail: sends_mail.then_some(post),
            policy,
            engine: bursar_ledger::Settings::default(),
        };
        let bursar = Arc::new(Bursar::start(parts).unwrap());
        let postman = Arc::clone(&bursar);
        tokio::spawn(async move { postman.deliver_mail().await });
        let operations = Arc::new(Operations::new());
        let router = bursar_http::router(Arc::clone(&bursar), settings(), &operations);
        Self { bursar, clock, directory, disk, wallet, operations, mailbox: Mutex::new(mailbox), router }
    }

    /// Serves on a socket of this machine until it is told to stop.
    pub(crate) async fn listen(&self) -> Listening {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let served = tokio::spawn(bursar_http::serve(listener, self.router.clone(), Vec::new(), stopped));
        Listening { address, stop, served }
    }

    pub(crate) fn settings(&self) -> bursar_http::Settings {
        settings()
    }

    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    /// The next mail to an address whose subject has this in it; others before it are passed over.
    pub(crate) async fn mail(&self, to: &str, subject: &str) -> Mail {
        let mut mailbox = self.mailbox.lock().await;
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_secs(20), mailbox.recv()).await;
            let mail = next.unwrap_or_else(|_| panic!("no mail `{subject}` to {to}")).expect("a running server");
            if mail.to == to && mail.subject.contains(subject) {
                return mail;
            }
        }
    }

    /// The secret of the link in such a mail.
    pub(crate) async fn link(&self, to: &str, subject: &str) -> String {
        let mail = self.mail(to, subject).await;
        let line = mail.text.lines().find(|line| line.starts_with("https://bursar.example/")).expect("a link");
        line.rsplit('/').next().unwrap().to_owned()
    }

    /// Every mail that was sent so far.
    pub(crate) async fn mails(&self) -> Vec<Mail> {
        self.bursar.deliver_due_mail().await;
        let mut mailbox = self.mailbox.lock().await;
        std::iter::from_fn(|| mailbox.try_recv().ok()).collect()
    }

    pub(crate) fn pass(&self, time: Span) {
        self.clock.pass(time);
    }

    pub(crate) async fn user(&self, name: &str) {
        let new = NewUser {
            username: name.to_owned(),
            full_name: "Test User".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            seeded: true,
        };
        self.bursar.create_user(new).await.unwrap();
    }

    /// An account without any second factor, as one that came by an invitation.
    pub(crate) async fn newcomer(&self, name: &str) {
        let new = NewUser {
            username: name.to_owned(),
            full_name: "Test User".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            seeded: false,
        };
        self.bursar.create_user(new).await.unwrap();
        let of_user = "user = (SELECT id FROM users WHERE username = ?1)";
        let statement = format!("DELETE FROM credentials WHERE kind <> 'password' AND {of_user}");
        assert_eq!(self.database().execute(&statement, [name]).unwrap(), 2);
    }

    /// The store's file, beside the server.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.data().join("bursar.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        database
    }

    /// Registers the wallet for this user.
    pub(crate) async fn wallet_of(&self, name: &str) {
        let owner = self.bursar.user_named(name).await.unwrap().id;
        let coin = Coin::parse("tbtc").unwrap();
        self.bursar.register_wallet(self.wallet, coin, "Treasury".to_owned(), "sandbox", owner).await.unwrap();
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        self.send_bytes(method, path, token, bytes).await
    }

    pub(crate) async fn send_bytes(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
        self.send_from([127, 0, 0, 1], method, path, token, body).await
    }

    pub(crate) async fn send_from(
        &self,
        address: [u8; 4],
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        self.send_all(address, method, path, &bearer(token), body).await
    }

    /// Sends with an idempotency key.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Answer {
        let mut headers = bearer(token);
        headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
        let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        self.send_all([127, 0, 0, 1], method, path, &headers, bytes).await
    }

    pub(crate) async fn send_all(
        &self,
        address: [u8; 4],
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 4711))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 32 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JSON: {bytes:?}"));
        described::check(method, path, &parts, &body);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// What a request is answered, as it is.
    pub(crate) async fn exchange(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// What the operations listener answers.
    pub(crate) async fn operate(&self, path: &str) -> (StatusCode, String) {
        let router = bursar_http::operations::router(Arc::clone(&self.bursar), Arc::clone(&self.operations));
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(crate) async fn log_in(&self, name: &str) -> String {
        let body = json!({"email": name, "password": PASSWORD, "otp": OTP});
        let answer = self.send("POST", "/api/v2/user/login", None, Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// Logs in with the password and nothing else.
    pub(crate) async fn log_in_alone(&self, name: &str) -> String {
        let body = json!({"email": name, "password": PASSWORD});
        let answer = self.send("POST", "/api/v2/user/login", None, Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// The credential of a service, made by whoever runs the organisation.
    pub(crate) async fn service(&self, session: &str) -> String {
        let organisation = bursar_service::people::DEFAULT_ORGANISATION.to_string();
        let body = json!({"otp": OTP, "label": "service", "organisation": organisation});
        let answer = self.send("POST", "/bursar/v1/services", Some(session), Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn issue(&self, session: &str, more: Value) -> Value {
        let mut body = json!({
            "otp": OTP, "label": "bot", "duration": 3600, "scope": ["wallet_view_all", "wallet_spend_all", "profile"],
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.send("POST", "/api/auth/v1/accesstoken", Some(session), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

fn bearer(token: Option<&str>) -> Vec<(&'static str, String)> {
    token.map(|token| ("authorization", format!("Bearer {token}"))).into_iter().collect()
}

fn settings() -> bursar_http::Settings {
    bursar_http::Settings {
        trusted_proxies: Vec::new(),
        environment: "test".to_owned(),
        body_limit: 64 * 1024,
        authz: Arc::default(),
        rail_hosts: BTreeMap::new(),
    }
}

/// A rail in front of a node that nobody runs.
fn chain() -> Arc<dyn Rail> {
    Arc::new(chain_at("http://127.0.0.1:1"))
}

/// A rail in front of a node.
pub(crate) fn chain_at(url: &str) -> bursar_gateway::evm::EvmRail {
    use bursar_gateway::evm::{EvmRail, Settings};
    use bursar_rails::evm::{Chain, FeeCeilings};
    let ceilings = FeeCeilings { fee_per_gas: 100_000_000_000, priority_fee_per_gas: 10_000_000_000, gas: 1_000_000 };
    let chain = Chain::new(31_337, Coin::parse("hteth").unwrap(), ceilings).unwrap();
    let fees =
        bursar_core::ledger::FeeCeiling { per_spend: Amount::new(100_000_000_000_000_000), per_day: Amount::MAX };
    let url = Secret::new(url.to_owned());
    EvmRail::new(Settings { chain, url, fees, confirmations: 1 }).unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy {
        fixed_otp: Some(FixedOtp::for_test_environment()),
        origin: "localhost".to_owned(),
        session: Span::from_seconds(3600),
        default_duration: Span::from_seconds(315_360_000),
        longest_duration: Span::from_seconds(315_360_000),
        tokens_per_user: 1000,
        require_ip_restriction: RequireIp::Off,
        unlock_drops_limits: false,
        ecdh_issuance: false,
        rate_limits: false,
        relying_party: Some(RelyingParty::new(ORIGIN, None).unwrap()),
        password_cost: PasswordCost::TEST,
        spend_deadline: Span::from_seconds(60),
        breaker: None,
        freeze_unexplained: false,
        retention: None,
    }
}
