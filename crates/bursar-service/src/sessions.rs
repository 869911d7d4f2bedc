//! The places where somebody is signed in, and ending that.

use bursar_core::account::User;
use bursar_core::id::TokenId;
use bursar_core::ledger::{Command, Key, Record, Trace, Write};
use bursar_core::time::Span;
use bursar_core::token::{LastUse, Token};
use bursar_store::Page;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;

/// Sessions that are ended at once.
const PAGE: usize = 100;

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The session.
    pub token: Token,
    /// When and from where it was last used.
    pub last_used: Option<LastUse>,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

impl Bursar {
    /// The caller's living sessions.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn sessions(
        &self,
        principal: &Principal,
        page: Page<TokenId>,
    ) -> Result<(Vec<SessionView>, Option<TokenId>), ServiceError> {
        self.person(principal)?;
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut found = self.living_sessions(principal, one_more).await?;
        let next = (found.len() > page.limit).then(|| {
            found.truncate(page.limit);
            found.last().map(|last| last.id)
        });
        let mut views = Vec::with_capacity(found.len());
        for token in found {
            let id = token.id;
            let last_used = self.uses_of(id)?.last();
            views.push(SessionView { last_used, is_this: id == principal.token().id, token });
        }
        Ok((views, next.flatten()))
    }

    async fn living_sessions(&self, principal: &Principal, page: Page<TokenId>) -> Result<Vec<Token>, ServiceError> {
        let (user, now) = (principal.user(), self.clock.now());
        let since = self.stored_user(user)?.value.sessions_since;
        Ok(self.reads.run(move |reader| reader.sessions(user, since, now, page)).await?)
    }

    /// Ends one of the caller's sessions; this one, too.
    ///
    /// # Errors
    /// The caller is no person, or there is no such session of theirs.
    pub async fn end_session(&self, principal: &Principal, id: TokenId) -> Result<(), ServiceError> {
        self.person(principal)?;
        let found = self.reads.look_up(|reader| reader.token(id))?.map(|found| found.value);
        let is_own =
            |token: &Token| token.user == principal.user() && token.kind == bursar_core::token::TokenKind::Session;
        found.filter(is_own).ok_or(ServiceError::NotFound("session"))?;
        self.command(principal.actor(), Command::Revoke { token: id }).await.map(drop)
    }

    /// Ends all of the caller's sessions, or all but this one.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn end_all_sessions(&self, principal: &Principal, keep_this: bool) -> Result<(), ServiceError> {
        self.person(principal)?;
        if keep_this {
            return self.end_other_sessions(principal).await;
        }
        let id = principal.user();
        self.decide(principal.actor(), || {
            let found = self.stored_user(id)?;
            let mut write = Write {
                read: vec![(Key::User(id), found.version)],
                put: vec![Record::User(id, self.ending_sessions(found.value))],
                trace: Some(Trace::of("user.end_sessions", "user", id, Vec::new())),
                ..Write::default()
            };
            self.void_address_link(id, &mut write)?;
            Ok((write, ()))
        })
        .await
    }

    /// An account with every session of it over, as it is to be stored.
    pub(crate) fn ending_sessions(&self, user: User) -> User {
        // The next millisecond: a session of this very one is over, too.
        User { sessions_since: self.clock.now().plus(Span::from_millis(1)), ..user }
    }

    async fn end_other_sessions(&self, principal: &Principal) -> Result<(), ServiceError> {
        let (id, own, mut after) = (principal.user(), principal.token().id, None);
        self.decide(principal.actor(), || {
            let found = self.stored_user(id)?;
            let mut write = Write {
                read: vec![(Key::User(id), found.version)],
                trace: Some(Trace::of("user.end_other_sessions", "user", id, Vec::new())),
                ..Write::default()
            };
            self.void_address_link(id, &mut write)?;
            Ok((write, ()))
        })
        .await?;
        loop {
            let page = Page { limit: PAGE, after, newest_first: false };
            let found = self.living_sessions(principal, page).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = Some(last.id);
            for session in found.into_iter().filter(|session| session.id != own) {
                self.command(principal.actor(), Command::Revoke { token: session.id }).await?;
            }
        }
    }
}
