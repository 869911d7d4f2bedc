//! Password hashing off the async threads, one at a time, so that a flood of logins cannot take the processors from spends; and
//! who waits for it, so that a flood for one account keeps no other out.

use std::sync::Arc;

use bursar_core::id::UserId;
use bursar_identity::password::{self, PasswordCost, PasswordHash};
use bursar_wire::password::WireVerifier;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::each::Each;
use crate::error::ServiceError;

/// Logins that may wait for their turn, or have it; more are sent away.
const WAITING_LOGINS: usize = 64;
/// How many of those may be for one account, or for one name that nobody has.
const WAITING_OF_ONE: usize = 16;

pub(crate) struct Hashing {
    cost: PasswordCost,
    permits: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    each: Each<[u8; 32]>,
}

impl Hashing {
    pub(crate) fn new(cost: PasswordCost) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { cost, permits: semaphore(1), waiting: semaphore(WAITING_LOGINS), each: Each::new(WAITING_OF_ONE) }
    }

    /// A place among those that wait, of one and of all: for an account, by its id, or for a name.
    fn place(&self, whose: &[u8]) -> Result<[OwnedSemaphorePermit; 2], ServiceError> {
        let take = |places: Arc<Semaphore>| places.try_acquire_owned().map_err(|_| ServiceError::Busy);
        Ok([take(self.each.of(Sha256::digest(whose).into()))?, take(Arc::clone(&self.waiting))?])
    }

    async fn run<T: Send + 'static>(
        &self,
        whose: &[u8],
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let _place = self.place(whose)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| ServiceError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| ServiceError::Unavailable("hashing a password ended in a panic".to_owned()))
    }

    pub(crate) async fn hash(
        &self,
        user: UserId,
        verifier: WireVerifier,
        salt: [u8; 16],
    ) -> Result<PasswordHash, ServiceError> {
        let cost = self.cost;
        // Not by the id alone: logins of others for an account keep nobody from setting its password.
        let whose = [user.as_bytes(), &b" sets"[..]].concat();
        let hashed = self.run(&whose, move || password::hash(verifier.expose(), salt, cost)).await?;
        hashed.map_err(|_| ServiceError::Unavailable("the password could not be hashed".to_owned()))
    }

    /// Whether one of the verifiers is behind the hash of an account, by its id; as much work for a name that has no hash.
    pub(crate) async fn matches(
        &self,
        whose: &[u8],
        hash: Option<PasswordHash>,
        presented: Vec<WireVerifier>,
    ) -> Result<bool, ServiceError> {
        let cost = self.cost;
        self.run(whose, move || {
            presented.iter().fold(false, |found, verifier| {
                let matches = match &hash {
                    Some(hash) => password::verify(hash, verifier.expose()),
                    None => password::verify_nobody(cost, verifier.expose()),
                };
                found | matches
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(hashing: &Hashing, whose: &[u8], count: usize) -> Vec<[OwnedSemaphorePermit; 2]> {
        (0..count).map(|_| hashing.place(whose).unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    #[test]
    fn a_flood_for_one_account_keeps_no_other_out() {
        let hashing = Hashing::new(PasswordCost::TEST);
        let mut own = places(&hashing, b"one", WAITING_OF_ONE);
        assert!(matches!(hashing.place(b"one"), Err(ServiceError::Busy)));
        let others = places(&hashing, b"another", WAITING_OF_ONE);
        own.pop();
        assert!(hashing.place(b"one").is_ok(), "what is given back is there again");
        drop((own, others));
        assert!(hashing.place(b"one").is_ok());
    }

    #[test]
    fn there_are_so_many_places_for_all_and_a_refusal_takes_none() {
        let hashing = Hashing::new(PasswordCost::TEST);
        let mut all: Vec<[OwnedSemaphorePermit; 2]> =
            (0..WAITING_LOGINS).flat_map(|name| places(&hashing, &name.to_be_bytes(), 1)).collect();
        for _ in 0..=WAITING_OF_ONE {
            assert!(matches!(hashing.place(b"one more"), Err(ServiceError::Busy)));
        }
        all.pop();
        assert!(hashing.place(b"one more").is_ok());
    }
}
