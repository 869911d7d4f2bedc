//! What the engine counts of its own work: plain numbers, so that whoever shows them chooses how.
//!
//! They are touched once per batch and never decide anything.

use std::collections::BTreeMap;
use std::time::Duration;

use bursar_core::ledger::{Command, Outcome};

use crate::LedgerError;

/// Upper bounds of the buckets of batch sizes, in commands.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Upper bounds of the buckets of commit times, in seconds.
const TIMES: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What the engine did since it was started.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Commands that were answered, by kind and outcome.
    pub commands: BTreeMap<(&'static str, &'static str), u64>,
    /// Batches that were written.
    pub committed: u64,
    /// Batches that could not be written.
    pub failed: u64,
    /// How many commands each batch had.
    pub batch_size: Histogram,
    /// How long each commit took, its sync included, in seconds; those that failed too.
    pub commit: Histogram,
}

/// How often a value fell between two bounds.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than there are bounds: the last is beyond all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            commands: BTreeMap::new(),
            committed: 0,
            failed: 0,
            batch_size: Histogram::new(SIZES),
            commit: Histogram::new(TIMES),
        }
    }
}

impl Figures {
    pub(crate) fn answered(&mut self, command: &Command, answer: &Result<Outcome, LedgerError>) {
        let count = self.commands.entry((kind(command), outcome(answer))).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn wrote(&mut self, took: Duration, is_committed: bool) {
        let count = if is_committed { &mut self.committed } else { &mut self.failed };
        *count = count.saturating_add(1);
        self.commit.observe(took.as_secs_f64());
    }
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len().saturating_add(1)], sum: 0.0 }
    }

    pub(crate) fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.sum += value;
    }

    /// The sum of all values.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// Upper bound and number of values of each bucket, those of the buckets before it not included; the
    /// last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied())
    }
}

const fn kind(command: &Command) -> &'static str {
    match command {
        Command::Write(_) => "write",
        Command::Hold(_) => "hold",
        Command::Capture { .. } => "capture",
        Command::Release { .. } => "release",
        Command::Expire { .. } => "expire",
        Command::SetLimits(_) => "set_limits",
        Command::Forget { .. } => "forget",
        Command::Unlock { .. } => "unlock",
        Command::Lock { .. } => "lock",
        Command::Revoke { .. } => "revoke",
        Command::Extend { .. } => "extend",
    }
}

const fn outcome(answer: &Result<Outcome, LedgerError>) -> &'static str {
    match answer {
        Ok(Outcome::Written) => "written",
        Ok(Outcome::Conflict(_)) => "conflict",
        Ok(Outcome::Held { .. }) => "held",
        Ok(Outcome::Known { .. }) => "known",
        Ok(Outcome::Refused(_)) => "refused",
        Ok(Outcome::Settled { before: false, .. }) => "settled",
        Ok(Outcome::Settled { before: true, .. }) => "settled_before",
        Ok(Outcome::NoSuchHold) => "no_such_hold",
        Ok(Outcome::StepUpNeeded) => "step_up_needed",
        Ok(Outcome::Invalid(_)) => "invalid",
        Ok(Outcome::Limits { .. }) => "limits_set",
        Ok(Outcome::Forgotten { .. }) => "forgotten",
        Ok(Outcome::Token(_)) => "changed",
        Ok(Outcome::UnlockedLonger { .. }) => "unlocked_longer",
        Err(LedgerError::Violated(_)) => "violated",
        Err(LedgerError::ClockJump { .. }) => "clock_jump",
        Err(LedgerError::Unavailable(_)) => "store_unavailable",
        Err(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_holds_it() {
        let mut sizes = Histogram::new(&[1.0, 2.0]);
        for value in [1.0, 1.5, 2.0, 2.5] {
            sizes.observe(value);
        }
        assert_eq!(sizes.buckets().collect::<Vec<_>>(), [(1.0, 1), (2.0, 2), (f64::INFINITY, 1)]);
        assert!((sizes.sum() - 7.0).abs() < f64::EPSILON);
    }
}
