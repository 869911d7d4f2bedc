//! The operator's socket in the data directory: one request and one answer per connection, each one line
//! of JSON.

use std::fs;
use std::future::Future;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bursar_service::Bursar;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::failure::Failure;
use crate::operator::{self, Answer, Request};

const NAME: &str = "operator.sock";

/// The longest request, in bytes.
const LONGEST_REQUEST: u64 = 16 * 1024;
/// The longest answer, in bytes: a long list of accounts.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long no connection is accepted after one could not be.
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);
/// How long a server may take to do it.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Where the socket of a data directory is.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Listens in a data directory, which the caller owns: what is left of an earlier run is removed.
///
/// # Errors
/// The file system has no sockets, or the path is too long for one.
pub(crate) fn bind(directory: &Path) -> Result<UnixListener, Failure> {
    bind_at(&path(directory))
}

/// Listens at a path in a directory that the caller owns: what is left of an earlier run is removed.
///
/// # Errors
/// The file system has no sockets, or the path is too long for one.
pub(crate) fn bind_at(path: &Path) -> Result<UnixListener, Failure> {
    let bound = || -> io::Result<UnixListener> {
        match fs::remove_file(path) {
            Err(problem) if problem.kind() != ErrorKind::NotFound => return Err(problem),
            _ => {}
        }
        // The directory's mode keeps others out while the socket still has the default one.
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    bound().map_err(|problem| {
        Failure::at(path, problem).with_hint("a socket's path may have about 100 bytes: give a shorter directory")
    })
}

/// Answers operators until it is told to stop.
pub(crate) async fn serve(listener: UnixListener, bursar: Arc<Bursar>, stopped: impl Future<Output = ()>) {
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // For want of file descriptors, most likely: asking again at once would only burn time.
            tokio::time::sleep(AFTER_A_FAILURE).await;
            continue;
        };
        let bursar = Arc::clone(&bursar);
        tokio::spawn(async move {
            if let Err(problem) = converse(stream, &bursar).await {
                tracing::warn!(%problem, "an operator's request broke off");
            }
        });
    }
    if let Ok(address) = listener.local_addr()
        && let Some(path) = address.as_pathname()
    {
        fs::remove_file(path).ok();
    }
}

async fn converse(stream: UnixStream, bursar: &Bursar) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LONGEST_REQUEST));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await.map_err(|_| ErrorKind::TimedOut)??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => operator::answer(bursar, request).await,
        Err(_) => {
            Answer::Failed { message: "the request cannot be understood; is the server an older one?".to_owned() }
        }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.shutdown().await
}

/// Asks the server that has a data directory; none if no server listens there.
///
/// # Errors
/// The server does not answer.
pub(crate) fn ask(directory: &Path, request: &Request) -> Result<Option<Answer>, Failure> {
    let path = path(directory);
    let mut stream = match BlockingStream::connect(&path) {
        Ok(stream) => stream,
        // A server that was killed leaves its socket behind.
        Err(problem) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&problem.kind()) => {
            return Ok(None);
        }
        Err(problem) => return Err(Failure::io(&path, &problem)),
    };
    let mut converse = || -> io::Result<String> {
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = String::new();
        BufReader::new((&stream).take(LONGEST_ANSWER)).read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = converse().map_err(|problem| Failure::at(&path, problem))?;
    let unreadable = |_| Failure::at(&path, "the server's answer cannot be understood");
    serde_json::from_str(&answer).map(Some).map_err(unreadable)
}
