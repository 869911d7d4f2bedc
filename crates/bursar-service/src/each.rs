//! Turns of each of many: so many at once, and whoever has none waits for one of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// How many are remembered before those who neither have a turn nor wait for one are forgotten.
const REMEMBERED: usize = 1024;

/// The turns of each, as long as anybody has one or waits for it.
pub(crate) struct Each<K> {
    turns: usize,
    all: Mutex<BTreeMap<K, Arc<Semaphore>>>,
}

impl<K: Ord> Each<K> {
    pub(crate) const fn new(turns: usize) -> Self {
        Self { turns, all: Mutex::new(BTreeMap::new()) }
    }

    /// The turns of one. Who waits for one and who has it keep this: its strong count is theirs and two more.
    pub(crate) fn of(&self, one: K) -> Arc<Semaphore> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(all.entry(one).or_insert_with(|| Arc::new(Semaphore::new(self.turns))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_neither_has_a_turn_nor_waits_is_forgotten() {
        let each = Each::new(1);
        let kept = each.of(9999).acquire_owned().await.unwrap();
        for number in 0..5000 {
            drop(each.of(number).acquire_owned().await.unwrap());
        }
        let all = each.all.lock().unwrap();
        assert!(all.len() <= REMEMBERED && all.contains_key(&9999));
        drop(kept);
    }
}
