//! What is under way between two requests of somebody: in memory only, for a while, so many at most. What a
//! restart forgets is begun again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::time::Timestamp;
use sha2::{Digest, Sha256};

/// The name something is kept under: a hash, so that looking it up tells nothing about names nearby.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name([u8; 32]);

impl Name {
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// Things that are under way.
pub(crate) struct Pending<T> {
    most: usize,
    most_of_one: usize,
    kept: Mutex<HashMap<Name, Kept<T>>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    /// Who began it, a user or a token, if that is known: nobody pushes out what others have under way.
    pub(crate) of: Option<[u8; 16]>,
    /// The first instant at which it is over.
    pub(crate) ends: Timestamp,
    pub(crate) value: T,
}

impl<T> Pending<T> {
    /// Keeps at most so many, and so many of one; the one that ends first goes when there are more.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, kept: Mutex::default() }
    }

    pub(crate) fn put(&self, name: Name, new: Kept<T>, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= self.most {
            kept.retain(|_, kept| now < kept.ends);
        }
        if new.of.is_some() {
            let own = |kept: &&Kept<T>| kept.of == new.of;
            if kept.values().filter(own).count() >= self.most_of_one {
                remove_first(&mut kept, |kept| own(&kept));
            }
        }
        if kept.len() >= self.most {
            remove_first(&mut kept, |_| true);
        }
        kept.insert(name, new);
    }

    /// Takes it out: whoever has it is the only one.
    pub(crate) fn take(&self, name: Name, now: Timestamp) -> Option<Kept<T>> {
        self.lock().remove(&name).filter(|kept| now < kept.ends)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove_first<T>(kept: &mut HashMap<Name, Kept<T>>, counts: impl Fn(&Kept<T>) -> bool) {
    let first = kept.iter().filter(|(_, kept)| counts(kept)).min_by_key(|(_, kept)| kept.ends).map(|(name, _)| *name);
    if let Some(first) = first {
        kept.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; 16] = [1; 16];
    const OTHER: [u8; 16] = [2; 16];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn name(text: &str) -> Name {
        Name::of(text.as_bytes())
    }

    fn kept(of: [u8; 16], ends: i64) -> Kept<()> {
        Kept { of: Some(of), ends: at(ends), value: () }
    }

    #[test]
    fn what_was_taken_is_gone_and_what_has_ended_counts_for_nothing() {
        let pending = Pending::new(10, 10);
        pending.put(name("a"), kept(ONE, 10), at(0));
        pending.put(name("b"), kept(ONE, 10), at(0));
        assert!(pending.take(name("a"), at(9)).is_some());
        assert!(pending.take(name("a"), at(9)).is_none());
        assert!(pending.take(name("b"), at(10)).is_none());
    }

    #[test]
    fn one_cannot_push_out_what_others_have_under_way() {
        let pending = Pending::new(10, 3);
        pending.put(name("other"), kept(OTHER, 1), at(0));
        for number in 0..20 {
            pending.put(name(&number.to_string()), kept(ONE, 10 + number), at(0));
        }
        assert!(pending.take(name("other"), at(0)).is_some());
        assert!(pending.take(name("16"), at(0)).is_none());
        assert!(pending.take(name("17"), at(0)).is_some());
    }

    #[test]
    fn there_are_never_more_than_were_allowed() {
        let pending = Pending::new(5, 2);
        for number in 0..100_u8 {
            pending.put(name(&number.to_string()), kept([number; 16], 100), at(0));
            assert!(pending.lock().len() <= 5);
        }
    }
}
