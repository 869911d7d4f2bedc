//! Circuit breakers: a token that fails on a rail again and again is paused there, and its owner is told. Reading and spending
//! are paused apart: whoever spends in a loop may still look what became of it.
//!
//! In memory, and gone after a restart: a loop that goes on is found again. No limit rests on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::audit::Actor;
use bursar_core::breaker::{Breaker, BreakerRules, Pause};
use bursar_core::id::{HoldId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Trace, Write};
use bursar_core::time::Timestamp;
use bursar_rails::Forbidden;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::exchange::NoExchange;
use crate::notices::Notice;
use crate::proxy::NoResult;
use crate::rail::CallError;

/// How many streaks are remembered; above that those that are not paused are forgotten.
const REMEMBERED: usize = 65_536;
/// What a rail is called where a spend names none, or none that can be read. What fails there is no rail's: a success of the
/// token on any ends it.
const NO_RAIL: &str = "-";

/// What is done on a rail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doing {
    /// Reading.
    Read,
    /// Spending.
    Spend,
}

impl Doing {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Spend => "spend",
        }
    }
}

/// Whose failures in a row are counted: a token's, on a rail, at one kind of thing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Line {
    token: TokenId,
    doing: Doing,
    rail: String,
}

/// A pause that runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paused {
    /// On which rail; `-` for spends without a wallet.
    pub rail: String,
    /// What may not be done.
    pub doing: Doing,
    /// Since when, and until when.
    pub pause: Pause,
    /// The code of the failure that brought it.
    pub code: &'static str,
}

pub(crate) struct Breakers {
    rules: Option<BreakerRules>,
    /// How many streaks there are: nearly always none, and then nobody waits for the others.
    count: AtomicUsize,
    streaks: Mutex<BTreeMap<Line, (Breaker, &'static str)>>,
}

impl Breakers {
    pub(crate) const fn new(rules: Option<BreakerRules>) -> Self {
        Self { rules, count: AtomicUsize::new(0), streaks: Mutex::new(BTreeMap::new()) }
    }

    fn are_idle(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Line, (Breaker, &'static str)>) -> T) -> T {
        let mut streaks: MutexGuard<'_, _> = self.streaks.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut streaks);
        self.count.store(streaks.len(), Ordering::Release);
        result
    }

    fn fail(&self, line: &Line, code: &'static str, now: Timestamp) -> Option<Pause> {
        let rules = self.rules?;
        self.change(|streaks| {
            if streaks.len() >= REMEMBERED && !streaks.contains_key(line) {
                streaks.retain(|_, (breaker, _)| breaker.paused_at(now).is_some());
                // Every one is paused: that is remembered before another.
                if streaks.len() >= REMEMBERED {
                    return None;
                }
            }
            let (breaker, latest) = streaks.entry(line.clone()).or_insert((Breaker::new(now), code));
            *latest = code;
            breaker.fail(&rules, now)
        })
    }

    fn succeed(&self, line: &Line) {
        if !self.are_idle() {
            let nowhere = Line { rail: NO_RAIL.to_owned(), ..line.clone() };
            self.change(|streaks| {
                streaks.remove(line);
                streaks.remove(&nowhere);
            });
        }
    }

    fn forget(&self, token: TokenId) {
        if !self.are_idle() {
            self.change(|streaks| streaks.retain(|line, _| line.token != token));
        }
    }

    fn of(&self, token: TokenId, now: Timestamp) -> Vec<Paused> {
        if self.are_idle() {
            return Vec::new();
        }
        let from = Line { token, doing: Doing::Read, rail: String::new() };
        self.change(|streaks| {
            let own = streaks.range(from..).take_while(|(line, _)| line.token == token);
            let paused = own.filter_map(|(line, (breaker, code))| {
                let pause = breaker.paused_at(now)?;
                Some(Paused { rail: line.rail.clone(), doing: line.doing, pause, code })
            });
            paused.collect()
        })
    }

    fn sweep(&self, now: Timestamp) {
        if let Some(rules) = self.rules.filter(|_| !self.are_idle()) {
            self.change(|streaks| streaks.retain(|_, (breaker, _)| !breaker.is_over(&rules, now)));
        }
    }
}

/// On which rail something is done.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// On this one.
    Rail(&'a str),
    /// On that of a wallet; on none, if there is no wallet.
    Wallet(Option<WalletId>),
}

/// What a token is about to do on a rail. It is let through or not, and then told what came of it.
pub(crate) struct Circuit<'a> {
    bursar: &'a Bursar,
    actor: Actor,
    owner: UserId,
    token: TokenId,
    doing: Doing,
    place: Place<'a>,
}

impl Circuit<'_> {
    /// Lets the token through, unless it is paused there.
    pub(crate) fn check(&self) -> Result<(), ServiceError> {
        if self.bursar.breakers.are_idle() {
            return Ok(());
        }
        let (line, now) = (self.line(), self.bursar.clock.now());
        let found = self.bursar.breakers.change(|streaks| streaks.get(&line).copied());
        match found.and_then(|(breaker, code)| Some((breaker.paused_at(now)?, code))) {
            Some((Pause { failures, until, .. }, code)) => {
                Err(ServiceError::Broken { rail: line.rail, failures, code, until })
            }
            None => Ok(()),
        }
    }

