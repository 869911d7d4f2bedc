//! Letting go of what is over: spends that were settled long ago, tokens that ended long ago, and what was
//! remembered of making them. A few at a time and never in front of a hold; audit events stay.

use bursar_core::audit::Actor;
use bursar_core::id::{TokenId, UserId};
use bursar_core::ledger::{Command, DocumentKind, Key, Outcome, Trace, Write};
use bursar_core::limit::{Subject, Window};
use bursar_core::time::Span;
use bursar_core::token::Token;
use bursar_store::Page;

use crate::Bursar;
use crate::error::ServiceError;

/// The shortest time that spends are kept: no window reaches further back.
pub const SHORTEST_RETENTION: Span = Window::LONGEST;
/// How many spends, tokens or documents one command lets go of.
const AT_ONCE: usize = 500;
/// How many commands one call gives: more spends than any store here can have.
const ROUNDS: usize = 1_000_000;

impl Bursar {
    /// Lets go of settled spends that are older than they have to be kept, until there are none; their sums stay.
    ///
    /// # Errors
    /// The store or the ledger does not answer.
    pub async fn forget_old_spends(&self) -> Result<u64, ServiceError> {
        let Some(retention) = self.policy.retention else { return Ok(0) };
        let kept = retention.max(SHORTEST_RETENTION);
        // Which spends are looked at is a matter of this clock, which of them are old enough one of the ledger's.
        let before = self.clock.now().minus(kept);
        let mut forgotten: u64 = 0;
        for _ in 0..ROUNDS {
            let holds = self.reads.run(move |reader| reader.settled_before(before, AT_ONCE)).await?;
            let last = holds.len() < AT_ONCE;
            if holds.is_empty() {
                break;
            }
            match self.command(Actor::System, Command::Forget { holds, kept }).await? {
                // A clock that is ahead of the ledger's finds what is not old enough, and would find it again.
                Outcome::Forgotten { spends: 0 } => break,
                Outcome::Forgotten { spends } => forgotten = forgotten.saturating_add(spends),
                other => {
                    return Err(ServiceError::Unavailable(format!("the ledger answered a clean-up with {other:?}")));
                }
            }
            if last {
                break;
            }
        }
        Ok(forgotten)
    }

    /// Lets go of tokens and sessions that ended longer ago than spends are kept, with all that was kept of them,
    /// once no spend of theirs is left; and of the keys under which they were made.
    ///
    /// # Errors
    /// The store or the ledger does not answer.
    pub async fn forget_ended_tokens(&self) -> Result<u64, ServiceError> {
        let kept = self.policy.retention.unwrap_or(SHORTEST_RETENTION).max(SHORTEST_RETENTION);
        let mut forgotten: u64 = 0;
        let mut after: Option<TokenId> = None;
        loop {
            let page = Page { limit: AT_ONCE, after, newest_first: false };
            // By committed time: a clock that leaps ahead must not end what lives.
            let read = move |reader: &mut dyn bursar_store::Reader| {
                let before = reader.time()?.minus(kept);
                reader.ended_before(before, page)
            };
            let ended = self.reads.run(read).await?;
            let Some(last) = ended.last() else { break };
            after = Some(last.id);
            for token in ended {
                self.forget_token(&token).await?;
                forgotten = forgotten.saturating_add(1);
            }
        }
        self.forget_keys_of_tokens().await?;
        Ok(forgotten)
    }

    async fn forget_token(&self, token: &Token) -> Result<(), ServiceError> {
        let (id, subject) = (token.id, Subject::Token(token.id));
        loop {
            let budgets = self.reads.run(move |reader| reader.budget_keys(subject, AT_ONCE)).await?;
            let is_last = budgets.len() < AT_ONCE;
            let mut delete: Vec<Key> = budgets.into_iter().map(Key::Budget).collect();
            if is_last {
                let rest = [Key::Paid(subject), Key::Limits(subject), Key::Uses(id), Key::Secrets(id), Key::Token(id)];
                delete.extend(rest);
            }
            let trace = is_last.then(|| {
                Trace::of(
                    "token.forget",
                    "token",
                    id,
                    vec![("user", token.user.to_string()), ("ended", token.expires.to_string())],
                )
            });
            self.must_write(Actor::System, Write { delete, trace, ..Write::default() }).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Forgets idempotency keys of what is gone itself.
    async fn forget_keys_of_tokens(&self) -> Result<(), ServiceError> {
        let mut after: Option<UserId> = None;
        loop {
            let page = Page { limit: AT_ONCE, after, newest_first: false };
            let users = self.reads.run(move |reader| reader.users(page)).await?;
            let Some(last) = users.last() else { return Ok(()) };
            after = Some(last.id);
            for user in users {
                self.forget_keys_of(user.id).await?;
            }
        }
    }

    async fn forget_keys_of(&self, user: UserId) -> Result<(), ServiceError> {
        let mut after: Option<String> = None;
        loop {
            let page = Page { limit: AT_ONCE, after, newest_first: false };
            let read = move |reader: &mut dyn bursar_store::Reader| {
                let made = reader.documents(user, DocumentKind::Created, &page)?;
                let last = made.last().map(|(key, _)| key.name.clone());
                let mut gone = Vec::new();
                for (key, document) in made {
                    let id = std::str::from_utf8(&document.value.body).ok().and_then(|text| text.parse().ok());
                    if let Some(id) = id
                        && reader.token(id)?.is_none()
                    {
                        gone.push(Key::Document(key));
                    }
                }
                Ok((gone, last))
            };
            let (delete, last) = self.reads.run(read).await?;
            if !delete.is_empty() {
                self.must_write(Actor::System, Write { delete, ..Write::default() }).await?;
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }
}
