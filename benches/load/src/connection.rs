//! One kept connection that asks and waits: just enough HTTP/1.1 to cost next to nothing beside the server.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Problem;

/// The longest answer.
const LONGEST: usize = 1 << 20;

pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Problem> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads its whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Problem> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            match Head::read(&self.received)? {
                Some(head) if self.received.len() >= head.length + head.body => break head,
                _ if self.received.len() > LONGEST => return Err("an answer is too long".into()),
                _ => {}
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed a connection in the middle of an answer".into());
            }
        };
        let body = self.received.get(head.length..head.length + head.body).unwrap_or_default();
        Ok(Answer { status: head.status, body })
    }
}

/// The first line and headers of an answer, as far as they matter here.
struct Head {
    status: u16,
    /// In bytes, with the empty line.
    length: usize,
    /// Bytes of the body.
    body: usize,
}

impl Head {
    /// `None` while it is not all there.
    fn read(received: &[u8]) -> Result<Option<Self>, Problem> {
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let status = text.get(9..12).ok_or("no status")?.parse()?;
        let length = text.lines().filter_map(|line| line.split_once(':'));
        let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body = length.next().ok_or("an answer without Content-Length")?.1.trim().parse()?;
        Ok(Some(Self { status, length: end + 4, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn an_answer_is_read_only_when_its_head_is_all_there() {
        let whole = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        assert!(Head::read(&whole[..whole.len() - 9]).unwrap().is_none());
        let head = Head::read(whole).unwrap().unwrap();
        assert_eq!((head.status, head.body, &whole[head.length..]), (401, 7, &b"{\"a\":1}"[..]));
    }
}