    /// What came of a spend: one that was made anew is a success, one that was made before says nothing.
    pub(crate) async fn ended<T>(
        &self,
        asked: HoldId,
        spent: Result<T, ServiceError>,
        was_before: impl FnOnce(&T) -> bool,
    ) -> Result<T, ServiceError> {
        match &spent {
            Ok(done) if was_before(done) => {}
            Ok(_) => self.went_well(),
            Err(error) => {
                if let Some(code) = counted(error, asked) {
                    self.went_wrong(code).await;
                }
            }
        }
        spent
    }

    /// What came of a request to read. What the rail itself answers says nothing, be it an error.
    pub(crate) async fn read<T>(&self, result: Result<T, NoResult>) -> Result<T, NoResult> {
        match &result {
            Ok(_) => self.went_well(),
            Err(NoResult::Forbidden(forbidden)) => self.went_wrong(forbidden.why.code()).await,
            Err(NoResult::Rail(CallError::Unavailable(_))) => self.went_wrong("rail_unavailable").await,
            Err(NoResult::Rail(CallError::Refused { .. }) | NoResult::NoSuchWallet(_) | NoResult::Service(_)) => {}
        }
        result
    }

    /// What a request was understood as; one that is never carried out counts as gone wrong.
    pub(crate) async fn understood<T>(&self, meaning: Result<T, Forbidden>) -> Result<T, NoExchange> {
        if let Err(forbidden) = &meaning {
            self.check()?;
            self.went_wrong(forbidden.why.code()).await;
        }
        meaning.map_err(NoExchange::Forbidden)
    }

    /// What came of a request to read that was passed on as it is.
    pub(crate) async fn passed<T>(&self, answered: Result<T, ServiceError>) -> Result<T, ServiceError> {
        match &answered {
            Ok(_) => self.went_well(),
            // It is the operator's to mend, and no fault of the token.
            Err(ServiceError::RailCredentialRefused { .. }) => {}
            Err(ServiceError::AnswerTooLong { .. }) => self.went_wrong("upstream_answer_too_long").await,
            Err(_) => self.went_wrong("rail_unavailable").await,
        }
        answered
    }

    /// It was done as it was asked for.
    pub(crate) fn went_well(&self) {
        if !self.bursar.breakers.are_idle() {
            self.bursar.breakers.succeed(&self.line());
        }
    }

