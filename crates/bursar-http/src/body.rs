//! Reading bodies: so much and no more, in so much time and no more, and of all together so much and no more.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::shares::{Share, Shares, household};

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How much of a body that is not taken is read and thrown away, in bytes, and for how long. Closing on a client that
/// still sends resets the connection, and the answer that says why is lost with it.
const LINGER: u64 = 64 << 20;
const LINGER_TIME: Duration = Duration::from_secs(5);
/// Up to which length a body is no matter of the room, in bytes: requests under way are bounded, and with them these.
const SHORT: usize = 16 << 10;
/// How much all longer bodies take at once, in bytes; more, where one may be so long that it would not fit into a client's half.
const ROOM: usize = 128 << 20;

/// The room for long bodies, of which no client has more than is left. Copies have it in common.
#[derive(Clone)]
pub(crate) struct Bodies {
    whole: usize,
    taken: Shares<IpAddr>,
}

impl Bodies {
    /// The room for bodies of at most `limit` bytes each.
    pub(crate) fn new(limit: usize) -> Self {
        Self::of(ROOM.max(limit.saturating_mul(4)))
    }

    fn of(whole: usize) -> Self {
        Self { whole, taken: Shares::default() }
    }

    /// The body of a client's request, if it has at most `limit` bytes. It keeps its room for as long as anybody has it.
    pub(crate) async fn read(
        &self,
        client: IpAddr,
        headers: &HeaderMap,
        mut body: Body,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        // Whoever asks before sending is told at once.
        let asks_first = headers.contains_key(header::EXPECT);
        if asks_first && body.size_hint().lower() > limit as u64 {
            return Err(Failure::BodyTooLong);
        }
        let kept = Kept { bytes: Vec::new(), share: self.taken.none(household(client)), whole: self.whole };
        let found = timeout(BODY_TIME, kept.collect(&mut body, limit)).await.unwrap_or(Err(Failure::BodyUnreadable));
        if let Err(Failure::BodyTooLong | Failure::NoRoomForBody) = found {
            // Out of patience or not: the answer is the same.
            let _ = timeout(LINGER_TIME, discard(&mut body)).await;
        }
        found
    }
}

/// A body as far as it has come, and its room.
struct Kept {
    bytes: Vec<u8>,
    share: Share<IpAddr>,
    whole: usize,
}

impl Kept {
    async fn collect(mut self, body: &mut Body, limit: usize) -> Result<Bytes, Failure> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::BodyUnreadable)?;
            if let Ok(data) = frame.into_data() {
                self.fit(self.bytes.len().saturating_add(data.len()), limit)?;
                self.bytes.extend_from_slice(&data);
            }
        }
        Ok(if self.bytes.capacity() > SHORT { Bytes::from_owner(self) } else { Bytes::from(self.bytes) })
    }

    /// Makes place for so many bytes. It grows with what has come, not with what was announced.
    fn fit(&mut self, length: usize, limit: usize) -> Result<(), Failure> {
        if length > limit {
            return Err(Failure::BodyTooLong);
        }
        let old = self.bytes.capacity();
        if length <= old {
            return Ok(());
        }
        let most = if length > SHORT { limit } else { SHORT };
        let new = length.max(old.saturating_mul(2)).min(most);
        let more = if old > SHORT { new.saturating_sub(old) } else { new };
        let may = |own: usize, all: usize| {
            // Not more than are left, once this is taken.
            own.saturating_add(all).saturating_add(more.saturating_mul(2)) <= self.whole
        };
        if new > SHORT && !self.share.grow(more, may) {
            return Err(Failure::NoRoomForBody);
        }
        self.bytes.reserve_exact(new.saturating_sub(self.bytes.len()));
        Ok(())
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

async fn discard(body: &mut Body) {
    let mut left = LINGER;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    const LIMIT: usize = 1 << 20;

    /// So many bytes, in pieces as they come over a network.
    fn body(length: usize) -> Body {
        let pieces = vec![7; length].chunks(10_000).map(|piece| Ok::<_, io::Error>(piece.to_vec())).collect::<Vec<_>>();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read(bodies: &Bodies, client: &str, body: Body) -> Result<Bytes, Failure> {
        bodies.read(client.parse().unwrap(), &HeaderMap::new(), body, LIMIT).await
    }

    /// As many of the longest bodies as a client gets room for.
    async fn greedy(bodies: &Bodies, client: &str) -> Vec<Bytes> {
        let mut kept = Vec::new();
        loop {
            match read(bodies, client, body(LIMIT)).await {
                Ok(bytes) => kept.push(bytes),
                Err(failure) => {
                    assert!(matches!(failure, Failure::NoRoomForBody), "{failure:?}");
                    return kept;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_client_with_many_long_bodies_leaves_as_much_room_to_others() {
        let bodies = Bodies::of(32 * LIMIT);
        let first = greedy(&bodies, "192.0.2.1").await;
        let second = greedy(&bodies, "192.0.2.2").await;
        assert_eq!((first.len(), second.len()), (16, 8));
        assert!(read(&bodies, "192.0.2.1", body(SHORT)).await.is_ok(), "short bodies need none");
        // A handler that has a body still has its room.
        let kept: Vec<_> = first.iter().map(|bytes| bytes.slice(1..2)).collect();
        drop(first);
        assert!(read(&bodies, "192.0.2.1", body(LIMIT)).await.is_err());
        drop(kept);
        assert!(read(&bodies, "192.0.2.1", body(LIMIT)).await.is_ok());
        drop(second);
        assert!(bodies.taken.is_empty());
    }

    #[tokio::test]
    async fn a_body_comes_whole_and_the_longest_fits_on_a_quiet_server() {
        for length in [0, 1, SHORT, SHORT + 1, 100_000, LIMIT] {
            let bytes = read(&Bodies::new(LIMIT), "192.0.2.1", body(length)).await.unwrap();
            assert!(bytes.len() == length && bytes.iter().all(|byte| *byte == 7));
        }
        let long = 64 * LIMIT;
        let bodies = Bodies::new(long);
        let client = "192.0.2.1".parse().unwrap();
        assert_eq!(bodies.read(client, &HeaderMap::new(), body(long), long).await.unwrap().len(), long);
    }

    #[tokio::test]
    async fn what_is_too_long_or_breaks_off_keeps_no_room() {
        let bodies = Bodies::new(LIMIT);
        assert!(matches!(read(&bodies, "192.0.2.1", body(LIMIT + 1)).await, Err(Failure::BodyTooLong)));
        let pieces = [Ok(vec![7; 100_000]), Err(io::Error::other("gone"))];
        let broken = Body::from_stream(stream::iter(pieces));
        assert!(matches!(read(&bodies, "192.0.2.1", broken).await, Err(Failure::BodyUnreadable)));
        assert!(bodies.taken.is_empty());
    }
}
