//! The sandbox in a process of its own, behind a Unix socket: money that moves while the server that asked
//! for it is gone.
//!
//! [`serve`] has the book; a [`RemoteSandbox`] asks it. A connection carries one question and one answer at a
//! time, each one line of JSON. What must never happen here: that an answer which did not come is taken for
//! a no. What the rail itself does not know it does not answer: it closes the connection, so that a lost
//! answer is a lost answer.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

mod client;
mod server;
mod wire;

pub use client::RemoteSandbox;
pub use server::serve;

/// The longest question or answer, in bytes: a transaction of 1 MiB in hex and its recipients fit.
const LONGEST_LINE: u64 = 8 << 20;

/// Reads a line; none if the other end has gone. What breaks off before the end of its line is an error.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A question or answer as a line.
fn line_of(message: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