    /// It was refused, or failed. What brings a pause is written down, and the owner is told of the first of a streak.
    pub(crate) async fn went_wrong(&self, code: &'static str) {
        let Self { bursar, token, doing, .. } = *self;
        let line = self.line();
        let Some(pause) = bursar.breakers.fail(&line, code, bursar.clock.now()) else { return };
        let Line { rail, .. } = line;
        tracing::warn!(%token, rail, doing = doing.name(), code, until = %pause.until, "a token that only fails is paused");
        let data = vec![
            ("rail", rail.clone()),
            ("doing", doing.name().to_owned()),
            ("failures", pause.failures.to_string()),
            ("code", code.to_owned()),
            ("until", pause.until.to_string()),
        ];
        let write = Write { trace: Some(Trace::of("token.pause", "token", token, data)), ..Write::default() };
        if let Err(error) = bursar.write(self.actor, write).await {
            tracing::warn!(%token, %error, "a pause could not be noted");
        }
        if pause.is_first {
            let label = bursar.known.token(token).and_then(|known| known.token.label.clone());
            let label = label.unwrap_or_else(|| token.to_string());
            match bursar.owner(self.owner) {
                Ok(Some(owner)) => bursar.notify(&owner, &Notice::TokenPaused { label, rail, code, pause }),
                Ok(None) => {}
                Err(error) => tracing::warn!(%token, %error, "its owner could not be told of a pause"),
            }
        }
    }

    fn line(&self) -> Line {
        let rail = match self.place {
            Place::Rail(rail) => Some(rail.to_owned()),
            Place::Wallet(wallet) => wallet.and_then(|wallet| {
                let found = self.bursar.wallet_of(wallet, self.owner).ok().flatten();
                found.map(|(wallet, _)| wallet.rail.clone())
            }),
        };
        Line { token: self.token, doing: self.doing, rail: rail.unwrap_or_else(|| NO_RAIL.to_owned()) }
    }
}

impl Bursar {
    /// What a presenter is about to do with its own token.
    pub(crate) fn circuit<'a>(&'a self, principal: &Principal, doing: Doing, place: Place<'a>) -> Circuit<'a> {
        let (actor, owner, token) = (principal.actor(), principal.user(), principal.token().id);
        Circuit { bursar: self, actor, owner, token, doing, place }
    }

    /// What a service is about to have done with somebody's token.
    pub(crate) fn circuit_for<'a>(
        &'a self,
        service: &Principal,
        (token, owner): (TokenId, UserId),
        place: Place<'a>,
    ) -> Circuit<'a> {
        Circuit { bursar: self, actor: service.actor(), owner, token, doing: Doing::Spend, place }
    }

    /// Where a token is paused now.
    pub(crate) fn pauses_of(&self, token: TokenId) -> Vec<Paused> {
        self.breakers.of(token, self.clock.now())
    }

    /// Ends all pauses of a token: its owner has looked.
    pub(crate) fn end_pauses(&self, token: TokenId) {
        self.breakers.forget(token);
    }

    /// Forgets streaks that were over long ago.
    pub(crate) fn sweep_breakers(&self) {
        self.breakers.sweep(self.clock.now());
    }
}

/// The code of a failure that counts: a refusal, or a rail that does not do what it should. What is this server's own fault,
/// or has a limit of its own, does not; nor does asking again for a spend whose outcome is awaited.
fn counted(error: &ServiceError, asked: HoldId) -> Option<&'static str> {
    match error {
        ServiceError::Refused(refusal) => Some(refusal.code()),
        ServiceError::Invalid(_) => Some("invalid_field"),
        ServiceError::DuplicateSpend { .. } => Some("idempotency_key_used"),
        ServiceError::RailRefused { .. } | ServiceError::NotTaken(_) => Some("rail_refused"),
        ServiceError::RailUnavailable(_) => Some("rail_unavailable"),
        ServiceError::OutcomePending { hold } if *hold == asked => Some("outcome_pending"),
        _ => None,
    }
}
