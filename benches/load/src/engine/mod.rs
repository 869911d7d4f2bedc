//! Durable holds through the real engine on a real file, beside the least that SQLite must do for a spend: both in
//! this process, batches of the same size, in turn, in one run.

mod naive;
mod town;

use std::path::Path;
use std::time::{Duration, Instant};

use bursar_core::ledger::Outcome;
use bursar_ledger::{Sequential, Settings};
use bursar_store::Store;
use bursar_store_sqlite::SqliteStore;
use clap::Args;
use tempfile::TempDir;

use crate::figures::{self, Figures, Median};
use crate::{Problem, server};
use naive::Naive;
use town::{Clockwork, Town};

#[derive(Args)]
pub(crate) struct Options {
    /// How long each measurement of a round takes, in seconds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many rounds; the medians of their figures are shown.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Holds in a transaction.
    #[arg(long, value_name = "N", default_values_t = [64, 256], value_delimiter = ',')]
    batch: Vec<usize>,
    /// Settled spends that are there already, written straight into the database.
    #[arg(long, value_name = "N", default_value_t = 0)]
    past: u64,
    /// Only what has this in its name, besides what it is compared with.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Put the data here: a disk, not memory.
    #[arg(long, value_name = "DIRECTORY")]
    data_in: Option<std::path::PathBuf>,
}

/// Tokens where budgets are many.
const MANY: usize = 10_000;

/// What makes holds durable, a batch at a time.
trait Subject {
    /// Writes one batch, and returns when it is on the disk.
    fn batch(&mut self, size: usize) -> Result<(), Problem>;
}

/// The engine on a store of its own, with tokens to spend from.
struct Real {
    engine: Sequential,
    town: Town,
    _home: TempDir,
}

impl Real {
    fn start(options: &Options, (tokens, limits, in_order): (usize, usize, bool)) -> Result<Self, Problem> {
        let home = directory(options.data_in.as_deref())?;
        let store = SqliteStore::open(home.path())?;
        let clock = std::sync::Arc::new(Clockwork::start());
        let settings = Settings::default();
        let mut engine = Sequential::new(store.writer()?, clock, std::sync::Arc::new(()), settings)?;
        let town = Town::new(tokens, limits, in_order);
        for request in town.founding() {
            for answer in engine.run(vec![request]) {
                answer.map_err(|problem| problem.to_string())?;
            }
        }
        let mut real = Self { engine, town, _home: home };
        if options.past > 0 {
            real.batch(1)?;
            naive::fill_with_past(&real._home.path().join("bursar.db"), options.past)?;
        }
        Ok(real)
    }
}

impl Subject for Real {
    fn batch(&mut self, size: usize) -> Result<(), Problem> {
        let requests = (0..size).map(|_| self.town.hold()).collect();
        for answer in self.engine.run(requests) {
            match answer {
                Ok(Outcome::Held { .. }) => {}
                other => return Err(format!("a hold was answered with {other:?}").into()),
            }
        }
        Ok(())
    }
}

/// Runs all of it and shows a table for each size of batch.
pub(crate) fn run(options: &Options) -> Result<(), Problem> {
    println!("{}", figures::HEADER);
    for &size in &options.batch {
        table(options, size)?;
    }
    Ok(())
}

fn table(options: &Options, size: usize) -> Result<(), Problem> {
    let mut rows: Vec<(String, usize, usize, Box<dyn Subject>)> = Vec::new();
    let naive = |budgets| Naive::start(directory(options.data_in.as_deref())?, budgets);
    rows.push((format!("UPDATE + INSERT, {size} a commit, 1 budget"), 0, size, Box::new(naive(1)?)));
    rows.push(("UPDATE + INSERT, 1 a commit, 1 budget".to_owned(), 0, 1, Box::new(naive(1)?)));
    let many = format!("UPDATE + INSERT, {size} a commit, {MANY} budgets");
    rows.push((many, 2, size, Box::new(naive(MANY)?)));
    let kinds = [(1, 1, false), (1, 8, false), (1, 32, false), (MANY, 1, false), (1, 1, true), (MANY, 1, true)];
    for kind @ (tokens, limits, in_order) in kinds {
        let names = if in_order { "names in order" } else { "random names" };
        let name = format!("engine, {size} a commit, {tokens} tokens of {limits} limits, {names}");
        if name.contains(&options.only) {
            let beside = if tokens == MANY { 2 } else { 0 };
            rows.push((name, beside, size, Box::new(Real::start(options, kind)?)));
        }
    }
    let time = Duration::from_secs(options.seconds);
    let mut found: Vec<Vec<Figures>> = vec![Vec::new(); rows.len()];
    for _ in 0..options.rounds {
        for ((_, _, size, subject), found) in rows.iter_mut().zip(&mut found) {
            found.push(measure(subject.as_mut(), *size, time)?);
        }
    }
    for ((name, beside, ..), figures) in rows.iter().zip(&found) {
        let beside = found.get(*beside).map_or(&[][..], Vec::as_slice);
        println!("{}", Median::of(figures).row(name, &Median::ratios(figures, beside)));
    }
    Ok(())
}

/// Latency is that of a batch.
fn measure(subject: &mut dyn Subject, size: usize, time: Duration) -> Result<Figures, Problem> {
    subject.batch(size)?;
    let (before, started) = (server::own_cpu()?, Instant::now());
    let mut latencies = Vec::new();
    while started.elapsed() < time {
        let asked = Instant::now();
        subject.batch(size)?;
        latencies.push(u32::try_from(asked.elapsed().as_micros())?);
    }
    let cpu = server::own_cpu()?.saturating_sub(before);
    Ok(Figures::of(latencies, started.elapsed(), cpu, size))
}

fn directory(place: Option<&Path>) -> Result<TempDir, Problem> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("bursar-bench-");
    Ok(match place {
        Some(place) => builder.tempdir_in(place)?,
        None => builder.tempdir()?,
    })
}
