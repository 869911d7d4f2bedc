//! Reading from the store without holding up the async threads.
//!
//! Look-ups are made where they are asked for: one costs less than handing it to another thread. Lists and
//! everything else that may take long goes through a bounded set of readers off the async threads.

use std::sync::{Arc, Mutex, PoisonError};

use bursar_store::{Reader, Store, StoreError};
use tokio::sync::Semaphore;

/// How many long reads go on at once, and how many readers are kept.
const READERS: usize = 8;

#[derive(Clone)]
pub(crate) struct Reads {
    store: Arc<dyn Store>,
    idle: Arc<Mutex<Vec<Box<dyn Reader>>>>,
    permits: Arc<Semaphore>,
}

impl Reads {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Looks up a few records by their keys, here and now.
    pub(crate) fn look_up<T>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        with_reader(self.store.as_ref(), &self.idle, read)
    }

    /// Runs one read that may take long.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = |_| StoreError::Unavailable("the server is shutting down".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(gone)?;
        let (store, idle) = (Arc::clone(&self.store), Arc::clone(&self.idle));
        let work = move || {
            let result = with_reader(store.as_ref(), &idle, read);
            drop(permit);
            result
        };
        let failed = |_| StoreError::Unavailable("a read ended in a panic".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
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
