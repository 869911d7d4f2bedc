//! What must hold of a request, whatever it costs.

use crate::http::expression::{Expression, Facts};
use crate::{Forbidden, Why};

/// The longest reason for a refusal, in bytes.
const LONGEST_REASON: usize = 500;

/// A condition.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) holds: Expression,
    pub(super) reason: Box<str>,
}

/// Why a text is no reason for a refusal, if it is none.
pub(super) fn reason_problem(text: &str) -> Option<String> {
    let is_one = !text.trim().is_empty() && text.len() <= LONGEST_REASON && !text.contains(char::is_control);
    (!is_one).then(|| format!("must be a text of 1 to {LONGEST_REASON} bytes, on one line"))
}

impl Condition {
    /// Refuses what it does not hold of, and what it cannot be told of.
    pub(super) fn check(&self, facts: &Facts<'_>) -> Result<(), Forbidden> {
        let problem = match self.holds.holds(facts) {
            Ok(true) => return Ok(()),
            Ok(false) => self.reason.to_string(),
            Err(problem) => format!("{}; whether it is so cannot be told: {problem}", self.reason),
        };
        Err(Forbidden::new(Why::Withheld, problem))
    }
}
