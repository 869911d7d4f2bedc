//! `bursar prove`: what it takes and what it prints.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use crate::cli::{output, table};
use crate::environment;
use crate::failure::Failure;
use crate::prove::{self, Report, Size, TokenLine, WalletLine, Wishes};
use crate::server;

/// The most broken promises that are told one by one to people.
const MOST_TOLD: usize = 20;

#[derive(Args)]
pub(super) struct Prove {
    /// Spends that are asked for [default: 4000; quick: 600].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    spends: Option<u32>,
    /// Tokens that ask: one half with limits of their own, the other limited by the wallet's, which all share
    /// [default: 8; quick: 4].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(2..=250))]
    tokens: Option<u32>,
    /// Connections that ask at the same time [default: 32; quick: 16].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=512))]
    connections: Option<u32>,
    /// How often the server is killed in the midst of it [default: 4; quick: 2].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=1000))]
    kills: Option<u32>,
    /// Ask for no more after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// A smaller run, for every change.
    #[arg(long)]
    quick: bool,
    /// What is asked for follows from this number; the report names it.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep data, rail's book and logs in this directory.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
    /// Make the server do something wrong, which must be found.
    #[cfg(feature = "break-no-hold")]
    #[arg(long = "break", value_name = "FAULT")]
    fault: Option<prove::Fault>,
}

impl Prove {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let wishes = self.wishes();
        if !json {
            let Size { spends, tokens, connections, kills } = wishes.size;
            output::remark(&format!(
                "{spends} spends by {tokens} tokens over {connections} connections, {kills} kills; this takes a moment…"
            ));
        }
        let report = until_interrupted(wishes)?;
        if json {
            output::json(&report.document())?;
        } else {
            output::text(&page(&report))?;
        }
        verdict(&report).map_or(Ok(()), |problem| Err(if json { problem.printed() } else { problem }))
    }

    fn wishes(self) -> Wishes {
        let usual = match self.quick {
            true => Size { spends: 600, tokens: 4, connections: 16, kills: 2 },
            false => Size { spends: 4000, tokens: 8, connections: 32, kills: 4 },
        };
        let or = |asked: Option<u32>, usual| asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(usual);
        Wishes {
            size: Size {
                spends: or(self.spends, usual.spends),
                tokens: or(self.tokens, usual.tokens),
                connections: or(self.connections, usual.connections),
                kills: or(self.kills, usual.kills),
            },
            longest: Duration::from_secs(self.seconds),
            seed: self.seed.unwrap_or_else(|| u32::from_be_bytes(environment::random_bytes()).into()),
            keep: self.keep,
            #[cfg(feature = "break-no-hold")]
            fault: self.fault,
        }
    }
}

/// Runs it; an interruption ends the asking, and what was asked until then is judged.
fn until_interrupted(wishes: Wishes) -> Result<Report, Failure> {
    let enough = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&enough);
    server::runtime()?.block_on(async {
        let interrupted = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                heard.store(true, Ordering::Relaxed);
            }
        });
        let report = tokio::task::spawn_blocking(move || prove::run(&wishes, &enough)).await;
        interrupted.abort();
        report.map_err(|_| Failure::new("the test ended in a panic"))?
    })
}

/// What is wrong, if anything is.
fn verdict(report: &Report) -> Option<Failure> {
    let hint = format!("`--seed {}` asks for the same again, `--keep DIRECTORY` keeps what is left of it", report.seed);
    if !report.broken.is_empty() {
        let number = report.broken.len();
        return Some(Failure::new(format!("promises were broken ({number} findings)")).with_hint(hint));
    }
    report.inconclusive().map(|why| {
        Failure::new(format!("the run shows nothing: {why}")).with_hint("give it more --seconds or more --spends")
    })
}

fn page(report: &Report) -> String {
    let total = report.total();
    let mut rows: Vec<[String; 11]> =
        report.tokens.iter().enumerate().map(|(number, line)| row(number.to_string(), line)).collect();
    rows.push(row("all".to_owned(), &total));
    let heads = [
        "TOKEN",
        "ASKED",
        "ALLOWED",
        "OVER LIMIT",
        "OVER WALLET",
        "RAIL NO",
        "IN DOUBT",
        "UNRESOLVED",
        "LIMIT",
        "MOVED",
        "COUNTED",
    ];
    let table = table::draw(heads, &rows);
    let WalletLine { limit, moved: out, counted } = report.wallet;
    let counted = told(counted);
    let (in_book, in_ledger) = report.still_there;
    let (moved, not_moved) = report.reconciled;
    let (by_kills, by_rail) = report.lost;
    let (kills, took, seed) = (report.kills, report.took.as_secs_f64(), report.seed);
    let unasked = match report.unasked {
        0 => String::new(),
        left => format!("{left} spends were not asked for.\n"),
    };
    let found = match report.broken.is_empty() {
        true => "No promise was broken.".to_owned(),
        false => broken(report),
    };
    format!(
        "{table}\n\n\
         LIMIT, MOVED and COUNTED in satoshi; MOVED is what the rail's own book says.\n\
         The wallet, whose limit all tokens share: limit {limit}, moved {out}, counted {counted}; it refused \
         {refused} spends.\n\n\
         The server was killed (kill -9) and started again {kills} times, in {took:.1} s; seed {seed}.\n{unasked}\
         Acknowledged: {allowed} spends; {in_book} are in the rail's book, {in_ledger} in the ledger.\n\
         Answers lost: {by_kills} by kills, {by_rail} by the rail.\n\
         Never answered: {doubtful} spends; {moved} had moved, {not_moved} had not; {unresolved} are unresolved, and counted.\n\n\
         {found}",
        allowed = total.allowed,
        refused = total.over_wallet,
        doubtful = total.doubtful,
        unresolved = total.unresolved,
    )
}

fn row(name: String, line: &TokenLine) -> [String; 11] {
    let TokenLine { asked: (asked, _), allowed, over_limit, over_wallet, rail_refused, doubtful, unresolved, .. } =
        line;
    let numbers = [asked, allowed, over_limit, over_wallet, rail_refused, doubtful, unresolved];
    let [asked, allowed, over_limit, over_wallet, rail_refused, doubtful, unresolved] = numbers.map(usize::to_string);
    let (limit, moved, counted) = (line.limit.to_string(), line.moved.to_string(), told(line.counted));
    [name, asked, allowed, over_limit, over_wallet, rail_refused, doubtful, unresolved, limit, moved, counted]
}

fn told(counted: Option<u64>) -> String {
    counted.map_or_else(|| "?".to_owned(), |counted| counted.to_string())
}

fn broken(report: &Report) -> String {
    let lines = report.broken.iter().take(MOST_TOLD).map(|one| format!("BROKEN  {one}"));
    let more = report.broken.len().saturating_sub(MOST_TOLD);
    let more = (more > 0).then(|| format!("… and {more} more"));
    lines.chain(more).collect::<Vec<_>>().join("\n")
}
