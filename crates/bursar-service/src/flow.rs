//! An answer that goes to its client while it comes: its head first, then piece by piece.
//!
//! Whoever made the request, the rail reads the answer to a spend to its end: what that came to does not hang on a client that
//! stays. A read is for its client alone: it ends when the client goes, and waits while the client is slow. A client that takes
//! nothing is let go of, so that no more waits for it than has its place here.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bursar_core::limit::LimitReport;
use bursar_rails::exchange::Answered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// How many pieces wait for a client: of the answer to a spend, whose upstream is not to wait for it, and of that to a read.
const WAITING: usize = 16;
const WAITING_OF_READ: usize = 4;
/// The longest piece, in bytes.
const LONGEST_PIECE: usize = 16 << 10;
/// How long an answer may wait for its client once so many pieces wait: to a spend in all, to a read for each piece.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// What the server has to keep for as long as pieces come.
pub type Kept = Box<dyn Any + Send + Sync>;

/// A rail's end: what comes from the upstream goes in here.
pub struct Flow {
    begun: Option<oneshot::Sender<Begun>>,
    reports: Vec<LimitReport>,
    pieces: mpsc::Sender<Piece>,
    rest: Option<mpsc::Receiver<Piece>>,
    is_whole: Arc<AtomicBool>,
    patience: Duration,
    waits_anew: bool,
    _kept: Kept,
}

/// An answer whose head is there.
pub struct Begun {
    /// The head; without a body.
    pub answered: Answered,
    /// What each limit said that the spend fell under.
    pub reports: Vec<LimitReport>,
    /// What comes of the body.
    pub rest: Rest,
}

/// The client's end.
pub struct Rest(mpsc::Receiver<Piece>);

/// It broke off before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokenOff;

/// The end of an answer, which is told once its spend is settled.
pub(crate) struct Ending {
    pieces: mpsc::Sender<Piece>,
    is_whole: Arc<AtomicBool>,
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

impl Flow {
    /// A way for the answer to a spend; `kept` is dropped when no more comes, or the client takes no more.
    pub(crate) fn new(kept: Kept) -> (Self, oneshot::Receiver<Begun>) {
        Self::keeping(kept, WAITING)
    }

    fn keeping(kept: Kept, waiting: usize) -> (Self, oneshot::Receiver<Begun>) {
        let (begun, beginning) = oneshot::channel();
        let (pieces, rest) = mpsc::channel(waiting);
        let is_whole = Arc::new(AtomicBool::new(false));
        let (begun, rest, reports) = (Some(begun), Some(rest), Vec::new());
        let patience = TAKEN_WITHIN;
        (Self { begun, reports, pieces, rest, is_whole, patience, waits_anew: false, _kept: kept }, beginning)
    }

    /// The same for the answer to a read.
    pub(crate) fn of_read(kept: Kept) -> (Self, oneshot::Receiver<Begun>) {
        let (flow, beginning) = Self::keeping(kept, WAITING_OF_READ);
        (Self { waits_anew: true, ..flow }, beginning)
    }

    pub(crate) fn reporting(self, reports: Vec<LimitReport>) -> Self {
        Self { reports, ..self }
    }

    pub(crate) fn ending(&self) -> Ending {
        Ending { pieces: self.pieces.clone(), is_whole: Arc::clone(&self.is_whole) }
    }

    /// Tells the head.
    pub fn begin(&mut self, answered: Answered) {
        if let (Some(begun), Some(rest)) = (self.begun.take(), self.rest.take()) {
            let reports = std::mem::take(&mut self.reports);
            // Nobody may be there any more: then no piece is taken, either.
            begun.send(Begun { answered, reports, rest: Rest(rest) }).ok();
        }
    }

