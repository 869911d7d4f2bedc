//! What connections cost that ask for nothing, and bodies that are refused: a server's memory must not follow either.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Problem;
use crate::connection::Connection;
use crate::resources::memory;
use crate::server::Server;
use crate::subject::Subject;

#[derive(Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    load: crate::Options,
    /// How many connections are opened and kept; the server serves so many of them as it does, the others wait.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    idle: u32,
    /// How many bodies are sent in all.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    bodies: u32,
    /// How many mebibytes each of them has.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    mebibytes: u32,
}

/// How long a connection may take to be made and answered; those that the server has no place for take longer.
const PLACE_WITHIN: Duration = Duration::from_secs(2);
/// How many connections are made at a time.
const AT_ONCE: usize = 256;
/// How many bodies are on their way at a time.
const BODIES_AT_ONCE: usize = 16;
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long one body may take to be refused.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
/// What is written of a body at a time, in bytes.
const PIECE: usize = 1 << 16;

/// Shows a row for each moment.
pub(crate) async fn run(options: &Options) -> Result<(), Problem> {
    let subject = Subject::start(&options.load, 0).await?;
    let server = subject.server();
    println!("| moment | PSS MiB | |");
    println!("|---|---|---|");
    let row = |moment: &str, memory: f64, remark: String| println!("| {moment} | {memory:.1} | {remark} |");
    row("before", memory(server)?, String::new());
    let (kept, peak) = watched(server, idle(server.address(), options.idle)).await?;
    let answered = format!("{} of {} were answered once", kept.len(), options.idle);
    row("connections that ask for nothing, greatest", peak, answered);
    row("the same, after", memory(server)?, String::new());
    drop(kept);
    let (statuses, peak) = watched(server, refused(server.address(), options)).await?;
    let told = statuses.iter().filter(|status| **status == Some(413)).count();
    let remark = format!("{} of {} MiB, {told} of {} told 413", options.bodies, options.mebibytes, statuses.len());
    row("refused bodies, greatest", peak, remark);
    row("after", memory(server)?, String::new());
    Ok(())
}

/// Does something, and looks at the server's memory meanwhile.
async fn watched<T>(server: &Server, doing: impl Future<Output = Result<T, Problem>>) -> Result<(T, f64), Problem> {
    tokio::pin!(doing);
    let mut peak = memory(server)?;
    loop {
        tokio::select! {
            done = &mut doing => return Ok((done?, peak.max(memory(server)?))),
            () = sleep(LOOK_EVERY) => peak = peak.max(memory(server)?),
        }
    }
}

/// Connections that were answered once and then ask for nothing.
async fn idle(address: SocketAddr, many: u32) -> Result<Vec<Connection>, Problem> {
    let (mut kept, mut making) = (Vec::new(), JoinSet::new());
    for _ in 0..many {
        if making.len() >= AT_ONCE
            && let Some(made) = making.join_next().await
        {
            kept.extend(made?);
        }
        making.spawn(async move {
            timeout(PLACE_WITHIN, async {
                let mut connection = Connection::open(address).await.ok()?;
                connection.ask(b"GET /api/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
                Some(connection)
            })
            .await
            .ok()
            .flatten()
        });
    }
    while let Some(made) = making.join_next().await {
        kept.extend(made?);
    }
    Ok(kept)
}

/// What bodies that are too long are answered; nothing where the connection ended first.
async fn refused(address: SocketAddr, options: &Options) -> Result<Vec<Option<u16>>, Problem> {
    let (mut statuses, mut sending) = (Vec::new(), JoinSet::new());
    let length = u64::from(options.mebibytes) << 20;
    for _ in 0..options.bodies {
        if sending.len() >= BODIES_AT_ONCE
            && let Some(sent) = sending.join_next().await
        {
            statuses.push(sent?);
        }
        sending.spawn(async move { timeout(REFUSED_WITHIN, send(address, length)).await.ok().flatten() });
    }
    while let Some(sent) = sending.join_next().await {
        statuses.push(sent?);
    }
    Ok(statuses)
}

async fn send(address: SocketAddr, length: u64) -> Option<u16> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut reader, mut writer) = stream.into_split();
    let head = format!("POST /api/v2/user/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    let writing = tokio::spawn(async move {
        writer.write_all(head.as_bytes()).await?;
        let piece = vec![b' '; PIECE];
        for _ in 0..length.div_ceil(PIECE as u64) {
            writer.write_all(&piece).await?;
        }
        Ok::<_, std::io::Error>(writer)
    });
    let mut head = [0; 12];
    let read = reader.read_exact(&mut head).await.ok();
    writing.abort();
    read?;
    std::str::from_utf8(head.get(9..)?).ok()?.parse().ok()
}
