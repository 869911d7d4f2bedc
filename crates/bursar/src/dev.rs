//! The test environment: one command, and there is a server with a user, wallets and sandbox money.
//!
//! Its second factor is a fixed one, so it must not be reachable from elsewhere unless that is said. What
//! it prints follows from the master key; nothing of it is stored in clear.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_gateway::sandbox::socket::RemoteSandbox;
use bursar_gateway::sandbox::{Sandbox, SandboxRail};
use bursar_identity::fixed_otp::{self, FixedOtp};
use bursar_identity::password::PasswordCost;
use bursar_service::error::ServiceError;
use bursar_service::people::NewUser;
use bursar_service::rail::Rail;
use bursar_service::relying_party::RelyingParty;
use bursar_service::{Bursar, Policy, RequireIp};
use bursar_store::seal::MasterKey;
use tokio::net::TcpListener;

use crate::authz::Proxies;
use crate::environment;
use crate::failure::Failure;
use crate::key_file;
use crate::post::Mail;
use crate::rails::{self, Described, Hosted, Opened, RailConfiguration};
use crate::server::{self, Data, Listening};

const USERNAME: &str = "user@example.com";
const RAIL: &str = "sandbox";
const MAILS: &str = "mail";
const BOOK: &str = "sandbox.db";

/// The longest life of a token: ten years, as at BitGo (WC §1.4).
const TEN_YEARS: Span = Span::from_seconds(315_360_000);

/// Letters of the password: a hundred bits.
const PASSWORD_LETTERS: usize = 20;

/// The largest body of a request, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// What a test environment is asked to be.
pub(crate) struct Wishes {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where it tells how it is doing; beside it if nothing is said.
    pub(crate) operations: Option<SocketAddr>,
    /// Where it keeps its data; in a temporary directory if nothing is said.
    pub(crate) data_directory: Option<PathBuf>,
    /// Whether it may listen beyond this machine.
    pub(crate) allow_remote: bool,
    /// Whether tokens are handed out encrypted to clients with an ECDH key (WC §3.4).
    pub(crate) ecdh_issuance: bool,
    /// Where the sandbox listens, if it is a process of its own.
    pub(crate) sandbox_socket: Option<PathBuf>,
    /// Other rails beside the sandbox, and their hosts.
    pub(crate) hosted: Hosted,
    /// How often it looks whether money left wallets by another way.
    pub(crate) watch_every: Duration,
    /// Whether wallets are frozen from which it did.
    pub(crate) freeze_unexplained: bool,
    /// Proxies that are believed, and what they ask about.
    pub(crate) proxies: Proxies,
    /// Whether it stops when standard input ends.
    pub(crate) ends_with_input: bool,
    /// Whether spends are granted whatever the limits say.
    #[cfg(feature = "break-no-hold")]
    pub(crate) ignores_limits: bool,
}

/// What whoever started it needs to know.
pub(crate) struct Ready {
    pub(crate) url: String,
    /// The start of the web pages. Browsers take passkeys for a name only, not for an address.
    pub(crate) web: String,
    pub(crate) operations: String,
    pub(crate) username: &'static str,
    pub(crate) password: Secret<String>,
    pub(crate) otp: &'static str,
    pub(crate) data_directory: PathBuf,
    pub(crate) mail_directory: PathBuf,
    pub(crate) is_ephemeral: bool,
    pub(crate) server_xpub: String,
    pub(crate) wallets: Vec<SandboxWallet>,
    /// The rails beside the sandbox, and where clients speak to them.
    pub(crate) rails: Vec<(String, String)>,
}

/// A wallet of the sandbox.
pub(crate) struct SandboxWallet {
    pub(crate) id: WalletId,
    pub(crate) coin: &'static str,
    pub(crate) label: &'static str,
    pub(crate) address: String,
    pub(crate) balance: Amount,
}

/// A wallet as it begins.
struct Funds {
    coin: &'static str,
    label: &'static str,
    purpose: &'static str,
    balance: u128,
}

/// 100 BTC and 1000 ETH, of the sandbox.
const FUNDS: [Funds; 2] = [
    Funds { coin: "tbtc", label: "Sandbox tbtc", purpose: "dev wallet tbtc", balance: 10_000_000_000 },
    Funds {
        coin: "hteth",
        label: "Sandbox hteth",
        purpose: "dev wallet hteth",
        balance: 1_000_000_000_000_000_000_000,
    },
];

/// Where the data is, and the key to it.
struct Home {
    directory: PathBuf,
    master: MasterKey,
    /// Removed with everything in it when the process ends.
    temporary: Option<tempfile::TempDir>,
}

