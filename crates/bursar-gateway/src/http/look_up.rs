//! What became of a spend, by the answer that is kept, and by asking the upstream.

use bursar_core::hold::Hold;
use bursar_rails::exchange::Answered;
use bursar_rails::http::{Became, Instruction};
use bursar_service::exceeded::Exceeded;
use bursar_service::rail::{Memory, SendOutcome};

use super::answers::Came;
use super::{HttpRail, answers};
use crate::upstream::NoAnswer;

impl HttpRail {
    /// What became of a spend that nobody settled.
    pub(super) async fn became_of(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        let Some(instruction) = Instruction::read(&hold.instruction) else {
            return SendOutcome::Unknown { reason: "it is no request to this rail".to_owned() };
        };
        // The answer may have come, and the server gone before it was settled.
        if self.coming.has(hold.id) {
            return SendOutcome::Sent { reference: instruction.key.to_string() };
        }
        match answers::kept(memory, hold.id) {
            Ok(Some((_, Came::Begun))) => {
                let problem = "the server was gone before its stream had ended".to_owned();
                let became = self.cut_off(&instruction, NoAnswer::Lost(problem));
                if !matches!(became, SendOutcome::Unknown { .. }) {
                    return became;
                }
            }
            Ok(Some((answered, Came::Whole | Came::Streamed))) => {
                let became = self.rules.became(&instruction, &answered, &hold.cost.coin, hold.cost.amount);
                if !matches!(became, Became::Unknown { .. }) {
                    let outcome = self.outcome(became, &instruction, answered.status, hold);
                    self.keep_exceeded(&outcome, hold, memory).await;
                    return outcome;
                }
            }
            Ok(None) => {}
            Err(_) => return SendOutcome::Unknown { reason: "the store does not answer".to_owned() },
        }
        match Exceeded::read(memory, hold) {
            Ok(Some(told)) => return told.into(),
            Ok(None) => {}
            Err(_) => return SendOutcome::Unknown { reason: "the store does not answer".to_owned() },
        }
        let is_due = || self.patience.may_look(hold.id);
        let (answered, became) = match self.look_up(hold, &instruction, is_due).await {
            Ok(found) => found,
            Err(reason) => return SendOutcome::Unknown { reason },
        };
        // The request may still be on its way: what is not there yet can come to be.
        if became == Became::Refused && !self.patience.is_over(hold.id) {
            return SendOutcome::Unknown { reason: "the upstream does not have it, yet".to_owned() };
        }
        let outcome = self.outcome(became, &instruction, answered.status, hold);
        self.keep_exceeded(&outcome, hold, memory).await;
        outcome
    }

    /// Keeps that more moved than is held: a later look-up may know nothing of it.
    async fn keep_exceeded(&self, outcome: &SendOutcome, hold: &Hold, memory: &dyn Memory) {
        if let Some(told) = exceeded(outcome)
            && let Err(error) = told.keep(memory, hold).await
        {
            tracing::warn!(spend = %hold.id, ?error, "that more moved than was held could not be kept");
        }
    }

    /// What became of a spend of which more was told than is held, as the upstream says now, whatever it said before.
    pub(super) async fn as_told_now(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        let Some(instruction) = Instruction::read(&hold.instruction) else {
            return SendOutcome::Unknown { reason: "it is no request to this rail".to_owned() };
        };
        // A person who asks with a second factor asks for what it says at this moment.
        match self.look_up(hold, &instruction, || true).await {
            Err(reason) => SendOutcome::Unknown { reason },
            // INVARIANT: that an upstream has it no more takes nothing back of what it told.
            Ok((answered, Became::Refused)) if is_absence(answered.status) => {
                SendOutcome::Unknown { reason: "the upstream does not have it any more".to_owned() }
            }
            Ok((answered, became)) => {
                let outcome = self.outcome(became, &instruction, answered.status, hold);
                self.keep_exceeded(&outcome, hold, memory).await;
                outcome
            }
        }
    }

    /// Asks the upstream what became of a spend; or why it cannot be asked now.
    async fn look_up(
        &self,
        hold: &Hold,
        instruction: &Instruction,
        is_due: impl FnOnce() -> bool,
    ) -> Result<(Answered, Became), String> {
        let name = match self.rules.key_header(instruction) {
            Some(_) => hold.id.to_string(),
            None => instruction.key.to_string(),
        };
        let asked = self.rules.look_up(instruction, &name);
        let asked = asked.ok_or("its rule does not say how to find out what came of it")?;
        if !is_due() {
            return Err("it was looked up a moment ago".to_owned());
        }
        let answered = self.for_spends.carry(&asked, &self.credential).await.map_err(NoAnswer::reason)?;
        self.note(&answered);
        if is_absence(answered.status) {
            self.patience.note_absence(hold.id);
        }
        let became = self.rules.became_as_looked_up(instruction, &answered, &hold.cost.coin, hold.cost.amount);
        Ok((answered, became))
    }
}

/// More than was held, where that is told.
pub(super) fn exceeded(outcome: &SendOutcome) -> Option<Exceeded> {
    match outcome {
        SendOutcome::Exceeded { moved, reason } => Some(Exceeded { moved: *moved, reason: reason.clone() }),
        _ => None,
    }
}

/// Whether an upstream says by a status that it has none.
const fn is_absence(status: u16) -> bool {
    matches!(status, 404 | 410)
}
