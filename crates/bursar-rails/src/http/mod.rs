//! APIs over plain HTTP, by rules that an operator writes: what a request means, what it costs, what its answer says.
//!
//! Rules are data. A request that no rule is for is refused, and so is everything in a request that its rule does not
//! name. Money is made from exact text by a few functions, and never by arithmetic on numbers that round.

mod allowed;
mod answer;
mod compare;
mod condition;
mod content;
mod events;
mod expression;
mod form;
mod instruction;
mod kind;
mod look_up;
mod money;
mod reads;
mod request;
mod rules;
mod seen;
mod template;
#[cfg(test)]
mod tests;
pub mod written;

pub use answer::Became;
pub use events::{Events, one_event};
pub use instruction::Instruction;
pub use rules::{RuleProblem, Rules};
pub use written::CutOff;
