//! A server that nobody needs, and everything that may go wrong with it: thousands of spends at once, kills,
//! answers that are lost. What must never happen here: that a promise which broke is not found, and that a run
//! which tried nothing passes.
//!
//! The rail is a process of its own that outlives every kill; its book, which no server writes, says what
//! really moved.

mod judge;
mod plan;
mod process;
mod report;
mod traffic;
mod witness;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bursar_client::{Bearer, Client, ClientError, LimitsOf, Login};
use bursar_core::secret::Secret;
use bursar_gateway::sandbox::Book;
use serde_json::{Value, json};

use crate::failure::Failure;
use judge::{Broken, Evidence, Listed, Moved, State};
use plan::Plan;
use process::Process;
use traffic::{Limits, Place};
use witness::Told;

pub(crate) use plan::Size;
pub(crate) use report::{Report, TokenLine, WalletLine};

/// The coin of every spend.
const COIN: &str = "tbtc";

/// What is asked of a run.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) size: Size,
    /// After so long nothing more is asked for.
    pub(crate) longest: Duration,
    /// Decides what is asked for.
    pub(crate) seed: u64,
    /// Where data, book and log are kept; otherwise they are gone at the end.
    pub(crate) keep: Option<PathBuf>,
    /// What the server is to do wrong.
    #[cfg(feature = "break-no-hold")]
    pub(crate) fault: Option<Fault>,
}

/// What a server can be made to do wrong.
#[cfg(feature = "break-no-hold")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Fault {
    /// Spends are granted and nothing is held.
    NoHold,
}

/// Runs the test until all is asked, the time is up or somebody has had `enough`, and says what came of it.
///
/// # Errors
/// The test itself could not be carried out. Promises that broke are in the report.
pub(crate) fn run(wishes: &Wishes, enough: &AtomicBool) -> Result<Report, Failure> {
    let started = Instant::now();
    let home = Home::find(wishes)?;
    let rail = home.start_rail()?;
    let plan = Plan::new(&wishes.size, wishes.seed);
    let mut server = home.start_server()?;
    let mut place = place(&server)?;
    let owner = log_in(&server, &place)?;
    let tokens = make_tokens(&Client::new(&place.url, Some(owner.clone())), &place.wallet, &plan)?;

    let mut told = vec![Told::default(); plan.spends.len()];
    let queue = Mutex::new((0..plan.spends.len()).collect::<VecDeque<_>>());
    let mut broken = BTreeSet::new();
    let mut kills = 0;
    let share = wishes.size.spends / (wishes.size.kills + 1);
    let final_evidence = loop {
        let kill_after = (kills < wishes.size.kills).then_some(share);
        let limits = Limits { until: started + wishes.longest, enough, kill_after };
        let left =
            traffic::run((server, &place), (&plan, &tokens), &queue, wishes.size.connections, &limits, &mut told);
        let is_last = left.is_some() || enough.load(Ordering::Relaxed) || Instant::now() >= limits.until;
        if let Some(mut server) = left {
            if server.has_ended() {
                let how = "ended by itself; see its log".to_owned();
                broken.insert(Broken { promise: "P5", to: "the server".to_owned(), how });
            }
            server.kill();
        }
        kills += 1;
        // A start takes every spend that is in doubt to the rail.
        server = home.start_server()?;
        place = self::place(&server)?;
        let gathered = gather(&home, &place, &owner, &tokens)?;
        judge::add(&mut broken, judge::judge(&gathered.evidence(&plan, &told)));
        if is_last {
            break gathered;
        }
        insist(&plan, &told, &queue);
    };
    server.kill();
    drop(rail);
    let evidence = final_evidence.evidence(&plan, &told);
    Ok(Report::new(&evidence, broken, wishes.seed, kills, started.elapsed()))
}

/// Puts spends that are in doubt, of those that insist, in front of the queue.
fn insist(plan: &Plan, told: &[Told], queue: &Mutex<VecDeque<usize>>) {
    let spends = plan.spends.iter().zip(told).enumerate();
    let doubtful = spends.filter(|(_, (spend, told))| spend.insists && told.is_doubtful());
    let mut queue = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (number, _) in doubtful {
        queue.push_front(number);
    }
}

/// Where everything of a run is.
struct Home {
    directory: PathBuf,
    #[cfg(feature = "break-no-hold")]
    fault: Option<Fault>,
    /// Removed with everything in it at the end.
    _temporary: Option<tempfile::TempDir>,
}

