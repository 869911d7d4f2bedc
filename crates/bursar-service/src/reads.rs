//! Reading from the store without holding up the async threads: a bounded set of readers, used off them.

use std::sync::{Arc, Mutex, PoisonError};

use bursar_store::{Reader, Store, StoreError};
use tokio::sync::Semaphore;

/// How many reads go on at once.
const READERS: usize = 8;

pub(crate) struct Reads {
    store: Arc<dyn Store>,
    idle: Arc<Mutex<Vec<Box<dyn Reader>>>>,
    permits: Arc<Semaphore>,
}

impl Reads {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs one read.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = |_| StoreError::Unavailable("the server is shutting down".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(gone)?;
        let (store, idle) = (Arc::clone(&self.store), Arc::clone(&self.idle));
        let work = move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut reader = match taken {
                Some(reader) => reader,
                None => store.reader()?,
            };
            let result = read(reader.as_mut());
            // A reader that failed may be broken; the next read opens a new one.
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            }
            drop(permit);
            result
        };
        let failed = |_| StoreError::Unavailable("a read ended in a panic".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}
