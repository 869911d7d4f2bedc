//! What the server does: runs a batch through the real engine and tells everybody who still waits, sends to
//! the rail what was held and nothing else, settles what the rail says, and looks after what it does not say.

use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Key, Outcome, Record, Settler};
use bursar_core::limit::{Subject, Window};
use bursar_core::refusal::Refusal;
use bursar_core::time::Span;
use bursar_ledger::LedgerError;

use crate::Breakage;
use crate::judge::{Verdict, demand};
use crate::rail::Word;
use crate::store::Snapshot;
use crate::world::{From, Job, World};

/// Spends are kept for as long as the longest window reaches back.
const RETENTION: Span = Window::LONGEST;

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
        if job.from == From::Server && self.counts.failures.is_multiple_of(2) {
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

    pub(crate) fn rail_answers(&mut self, dice: &mut fastrand::Rng) {
        let Some(answer) = self.rail.next_answer(dice) else { return };
        // Who asked is no longer there: the answer goes nowhere.
        if answer.life != self.life {
            return;
        }
        let holder = self.find(answer.hold).and_then(|hold| hold.holder);
        let by = match holder {
            Some(token) => Settler::Service { token, stepped_up: dice.u8(..4) == 0 },
            None => Settler::Rail,
        };
        self.settle(answer.hold, answer.word, by);
    }

    fn settle(&mut self, hold: HoldId, word: Word, by: Settler) {
        let command = match word {
            Word::Moved(cost) => {
                Command::Capture { hold, amount: cost.amount, fee: cost.fee, reference: "txid".to_owned(), by }
            }
            Word::NotMoved => Command::Release { hold, reason: "the rail refused".to_owned(), by },
        };
        self.put(From::Server, command);
    }

    fn find(&self, id: HoldId) -> Option<Hold> {
        self.disk.view(|view| match view.records.get(&Key::Hold(id)).map(|found| &found.value) {
            Some(Record::Hold(_, hold)) => Some(Hold::clone(hold)),
            _ => None,
        })
    }

    pub(crate) fn sweep(&mut self) {
        let now = self.ledger_time();
        let overdue = |view: &Snapshot| -> Vec<HoldId> {
            let open = view.holds().filter(|hold| hold.state == HoldState::Open && hold.deadline <= now);
            open.map(|hold| hold.id).collect()
        };
        for hold in self.disk.view(overdue) {
            if self.breakage == Some(Breakage::ReleasesOnTimeout) {
                self.settle(hold, Word::NotMoved, Settler::Rail);
            } else {
                self.put(From::Server, Command::Expire { hold, overdue: false, reason: String::new() });
            }
        }
    }

    pub(crate) fn reconcile(&mut self, dice: &mut fastrand::Rng) {
        let unresolved = |view: &Snapshot| -> Vec<HoldId> {
            let unresolved = view.holds().filter(|hold| matches!(hold.state, HoldState::Unresolved { .. }));
            unresolved.map(|hold| hold.id).collect()
        };
        let unresolved = self.disk.view(unresolved);
        let Some(hold) = unresolved.get(dice.usize(..unresolved.len().max(1))).copied() else { return };
        let Some(word) = self.rail.ask(hold) else { return };
        let by = if dice.bool() {
            Settler::Rail
        } else {
            Settler::Person { evidence: "the rail's book says so".to_owned() }
        };
        self.settle(hold, word, by);
    }

    pub(crate) fn forget(&mut self) {
        let before = self.ledger_time().minus(RETENTION);
        let old = |view: &Snapshot| -> Vec<HoldId> {
            let settled = view.holds().filter(|hold| match hold.state {
                HoldState::Captured { at, .. } | HoldState::Released { at, .. } => at < before,
                _ => false,
            });
            settled.map(|hold| hold.id).collect()
        };
        let holds = self.disk.view(old);
        if !holds.is_empty() {
            self.put(From::Server, Command::Forget { holds, kept: RETENTION });
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
    let is_service = matches!(
        &job.request.command,
        Command::Release { by: Settler::Service { stepped_up: false, .. }, .. }
            | Command::Capture { by: Settler::Service { stepped_up: false, .. }, .. }
    );
    let is_answer = match outcome {
        Outcome::Settled { .. } | Outcome::Forgotten { .. } => true,
        Outcome::StepUpNeeded => is_service,
        // Its spend was settled by somebody else and let go in the meantime.
        Outcome::NoSuchHold => true,
        _ => false,
    };
    demand(is_answer, || format!("a settlement was answered {outcome:?}"))
}
