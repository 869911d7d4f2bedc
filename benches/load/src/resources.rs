//! What a server costs that nobody asks anything, and how that grows with what it keeps: the time from its start to
//! its first answer, its memory, and signed reads with tokens that are among many.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use crate::figures::{Figures, Median};
use crate::load::Load;
use crate::requests::Kind;
use crate::server::Server;
use crate::subject::Subject;
use crate::{Problem, WARM_UP, gateway};

#[derive(Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) load: crate::Options,
    /// How many tokens there are, besides those that are used.
    #[arg(long, value_name = "N", default_values_t = [0, 1_000_000], value_delimiter = ',')]
    tokens: Vec<u64>,
}

/// Starts of which the median is shown.
const STARTS: usize = 5;

/// Shows a row for each number of tokens.
pub(crate) async fn run(options: &Options) -> Result<(), Problem> {
    println!(
        "| tokens | start to first answer ms (min-max) | PSS idle MiB | PSS after reads MiB | GET self rps | CPU us/request |"
    );
    println!("|---|---|---|---|---|---|");
    let cores = options.load.server_cores.as_deref();
    let bare = start(|| Server::hello(cores))?;
    println!("| bare axum server | {} | {:.1} | | | |", bare.shown, bare.idle);
    let (home, node) = (TempDir::new()?, Server::node()?);
    let configuration = gateway::configure_nginx(home.path(), "passing", node.address(), None)?;
    let nginx = start(|| Server::nginx(&configuration, Vec::new(), cores))?;
    println!("| nginx `proxy_pass` | {} | {:.1} | | | |", nginx.shown, nginx.idle);
    for &tokens in &options.tokens {
        let mut found = None;
        let subject = Subject::start(&options.load, 0).await?.restarted(&options.load, |data| {
            fill(&data.join("bursar.db"), tokens)?;
            found = Some(start(|| Server::dev(&options.load.bursar, data, None, cores))?);
            Ok(())
        })?;
        let found = found.ok_or("it was not started")?;
        let connections = options.load.connections;
        let load =
            Load { server: subject.server(), subject: &subject, kind: Kind::Own, connections, rate: options.load.rate };
        load.run(WARM_UP).await?;
        let mut figures: Vec<Figures> = Vec::new();
        for _ in 0..options.load.rounds {
            figures.push(load.run(options.load.time()).await?);
        }
        let (after, median) = (memory(subject.server())?, Median::of(&figures));
        println!(
            "| {tokens} more | {} | {:.1} | {after:.1} | {:.0} | {:.1} |",
            found.shown, found.idle, median.rps, median.cpu
        );
    }
    Ok(())
}

struct Started {
    shown: String,
    idle: f64,
}

/// Starts a server some times over. It says that it is ready once it answers.
fn start(server: impl Fn() -> Result<Server, Problem>) -> Result<Started, Problem> {
    let mut took = Vec::new();
    let mut idle = 0.0;
    for _ in 0..STARTS {
        let started = Instant::now();
        let server = server()?;
        server.first_answer()?;
        took.push(started.elapsed().as_secs_f64() * 1e3);
        idle = memory(&server)?;
    }
    took.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| took.get(place).copied().unwrap_or_default();
    Ok(Started { shown: format!("{:.0} ({:.0}-{:.0})", at(STARTS / 2), at(0), at(STARTS - 1)), idle })
}

/// The memory that is this process's share, in MiB.
pub(crate) fn memory(server: &Server) -> Result<f64, Problem> {
    let rollup = fs::read_to_string(PathBuf::from("/proc").join(server.process().to_string()).join("smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no PSS is told here")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Copies a token with its secret and its limits, so many times.
fn fill(database: &Path, tokens: u64) -> Result<(), Problem> {
    let connection = Connection::open(database)?;
    connection.execute_batch(
        "CREATE TEMP TABLE one AS SELECT * FROM tokens WHERE kind = 'access' LIMIT 1;
         CREATE TEMP TABLE one_secret AS SELECT * FROM token_secrets WHERE token = (SELECT id FROM one);
         CREATE TEMP TABLE one_set AS SELECT * FROM limit_sets WHERE subject = (SELECT id FROM one);
         CREATE TEMP TABLE one_limit AS SELECT * FROM limits WHERE subject = (SELECT id FROM one);",
    )?;
    let copied = |table: &str, from: &str, own: &[(&str, &str)]| -> Result<String, Problem> {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let columns: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let value = |column: &String| {
            own.iter().find(|(name, _)| name == column).map_or(column.as_str(), |(_, value)| *value).to_owned()
        };
        let (names, values): (Vec<_>, Vec<_>) = columns.iter().map(|column| (column.clone(), value(column))).unzip();
        Ok(format!(
            "WITH RECURSIVE numbers (number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2)
             INSERT INTO {table} ({}) SELECT {} FROM numbers, {from}",
            names.join(", "),
            values.join(", ")
        ))
    };
    let id = "CAST(unhex(printf('%032x', number)) AS BLOB)";
    let statements = [
        copied("tokens", "one", &[("id", id)])?,
        format!(
            "WITH RECURSIVE numbers (number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2)
             INSERT INTO secret_sets (token, version) SELECT {id}, 1 FROM numbers"
        ),
        copied("token_secrets", "one_secret", &[("token", id), ("lookup", "randomblob(32)")])?,
        copied("limit_sets", "one_set", &[("subject", id)])?,
        copied("limits", "one_limit", &[("subject", id)])?,
    ];
    let mut from = 1;
    while from <= tokens {
        let to = tokens.min(from + 99_999);
        connection.execute_batch("BEGIN")?;
        for statement in &statements {
            connection.execute(statement, params![from, to])?;
        }
        connection.execute_batch("COMMIT")?;
        from = to + 1;
    }
    Ok(())
}
