//! The rail of the simulated world. Its own book says what really moved, whatever it answers.
//!
//! It knows each spend by the hold's id and moves it at most once. It answers late, twice or never, and it
//! may have moved the money all the same. What it has promised not to move it never moves.

use std::collections::{BTreeMap, VecDeque};

use bursar_core::amount::Amount;
use bursar_core::hold::{Cost, Hold};
use bursar_core::id::HoldId;

/// A spend on its way to the rail, from one life of the server.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) hold: HoldId,
    pub(crate) held: Cost,
    /// Whether the one who holds may move less than was held.
    pub(crate) in_part: bool,
    pub(crate) life: u32,
}

/// What the rail says of a spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    Moved(Cost),
    /// It did not move and will not.
    NotMoved,
}

/// An answer on its way back, to one life of the server.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) hold: HoldId,
    pub(crate) word: Word,
    pub(crate) life: u32,
}

#[derive(Clone, Debug)]
enum Entry {
    /// Taken; it will move, or not, when the rail gets to it.
    Taken(Call),
    Moved(Cost),
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Rail {
    book: BTreeMap<HoldId, Entry>,
    calls: Vec<Call>,
    answers: VecDeque<Answer>,
}

impl Rail {
    pub(crate) fn send(&mut self, hold: &Hold, life: u32) {
        let (held, in_part) = (hold.cost.clone(), hold.holder.is_some());
        self.calls.push(Call { hold: hold.id, held, in_part, life });
    }

    /// Something happens: a call arrives, or a spend is carried out. Says what moved.
    pub(crate) fn work(&mut self, dice: &mut fastrand::Rng) -> Option<(HoldId, Cost)> {
        if !self.calls.is_empty() && dice.bool() {
            let call = self.calls.swap_remove(dice.usize(..self.calls.len()));
            match self.book.get(&call.hold) {
                Some(Entry::Moved(cost)) => {
                    let word = Word::Moved(cost.clone());
                    self.answer(&call, &word, dice);
                }
                Some(Entry::Refused) => self.answer(&call, &Word::NotMoved, dice),
                Some(Entry::Taken(_)) => {}
                None => {
                    self.book.insert(call.hold, Entry::Taken(call));
                }
            }
            return None;
        }
        let taken = self.book.values().filter_map(|entry| match entry {
            Entry::Taken(call) => Some(call.clone()),
            _ => None,
        });
        let taken: Vec<Call> = taken.collect();
        let call = taken.get(dice.usize(..taken.len().max(1)))?.clone();
        match dice.u8(..8) {
            // Not yet.
            0 => None,
            1 | 2 => {
                self.book.insert(call.hold, Entry::Refused);
                self.answer(&call, &Word::NotMoved, dice);
                None
            }
            _ => {
                let cost = really(&call, dice);
                self.book.insert(call.hold, Entry::Moved(cost.clone()));
                self.answer(&call, &Word::Moved(cost.clone()), dice);
                Some((call.hold, cost))
            }
        }
    }

    /// Answers once, twice or never.
    fn answer(&mut self, call: &Call, word: &Word, dice: &mut fastrand::Rng) {
        let times = [1, 1, 1, 2, 0][dice.usize(..5)];
        for _ in 0..times {
            self.answers.push_back(Answer { hold: call.hold, word: word.clone(), life: call.life });
        }
    }

    /// The next answer that arrives, not necessarily the oldest.
    pub(crate) fn next_answer(&mut self, dice: &mut fastrand::Rng) -> Option<Answer> {
        let place = dice.usize(..self.answers.len().max(1));
        self.answers.remove(place)
    }

    /// What became of a spend. The rail may not know yet; what it has never heard of, it will not move.
    pub(crate) fn ask(&mut self, hold: HoldId) -> Option<Word> {
        match self.book.get(&hold) {
            Some(Entry::Moved(cost)) => Some(Word::Moved(cost.clone())),
            Some(Entry::Taken(_)) => None,
            Some(Entry::Refused) | None => {
                self.book.insert(hold, Entry::Refused);
                Some(Word::NotMoved)
            }
        }
    }

    /// Whether the rail has given its word not to move this.
    pub(crate) fn will_not_move(&self, hold: HoldId) -> bool {
        matches!(self.book.get(&hold), Some(Entry::Refused))
    }
}

/// What it costs in the end: the fee is at most what was held, and who moves the money may move less.
fn really(call: &Call, dice: &mut fastrand::Rng) -> Cost {
    let up_to =
        |amount: Amount, dice: &mut fastrand::Rng| Amount::new(dice.u64(..=amount.as_u64().unwrap_or(u64::MAX)).into());
    let held = &call.held;
    let fee = up_to(held.fee, dice);
    let paid = held.without_fee();
    let paid = if call.in_part && dice.bool() { up_to(paid, dice) } else { paid };
    let own = if held.coin == held.fee_coin { fee } else { Amount::ZERO };
    held.really(paid.saturating_add(own), fee)
}
