//! What became of a spend, by the answer that is kept, and by asking the upstream.

use std::time::Duration;

use bursar_core::hold::Hold;
use bursar_rails::exchange::{Answered, Outgoing};
use bursar_rails::http::{Became, Instruction};
use bursar_service::exceeded::Exceeded;
use bursar_service::rail::{Asking, Memory, SendOutcome};

use super::answers::Came;
use super::{HttpRail, answers};
use crate::upstream::NoAnswer;

impl HttpRail {
    /// What became of a spend that nobody settled.
    pub(super) async fn became_of(&self, hold: &Hold, asking: Asking, memory: &dyn Memory) -> SendOutcome {
        let Some(instruction) = Instruction::read(&hold.instruction) else {
            return SendOutcome::Unknown { reason: "it is no request to this rail".to_owned() };
        };
        // The answer may have come, and the server gone before it was settled.
        if self.coming.has(hold.id) {
            return SendOutcome::Sent { reference: instruction.key.to_string() };
        }
        let mut own = None;
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
                own = Some(answered);
            }
            Ok(None) => {}
            Err(_) => return SendOutcome::Unknown { reason: "the store does not answer".to_owned() },
        }
        match Exceeded::read(memory, hold) {
            Ok(Some(told)) => return told.into(),
            Ok(None) => {}
            Err(_) => return SendOutcome::Unknown { reason: "the store does not answer".to_owned() },
        }
        let question = match self.question(hold, &instruction) {
            Ok(question) => question,
            Err(reason) => return SendOutcome::Unknown { reason },
        };
        if !self.patience.may_look(hold.id, asking, memory).await {
            return self.as_said(hold, "it is being looked up");
        }
        let (answered, became) = match self.look_up(hold, &instruction, &question).await {
            Ok(found) => found,
            Err(reason) => return self.unknown(hold, reason, None),
        };
        let is_of_this = own.is_some_and(|own| self.is_of_this(hold, &instruction, (&own, &answered)));
        let believed_after = if is_of_this { Duration::ZERO } else { self.patience.lasts() };
        match became {
            // The request may still be on its way: what is not there yet can come to be.
            Became::Refused if !self.patience.is_over(hold.id, believed_after) => {
                let status = answered.status;
                let said = format!(
                    "the upstream says with status {status} that nothing moved, and its request may still be on its way"
                );
                self.unknown(hold, said, Some(believed_after))
            }
            Became::Unknown { reason } => self.unknown(hold, reason, None),
            became => {
                let outcome = self.outcome(became, &instruction, answered.status, hold);
                self.keep_exceeded(&outcome, hold, memory).await;
                outcome
            }
        }
    }

    /// Whether an upstream that was looked up speaks of this very spend, of which its own answer told already.
    // INVARIANT: what it does not have may still come, and so may what it speaks of in an error, its own or that of whoever stands
    // before it. What it has came, and nothing on its way changes that.
    fn is_of_this(&self, hold: &Hold, instruction: &Instruction, (own, looked_up): (&Answered, &Answered)) -> bool {
        (200..300).contains(&looked_up.status)
            && own.status < 500
            && self.rules.look_up_is_of(instruction, &hold.cost.coin, (own, looked_up))
    }

    /// That nobody knows, with what the upstream said now.
    fn unknown(&self, hold: &Hold, said: String, believed_after: Option<Duration>) -> SendOutcome {
        let reason = said.clone();
        self.patience.note(hold.id, said, believed_after);
        self.as_said(hold, &reason)
    }

    /// That nobody knows, with what the upstream said last.
    fn as_said(&self, hold: &Hold, otherwise: &str) -> SendOutcome {
        let said = self.patience.looked_up(hold.id).map(|said| said.to_string());
        SendOutcome::Unknown { reason: said.unwrap_or_else(|| otherwise.to_owned()) }
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
        let found = match self.question(hold, &instruction) {
            Ok(question) => self.look_up(hold, &instruction, &question).await,
            Err(reason) => Err(reason),
        };
        match found {
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

    /// What the upstream is asked to find out what became of a spend; or why it cannot be.
    fn question(&self, hold: &Hold, instruction: &Instruction) -> Result<Outgoing, String> {
        let name = match self.rules.key_header(instruction) {
            Some(_) => hold.id.to_string(),
            None => instruction.key.to_string(),
        };
        let asked = self.rules.look_up(instruction, &name);
        asked.ok_or_else(|| "its rule does not say how to find out what came of it".to_owned())
    }

    /// Asks the upstream what became of a spend; or why it gives no answer.
    async fn look_up(
        &self,
        hold: &Hold,
        instruction: &Instruction,
        question: &Outgoing,
    ) -> Result<(Answered, Became), String> {
        let answered = self.for_spends.carry(question, &self.credential).await.map_err(NoAnswer::reason)?;
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
