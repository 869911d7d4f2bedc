//! What is compared of outcomes.

use crate::ledger::Outcome;

/// An outcome in a word, a refusal as its code.
pub(super) fn answer(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Held { .. } => "held",
        Outcome::Known { same: true, .. } => "known",
        Outcome::Known { same: false, .. } => "known with another meaning",
        Outcome::Refused(refusal) => refusal.code(),
        Outcome::Settled { before: false, .. } => "settled",
        Outcome::Settled { before: true, .. } => "settled before",
        Outcome::NoSuchHold => "no such hold",
        Outcome::Forgotten { .. } => "forgotten",
        Outcome::StepUpNeeded => "step-up needed",
        Outcome::Invalid(_) => "invalid",
        Outcome::Limits { .. } => "limits",
        Outcome::Token(_) => "token",
        Outcome::UnlockedLonger { .. } => "unlocked longer",
        Outcome::Written => "written",
        Outcome::Conflict(_) => "conflict",
    }
}
