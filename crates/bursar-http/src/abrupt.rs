//! A connection that may have to end at once: what the machine has of it and the client did not take is thrown away then,
//! instead of being delivered whenever the client cares to read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Says of one connection that it ends at once.
#[derive(Clone, Default)]
pub(crate) struct Abruptly(Arc<AtomicBool>);

impl Abruptly {
    /// Whoever drops the connection from now on resets it.
    pub(crate) fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A stream that is reset when it is dropped, if that was said.
pub(crate) struct Abrupt {
    stream: TcpStream,
    abruptly: Abruptly,
}

impl Abrupt {
    pub(crate) const fn new(stream: TcpStream, abruptly: Abruptly) -> Self {
        Self { stream, abruptly }
    }
}

impl Drop for Abrupt {
    fn drop(&mut self) {
        if self.abruptly.0.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "a connection is closed and not reset");
        }
    }
}

impl AsyncRead for Abrupt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Abrupt {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
