//! Unlocking and locking tokens, and extending sessions.

use bursar_core::id::TokenId;
use bursar_core::ledger::{Command, Key, Outcome, Unlocking};
use bursar_core::time::Span;
use bursar_core::token::{LockedBy, Token};
use bursar_wire::extend::{self, ExtensionAddress};

use crate::Bursar;
use crate::authenticate::{Principal, secret_place};
use crate::error::{ServiceError, Unproven};
use crate::exceeded::Exceeded;
use crate::issue::TokenState;
use crate::services::check_spends_itself;
use crate::step_up::Action;

/// What is asked of an unlock.
#[derive(Clone, Debug)]
pub struct UnlockRequest {
    /// The second factor of the token's owner.
    pub otp: Option<String>,
    /// For how long; not at all if it is zero, with a lock that is lifted.
    pub duration: Span,
    /// Whether an earlier lock is lifted for good.
    pub resume: bool,
    /// Whether limits are kept even where unlocks drop them.
    pub keep_limits: bool,
}

impl Bursar {
    /// Lets the presented token spend without its own limits for a while.
    ///
    /// # Errors
    /// The second factor is wrong, a longer unlock is running, or more moved than was held for a spend of it that nobody settled.
    pub async fn unlock(&self, principal: &Principal, request: UnlockRequest) -> Result<TokenState, ServiceError> {
        self.unlock_own(principal, principal.token(), request).await
    }

    /// The same for another token of the person who asks.
    ///
    /// # Errors
    /// As there; or the caller is no person, or has no such token.
    pub async fn unlock_token(
        &self,
        principal: &Principal,
        id: TokenId,
        request: UnlockRequest,
    ) -> Result<TokenState, ServiceError> {
        self.person(principal)?;
        let token = self.own_token(principal, id)?;
        self.unlock_own(principal, &token, request).await
    }

    async fn unlock_own(
        &self,
        principal: &Principal,
        token: &Token,
        mut request: UnlockRequest,
    ) -> Result<TokenState, ServiceError> {
        let id = token.id;
        if check_spends_itself(token).is_err() {
            // There are no limits to lift, but there may be a lock.
            if !request.resume {
                return Err(ServiceError::SpendsNothingItself);
            }
            request.duration = Span::ZERO;
        }
        // A code is not used up for what cannot be allowed anyway.
        self.check_nothing_exceeds(id).await?;
        let _shown = self.prove_step_up(principal, Action::Unlock(id), request.otp.as_deref()).await?;
        let how = Unlocking {
            resume: request.resume,
            drop_limits: self.policy.unlock_drops_limits && !request.keep_limits,
            agrees: self.agrees_again(id).await?,
        };
        let command = Command::Unlock { token: id, duration: request.duration, how };
        let unlocked = match self.change_token(principal, command).await {
            // Its lock is lifted all the same.
            Err(ServiceError::UnlockedLonger { .. }) if request.resume && request.duration == Span::ZERO => {
                self.state_of(self.own_token(principal, id)?).await?
            }
            changed => changed?,
        };
        self.end_pauses(id);
        Ok(TokenState { pauses: Vec::new(), ..unlocked })
    }

    /// Refuses to lift the lock of a token of whose spend a rail told that more moved than was held, until somebody decides
    /// what became of that spend: the next sweep would lock it again, and it would spend until then.
    async fn check_nothing_exceeds(&self, id: TokenId) -> Result<(), ServiceError> {
        let (_, token) = self.stored(&Key::Token(id), |state| Ok(state.token(&id)?.cloned()))?;
        if token.is_none_or(|token| token.locked.is_none_or(|lock| lock.by < LockedBy::Rail)) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let holds = self.next_unsettled(&mut after).await?;
            if holds.is_empty() {
                return Ok(());
            }
            for hold in holds.iter().filter(|hold| hold.token == id) {
                if let Some(Exceeded { reason, .. }) = self.exceeded(hold)? {
                    let spend = hold.id;
                    return Err(ServiceError::Conflict(format!(
                        "more moved than was held for spend {spend} of this token: {reason}; decide what became of it first \
                         (`bursar spends resolve {spend}`), then unlock the token"
                    )));
                }
            }
        }
    }

    /// Gives a command that changes a token's state, and shows the token as it stands then.
    pub(crate) async fn change_token(
        &self,
        principal: &Principal,
        command: Command,
    ) -> Result<TokenState, ServiceError> {
        match self.command(principal.actor(), command).await? {
            Outcome::Token(token) => self.state_of(*token).await,
            Outcome::UnlockedLonger { until } => Err(ServiceError::UnlockedLonger { until }),
            Outcome::Refused(refusal) => Err(refusal.into()),
            _ => Err(ServiceError::NotFound("token")),
        }
    }

    /// Stops the presented token from spending until its owner resumes it. Needs no proof: it only tightens.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn lock(&self, principal: &Principal) -> Result<TokenState, ServiceError> {
        self.change_token(principal, Command::Lock { token: principal.token().id, by: LockedBy::Owner }).await
    }

    /// The same for a token by its id: any of one's own as a person, only itself as a token of software.
    ///
    /// # Errors
    /// As there; or there is none of this id among those the caller may lock.
    pub async fn lock_token(&self, principal: &Principal, id: TokenId) -> Result<TokenState, ServiceError> {
        self.own_token(principal, id)?;
        self.change_token(principal, Command::Lock { token: id, by: LockedBy::Owner }).await
    }

    /// Moves the end of an extensible session, which proves itself with the key of its address (WC §2.9).
    ///
    /// # Errors
    /// The session is not extensible, the signature is wrong, or the duration is too long.
    pub async fn extend(
        &self,
        principal: &Principal,
        duration: Option<Span>,
        timestamp: &str,
        signature: &str,
    ) -> Result<TokenState, ServiceError> {
        let token = principal.token();
        let Some(address) = &token.extension_address else {
            return Err(ServiceError::invalid("signature", "this session is not extensible; log in with `extensible`"));
        };
        let longest = Self::LONGEST_EXTENSION;
        if duration.is_some_and(|duration| duration > longest) {
            let most = longest.as_millis() / 1000;
            return Err(ServiceError::invalid("duration", format!("a session is extended by at most {most} s")));
        }
        let address = ExtensionAddress::read(address).map_err(|_| Unproven::Signature)?;
        let now = self.clock.now();
        let signed_at = bursar_wire::signature::window::read_millis(timestamp)
            .map_err(|_| ServiceError::invalid("timestamp", "the header must be Unix time in milliseconds"))?;
        bursar_wire::signature::window::check(signed_at, now)
            .map_err(|error| ServiceError::invalid("timestamp", error.to_string()))?;
        let id = token.id;
        let secrets = self.reads.look_up(|reader| reader.secrets(id))?.ok_or(ServiceError::NotFound("token"))?;
        let seconds = duration.map(|duration| duration.as_millis() / 1000);
        let is_signed = secrets.value.iter().any(|secret| {
            let Ok(opened) = self.sealer.open(secret_place(&id), &secret.sealed) else { return false };
            let text = opened.expose().get(32..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
            address.verify(&extend::message_over(timestamp, text, seconds), signature).is_ok()
        });
        if !is_signed {
            return Err(Unproven::Signature.into());
        }
        let until = now.plus(duration.unwrap_or(self.policy.session));
        self.change_token(principal, Command::Extend { token: id, until }).await
    }
}
