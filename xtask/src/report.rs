//! What became of each suite, and what all of it comes to.

use std::fmt;
use std::time::Duration;

use crate::suites::{Stop, Suite};

/// How a suite ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// It could not run here, and this is why.
    Skipped(String),
}

impl From<Result<(), Stop>> for Outcome {
    fn from(result: Result<(), Stop>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(Stop::Failed(reason)) => Self::Failed(reason),
            Err(Stop::Skipped(reason)) => Self::Skipped(reason),
        }
    }
}

struct Line {
    suite: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The running account of one test run.
pub(crate) struct Report {
    strict: bool,
    lines: Vec<Line>,
}

impl Report {
    /// An empty report; if `strict`, a suite that was skipped counts as failed unless it is optional.
    pub(crate) fn new(strict: bool) -> Self {
        let lines = Vec::new();
        Self { strict, lines }
    }

    pub(crate) fn add(&mut self, suite: &Suite, outcome: Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Skipped(reason) if self.strict && !suite.optional => {
                Outcome::Failed(format!("could not run: {reason}"))
            }
            other => other,
        };
        self.lines.push(Line { suite: suite.name, outcome, took });
    }

    pub(crate) fn has_passed(&self, suite: &str) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.suite == suite && line.outcome == Outcome::Passed)
    }

    /// The line of the suite that ended last.
    pub(crate) fn latest(&self) -> String {
        self.lines.last().map_or_else(String::new, Line::to_string)
    }

    /// Nothing failed, and at least one suite passed: a run that checked nothing is no success.
    pub(crate) fn passed(&self) -> bool {
        self.count("failed") == 0 && self.count("passed") > 0
    }

    fn count(&self, verdict: &str) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.verdict().0 == verdict).count()
    }
}

impl Line {
    /// The verdict in a word, and the reason for it.
    fn verdict(&self) -> (&'static str, &str) {
        match &self.outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed(reason) => ("failed", reason),
            Outcome::Skipped(reason) => ("skipped", reason),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, reason) = self.verdict();
        let minutes = self.took.as_secs_f32() / 60.0;
        write!(formatter, "{:<12} {verdict:<8} {minutes:>6.1} min", self.suite)?;
        if reason.is_empty() {
            return Ok(());
        }
        write!(formatter, "  {reason}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(formatter, "{line}")?;
        }
        write!(
            formatter,
            "{} passed, {} failed, {} skipped",
            self.count("passed"),
            self.count("failed"),
            self.count("skipped"),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Outcome, Report};
    use crate::suites::{SUITES, find};

    fn report(strict: bool, outcomes: Vec<(&str, Outcome)>) -> Report {
        let mut report = Report::new(strict);
        for (name, outcome) in outcomes {
            report.add(find(SUITES, name).unwrap(), outcome, Duration::from_secs(90));
        }
        report
    }

    fn missing() -> Outcome {
        Outcome::Skipped("no `node`".to_owned())
    }

    #[test]
    fn the_last_line_counts_suites() {
        let failed = Outcome::Failed("two tests".to_owned());
        let suites = vec![("tidy", Outcome::Passed), ("unit", failed), ("sdk-js", missing())];
        let report = report(false, suites);
        let text = report.to_string();
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(text.contains("1.5 min"), "{text}");
        assert!(!report.passed());
    }

    #[test]
    fn a_skip_is_named_and_fails_only_a_strict_run() {
        let suites = || vec![("tidy", Outcome::Passed), ("sdk-js", missing())];
        assert!(report(false, suites()).passed());
        let strict = report(true, suites());
        assert!(!strict.passed());
        assert!(strict.to_string().contains("could not run: no `node`"));
    }

    #[test]
    fn an_optional_suite_may_be_skipped_in_a_strict_run() {
        let suites = vec![("tidy", Outcome::Passed), ("deny", missing())];
        let report = report(true, suites);
        assert!(report.passed());
        assert!(report.to_string().ends_with("1 passed, 0 failed, 1 skipped"));
    }

    #[test]
    fn a_run_in_which_nothing_ran_is_no_success() {
        assert!(!report(false, vec![("sdk-js", missing())]).passed());
    }
}
