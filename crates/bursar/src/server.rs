//! The wiring: store, rails and policy become use cases, and these become a server that ends cleanly.

mod data;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bursar_http::operations::{self, Operations};
use bursar_service::Bursar;
use bursar_service::error::ServiceError;
use bursar_service::rail::Rail;
use bursar_service::rails::OtherKind;
use bursar_service::sweep::Overdue;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::archive::Unattended;
use crate::failure::Failure;
use crate::key_file;
use crate::open_files;
use crate::operator;

pub(crate) use data::{Data, open, rewrap};

/// The store's file in its data directory.
pub(crate) const DATABASE: &str = "bursar.db";

/// How many connections those who watch it may have at once.
const MOST_WATCHING: usize = 64;

/// How often overdue spends are taken to their rail.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How often the store is looked after, and how many rounds of that make a day.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(60);
/// How often money is looked for that left wallets by another way.
pub(crate) const WATCH_EVERY: Duration = Duration::from_secs(60);
const ROUNDS_A_DAY: u64 = 1440;

/// How often rails are asked after spends that are not final yet.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// How often every rail is asked whether it can be used.
const ASK_EVERY: Duration = Duration::from_secs(15);

/// How long requests under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long outcomes that the store did not take are still given to it then.
const LAST_OUTCOMES: Duration = Duration::from_secs(5);
/// How long mails that still wait may take then.
const LAST_MAILS: Duration = Duration::from_secs(5);

/// Rails by name.
pub(crate) type Rails = BTreeMap<String, Arc<dyn Rail>>;

/// A server that accepts requests.
pub(crate) struct Serving {
    bursar: Arc<Bursar>,
    address: SocketAddr,
    operations_address: SocketAddr,
    operations: Arc<Operations>,
    http: tokio::task::JoinHandle<io::Result<()>>,
    stop: watch::Sender<bool>,
    signals: Signals,
}

/// Where a server listens, besides its operator's socket.
pub(crate) struct Listening<'a> {
    /// For everybody.
    pub(crate) http: TcpListener,
    /// For whoever runs it.
    pub(crate) operations: TcpListener,
    /// What the routes are told.
    pub(crate) settings: bursar_http::Settings,
    /// The directory of the operator's socket.
    pub(crate) operator: Option<&'a Path>,
    /// Where old audit events go, if they do.
    pub(crate) archive: Option<Unattended>,
    /// How often it looks whether money left wallets by another way.
    pub(crate) watch_every: Duration,
}

/// Settles what an earlier run left, then takes requests.
///
/// # Errors
/// The store does not answer, or a socket cannot be had.
pub(crate) async fn start(bursar: Arc<Bursar>, listening: Listening<'_>) -> Result<Serving, Failure> {
    let signals = Signals::new()?;
    let operations_address = listening.operations.local_addr()?;
    let operations = Arc::new(Operations::new());
    let router = operations::router(Arc::clone(&bursar), Arc::clone(&operations));
    // It answers until the process ends: that requests still finish is worth knowing too.
    let watched =
        bursar_http::serve_at_most(MOST_WATCHING, listening.operations, router, Vec::new(), std::future::pending());
    tokio::spawn(watched);
    if let Some(OtherKind { name, was, is, unsettled }) = bursar.rails_of_other_kinds().await?.into_iter().next() {
        let problem = format!(
            "rails.{name}: is of kind `{is}`, and {unsettled} spends under this name, of a rail of kind `{was}`, are not settled"
        );
        return Err(Failure::new(problem).with_hint(
            "Nothing was asked or given back. Give the new rail a name of its own, and put the section of the other back until its spends are settled.",
        ));
    }
    let swept = bursar.sweep(Overdue::All).await?;
    if swept != bursar_service::sweep::Swept::default() {
        let bursar_service::sweep::Swept { captured, released, under_way, unresolved, failed } = swept;
        tracing::info!(captured, released, under_way, unresolved, failed, "looked at what an earlier run left");
    }
    let address = listening.http.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    if let Some(directory) = listening.operator {
        let socket = operator::socket::bind(directory)?;
        tokio::spawn(operator::socket::serve(socket, Arc::clone(&bursar), until(stopped.clone())));
    }
    tokio::spawn(deliver_mail(Arc::clone(&bursar), until(stopped.clone())));
    tokio::spawn(sweep_now_and_then(Arc::clone(&bursar), until(stopped.clone())));
    tokio::spawn(follow_now_and_then(Arc::clone(&bursar), until(stopped.clone())));
    tokio::spawn(ask_now_and_then(Arc::clone(&bursar), until(stopped.clone())));
    tokio::spawn(watch_now_and_then(Arc::clone(&bursar), listening.watch_every, until(stopped.clone())));
    tokio::spawn(look_after_now_and_then(Arc::clone(&bursar), listening.archive, until(stopped.clone())));
    let proxies = listening.settings.trusted_proxies.clone();
    let router = bursar_http::router(Arc::clone(&bursar), listening.settings, &operations);
    let most = open_files::most_connections();
    let http = tokio::spawn(bursar_http::serve_at_most(most, listening.http, router, proxies, until(stopped)));
    operations.opened();
    Ok(Serving { bursar, address, operations_address, operations, http, stop, signals })
}

