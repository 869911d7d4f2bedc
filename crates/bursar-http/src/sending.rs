//! Long answers on their way: so much of all of them waits in memory, and they go in pieces, so that a client that takes nothing
//! keeps no more than it must. Short answers are no matter of this. What was done has room of its own: whoever reads without
//! taking keeps nobody from hearing what became of a spend.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use bursar_wire::header::REQUEST_ID;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::busy::Busy;
use crate::shares::{Share, Shares};

/// From which length on an answer is long, in bytes.
const LONG: u64 = 64 << 10;
/// What one takes that comes while it goes, and whose length nobody knows: what waits of it in all places.
const COMING: u64 = 128 << 10;
/// How much goes at a time, in bytes.
const PIECE: usize = 64 << 10;
/// How much of all long answers to readers waits, in kibibytes, and as much of those to everybody else.
const WAITING: usize = 256 << 10;

/// What is told in place of an answer that has no room.
const NO_ROOM: Busy = Busy {
    code: "no_room_for_answer",
    text: "too many long answers wait for clients that do not take them; what was asked for was done, and its answer is not sent",
    after: 5,
};

/// Marks an answer of a request that did nothing, whatever its method.
#[derive(Clone, Copy)]
pub(crate) struct OfRead;

/// The part of the room that a long answer keeps until it has gone; a short one needs none.
pub(crate) type Kept = Option<(OwnedSemaphorePermit, Option<Share<IpAddr>>)>;

/// Too many long answers wait already.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// The room for long answers. No client has more of it than is left for all others.
#[derive(Clone)]
pub(crate) struct Room(Arc<Parts>);

struct Parts {
    reads: Part,
    changes: Part,
}

/// The same, as one client has it; whoever is a proxy for many has no share.
#[derive(Clone)]
pub(crate) struct ClientsRoom {
    room: Room,
    client: Option<IpAddr>,
}

struct Part {
    left: Arc<Semaphore>,
    of_clients: Shares<IpAddr>,
}

impl Room {
    pub(crate) fn new() -> Self {
        let whole = || Part { left: Arc::new(Semaphore::new(WAITING)), of_clients: Shares::default() };
        Self(Arc::new(Parts { reads: whole(), changes: whole() }))
    }

    pub(crate) fn of(&self, client: Option<IpAddr>) -> ClientsRoom {
        ClientsRoom { room: self.clone(), client }
    }
}

impl ClientsRoom {
    /// Room for an answer to a reader that is not sent as a response.
    ///
    /// # Errors
    /// There is none left.
    pub(crate) fn of_read(&self, length: u64) -> Result<Kept, NoRoom> {
        self.room.0.reads.take(self.client, length)
    }

    /// The answer, which keeps its room until it has gone; 503 if there is none.
    pub(crate) fn keep(&self, is_safe: bool, tells_problems: bool, response: Response) -> Response {
        let length = response.body().size_hint().exact().unwrap_or(COMING);
        let is_read = is_safe || response.extensions().get::<OfRead>().is_some();
        let part = if is_read { &self.room.0.reads } else { &self.room.0.changes };
        match part.take(self.client, length) {
            Ok(None) => response,
            Ok(room) => response.map(|body| Body::new(Sending { body, piece: Bytes::new(), _room: room })),
            Err(NoRoom) => {
                tracing::warn!("a long answer was not sent: too many wait for clients that do not take them");
                NO_ROOM.answer(tells_problems, response.headers().get(REQUEST_ID).cloned())
            }
        }
    }
}

impl Part {
    fn take(&self, client: Option<IpAddr>, length: u64) -> Result<Kept, NoRoom> {
        if length <= LONG {
            return Ok(None);
        }
        let kibibytes = u32::try_from(length.div_ceil(1024)).map_err(|_| NoRoom)?;
        let permit = Arc::clone(&self.left).try_acquire_many_owned(kibibytes).map_err(|_| NoRoom)?;
        let share = match client {
            Some(client) => {
                let left = self.left.available_permits();
                Some(self.of_clients.take_many_of_client(client, kibibytes, left).ok_or(NoRoom)?)
            }
            None => None,
        };
        Ok(Some((permit, share)))
    }
}

/// A long body.
struct Sending {
    body: Body,
    /// What came from it and has not gone yet.
    piece: Bytes,
    _room: Kept,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.piece.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.piece = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.piece.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.body.size_hint().exact().map(|rest| rest.saturating_add(self.piece.len() as u64));
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn answer(length: usize) -> Response {
        Response::new(Body::from(vec![7; length]))
    }

    #[tokio::test]
    async fn a_long_answer_goes_whole_in_pieces_and_gives_its_room_back() {
        let all = Room::new();
        let room = all.of("192.0.2.1".parse().ok());
        let mut body = room.keep(true, true, answer(1_000_000)).into_body();
        assert_eq!(body.size_hint().exact(), Some(1_000_000));
        assert_eq!(all.0.reads.left.available_permits(), WAITING - 977);
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!((1..=PIECE).contains(&piece.len()));
            length += piece.len();
            assert_eq!(body.size_hint().exact(), Some(1_000_000 - length as u64));
        }
        assert!(body.is_end_stream() && length == 1_000_000);
        drop(body);
        assert_eq!(all.0.reads.left.available_permits(), WAITING);
    }

    #[test]
    fn what_has_no_room_is_not_kept_and_short_answers_always_go() {
        let room = Room::new().of(None);
        let kept: Vec<_> = (0..8).map(|_| room.keep(true, true, answer(32 << 20))).collect();
        assert_eq!(room.keep(true, true, answer(1 << 20)).status(), 503);
        assert_eq!(room.keep(false, true, answer(1 << 20)).status(), 200, "what was done is told all the same");
        assert_eq!(room.keep(true, true, answer(1000)).status(), 200);
        let mut by_post = answer(1 << 20);
        by_post.extensions_mut().insert(OfRead);
        assert_eq!(room.keep(false, true, by_post).status(), 503, "the method does not make it more than a read");
        drop(kept);
        assert_eq!(room.keep(true, true, answer(1 << 20)).status(), 200);
    }

    #[test]
    fn a_client_that_takes_nothing_leaves_as_much_room_to_others() {
        let all = Room::new();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|client| all.of(client.parse().ok()));
        let mut waiting = Vec::new();
        loop {
            let answer = one.keep(true, true, answer(8 << 20));
            if answer.status() == 503 {
                break;
            }
            waiting.push(answer);
        }
        assert_eq!(waiting.len(), 16, "half of it");
        assert!(one.of_read(8 << 20).is_err() && other.of_read(8 << 20).is_ok());
        assert_eq!(other.keep(true, true, answer(32 << 20)).status(), 200);
        drop(waiting);
        assert!(one.of_read(8 << 20).is_ok());
    }
}
