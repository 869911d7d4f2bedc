//! Signatures that were seen, so that none counts twice (WC §2.7).
//!
//! A signature of version 2 fits every verb on its path, so reads are remembered too, in a memory of their own: no
//! number of reads keeps anybody from a change. Entries live as long as their timestamp is accepted, in slices of
//! time that are dropped whole. Bounded: when the memory of changes is full, they are refused rather than forgotten;
//! a read that finds no room is not remembered, which lets nothing be done twice, since a bare change on a path that
//! can be read is not taken under version 2 at all.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use bursar_core::time::{Span, Timestamp};
use bursar_wire::signature::window;

/// How much time one slice covers.
const SLICE: Span = Span::from_seconds(30);
/// How many signatures of changes are remembered at most: 14 000 a second for five minutes, some 80 MB when full.
const CHANGES: usize = 1 << 22;
/// How many signatures of reads are remembered at most.
const READS: usize = 1 << 18;

/// A keyed hash names its own token, so 64 bits of it are enough to name the request: of so few, two that fall
/// together by chance are not to be expected in ages, and the second would be refused.
type Name = u64;

/// What a request does, as far as replays matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Reads; may be repeated.
    Get,
    /// Changes something; may not.
    Change,
}

/// Why a signature does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replayed {
    /// It was seen before.
    Seen,
    /// It cannot be told, since the memory is full.
    MemoryFull,
    /// It cannot be told, since what was signed then has been forgotten.
    Forgotten {
        /// What was signed from then on is remembered.
        since: Timestamp,
    },
}

pub(crate) struct Replays {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    slices: VecDeque<Slice>,
    changes: usize,
    reads: usize,
    /// The slices before this one are forgotten, whatever the clock says now.
    kept_from: Option<i64>,
}

/// What was signed in one slice of time.
struct Slice {
    number: i64,
    changes: HashSet<Name, foldhash::fast::RandomState>,
    reads: HashSet<Name, foldhash::fast::RandomState>,
}

impl Replays {
    pub(crate) fn new() -> Self {
        Self { seen: Mutex::default() }
    }

    /// Remembers a verified signature.
    pub(crate) fn check(
        &self,
        signature: &str,
        verb: Verb,
        signed_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Replayed> {
        let name = signature.get(..16).and_then(|hex| Name::from_str_radix(hex, 16).ok()).ok_or(Replayed::Seen)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.drop_before(now.minus(window::PAST));
        match seen.find(name, signed_at) {
            Some(Verb::Get) if verb == Verb::Get => return Ok(()),
            Some(_) => return Err(Replayed::Seen),
            None => {}
        }
        // A clock that leapt ahead and came back must not make old signatures new.
        let forgotten = seen.kept_from.filter(|kept_from| slice_of(signed_at) < *kept_from);
        match (verb, forgotten) {
            (Verb::Get, Some(_)) => {}
            (Verb::Get, None) if seen.reads >= READS => {}
            (Verb::Change, Some(since)) => return Err(Replayed::Forgotten { since: start_of(since) }),
            (Verb::Change, None) if seen.changes >= CHANGES => return Err(Replayed::MemoryFull),
            (Verb::Get | Verb::Change, None) => seen.remember(name, verb, signed_at),
        }
        Ok(())
    }
}

fn slice_of(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(i64::try_from(SLICE.as_millis()).unwrap_or(i64::MAX))
}

/// When a slice begins.
fn start_of(slice: i64) -> Timestamp {
    Timestamp::from_millis(slice.saturating_mul(i64::try_from(SLICE.as_millis()).unwrap_or(i64::MAX)))
}

impl Seen {
    fn find(&self, name: Name, signed_at: Timestamp) -> Option<Verb> {
        let at = slice_of(signed_at);
        let slice = self.slices.iter().find(|slice| slice.number == at)?;
        if slice.changes.contains(&name) {
            return Some(Verb::Change);
        }
        slice.reads.contains(&name).then_some(Verb::Get)
    }

