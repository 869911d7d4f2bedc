//! Load on a server of this machine, beside a bare server on the same cores, in one run.
//!
//! Absolute figures of a shared machine say little, so every figure stands beside its ratio to the bare server of
//! the same round, processor time per request first. Every run has an end, and nothing but loopback is reached.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to the person who started it")]

mod connection;
mod engine;
mod figures;
mod gateway;
mod hello;
mod load;
mod memory;
mod node;
mod requests;
mod resources;
mod server;
mod subject;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::figures::{Figures, Median};
use crate::load::Load;
use crate::requests::Kind;
use crate::server::Server;
use crate::subject::Subject;

/// As in the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Problem = Box<dyn Error + Send + Sync>;

/// Load on `bursar dev`, and on a bare server beside it.
#[derive(Parser)]
#[command(name = "bursar-bench", version)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Signed reads and durable spends, against a bare axum server.
    Throughput(Options),
    /// Durable spends with and without a flood of logins with wrong passwords.
    Flood(Options),
    /// Durable holds through the engine, in process, against plain SQLite.
    Engine(engine::Options),
    /// Start, memory and reads with few and many tokens in the store.
    Resources(resources::Options),
    /// Signed reads of a chain through the gateway, against nginx before the same node.
    Gateway(Options),
    /// What answers as a node would; prints its URL as one line of JSON.
    Node,
    /// Memory with thousands of connections that ask for nothing, and with bodies that are refused.
    Memory(memory::Options),
    /// The bare server; prints its URL as one line of JSON.
    Hello,
}

#[derive(Args)]
struct Options {
    /// The program to measure, built with --release.
    #[arg(long, value_name = "FILE", default_value = "target/release/bursar")]
    bursar: PathBuf,
    /// How long each measurement of a round takes, in seconds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many rounds; the medians of their figures are shown.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// How many connections ask, each the next request once the last is answered.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// How many requests a second they ask together, for latency below saturation; as many as are answered if nothing is
    /// said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Processors the servers are kept to, as `taskset` takes them; all that are there if nothing is said.
    #[arg(long, value_name = "LIST")]
    server_cores: Option<String>,
    /// Only rows whose name has this in it, each beside the first of its group.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Put the data here: a disk, not memory, if spends are to be durable.
    #[arg(long, value_name = "DIRECTORY")]
    data_in: Option<PathBuf>,
}

/// How many logins are asked for at a time.
const FLOOD: u16 = 4;

/// How many logins a second are got ready for: more than one processor hashes.
const LOGINS: u64 = 60;

/// Before the first figure counts.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(problem) => return failed(&problem.into()),
    };
    let done = runtime.block_on(async {
        match arguments.bench {
            Bench::Throughput(options) => throughput(&options).await,
            Bench::Flood(options) => flood(&options).await,
            Bench::Engine(options) => engine::run(&options),
            Bench::Resources(options) => resources::run(&options).await,
            Bench::Gateway(options) => gateway::run(&options).await,
            Bench::Node => node::serve().await,
            Bench::Memory(options) => memory::run(&options).await,
            Bench::Hello => hello::serve().await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => failed(&problem),
    }
}

fn failed(problem: &Problem) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::FAILURE
}

async fn throughput(options: &Options) -> Result<(), Problem> {
    let subject = Subject::start(options, 0).await?;
    let bare = Server::hello(options.server_cores.as_deref())?;
    println!("{}", subject.disk()?);
    // Each group begins with the row that the others of it are compared with.
    let groups: [&[Row<'_>]; 3] = [
        &[
            ("bare axum server, GET", &bare, Kind::Session),
            ("GET self, v2", subject.server(), Kind::Own),
            ("GET session, v2", subject.server(), Kind::Session),
        ],
        &[
            ("bare axum server, POST", &bare, Kind::Hold),
            ("POST spends (hold), v2, durable, 64 tokens of 1 limit", subject.server(), Kind::OneLimitHold),
            ("POST spends (hold), v2, durable, 64 tokens of 10 limits", subject.server(), Kind::Hold),
            ("POST spends (hold), v2, durable, 1 token of 10 limits", subject.server(), Kind::HotHold),
        ],
        &[
            ("bare axum server, POST", &bare, Kind::Spend),
            ("POST sendcoins, v2, durable", subject.server(), Kind::Spend),
        ],
    ];
    compare(options, &subject, &groups).await
}

/// A row of a table: its name, who is asked, and what.
type Row<'a> = (&'a str, &'a Server, Kind);

/// Asks all rows in turn, round by round, and prints what each is to the first of its group.
async fn compare(options: &Options, subject: &Subject, groups: &[&[Row<'_>]]) -> Result<(), Problem> {
    let load = |server, kind| Load { server, subject, kind, connections: options.connections, rate: options.rate };
    let wanted = |rows: &&[Row<'_>]| rows.iter().any(|(name, ..)| name.contains(&options.only));
    let groups: Vec<Vec<&Row<'_>>> = groups
        .iter()
        .copied()
        .filter(wanted)
        .map(|rows| {
            let others = rows.iter().skip(1).filter(|(name, ..)| name.contains(&options.only));
            rows.first().into_iter().chain(others).collect()
        })
        .collect();
    for (_, server, kind) in groups.iter().flatten() {
        load(server, *kind).run(WARM_UP).await?;
    }
    let mut found: Vec<Vec<Vec<Figures>>> = groups.iter().map(|rows| vec![Vec::new(); rows.len()]).collect();
    for _ in 0..options.rounds {
        for (rows, found) in groups.iter().zip(&mut found) {
            for ((_, server, kind), figures) in rows.iter().zip(found) {
                figures.push(load(server, *kind).run(options.time()).await?);
            }
        }
    }
    println!("{}", figures::HEADER);
    for (rows, found) in groups.iter().zip(&found) {
        for ((name, ..), figures) in rows.iter().zip(found) {
            let bare = found.first().map_or(&[][..], Vec::as_slice);
            println!("{}", Median::of(figures).row(name, &Median::ratios(figures, bare)));
        }
    }
    Ok(())
}

async fn flood(options: &Options) -> Result<(), Problem> {
    let subject = Subject::start(options, options.rounds * (options.seconds * LOGINS + u64::from(FLOOD))).await?;
    let load = |kind, connections, rate| Load { server: subject.server(), subject: &subject, kind, connections, rate };
    let spends = load(Kind::Spend, options.connections, options.rate);
    let logins = load(Kind::WrongLogin, FLOOD, None);
    spends.run(WARM_UP).await?;
    let (mut quiet, mut flooded, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        quiet.push(spends.run(options.time()).await?);
        let (during, logins) = tokio::try_join!(spends.run(options.time()), logins.run(options.time()))?;
        flooded.push(during);
        answered.push(logins);
    }
    println!("{}", figures::HEADER);
    let alone = Median::ratios(&quiet, &quiet);
    println!("{}", Median::of(&quiet).row("POST sendcoins, v2, durable", &alone));
    println!("{}", Median::of(&flooded).row("the same in a flood of logins", &Median::ratios(&flooded, &quiet)));
    let logins = Median::of(&answered);
    println!(
        "\n{FLOOD} connections with wrong passwords: {:.1} logins/s refused, p50 {:.0} ms",
        logins.rps,
        logins.p50 / 1000.0
    );
    println!("(processor time in the flood is of both, per spend)");
    Ok(())
}

impl Options {
    const fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