impl Home {
    fn find(wishes: &Wishes) -> Result<Self, Failure> {
        let (directory, temporary) = match &wishes.keep {
            Some(directory) => {
                crate::server::make_directory(directory)?;
                (directory.canonicalize().map_err(|problem| Failure::at(directory, problem))?, None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("bursar-prove-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let home = Self {
            directory,
            #[cfg(feature = "break-no-hold")]
            fault: wishes.fault,
            _temporary: temporary,
        };
        if home.book().exists() {
            return Err(Failure::at(&home.directory, "has the book of an earlier run")
                .with_hint("give --keep a directory that is empty or not there"));
        }
        Ok(home)
    }

    fn book(&self) -> PathBuf {
        self.directory.join("rail.db")
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("rail.sock")
    }

    fn start_rail(&self) -> Result<Process, Failure> {
        let mut command = Process::command()?;
        command.arg("sandbox-rail").arg("--book").arg(self.book()).arg("--socket").arg(self.socket());
        Process::start(&mut command, &self.directory.join("rail.log"))
    }

    fn start_server(&self) -> Result<Process, Failure> {
        let mut command = Process::command()?;
        command.args(["dev", "--json", "--end-with-input", "--listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(self.directory.join("data")).arg("--sandbox-socket").arg(self.socket());
        #[cfg(feature = "break-no-hold")]
        if self.fault == Some(Fault::NoHold) {
            command.args(["--break", "no-hold"]);
        }
        Process::start(&mut command, &self.directory.join("server.log"))
    }
}

/// A text that a document must have.
fn text<'a>(document: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let text = document.get(name).and_then(Value::as_str);
    text.ok_or_else(|| Failure::new(format!("the server said nothing of `{name}`")))
}

fn place(server: &Process) -> Result<Place, Failure> {
    let wallets = server.ready.get("wallets").and_then(Value::as_array).into_iter().flatten();
    let mut wallets = wallets.filter(|wallet| wallet.get("coin").is_some_and(|coin| coin == COIN));
    let wallet = text(wallets.next().unwrap_or(&Value::Null), "id")?.to_owned();
    Ok(Place { url: text(&server.ready, "url")?.to_owned(), wallet })
}

fn log_in(server: &Process, place: &Place) -> Result<Bearer, Failure> {
    let password = Secret::new(text(&server.ready, "password")?.to_owned());
    let (username, otp) = (text(&server.ready, "username")?, Some(text(&server.ready, "otp")?));
    let session = Client::new(&place.url, None)
        .log_in(&Login { username, password: &password, otp })
        .map_err(|error| unasked(&error))?;
    Ok(Secret::new(text(&session, "access_token")?.to_owned()))
}

/// Sets the wallet's limit and makes the tokens, each with its own.
fn make_tokens(owner: &Client, wallet: &str, plan: &Plan) -> Result<Vec<Bearer>, Failure> {
    let shared = json!({"version": 0, "limits": [format!("{COIN} {} base units in total", plan.wallet_limit)]});
    owner.set_limits(LimitsOf::Wallet(wallet), &shared).map_err(|error| unasked(&error))?;
    let make = |(number, limit): (usize, &u64)| {
        let wishes = json!({
            "otp": "000000",
            "label": format!("prove {number}"),
            "duration": 24 * 60 * 60,
            "scope": ["wallet_view_all", "wallet_spend_all"],
            "spendingLimits": [{"coin": COIN, "txValueLimit": limit.to_string()}],
        });
        let made = owner.create_token(&wishes).map_err(|error| unasked(&error))?;
        Ok(Secret::new(text(&made, "token")?.to_owned()))
    };
    plan.limits.iter().enumerate().map(make).collect()
}

fn unasked(error: &ClientError) -> Failure {
    Failure::new(format!("the test could not be carried out: {error}"))
}

/// What is there to judge by after a start.
struct Gathered {
    book: Vec<Moved>,
    ledger: Vec<Listed>,
    counted: Vec<Result<u64, String>>,
    wallet_counted: Result<u64, String>,
}

impl Gathered {
    fn evidence<'a>(&'a self, plan: &'a Plan, told: &'a [Told]) -> Evidence<'a> {
        let Self { book, ledger, counted, wallet_counted } = self;
        Evidence { plan, told, book, ledger, counted, wallet_counted }
    }
}

fn gather(home: &Home, place: &Place, owner: &Bearer, tokens: &[Bearer]) -> Result<Gathered, Failure> {
    let client = Client::new(&place.url, Some(owner.clone()));
    let ledger = client.transfers(COIN, &place.wallet).map_err(|error| unasked(&error))?;
    let ledger = ledger.iter().map(listed).collect::<Result<_, _>>()?;
    let counted = tokens.iter().map(|token| counted(&client.on_behalf_of(token.clone()))).collect();
    let wallet_counted = wallet_counted(&client, &place.wallet);
    Ok(Gathered { book: read_book(&home.book())?, ledger, counted, wallet_counted })
}

fn read_book(path: &Path) -> Result<Vec<Moved>, Failure> {
    let transfers = Book::open(path).and_then(|book| book.transfers()).map_err(|error| Failure::at(path, error))?;
    let moved = transfers.into_iter().map(|transfer| Moved {
        txid: transfer.txid,
        address: transfer.recipients.into_iter().next().map(|to| to.address).unwrap_or_default(),
        amount: transfer.spent.as_u64().unwrap_or(u64::MAX),
    });
    Ok(moved.collect())
}

fn listed(shown: &Value) -> Result<Listed, Failure> {
    let state = match text(shown, "state")? {
        "confirmed" => State::Captured,
        "failed" => State::Released,
        _ => State::Held,
    };
    let txid = shown.get("txid").and_then(Value::as_str).map(str::to_owned);
    Ok(Listed { name: text(shown, "sequenceId")?.to_owned(), txid, state })
}

/// What a token counts against its limit, by its own session.
fn counted(token: &Client) -> Result<u64, String> {
    let session = token.session().map_err(|error| error.to_string())?;
    let counted = session.pointer(&format!("/unlock/spendingLimits/{COIN}/txValue"));
    let counted = counted.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    counted.ok_or_else(|| "its session does not say what it counts".to_owned())
}

/// What the wallet counts against the limit that all tokens share: what was captured, and what is held.
fn wallet_counted(owner: &Client, wallet: &str) -> Result<u64, String> {
    let standing = owner.limits(LimitsOf::Wallet(wallet)).map_err(|error| error.to_string())?;
    let figure = |name| standing.pointer(&format!("/limits/0/{name}"))?.as_str()?.parse::<u64>().ok();
    let counted = figure("captured").zip(figure("held")).map(|(captured, held)| captured + held);
    counted.ok_or_else(|| "its limit does not say what it counts".to_owned())
}
