//! The port to the mail server, and the queue in front of it.
//!
//! No use case waits for a mail or fails because of one: mails are put into a queue in memory, which is bounded, and
//! are tried again for a while. What is in it when the process ends is lost; whatever a mail offers can be asked for
//! again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::account::User;
use bursar_core::time::{Span, Timestamp};
use tokio::sync::Notify;

use crate::Bursar;
use crate::error::ServiceError;
use crate::notices::{self, Notice};
use crate::rail::Answer;
use crate::relying_party::RelyingParty;

/// How many mails may wait.
const MOST_WAITING: usize = 1_000;
/// How often a mail is tried.
const TRIES: u32 = 8;
/// The wait after the first failure; it doubles with each one after it: half an hour in all.
const FIRST_WAIT: Span = Span::from_seconds(15);
/// How often the queue is looked at when nothing new comes.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// A mail of plain text. It may have a link in it that opens something: it does not print.
pub struct Mail {
    /// The address it goes to, as [`bursar_identity::address::Address`] has it.
    pub to: String,
    /// Its subject, on one line.
    pub subject: String,
    /// Its text; lines end with `\n`.
    pub text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(..)")
    }
}

/// Why a mail was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailProblem {
    /// Whether trying again will not help.
    pub is_lasting: bool,
    /// What happened, for the log.
    pub text: String,
}

/// Takes mails and sends them.
pub trait Mailer: Send + Sync {
    /// Hands one mail over.
    fn send<'a>(&'a self, mail: &'a Mail) -> Answer<'a, Result<(), MailProblem>>;
}

/// How mails are sent, and what is in them.
pub struct Post {
    /// Who sends them.
    pub mailer: Arc<dyn Mailer>,
    /// Where people find this server: links in mails begin with it. No slash at its end.
    pub public_url: String,
}

/// What became of mails since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MailFigures {
    /// Handed over.
    pub sent: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Given up, or not taken because too many waited.
    pub dropped: u64,
    /// How many wait now.
    pub waiting: usize,
}

/// The mails that wait.
pub(crate) struct Outbox {
    post: Option<Post>,
    waiting: Mutex<VecDeque<Waiting>>,
    wake: Notify,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

struct Waiting {
    mail: Mail,
    failures: u32,
    due: Timestamp,
}

impl Outbox {
    pub(crate) fn new(post: Option<Post>) -> Self {
        let (sent, failed, dropped) = Default::default();
        Self { post, waiting: Mutex::default(), wake: Notify::new(), sent, failed, dropped }
    }

    fn put(&self, mail: Mail, failures: u32, due: Timestamp) {
        let mut waiting = self.lock();
        if waiting.len() >= MOST_WAITING {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a mail was dropped: {MOST_WAITING} wait already");
            return;
        }
        waiting.push_back(Waiting { mail, failures, due });
        drop(waiting);
        self.wake.notify_one();
    }

    fn take_due(&self, now: Timestamp) -> Option<Waiting> {
        let mut waiting = self.lock();
        let place = waiting.iter().position(|mail| mail.due <= now)?;
        waiting.remove(place)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // A queue is sound at every moment.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bursar {
    /// Tells the owner of an account something, by mail to their verified address, if they have one and mail is
    /// configured. Never waits and never fails.
    pub fn notify(&self, user: &User, notice: &Notice) {
        if let Some(address) = user.verified_address() {
            self.mail(address, notice);
        }
    }

    /// Whether this server sends mails.
    pub const fn sends_mail(&self) -> bool {
        self.outbox.post.is_some()
    }

    /// What became of mails.
    pub fn mail_figures(&self) -> MailFigures {
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let Outbox { sent, failed, dropped, .. } = &self.outbox;
        let waiting = self.outbox.lock().len();
        MailFigures { sent: count(sent), failed: count(failed), dropped: count(dropped), waiting }
    }

    /// Puts a mail to an address into the queue.
    pub(crate) fn mail(&self, address: &str, notice: &Notice) {
        let Some(post) = &self.outbox.post else { return };
        let now = self.clock.now();
        let (subject, text) = notices::render(notice, &post.public_url, now);
        self.outbox.put(Mail { to: address.to_owned(), subject, text }, 0, now);
    }

    /// The link that leads to a page of this server; none if neither mail nor passkeys are configured, which say where it is.
    pub(crate) fn link_to(&self, page: &str, secret: &str) -> Option<String> {
        let of_mail = self.outbox.post.as_ref().map(|post| post.public_url.as_str());
        let of_pages = || self.policy.relying_party.as_ref().map(RelyingParty::origin);
        of_mail.or_else(of_pages).map(|place| format!("{place}/{page}/{secret}"))
    }

    pub(crate) fn needs_mail(&self) -> Result<(), ServiceError> {
        if self.sends_mail() { Ok(()) } else { Err(ServiceError::NoMail) }
    }

    /// Sends mails as they come, for ever.
    pub async fn deliver_mail(&self) {
        loop {
            self.deliver_due_mail().await;
            // Either something new came, or something that failed may be due again.
            tokio::time::timeout(LOOK_EVERY, self.outbox.wake.notified()).await.ok();
        }
    }

    /// Tries every mail that is due, one after the other.
    pub async fn deliver_due_mail(&self) {
        let Some(post) = &self.outbox.post else { return };
        while let Some(Waiting { mail, failures, .. }) = self.outbox.take_due(self.clock.now()) {
            let Err(problem) = post.mailer.send(&mail).await else {
                self.outbox.sent.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            self.outbox.failed.fetch_add(1, Ordering::Relaxed);
            let failures = failures.saturating_add(1);
            if problem.is_lasting || failures >= TRIES {
                self.outbox.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::error!(problem = problem.text, failures, "a mail could not be sent and was given up");
                continue;
            }
            tracing::warn!(problem = problem.text, failures, "a mail could not be sent yet");
            let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
            let wait = Span::from_millis(FIRST_WAIT.as_millis().saturating_mul(factor));
            self.outbox.put(mail, failures, self.clock.now().plus(wait));
        }
    }
}
