//! Sending, and finding out what became of it: that it is asked for is remembered, then it is asked for, once.

use bursar_core::hold::Hold;
use bursar_core::time::Span;
use bursar_rails::bitgo::answer::{self, Answer};
use bursar_rails::bitgo::order::{Call, Way};
use bursar_rails::bitgo::{self, Expected, Sending, Standing, transfer};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, RailError, SendOutcome, UPSTREAM_LOCKED};
use hyper::Method;

use super::caller::Question;
use super::sent::{self, Asked, Remembered, Taken};
use super::{BitgoRail, Software, requests};
use crate::upstream::NoAnswer;

/// When nothing signed this long ago can still be taken: five minutes is what a signature is good for, the rest is for
/// what was taken then and is still at work.
pub(super) const NO_LONGER_TAKEN: Span = Span::from_seconds(10 * 60);

impl BitgoRail {
    pub(super) async fn carry_out(&self, reference: &str, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        let order = match hold.instruction.as_slice() {
            [] => None,
            kept => match Call::unpack(kept) {
                Some(call) => Some(call),
                // It cannot be read now and could not be before, so it was never sent.
                None => return SendOutcome::Refused { reason: "what is to be sent cannot be read".to_owned() },
            },
        };
        let asked = Asked { wallet: reference.to_owned(), at: self.caller.now(), taken: Taken::Untold, request: None };
        // Durable before a byte leaves: after a crash it is looked for, and never taken for something that was not sent.
        match sent::begin(memory, hold.id, &Remembered::Asked(asked.clone())).await {
            Ok(true) => {}
            Ok(false) => return found_before(memory, hold),
            Err(error) => return unknown(reason(error)),
        }
        let request = bitgo::sequence_id(hold.id);
        let is_request = order.as_ref().is_some_and(|call| call.way == Way::Request);
        let (path, body) = match order {
            Some(call) if is_request => (requests::of_requests(reference).to_vec(), call.named(request.clone())),
            Some(call) => (self.of_wallet(reference, call.way.names()), call.named(request.clone())),
            None => {
                let (call, body) = bitgo::send(hold.id, &hold.payees);
                let path = self.of_wallet(reference, &[call]);
                if let Some(express) = &self.express {
                    let said = match express.send(&path, reference, body).await {
                        Err(NoAnswer::NotSent(reason)) => return not_reached(&reason),
                        Err(lost) => format!("did not answer: {}", lost.reason()),
                        Ok(status) => format!("answered {}, and its log says more", status.as_u16()),
                    };
                    return match self.look(hold, &asked, memory).await {
                        SendOutcome::Unknown { reason } => unknown(format!("{reason}; BitGo Express {said}")),
                        outcome => outcome,
                    };
                }
                (path, body)
            }
        };
        let question = Question {
            method: Method::POST,
            path: &path,
            query: &[],
            body: Some(&body),
            request: &request,
            at: asked.at,
        };
        let heard = match self.caller.ask(question).await {
            Ok(heard) => heard,
            Err(NoAnswer::NotSent(reason)) => return not_reached(&reason),
            Err(lost) => return unknown(format!("the upstream did not answer: {}", lost.reason())),
        };
        let answer = Answer { status: heard.status, body: &heard.body, request: &request };
        let read = if is_request { answer::read_request } else { answer::read };
        self.told(hold, &asked, read(&answer, &self.expected(hold, reference)), memory).await
    }

    /// What the upstream's word on a send comes to.
    async fn told(&self, hold: &Hold, asked: &Asked, sending: Sending, memory: &dyn Memory) -> SendOutcome {
        match sending {
            Sending::Transfer(standing) => self.taken(hold, asked, standing, memory).await,
            Sending::Requested(requested) => requests::taken(hold.id, requested, memory).await,
            Sending::Awaiting { approval } => {
                sent::note(memory, hold.id, Taken::Awaiting(approval.clone()), None).await;
                SendOutcome::Awaiting { approval }
            }
            Sending::Refused { reason, is_locked: true } => {
                SendOutcome::Refused { reason: format!("{UPSTREAM_LOCKED}: {reason}") }
            }
            Sending::Refused { reason, is_locked: false } => SendOutcome::Refused { reason },
            Sending::Known => self.look(hold, asked, memory).await,
            Sending::Unknown { reason } => unknown(reason),
        }
    }

    pub(super) async fn became_of(&self, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        match sent::read(memory, hold.id) {
            Ok(Some((_, Remembered::Asked(asked)))) => self.look(hold, &asked, memory).await,
            Ok(Some((_, Remembered::Cancelled))) => never(),
            // Written down first: should its send still be on its way, it finds this and asks for nothing.
            Ok(None) => match sent::begin(memory, hold.id, &Remembered::Cancelled).await {
                Ok(true) => never(),
                Ok(false) => unknown("it is being sent".to_owned()),
                Err(error) => unknown(reason(error)),
            },
            Err(error) => unknown(reason(error)),
        }
    }

