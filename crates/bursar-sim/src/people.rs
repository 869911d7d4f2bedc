//! What people do in the world: software asks for spends, and owners change what it may.

use std::collections::BTreeSet;

use bursar_core::account::{Freeze, FrozenBy, User};
use bursar_core::ambient::Clock;
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::{Command, HoldRequest, Key, LimitEdit, Record, Trace, Unlocking, Write};
use bursar_core::limit::Subject;
use bursar_core::time::Span;
use bursar_core::token::LockedBy;

use crate::judge::Verdict;
use crate::town::{USERS, subjects, token};
use crate::wishes;
use crate::world::{CLIENTS, From, Job, World};

impl World {
    pub(crate) fn ask(&mut self, dice: &mut fastrand::Rng) -> Verdict {
        let number = dice.usize(..CLIENTS);
        self.serial += 1;
        let serial = self.serial;
        let client = &mut self.clients[number];
        let wish = match client.wish.take() {
            // Asks again with the same key, or gives up: without one, asking again is another spend.
            Some(wish) if wish.key.is_some() || dice.bool() => wish,
            _ if !client.before.is_empty() && dice.u8(..6) == 0 => {
                let mut wish = client.before[dice.usize(..client.before.len())].clone();
                if dice.u8(..3) == 0 {
                    wish.meaning[31] = 1;
                }
                wish
            }
            _ => wishes::spend(client.token, serial, dice),
        };
        client.wish = Some(wish.clone());
        client.waits = true;
        let twice = dice.u8(..8) == 0;
        for copy in 0..=u8::from(twice) {
            let mut random = [0; 10];
            random[..8].copy_from_slice(&serial.to_be_bytes());
            random[9] = copy;
            let id = HoldId::time_ordered(self.clock.now(), random);
            let request = HoldRequest { id, ..wish.clone() };
            if request.stepped_up {
                self.judge.stepped_up.insert(id);
            }
            self.put(From::Client(number), Command::Hold(Box::new(request)));
        }
        Ok(())
    }

    pub(crate) fn edit(&mut self, dice: &mut fastrand::Rng) {
        let mut subjects = subjects();
        subjects.extend(self.clients.iter().map(|client| Subject::Token(client.token)));
        let subject = subjects[dice.usize(..subjects.len())];
        // The judge reads what an edit wrote from its transaction: one edit of a subject in each.
        if self.edited().contains(&subject) {
            return;
        }
        let rules = wishes::rules(subject, dice);
        let version = self.disk.view(|view| view.version(&Key::Limits(subject)));
        let seen = if dice.u8(..8) == 0 { version.saturating_sub(1) } else { version };
        let edit = LimitEdit { subject, seen, rules, stepped_up: dice.u8(..4) > 0 };
        self.put(From::Owner, Command::SetLimits(Box::new(edit)));
    }

    /// Whose rules what waits in the inbox may change.
    fn edited(&self) -> BTreeSet<Subject> {
        let edited = self.inbox.iter().filter_map(|job| match (&job.request.command, job.from) {
            (Command::SetLimits(edit), _) => Some(edit.subject),
            (_, From::Issuer(_, token)) => Some(Subject::Token(token)),
            _ => None,
        });
        edited.collect()
    }

    pub(crate) fn control(&mut self, dice: &mut fastrand::Rng) {
        let number = dice.usize(..CLIENTS);
        let token = self.clients[number].token;
        let unlock = |resume, dice: &mut fastrand::Rng| {
            let duration = Span::from_seconds(dice.u64(1..600));
            let how = Unlocking { resume, drop_limits: dice.u8(..30) == 0, agrees: false };
            Command::Unlock { token, duration, how }
        };
        let command = match dice.u8(..10) {
            0..3 => Command::Lock { token, by: LockedBy::Owner },
            3..5 => unlock(false, dice),
            5..9 => unlock(true, dice),
            _ => Command::Revoke { token },
        };
        if matches!(command, Command::Unlock { .. }) {
            self.judge.promises.unlocking(token);
        }
        let is_over = matches!(command, Command::Revoke { .. });
        self.put(From::Owner, command);
        if is_over {
            self.issue(number, dice);
        }
    }

    /// A new token in the place of one that is revoked.
    fn issue(&mut self, client: usize, dice: &mut fastrand::Rng) {
        self.serial += 1;
        let mut bytes = [0xee; 16];
        bytes[..8].copy_from_slice(&self.serial.to_be_bytes());
        let id = TokenId::from_bytes(bytes);
        let created = self.ledger_time();
        let made = token(id, self.clients[client].user, created);
        let subject = Subject::Token(id);
        let put = vec![Record::Token(id, made), Record::Limits(subject, wishes::first_rules(subject, created, dice))];
        let trace = Trace { action: "token.issue", subject: format!("token:{id}"), data: Vec::new() };
        let write = Write { read: vec![(Key::Token(id), 0)], put, delete: Vec::new(), trace: Some(trace) };
        self.put(From::Issuer(client, id), Command::Write(write));
    }

    pub(crate) fn freeze(&mut self, dice: &mut fastrand::Rng) {
        let id = USERS[dice.usize(..USERS.len())];
        let key = Key::User(id);
        let (version, found) = self.disk.view(|view| (view.version(&key), view.records.get(&key).cloned()));
        let Some(Record::User(_, user)) = found.map(|found| found.value) else { return };
        let pending = |job: &Job| matches!(&job.request.command, Command::Write(write) if write.put.iter().any(|record| record.key() == key));
        if self.inbox.iter().any(pending) {
            return;
        }
        let since = self.ledger_time();
        let freeze = match user.freeze {
            Some(_) => None,
            None => {
                let until = Some(since.plus(Span::from_seconds(dice.u64(1..4000))));
                Some(Freeze { since, until, reason: "lost phone".to_owned(), by: FrozenBy::Person, persons_from: None })
            }
        };
        let action = if freeze.is_some() { "user.freeze" } else { "user.unfreeze" };
        let trace = Trace { action, subject: format!("user:{id}"), data: Vec::new() };
        let put = vec![Record::User(id, User { freeze, ..user })];
        let write = Write { read: vec![(key, version)], put, delete: Vec::new(), trace: Some(trace) };
        self.put(From::Owner, Command::Write(write));
    }
}
