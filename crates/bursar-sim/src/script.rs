//! What will happen, as data: a list of steps, each with chance of its own, so that leaving one out does
//! not change the others.

use std::fmt;

/// Something that happens in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Happening {
    /// A client asks for a spend, asks again, asks twice, or asks for something it asked before.
    Ask,
    /// A client no longer waits for its answer.
    GoAway,
    /// The engine writes what has arrived.
    Batch,
    /// The rail gets to something.
    RailWorks,
    /// An answer of the rail arrives.
    RailAnswers,
    /// Spends whose answer is overdue become unresolved.
    Sweep,
    /// The rail, or a person, is asked what became of an unresolved spend.
    Reconcile,
    /// The rules of a subject change.
    Edit,
    /// A token is locked, unlocked, resumed or revoked.
    Control,
    /// A user is frozen, or no longer.
    Freeze,
    /// Time passes.
    Wait,
    /// The wall clock jumps, or an operator finds its time right.
    Jump,
    /// Spends settled long ago are let go.
    Forget,
    /// The disk will misbehave in the next batch.
    Fault,
    /// The machine goes down between batches.
    Crash,
    /// A disk that answered before it synced gets around to it.
    Sync,
}

/// A step and its chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) happening: Happening,
    pub(crate) salt: u64,
}

const WEIGHTS: [(Happening, u8); 16] = [
    (Happening::Ask, 54),
    (Happening::GoAway, 2),
    (Happening::Batch, 40),
    (Happening::RailWorks, 44),
    (Happening::RailAnswers, 26),
    (Happening::Sweep, 6),
    (Happening::Reconcile, 12),
    (Happening::Edit, 8),
    (Happening::Control, 5),
    (Happening::Freeze, 2),
    (Happening::Wait, 14),
    (Happening::Jump, 2),
    (Happening::Forget, 4),
    (Happening::Fault, 8),
    (Happening::Crash, 2),
    (Happening::Sync, 8),
];

/// The steps of a seed.
pub(crate) fn of_seed(seed: u64, steps: usize) -> Vec<Step> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let total: u16 = WEIGHTS.iter().map(|(_, weight)| u16::from(*weight)).sum();
    let mut pick = || {
        let mut left = dice.u16(..total);
        let drawn = WEIGHTS.iter().find(|(_, weight)| match left.checked_sub(u16::from(*weight)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        let happening = drawn.map_or(Happening::Batch, |(happening, _)| *happening);
        Step { happening, salt: dice.u64(..) }
    };
    (0..steps).map(|_| pick()).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.happening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_script_of_a_seed_is_the_beginning_of_a_longer_one() {
        assert_eq!(of_seed(7, 50), of_seed(7, 80)[..50]);
        assert_ne!(of_seed(7, 50), of_seed(8, 50));
    }
}
