//! Whether the store still takes what is written. Only a commit tells: the last one, whoever asked for it,
//! or the engine's own probe when nobody did.

use std::time::{Duration, Instant};

/// How long a store may say nothing before it counts as gone: a disk that hangs reports no error.
const SILENCE: Duration = Duration::from_secs(30);

/// What the last commit said, and when.
#[derive(Clone, Debug)]
pub struct Health {
    problem: Option<String>,
    tried: Instant,
    jump: Option<i64>,
}

impl Health {
    /// Of a store that was just opened for writing.
    pub(crate) fn new(now: Instant) -> Self {
        Self { problem: None, tried: now, jump: None }
    }

    pub(crate) fn note(&mut self, now: Instant, problem: Option<String>) {
        self.tried = now;
        self.problem = problem;
    }

    /// Notes by how many milliseconds the wall clock has jumped; says whether that is news.
    pub(crate) const fn note_clock(&mut self, jump: Option<i64>) -> bool {
        let is_news = jump.is_some() != self.jump.is_some();
        self.jump = jump;
        is_news
    }

    /// By how many milliseconds the wall clock has jumped, as long as that is neither undone nor accepted.
    pub const fn jump(&self) -> Option<i64> {
        self.jump
    }

    /// How long ago a commit was last tried.
    pub(crate) fn since_tried(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.tried)
    }

    pub(crate) const fn is_good(&self) -> bool {
        self.problem.is_none()
    }

    /// Why nothing can be written at `now`, if that is so.
    pub fn problem_at(&self, now: Instant) -> Option<String> {
        let silence = now.saturating_duration_since(self.tried);
        let is_silent = silence > SILENCE;
        let silent = || is_silent.then(|| format!("the store has not answered for {} s", silence.as_secs()));
        self.problem.clone().or_else(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_commit_counts_until_one_succeeds_and_so_does_silence() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::new(start);
        assert_eq!(health.problem_at(at(1)), None);
        health.note(at(1), Some("disk full".to_owned()));
        assert_eq!(health.problem_at(at(2)).as_deref(), Some("disk full"));
        health.note(at(2), None);
        assert_eq!(health.problem_at(at(3)), None);
        assert_eq!(health.problem_at(at(40)).as_deref(), Some("the store has not answered for 38 s"));
    }
}