/// Starts the test environment, calls `ready` once it accepts requests, and serves until it is stopped.
///
/// # Errors
/// It may not listen there, the data directory is not its own, or `ready` failed.
pub(crate) fn run(wishes: &Wishes, ready: impl FnOnce(&Ready) -> Result<(), Failure>) -> Result<(), Failure> {
    let reachable = [Some(wishes.listen), wishes.operations].into_iter().flatten();
    if let Some(reachable) = reachable.filter(|_| !wishes.allow_remote).find(|address| !address.ip().is_loopback()) {
        return Err(Failure::usage(format!("{reachable} can be reached from other machines"))
            .with_hint("the second factor here is 000000; say --allow-remote if that is what you want"));
    }
    rails::only_test_money(&wishes.hosted.rails)?;
    let home = Home::find(wishes.data_directory.as_deref())?;
    server::runtime()?.block_on(async {
        let listener = server::listen(wishes.listen).await?;
        let operations = listen_for_operations(wishes).await?;
        let sandbox = sandbox(wishes.sandbox_socket.as_deref(), &home.directory)?;
        let data = Data::open(&home.directory, &home.master)?;
        let others = data.rails(&wishes.hosted.rails, Opened::of(wishes.data_directory.as_deref()))?;
        let mut rails = others;
        rails.insert(RAIL.to_owned(), Arc::clone(&sandbox) as Arc<dyn Rail>);
        let page = format!("http://localhost:{}", listener.local_addr()?.port());
        let relying_party = RelyingParty::new(&page, None).map_err(Failure::new)?;
        let policy = Policy {
            relying_party: Some(relying_party),
            freeze_unexplained: wishes.freeze_unexplained,
            ..policy(wishes.listen.ip().to_string(), wishes.ecdh_issuance)
        };
        let mails = home.directory.join(MAILS);
        let post = Mail::into_directory(mails.clone(), page).open()?;
        let bursar = data.start(&home.master, rails, Some(post), policy)?;
        #[cfg(feature = "break-no-hold")]
        let bursar = broken(bursar, wishes.ignores_limits);
        let bursar = Arc::new(bursar);
        let password = password(&home.master);
        let wallets = seed(&bursar, sandbox.as_ref(), &home.master, &password).await?;
        let server_xpub = bursar.ecdh_public_key().to_owned();
        let authz = wishes.proxies.authz.rules().map_err(Failure::new)?;
        authz.check_decimals(bursar.decimals()).map_err(Failure::new)?;
        for problem in authz.check(&bursar)? {
            tracing::warn!(problem, "a rule for other proxies refuses every request");
        }
        let settings = bursar_http::Settings {
            trusted_proxies: wishes.proxies.trusted_proxies.clone(),
            environment: "test".to_owned(),
            body_limit: BODY_LIMIT,
            authz,
            rail_hosts: wishes.hosted.rail_hosts.clone(),
        };
        let operator = Some(home.directory.as_path());
        let watch_every = wishes.watch_every;
        let listening = Listening { http: listener, operations, settings, operator, archive: None, watch_every };
        let serving = server::start(bursar, listening).await?;
        ready(&Ready {
            url: url(serving.address()),
            web: web(serving.address()),
            operations: url(serving.operations_address()),
            username: USERNAME,
            password,
            otp: fixed_otp::CODES[0],
            data_directory: home.directory.clone(),
            mail_directory: mails,
            is_ephemeral: home.temporary.is_some(),
            server_xpub,
            wallets,
            rails: places(&wishes.hosted.rails, &url(serving.address())),
        })?;
        match wishes.ends_with_input {
            true => serving.until_stopped(server::end_of_input()).await,
            false => serving.until_stopped(std::future::pending()).await,
        }
    })
}

/// Where clients speak to rails: to an upstream's wallets as to all of this server's, to others in their own protocol.
fn places(rails: &Described, url: &str) -> Vec<(String, String)> {
    let place = |(name, rail): (&String, &RailConfiguration)| {
        let place = match rail {
            RailConfiguration::Bitgo(_) => url.to_owned(),
            RailConfiguration::Bitcoin(_) | RailConfiguration::Evm(_) | RailConfiguration::Http(_) => {
                format!("{url}/rail/{name}")
            }
        };
        (name.clone(), place)
    };
    rails.iter().map(place).collect()
}

/// The sandbox: here with its book in the data directory, or where it listens.
fn sandbox(socket: Option<&Path>, directory: &Path) -> Result<Arc<dyn Sandbox>, Failure> {
    let book = directory.join(BOOK);
    match socket {
        Some(socket) => Ok(Arc::new(RemoteSandbox::at(socket))),
        None => Ok(Arc::new(SandboxRail::open(&book).map_err(|error| Failure::at(&book, error))?)),
    }
}

#[cfg(feature = "break-no-hold")]
fn broken(mut bursar: Bursar, ignores_limits: bool) -> Bursar {
    if ignores_limits {
        tracing::warn!("every spend is granted, whatever the limits say");
        bursar.ignore_limits();
    }
    bursar
}

