//! What would be refused of every request, and can be told from the rule alone.

use crate::http::events;
use crate::http::written::WrittenRule;

use super::{Expression, Reader, RuleProblem};

impl Reader<'_> {
    /// The names of events that hold the answer.
    pub(super) fn events(&mut self, written: &WrittenRule) -> Vec<Box<str>> {
        if let Some(problem) = events::problem_of_names(&written.events) {
            self.tell_once("events", None, problem);
        }
        written.events.iter().map(|name| name.as_str().into()).collect()
    }

    /// What is never there gives nothing, and no spend would pass.
    pub(super) fn can_be_read(&mut self, field: &'static str, expression: &Expression) {
        for read in expression.named() {
            if let Some(problem) = self.places.problem(read) {
                self.tell_once(field, read.column, problem);
            }
        }
    }

    /// An amount of an asset that the rule's spends are never of is refused, whatever was asked.
    pub(super) fn can_be_of(&mut self, field: &'static str, expression: &Expression) {
        for (column, asset) in expression.assets() {
            if self.possible.is_empty() || self.possible.iter().any(|coin| coin.as_str() == &**asset) {
                continue;
            }
            let possible = self.possible.iter().map(|coin| format!("`{coin}`")).collect::<Vec<_>>().join(", ");
            let problem = format!(
                "gives an amount of `{}`, and the rule's `asset` is {possible}: every such spend would be refused",
                asset.escape_debug()
            );
            self.tell_once(field, *column, problem);
        }
    }

    /// The same expression is read once for each asset.
    fn tell_once(&mut self, field: &'static str, column: Option<usize>, problem: String) {
        let found = RuleProblem { rule: self.rule.clone(), field, column, problem };
        if !self.problems.contains(&found) {
            self.problems.push(found);
        }
    }
}