impl Serving {
    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it tells how it is doing.
    pub(crate) const fn operations_address(&self) -> SocketAddr {
        self.operations_address
    }

    /// Serves until the process is told to stop or until `over`, finishes what is under way and closes the store.
    ///
    /// # Errors
    /// The listener broke.
    pub(crate) async fn until_stopped(mut self, over: impl Future<Output = ()>) -> Result<(), Failure> {
        let ended = tokio::select! {
            ended = &mut self.http => Some(ended),
            () = self.signals.any() => None,
            () = over => None,
        };
        tracing::info!("stopping");
        self.operations.stopping();
        self.stop.send_replace(true);
        let ended = match ended {
            Some(ended) => Ok(ended),
            None => tokio::time::timeout(DRAIN, &mut self.http).await,
        };
        let bursar = self.bursar;
        if let Err(error) = bursar.note_uses().await {
            tracing::warn!(%error, "uses of tokens could not be noted");
        }
        // What still waits gets one more try; it is in memory only.
        if tokio::time::timeout(LAST_MAILS, bursar.deliver_due_mail()).await.is_err() {
            tracing::warn!(waiting = bursar.mail_figures().waiting, "mails that wait are lost");
        }
        // So do outcomes of spends that the store did not take.
        if tokio::time::timeout(LAST_OUTCOMES, bursar.give_outcomes()).await.is_err() {
            for (spend, outcome) in bursar.outcomes_left() {
                tracing::error!(%spend, outcome, "the store never took the outcome of a spend: it stays held, and this is all that is known of it");
            }
        }
        let closed = tokio::task::spawn_blocking(move || bursar.close()).await;
        closed.map_err(|_| Failure::new("the ledger did not close cleanly"))?;
        match ended {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(_)) => Err(Failure::new("the HTTP server ended in a panic")),
            // What is still open after this long is dropped: its spends are settled at the next start.
            Err(_) => {
                tracing::warn!("some requests did not finish in time");
                Ok(())
            }
        }
    }
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Is over when standard input is: when whoever holds its other end is gone, however that went.
pub(crate) async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    // A thread that the end of the process does not wait for: a read of standard input cannot be interrupted.
    std::thread::spawn(move || {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        // Nobody listens when the process was told to stop first.
        ended.send(()).ok();
    });
    end.await.ok();
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // If the sender is gone, everything is over as well.
    stopped.wait_for(|stopped| *stopped).await.ok();
}

async fn deliver_mail(bursar: Arc<Bursar>, stopped: impl Future<Output = ()>) {
    tokio::select! {
        () = stopped => {}
        () = bursar.deliver_mail() => {}
    }
}

async fn sweep_now_and_then(bursar: Arc<Bursar>, stopped: impl Future<Output = ()>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = bursar.sweep(Overdue::PastDeadline).await {
            tracing::error!(%error, "overdue spends could not be settled");
        }
        if let Err(error) = bursar.note_uses().await {
            tracing::warn!(%error, "uses of tokens could not be noted");
        }
    }
}

/// Asks rails after spends that are not final yet.
async fn follow_now_and_then(bursar: Arc<Bursar>, stopped: impl Future<Output = ()>) {
    let follow = || async { bursar.follow().await.map(drop) };
    now_and_then(FOLLOW_EVERY, stopped, "spends under way could not be followed", follow).await;
}

