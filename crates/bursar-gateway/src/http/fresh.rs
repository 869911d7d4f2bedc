//! Answers that whoever asked is about to be given: whole, long and of any kind, each once. What is kept for repeats is little,
//! and another spend may take its place.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bursar_core::id::HoldId;
use bursar_rails::exchange::Answered;

/// How many wait, and how many bytes they have; above that the oldest goes, whose client has most likely gone, too.
const MOST: usize = 512;
const MOST_BYTES: usize = 64 << 20;

#[derive(Default)]
pub(super) struct Fresh(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answers: BTreeMap<HoldId, Answered>,
    bytes: usize,
}

impl Fresh {
    pub(super) fn put(&self, hold: HoldId, answered: Answered) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(hold);
        waiting.bytes = waiting.bytes.saturating_add(answered.body.len());
        waiting.answers.insert(hold, answered);
        while waiting.answers.len() > MOST || waiting.bytes > MOST_BYTES {
            // Ids are in order of time.
            let Some((&oldest, _)) = waiting.answers.first_key_value() else { break };
            waiting.remove(oldest);
        }
    }

    pub(super) fn take(&self, hold: HoldId) -> Option<Answered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hold)
    }
}

impl Waiting {
    fn remove(&mut self, hold: HoldId) -> Option<Answered> {
        let gone = self.answers.remove(&hold)?;
        self.bytes = self.bytes.saturating_sub(gone.body.len());
        Some(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(length: usize) -> Answered {
        Answered { status: 200, headers: Vec::new(), body: vec![0xff; length] }
    }

    fn hold(number: u16) -> HoldId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        HoldId::from_bytes(bytes)
    }

    #[test]
    fn an_answer_is_given_once_and_the_oldest_go_first() {
        let fresh = Fresh::default();
        (0..600).for_each(|number| fresh.put(hold(number), answered(1)));
        assert_eq!((fresh.take(hold(0)), fresh.take(hold(599))), (None, Some(answered(1))));
        assert_eq!(fresh.take(hold(599)), None);
        fresh.put(hold(700), answered(40 << 20));
        fresh.put(hold(701), answered(40 << 20));
        assert_eq!((fresh.take(hold(700)), fresh.take(hold(701)).is_some()), (None, true));
    }
}
