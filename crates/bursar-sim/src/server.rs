//! What the server does with a batch: runs it through the real engine, and tells everybody who still
//! waits. A hold that was granted goes to the rail, and nothing else does.

use bursar_core::ledger::{Command, Outcome, Settler};
use bursar_core::limit::Subject;
use bursar_core::refusal::Refusal;
use bursar_ledger::LedgerError;

use crate::Breakage;
use crate::judge::{Verdict, demand};
use crate::world::{From, Job, World};

impl World {
    pub(crate) fn batch(&mut self, dice: &mut fastrand::Rng) -> Verdict {
        let jobs = std::mem::take(&mut self.inbox);
        if jobs.is_empty() {
            return Ok(());
        }
        if self.breakage == Some(Breakage::ForwardsBeforeHold) {
            self.forward_too_early(&jobs)?;
        }
        self.disk.arm(self.fault.take());
        self.counts.batches += 1;
        let requests = jobs.iter().map(|job| job.request.clone()).collect();
        let answers = self.engine.run(requests);
        let is_down = self.disk.is_down();
        self.take_written()?;
        for (job, answer) in jobs.iter().zip(answers) {
            // What was answered just before the machine went down may have arrived, or not.
            let arrives = !is_down || (answer.is_ok() && dice.bool());
            if arrives {
                self.hears(job, answer)?;
            } else {
                self.hears_nothing(job);
            }
        }
        // In the light of what was answered, too.
        self.disk.durable(|durable| self.judge.promises.check(durable, &self.judge.spends))?;
        if is_down { self.crash(dice) } else { Ok(()) }
    }

    fn hears(&mut self, job: &Job, answer: Result<Outcome, LedgerError>) -> Verdict {
        let outcome = match answer {
            Ok(outcome) => outcome,
            Err(error) => return self.hears_of_failure(job, &error),
        };
        let subject = match &job.request.command {
            Command::SetLimits(edit) => Some(edit.subject),
            _ => None,
        };
        if let Command::Unlock { token, .. } = &job.request.command {
            self.judge.promises.unlocking(*token);
        }
        self.judge.promises.answered(&outcome, subject);
        match job.from {
            From::Client(client) => self.client_hears(job, client, &outcome),
            From::Server => settles(job, &outcome),
            From::Issuer(client, token) => {
                if matches!(outcome, Outcome::Written) {
                    self.judge.promises.issued(token);
                    let client = &mut self.clients[client];
                    (client.token, client.wish) = (token, None);
                }
                Ok(())
            }
            From::Owner => {
                self.counts.edits += u64::from(matches!(outcome, Outcome::Limits { .. }));
                let is_answer = !matches!(outcome, Outcome::Invalid(_) | Outcome::Held { .. });
                demand(is_answer, || format!("an owner was answered {outcome:?}"))
            }
        }
    }

    fn client_hears(&mut self, job: &Job, number: usize, outcome: &Outcome) -> Verdict {
        let Command::Hold(request) = &job.request.command else {
            return Err("a client asked for something else than a spend".to_owned());
        };
        match outcome {
            Outcome::Held { hold, .. } => {
                demand(hold.id == request.id, || format!("spend {} was answered to another", hold.id))?;
                self.counts.granted += 1;
                self.disk.durable(|durable| self.judge.calls(hold.id, durable))?;
                self.rail.send(hold, self.life);
            }
            Outcome::Known { hold, same } => {
                self.counts.known += 1;
                demand(*same == (hold.meaning == request.meaning), || format!("{} is not what was asked", hold.id))?;
            }
            Outcome::Refused(refusal) => {
                self.counts.refused_by_limit += u64::from(matches!(refusal, Refusal::LimitExceeded(_)));
                self.judge.refused(request.id)?;
            }
            other => return Err(format!("a spend was answered {other:?}")),
        }
        // Whoever went away, or wants something else by now, does not hear it.
        let client = &self.clients[number];
        if client.waits && client.wish.as_ref().is_some_and(|wish| wish.meaning == request.meaning) {
            self.is_answered(number);
        }
        Ok(())
    }

    fn hears_of_failure(&mut self, job: &Job, error: &LedgerError) -> Verdict {
        let (has_failed, is_unsure) = {
            let disk = self.disk.lock();
            (disk.has_failed, disk.is_unsure)
        };
        let is_jump = matches!(error, LedgerError::ClockJump { .. });
        self.counts.jumps += u64::from(is_jump);
        demand(has_failed || is_jump, || format!("nothing was wrong with the disk, and still: {error}"))?;
        self.counts.failures += u64::from(!is_jump);
        if let Command::Hold(request) = &job.request.command
            && !is_unsure
        {
            self.judge.promises.undone(request.id);
        }
        self.hears_nothing(job);
        // Settlements are tried again, or left to the sweep.
        if job.from == From::Server && self.counts.failures % 2 == 0 {
            self.put(From::Server, job.request.command.clone());
        }
        Ok(())
    }

    fn hears_nothing(&mut self, job: &Job) {
        match (&job.request.command, job.from) {
            (Command::Unlock { token, .. }, _) => self.judge.promises.unlocking(*token),
            (_, From::Client(client)) => self.clients[client].waits = false,
            (_, From::Issuer(client, token)) => {
                // Perhaps it was made: whoever asked looks.
                let subject = Subject::Token(token);
                if self.disk.durable(|durable| durable.rules(subject).is_some()) {
                    self.clients[client].token = token;
                }
            }
            _ => {}
        }
    }

    /// A promise broken on purpose.
    fn forward_too_early(&mut self, jobs: &[Job]) -> Verdict {
        let asked = jobs.iter().filter_map(|job| match &job.request.command {
            Command::Hold(request) => Some(request.id),
            _ => None,
        });
        self.disk.durable(|durable| asked.into_iter().try_for_each(|id| self.judge.calls(id, durable)))
    }
}

fn settles(job: &Job, outcome: &Outcome) -> Verdict {
    let is_service =
        matches!(&job.request.command, Command::Release { by: Settler::Service { stepped_up: false, .. }, .. });
    let is_answer = match outcome {
        Outcome::Settled { .. } | Outcome::Forgotten { .. } => true,
        Outcome::StepUpNeeded => is_service,
        // Its spend was settled by somebody else and let go in the meantime.
        Outcome::NoSuchHold => true,
        _ => false,
    };
    demand(is_answer, || format!("a settlement was answered {outcome:?}"))
}