/// Asks rails whether they can be used, so that somebody hears of it before a spend does.
async fn ask_now_and_then(bursar: Arc<Bursar>, stopped: impl Future<Output = ()>) {
    let ask = || async {
        bursar.ask_rails().await;
        Ok(())
    };
    now_and_then(ASK_EVERY, stopped, "rails could not be asked", ask).await;
}

/// Looks for money that left wallets by another way, beside all else: nodes may take long to answer.
async fn watch_now_and_then(bursar: Arc<Bursar>, every: Duration, stopped: impl Future<Output = ()>) {
    let watch = || async { bursar.watch_outflows().await.map(drop) };
    now_and_then(every, stopped, "outflows of wallets could not be watched", watch).await;
}

/// Does something again and again until it is stopped, which also ends what is being done.
async fn now_and_then<F: Future<Output = Result<(), ServiceError>>>(
    every: Duration,
    stopped: impl Future<Output = ()>,
    failed: &'static str,
    act: impl Fn() -> F,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = &mut stopped => return,
            done = act() => {
                if let Err(error) = done {
                    tracing::error!(%error, "{failed}");
                }
            }
        }
    }
}

/// Looks after the store every minute, beside the sweep: it may take long, and spends must not wait for it.
async fn look_after_now_and_then(bursar: Arc<Bursar>, archive: Option<Unattended>, stopped: impl Future<Output = ()>) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK_AFTER_EVERY, LOOK_AFTER_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stopped);
    let mut round: u64 = 0;
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = ticks.tick() => {}
        }
        // In the first minute, too: a server that is started every day must be looked after as well.
        tokio::select! {
            () = &mut stopped => return,
            () = look_after(&bursar, round.is_multiple_of(ROUNDS_A_DAY)) => {}
        }
        if let Some(archive) = archive.as_ref().filter(|_| round.is_multiple_of(ROUNDS_A_DAY)) {
            // Not cut off: what was written is told to the store.
            archive.run(&bursar).await;
        }
        round = round.wrapping_add(1);
    }
}

/// Checks that the ledger adds up: what is held, or `all`; tells of what ends soon; and lets go of what is old enough.
async fn look_after(bursar: &Bursar, all: bool) {
    if let Err(error) = bursar.check_conservation(all).await {
        tracing::error!(%error, "it could not be checked whether the ledger adds up");
    }
    match bursar.tell_of_expiries().await {
        Ok(0) => {}
        Ok(told) => tracing::info!(told, "owners of tokens that expire soon were told"),
        Err(error) => tracing::error!(%error, "owners of tokens that expire soon could not be told"),
    }
    match bursar.forget_old_spends().await {
        Ok(0) => {}
        Ok(forgotten) => {
            tracing::info!(forgotten, "spends that were settled long ago are no longer kept one by one");
        }
        Err(error) => tracing::error!(%error, "old spends could not be let go of"),
    }
    if !all {
        return;
    }
    match bursar.forget_ended_tokens().await {
        Ok(0) => {}
        Ok(forgotten) => tracing::info!(forgotten, "tokens that ended long ago are no longer kept"),
        Err(error) => tracing::error!(%error, "ended tokens could not be let go of"),
    }
}

/// Makes a directory that only its owner enters, if there is none.
///
/// # Errors
/// The machine refuses.
pub(crate) fn make_directory(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|problem| Failure::at(path, problem))
}

/// Whether there is a store in a directory.
///
/// # Errors
/// The machine refuses to say.
pub(crate) fn has_store(directory: &Path) -> Result<bool, Failure> {
    key_file::exists(&directory.join(DATABASE))
}

/// Listens for requests.
///
/// # Errors
/// The address is taken or not of this machine.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|problem| {
        let failure = Failure::new(format!("cannot listen on {address}: {problem}"));
        match problem.kind() {
            io::ErrorKind::AddrInUse => failure.with_hint(
                "another process listens there, perhaps a server that runs already: end it, or choose another port with \
                 --listen or `listen` in the configuration",
            ),
            _ => failure,
        }
    })
}

/// Where the operations listener is if nothing is said: the next port, on this machine only.
pub(crate) fn operations_beside(listen: SocketAddr) -> SocketAddr {
    // Any free port goes with any free port.
    let port = if listen.port() == 0 { 0 } else { listen.port().checked_add(1).unwrap_or_default() };
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A runtime for the whole process.
///
/// # Errors
/// No threads are to be had.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