    /// Looks for the transfer by its name.
    async fn look(&self, hold: &Hold, asked: &Asked, memory: &dyn Memory) -> SendOutcome {
        let request = bitgo::sequence_id(hold.id);
        let path = self.of_wallet(&asked.wallet, &["transfer", "sequenceId", &request]);
        let at = self.caller.now();
        let question = Question { method: Method::GET, path: &path, query: &[], body: None, request: &request, at };
        let heard = match self.caller.ask(question).await {
            Ok(heard) => heard,
            // What it had said still holds: that it cannot be asked now changes nothing of it.
            Err(error) => return still(&asked.taken, format!("the upstream did not answer: {}", error.reason())),
        };
        let answer = Answer { status: heard.status, body: &heard.body, request: &request };
        if heard.status == 200 {
            let read = Json::read(&heard.body).map_err(|refusal| refusal.detail);
            return match read.and_then(|shown| transfer::read(&shown, &self.expected(hold, &asked.wallet))) {
                Ok(standing) => self.taken(hold, asked, standing, memory).await,
                Err(problem) => unknown(format!("the upstream's transfer is not understood: {problem}")),
            };
        }
        if let Some(outcome) = self.look_for_request(hold, asked, memory).await {
            // There may be a transfer that it was not told of just now.
            return match outcome {
                SendOutcome::Refused { .. } if heard.status != 404 => {
                    still(&asked.taken, format!("its transfer is not told: the upstream answered {}", heard.status))
                }
                outcome => outcome,
            };
        }
        let is_over = heard.at > asked.at.plus(NO_LONGER_TAKEN);
        // INVARIANT: given back only by an upstream that shows a spend as soon as it has it, once it can take it no more.
        if self.software == Software::Bursar && asked.taken == Taken::Untold && answer::is_absent(&answer) && is_over {
            return SendOutcome::Refused { reason: "the upstream never got it, and takes it no more".to_owned() };
        }
        let words = Json::read(&heard.body).map(|body| answer::words(&body)).unwrap_or_default();
        still(&asked.taken, format!("the upstream answered {}: {words}", heard.status))
    }

    async fn taken(&self, hold: &Hold, asked: &Asked, standing: Standing, memory: &dyn Memory) -> SendOutcome {
        match standing {
            Standing::Done { reference, fee } => SendOutcome::Done { reference, fee },
            Standing::Reverted { reference, fee } => SendOutcome::Reverted { reference, fee },
            // A transfer that came to nothing may be sent again as long as its request can be, so that is what counts.
            Standing::Never if requests::is_request(hold) => {
                let problem = || "its transfer came to nothing, and its transaction request is not found".to_owned();
                self.look_for_request(hold, asked, memory).await.unwrap_or_else(|| still(&asked.taken, problem()))
            }
            Standing::Never => SendOutcome::Refused { reason: "the upstream did not carry it out".to_owned() },
            Standing::Sent { reference } => {
                sent::note(memory, hold.id, Taken::Sent(reference.clone()), None).await;
                SendOutcome::Sent { reference }
            }
            Standing::Awaiting => {
                let approval = match &asked.taken {
                    Taken::Awaiting(approval) => approval.clone(),
                    Taken::Untold | Taken::Sent(_) => bitgo::sequence_id(hold.id),
                };
                sent::note(memory, hold.id, Taken::Awaiting(approval.clone()), None).await;
                SendOutcome::Awaiting { approval }
            }
        }
    }

    pub(super) fn expected<'a>(&'a self, hold: &'a Hold, wallet: &'a str) -> Expected<'a> {
        let (coin, chain) = (&self.coin, self.chain);
        Expected { hold: hold.id, coin, chain, wallet, payees: &hold.payees, fee: hold.cost.fee }
    }
}

/// Where nothing new is told.
pub(super) fn still(taken: &Taken, problem: String) -> SendOutcome {
    match taken {
        Taken::Untold => unknown(problem),
        Taken::Sent(reference) => SendOutcome::Sent { reference: reference.clone() },
        Taken::Awaiting(approval) => SendOutcome::Awaiting { approval: approval.clone() },
    }
}

fn found_before(memory: &dyn Memory, hold: &Hold) -> SendOutcome {
    match sent::read(memory, hold.id) {
        Ok(Some((_, Remembered::Cancelled))) => never(),
        Ok(Some((_, Remembered::Asked(asked)))) => still(&asked.taken, "it was sent before".to_owned()),
        Ok(None) => unknown("what was remembered of it is gone".to_owned()),
        Err(error) => unknown(reason(error)),
    }
}

fn never() -> SendOutcome {
    SendOutcome::Refused { reason: "it was given up before it was sent".to_owned() }
}

fn not_reached(reason: &str) -> SendOutcome {
    SendOutcome::NotSent { reason: format!("the upstream was not reached: {reason}") }
}

pub(super) fn unknown(reason: String) -> SendOutcome {
    SendOutcome::Unknown { reason }
}

pub(super) fn reason(error: RailError) -> String {
    match error {
        RailError::Invalid { field, problem } => format!("{field} {problem}"),
        RailError::UnknownWallet => "the upstream has no such wallet".to_owned(),
        RailError::Refused(reason) | RailError::Unavailable(reason) => reason,
    }
}
