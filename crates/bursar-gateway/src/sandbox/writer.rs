//! The one thread that touches the book: what has queued goes into one transaction with one fsync,
//! then everybody is answered. Nothing is answered before its transaction is on the disk.

use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::book::BookError;

/// How many requests may wait; what comes on top is turned away.
const QUEUE: usize = 4096;

/// How many requests share a transaction at most.
const LARGEST_BATCH: usize = 512;

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// The request was not even queued: the book is as if it had never been made.
    NotAsked(String),
    /// Nobody can say whether the request stands in the book.
    Lost(String),
}

/// The way to the thread that owns the book.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Gives the book to a thread of its own.
    pub(super) fn start(connection: Connection) -> Result<Self, BookError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || serve(connection, queue))
            .map_err(|error| BookError::Unavailable(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` on the book and answers once it is durable.
    pub(super) async fn ask<T, F>(&self, work: F) -> Result<T, Unanswered>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, BookError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Asked { work: Some(work), found: None, answer });
        let jobs = self.jobs.as_ref().ok_or_else(|| not_asked("the sandbox has stopped"))?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => not_asked("the sandbox is busy; ask again in a moment"),
            TrySendError::Closed(_) => not_asked("the sandbox has stopped"),
        })?;
        answered.await.unwrap_or_else(|_| Err(Unanswered::Lost("the sandbox stopped before it answered".to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the queue is what ends the thread; joining it makes sure that the file is closed.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn not_asked(reason: &str) -> Unanswered {
    Unanswered::NotAsked(reason.to_owned())
}

/// A request on its way through the thread.
trait Job: Send {
    /// Does the work inside the batch's transaction.
    fn work(&mut self, book: &Connection) -> Result<(), BookError>;

    /// Answers, once it is known how the transaction ended.
    fn answer(self: Box<Self>, committed: &Result<(), BookError>);
}

struct Asked<T, F> {
    work: Option<F>,
    found: Option<T>,
    answer: oneshot::Sender<Result<T, Unanswered>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, BookError> + Send,
{
    fn work(&mut self, book: &Connection) -> Result<(), BookError> {
        if let Some(work) = self.work.take() {
            self.found = Some(work(book)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: &Result<(), BookError>) {
        let answer = match (committed, self.found) {
            (Ok(()), Some(found)) => Ok(found),
            (Ok(()), None) => Err(Unanswered::Lost("the sandbox has no answer".to_owned())),
            (Err(error), _) => Err(Unanswered::Lost(error.to_string())),
        };
        // Whoever asked may have gone away; the book stands as it is.
        let _ = self.answer.send(answer);
    }
}

fn serve(mut connection: Connection, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, LARGEST_BATCH) > 0 {
        let committed = commit(&mut connection, &mut batch);
        for job in batch.drain(..) {
            job.answer(&committed);
        }
    }
}

/// Does all of a batch or, if the book fails, none of it.
fn commit(connection: &mut Connection, batch: &mut [Box<dyn Job>]) -> Result<(), BookError> {
    let transaction = connection.transaction()?;
    for job in batch {
        job.work(&transaction)?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use super::*;

    fn commits(book: &Connection) -> Result<i64, BookError> {
        book.execute("INSERT INTO steps DEFAULT VALUES", [])?;
        Ok(book.query_row("SELECT count(*) FROM steps", [], |row| row.get(0))?)
    }

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE steps (step INTEGER PRIMARY KEY)").unwrap();
        Writer::start(connection).unwrap()
    }

    #[tokio::test]
    async fn what_queued_while_the_thread_was_busy_shares_one_transaction() {
        let writer = writer();
        let (go, wait) = blocking::channel::<()>();
        let (began, begun) = oneshot::channel();
        let busy = writer.ask(move |_| {
            began.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        // A failure undoes its whole transaction, so it shows who shared one.
        let sharers = async {
            begun.await.unwrap();
            let sharers = async {
                tokio::join!(
                    writer.ask(commits),
                    writer.ask(commits),
                    writer.ask(|_| { Err::<i64, _>(BookError::Unavailable("broken".to_owned())) })
                )
            };
            let release = async { go.send(()).unwrap() };
            tokio::join!(sharers, release).0
        };
        let (busy, (first, second, broken)) = tokio::join!(busy, sharers);
        assert_eq!(busy, Ok(()));
        for answer in [first, second, broken] {
            assert!(matches!(answer, Err(Unanswered::Lost(_))), "{answer:?}");
        }
        assert_eq!(writer.ask(commits).await, Ok(1));
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_without_queueing() {
        let writer = writer();
        let (go, wait) = blocking::channel::<()>();
        let (began, begun) = oneshot::channel();
        let busy = writer.ask(move |_| {
            began.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        let flood = async {
            begun.await.unwrap();
            let mut waiting: Vec<_> = (0..=QUEUE).map(|_| Box::pin(writer.ask(commits))).collect();
            let last = waiting.pop().unwrap();
            for request in &mut waiting {
                // One poll queues a request.
                std::future::poll_fn(|context| {
                    assert!(request.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
            }
            assert!(matches!(last.await, Err(Unanswered::NotAsked(_))));
            go.send(()).unwrap();
            for request in waiting {
                assert!(request.await.is_ok());
            }
        };
        assert_eq!(tokio::join!(busy, flood).0, Ok(()));
        assert_eq!(writer.ask(commits).await, Ok(i64::try_from(QUEUE).unwrap() + 1));
    }

    #[tokio::test]
    async fn a_thread_that_is_gone_is_told_from_an_answer_that_is_lost() {
        let writer = writer();
        let lost = writer.ask(|_| -> Result<(), BookError> { panic!("the thread dies") }).await;
        assert!(matches!(lost, Err(Unanswered::Lost(_))), "{lost:?}");
        loop {
            // The queue closes a moment after the answer was lost.
            match writer.ask(commits).await {
                Err(Unanswered::NotAsked(reason)) => {
                    break assert_eq!(reason, "the sandbox has stopped");
                }
                Err(Unanswered::Lost(_)) => tokio::task::yield_now().await,
                Ok(_) => panic!("nobody can have answered"),
            }
        }
    }
}