impl Home {
    fn find(directory: Option<&Path>) -> Result<Self, Failure> {
        let Some(directory) = directory else {
            let temporary = tempfile::Builder::new().prefix("bursar-dev-").tempdir()?;
            return Ok(Self {
                directory: temporary.path().to_owned(),
                master: MasterKey::new(Secret::new(environment::random_bytes())),
                temporary: Some(temporary),
            });
        };
        server::make_directory(directory)?;
        let directory = directory.canonicalize().map_err(|problem| Failure::at(directory, problem))?;
        let key = key_beside(&directory);
        let master = if key_file::exists(&key)? {
            key_file::read(&key)?
        } else if server::has_store(&directory)? {
            return Err(Failure::at(&key, "is missing, and nothing in the data directory opens without it")
                .with_hint("restore it, or give another --data-dir; `serve` is for directories made by `init`"));
        } else {
            key_file::create(&key)?
        };
        Ok(Self { directory, master, temporary: None })
    }
}

/// The key file of a test environment's data directory: beside it, since the key must not be in it.
pub(crate) fn key_beside(directory: &Path) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// What decides when an operator works on a test environment's directory while nobody serves it.
pub(crate) fn policy_for_operator() -> Policy {
    policy("localhost".to_owned(), false)
}

/// What decides in the test environment: nothing that stands in the way of trying things out.
fn policy(origin: String, ecdh_issuance: bool) -> Policy {
    Policy {
        fixed_otp: Some(FixedOtp::for_test_environment()),
        origin,
        session: Span::from_seconds(60 * 60),
        default_duration: TEN_YEARS,
        longest_duration: TEN_YEARS,
        tokens_per_user: 1000,
        require_ip_restriction: RequireIp::Off,
        unlock_drops_limits: false,
        rate_limits: false,
        relying_party: None,
        password_cost: PasswordCost::new(1024, 1, 1).unwrap_or(PasswordCost::TEST),
        spend_deadline: Span::from_seconds(60),
        breaker: None,
        freeze_unexplained: false,
        retention: None,
        ecdh_issuance,
    }
}

/// Makes the user and the wallets, or finds them as an earlier run made them.
async fn seed(
    bursar: &Bursar,
    rail: &dyn Sandbox,
    master: &MasterKey,
    password: &Secret<String>,
) -> Result<Vec<SandboxWallet>, Failure> {
    let user = match bursar.user_named(USERNAME).await {
        Ok(user) if !user.seeded => {
            return Err(Failure::new(format!("`{USERNAME}` in this data directory is not a test user")));
        }
        Ok(user) => user,
        Err(ServiceError::NotFound(_)) => {
            let (username, full_name) = (USERNAME.to_owned(), "Dev User".to_owned());
            let new = NewUser { username, full_name, password: password.clone(), seeded: true };
            bursar.create_user(new).await?.0
        }
        Err(error) => return Err(error.into()),
    };
    let mut wallets = Vec::new();
    for Funds { coin: ticker, label, purpose, balance } in FUNDS {
        let random = first_16(&master.derive(purpose));
        let id = WalletId::from_bytes(random);
        let reference = id.to_string();
        let coin = Coin::parse(ticker).map_err(|error| Failure::new(error.to_string()))?;
        let funded = rail.fund(&reference, &coin, Amount::new(balance), random).await;
        let address = funded.map_err(ServiceError::from)?;
        match bursar.register_wallet(id, coin, label.to_owned(), RAIL, user.id).await {
            // What is registered already stays as it is.
            Ok(_) | Err(ServiceError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let balance = rail.balance(&reference).await.map_err(ServiceError::from)?.confirmed;
        wallets.push(SandboxWallet { id, coin: ticker, label, address, balance });
    }
    Ok(wallets)
}

fn first_16(bytes: &Secret<[u8; 32]>) -> [u8; 16] {
    *bytes.expose().first_chunk().unwrap_or(&[0; 16])
}

/// The test user's password: the same after every start, without being stored.
fn password(master: &MasterKey) -> Secret<String> {
    let derived = master.derive("dev password");
    let text = Secret::new(base32::encode(base32::Alphabet::Crockford, derived.expose()).to_lowercase());
    Secret::new(text.expose().chars().take(PASSWORD_LETTERS).collect())
}

/// Where nobody said, any free port will do when the next one is taken.
async fn listen_for_operations(wishes: &Wishes) -> Result<TcpListener, Failure> {
    if let Some(address) = wishes.operations {
        return server::listen(address).await;
    }
    match server::listen(server::operations_beside(wishes.listen)).await {
        Ok(listener) => Ok(listener),
        Err(_) => server::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await,
    }
}

/// Where clients find it: not the wildcard address, which is none.
fn url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(any) if any.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(any) if any.is_unspecified() => address.set_ip(std::net::Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// Where people find its pages: by name if the server listens on this machine.
fn web(address: SocketAddr) -> String {
    let is_here = address.ip().is_loopback() || address.ip().is_unspecified();
    if is_here { format!("http://localhost:{}/", address.port()) } else { format!("{}/", url(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_follows_from_the_master_key_and_reads_well() {
        let of = |byte| password(&MasterKey::new(Secret::new([byte; 32]))).expose().clone();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(of(1).len(), PASSWORD_LETTERS);
        assert!(of(1).bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }

    #[test]
    fn the_key_is_beside_the_data_directory_and_not_in_it() {
        assert_eq!(key_beside(Path::new("/srv/bursar")), Path::new("/srv/bursar.key"));
    }
}