    /// Passes on what came; `false` if the client is gone, or takes nothing.
    pub async fn pass(&mut self, bytes: &[u8]) -> bool {
        for piece in bytes.chunks(LONGEST_PIECE) {
            let before = Instant::now();
            let taken = timeout(self.patience, self.pieces.send(Piece::Bytes(piece.to_vec()))).await;
            if !matches!(taken, Ok(Ok(()))) {
                return false;
            }
            if !self.waits_anew {
                self.patience = self.patience.saturating_sub(before.elapsed());
            }
        }
        true
    }

    /// Is over once the client is gone.
    pub async fn gone(&self) {
        self.pieces.closed().await;
    }

    /// All of it was passed on.
    pub fn is_whole(self) {
        self.is_whole.store(true, Ordering::Release);
    }

    /// All of it was passed on, and nothing is to be settled before that is told.
    pub async fn end(self) {
        let ending = self.ending();
        self.is_whole();
        ending.tell().await;
    }
}

impl Ending {
    /// Tells the end, if that was reached; else it breaks off.
    pub(crate) async fn tell(self) {
        if self.is_whole.load(Ordering::Acquire) {
            // Whoever takes nothing misses the end only.
            timeout(TAKEN_WITHIN, self.pieces.send(Piece::End)).await.ok();
        }
    }
}

impl Rest {
    /// What comes next; nothing at the end.
    ///
    /// # Errors
    /// It broke off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        match self.0.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            None => Err(BrokenOff),
        }
    }
}

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for BrokenOff {}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> (Flow, oneshot::Receiver<Begun>) {
        Flow::new(Box::new(()))
    }

    fn head() -> Answered {
        Answered { status: 200, headers: Vec::new(), body: Vec::new() }
    }

    #[tokio::test]
    async fn what_was_passed_on_comes_in_its_order_and_ends_when_it_is_told() {
        let (mut flow, begun) = flow();
        let ending = flow.ending();
        flow.begin(head());
        let mut rest = begun.await.unwrap().rest;
        assert!(flow.pass(&[1; LONGEST_PIECE + 1]).await && flow.pass(b"end").await);
        flow.is_whole();
        ending.tell().await;
        let mut read = Vec::new();
        while let Some(piece) = rest.next().await.unwrap() {
            read.push(piece.len());
        }
        assert_eq!(read, [LONGEST_PIECE, 1, 3]);
    }

    #[tokio::test]
    async fn what_was_not_whole_breaks_off() {
        let (mut flow, begun) = flow();
        let ending = flow.ending();
        flow.begin(head());
        let mut rest = begun.await.unwrap().rest;
        assert!(flow.pass(b"a").await);
        drop(flow);
        ending.tell().await;
        assert_eq!(rest.next().await, Ok(Some(b"a".to_vec())));
        assert_eq!(rest.next().await, Err(BrokenOff));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_let_go_of_and_holds_no_more_than_its_places() {
        let (mut flow, begun) = flow();
        flow.begin(head());
        let rest = begun.await.unwrap().rest;
        assert!(flow.pass(&[0; WAITING * LONGEST_PIECE]).await);
        assert!(!flow.pass(b"more").await);
        assert_eq!(rest.0.len(), WAITING);
        drop(rest);
        assert!(!flow.pass(b"more").await, "and whoever is gone at once");
        flow.gone().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_slows_a_read_and_is_not_let_go_of_while_it_takes_anything() {
        for (is_read, taken) in [(true, 100), (false, 2)] {
            let (mut flow, begun) = if is_read { Flow::of_read(Box::new(())) } else { flow() };
            flow.begin(head());
            let mut rest = begun.await.unwrap().rest;
            let waiting = if is_read { WAITING_OF_READ } else { WAITING };
            assert!(flow.pass(&vec![0; waiting * LONGEST_PIECE]).await);
            for count in 0..100 {
                let slow = async {
                    tokio::time::sleep(Duration::from_secs(13)).await;
                    rest.next().await.unwrap();
                };
                let (is_taken, ()) = tokio::join!(flow.pass(b"more"), slow);
                assert_eq!(is_taken, count < taken, "{is_read} {count}");
                if !is_taken {
                    break;
                }
            }
        }
    }
}