    fn remember(&mut self, name: Name, verb: Verb, signed_at: Timestamp) {
        let number = slice_of(signed_at);
        let place = self.slices.partition_point(|slice| slice.number < number);
        if self.slices.get(place).is_none_or(|slice| slice.number != number) {
            self.slices.insert(place, Slice { number, changes: HashSet::default(), reads: HashSet::default() });
        }
        let Some(slice) = self.slices.get_mut(place) else { return };
        let (names, count) = match verb {
            Verb::Get => (&mut slice.reads, &mut self.reads),
            Verb::Change => (&mut slice.changes, &mut self.changes),
        };
        names.insert(name);
        *count += 1;
    }

    fn drop_before(&mut self, time: Timestamp) {
        let first = slice_of(time);
        self.kept_from = self.kept_from.max(Some(first));
        while self.slices.front().is_some_and(|slice| slice.number < first) {
            if let Some(slice) = self.slices.pop_front() {
                self.changes -= slice.changes.len();
                self.reads -= slice.reads.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const SIGNATURE: &str = "cba5463bab8fd4c0ce04e2f4321daa56534c6ebbe79c309a622ff63a7f2b8bd6";

    #[test]
    fn a_state_change_counts_once() {
        let replays = Replays::new();
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, NOW), Ok(()));
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, NOW), Err(Replayed::Seen));
        let last_moment = NOW.plus(window::PAST);
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, last_moment), Err(Replayed::Seen));
    }

    #[test]
    fn a_read_may_be_repeated_but_its_signature_serves_no_other_verb() {
        let replays = Replays::new();
        assert_eq!(replays.check(SIGNATURE, Verb::Get, NOW, NOW), Ok(()));
        assert_eq!(replays.check(SIGNATURE, Verb::Get, NOW, NOW), Ok(()));
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, NOW), Err(Replayed::Seen));
    }

    #[test]
    fn a_clock_that_leaps_ahead_and_comes_back_makes_no_signature_new() {
        let replays = Replays::new();
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, NOW), Ok(()));
        let leapt = NOW.plus(window::PAST).plus(Span::from_seconds(60));
        let other = SIGNATURE.replace('c', "d");
        assert_eq!(replays.check(&other, Verb::Change, leapt, leapt), Ok(()));
        let back = NOW.plus(SLICE);
        let again = replays.check(SIGNATURE, Verb::Change, NOW, back);
        assert!(matches!(again, Err(Replayed::Forgotten { since }) if since > NOW), "{again:?}");
        assert_eq!(replays.check(SIGNATURE, Verb::Get, NOW, back), Ok(()), "a read may be repeated");
        let since = leapt.minus(window::PAST).plus(SLICE);
        assert_eq!(replays.check(&other.replace('b', "e"), Verb::Change, since, since), Ok(()), "later ones go on");
    }

    #[test]
    fn what_the_window_refuses_is_forgotten() {
        let replays = Replays::new();
        assert_eq!(replays.check(SIGNATURE, Verb::Change, NOW, NOW), Ok(()));
        let later = NOW.plus(window::PAST).plus(SLICE).plus(SLICE);
        assert_eq!(replays.check(&SIGNATURE.replace('c', "d"), Verb::Change, later, later), Ok(()));
        assert_eq!(replays.seen.lock().unwrap().changes, 1);
    }

    #[test]
    fn no_number_of_reads_keeps_anybody_from_a_change() {
        let replays = Replays::new();
        let signature = |number: usize| format!("{number:016x}");
        for number in 0..=READS {
            assert_eq!(replays.check(&signature(number), Verb::Get, NOW, NOW), Ok(()));
        }
        assert_eq!(replays.seen.lock().unwrap().reads, READS, "their memory is bounded");
        assert_eq!(replays.check(&signature(READS + 1), Verb::Change, NOW, NOW), Ok(()));
    }
}
