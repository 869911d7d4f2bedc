//! Reading from the store without holding up the async threads.
//!
//! Look-ups are made where they are asked for: one costs less than handing it to another thread. Lists, and what the
//! server itself looks through, go through a bounded set of readers off the async threads. What somebody asks to see and
//! may take long has a few of its own, of which no user has more than a share: nothing else waits for those.

use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::id::UserId;
use bursar_store::{Reader, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::each::Each;
use crate::error::ServiceError;

/// How many lists are read at once, and how many readers are kept.
const READERS: usize = 8;
/// How many looks that may take long go on at once.
const LOOKS: usize = 4;
/// How many of those are one user's, in person, and as many by software.
const LOOKS_OF_ONE: usize = 2;
/// How many of these looks are under way or wait; further ones are refused.
const MOST_OF_ONE: usize = 128;

#[derive(Clone)]
pub(crate) struct Reads {
    store: Arc<dyn Store>,
    idle: Arc<Mutex<Vec<Box<dyn Reader>>>>,
    permits: Arc<Semaphore>,
    looks: Arc<Looks>,
}

impl Reads {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)), looks: Arc::new(Looks::new()) }
    }

    /// Looks up a few records by their keys, here and now.
    pub(crate) fn look_up<T>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        with_reader(self.store.as_ref(), &self.idle, read)
    }

    /// Runs one read of a list, or of the server's own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| gone())?;
        self.run_with(permit, read).await
    }

    /// Runs one read that a user asks for and that may take long.
    ///
    /// # Errors
    /// Too many of theirs wait already, or the store does not answer.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        looker: Looker,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let turn = self.looks.take(looker).await?;
        Ok(self.run_with(turn, read).await?)
    }

    async fn run_with<T: Send + 'static>(
        &self,
        turn: impl Send + 'static,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, idle) = (Arc::clone(&self.store), Arc::clone(&self.idle));
        let work = move || {
            let result = with_reader(store.as_ref(), &idle, read);
            drop(turn);
            result
        };
        let failed = |_| StoreError::Unavailable("a read ended in a panic".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}

/// Who looks: a user, in person or by tokens of software. Whatever these ask for, their owner sees the page that stops them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Looker {
    pub(crate) user: UserId,
    pub(crate) is_person: bool,
}

/// Whose looks go on. Who has their share of them waits without keeping others waiting.
struct Looks {
    each: Each<Looker>,
    all: Arc<Semaphore>,
}

impl Looks {
    fn new() -> Self {
        Self { each: Each::new(LOOKS_OF_ONE), all: Arc::new(Semaphore::new(LOOKS)) }
    }

    /// Waits for a turn to look.
    async fn take(&self, looker: Looker) -> Result<[OwnedSemaphorePermit; 2], ServiceError> {
        let own = self.each.of(looker);
        // One is kept by the map and one is this one's own.
        if Arc::strong_count(&own) > MOST_OF_ONE.saturating_add(1) {
            return Err(ServiceError::TooManyLooks);
        }
        let own = own.acquire_owned().await.map_err(|_| gone())?;
        let any = Arc::clone(&self.all).acquire_owned().await.map_err(|_| gone())?;
        Ok([own, any])
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the server is shutting down".to_owned())
}

fn with_reader<T>(
    store: &dyn Store,
    idle: &Mutex<Vec<Box<dyn Reader>>>,
    read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = lock().pop();
    let mut reader = match taken {
        Some(reader) => reader,
        None => store.reader()?,
    };
    let result = read(reader.as_mut());
    // A reader that failed may be broken; the next read opens a new one.
    if result.is_ok() {
        let mut idle = lock();
        if idle.len() < READERS {
            idle.push(reader);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn user(number: u8) -> Looker {
        Looker { user: UserId::from_bytes([number; 16]), is_person: true }
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Result<[OwnedSemaphorePermit; 2], ServiceError>> + 'a>>;

    /// So many looks of a user that wait.
    async fn waiting(looks: &Looks, user: Looker, count: usize) -> VecDeque<Waiting<'_>> {
        let mut waiting = VecDeque::new();
        for _ in 0..count {
            let mut look: Waiting<'_> = Box::pin(looks.take(user));
            assert!(poll_fn(|context| Poll::Ready(look.as_mut().poll(context).is_pending())).await);
            waiting.push_back(look);
        }
        waiting
    }

    #[tokio::test]
    async fn a_user_who_looks_for_much_keeps_no_other_waiting() {
        let looks = Looks::new();
        let _own = (looks.take(user(1)).await.unwrap(), looks.take(user(1)).await.unwrap());
        let _more = waiting(&looks, user(1), 100).await;
        assert!(timeout(SOON, looks.take(user(2))).await.is_ok());
    }

    #[tokio::test]
    async fn software_that_looks_for_much_keeps_its_owner_from_no_page() {
        let looks = Looks::new();
        let software = Looker { is_person: false, ..user(1) };
        let _own = (looks.take(software).await.unwrap(), looks.take(software).await.unwrap());
        let _more = waiting(&looks, software, MOST_OF_ONE - 2).await;
        assert_eq!(looks.take(software).await.unwrap_err(), ServiceError::TooManyLooks);
        assert!(timeout(SOON, looks.take(user(1))).await.is_ok());
    }

    #[tokio::test]
    async fn so_many_looks_of_a_user_wait_and_further_ones_are_refused() {
        let looks = Looks::new();
        let own = (looks.take(user(1)).await.unwrap(), looks.take(user(1)).await.unwrap());
        let mut more = waiting(&looks, user(1), MOST_OF_ONE - 2).await;
        assert_eq!(looks.take(user(1)).await.unwrap_err(), ServiceError::TooManyLooks);
        assert!(looks.take(user(2)).await.is_ok());
        drop(own);
        let first = more.pop_front().unwrap().await;
        assert!(first.is_ok());
        drop((first, more));
        assert!(looks.take(user(1)).await.is_ok());
    }
}
