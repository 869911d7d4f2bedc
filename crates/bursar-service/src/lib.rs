//! The use cases of Bursar: log in, issue, unlock, spend, and what surrounds them.
//!
//! Every surface calls these and nothing else, so that a rule stands in one place. Nothing here knows
//! HTTP or SQL; the clock, randomness, store and rails are given. No use case changes a budget: that is
//! the ledger's alone.

pub mod accounts;
pub mod allow;
pub mod allow_rules;
pub mod allowed_wallets;
pub mod archive;
pub mod authenticate;
pub mod breakers;
mod broken;
pub mod condition;
pub mod conservation;
mod destinations;
pub mod dialect;
pub mod documents;
mod each;
pub mod enrolment;
pub mod error;
pub mod exceeded;
pub mod exchange;
pub mod expiries;
pub mod factors;
pub mod feed;
pub mod flow;
mod follow;
pub mod freezes;
mod hashing;
pub mod holding;
mod horizon;
mod in_flight;
pub mod introspect;
pub mod invitations;
pub mod issue;
mod known;
pub mod limits;
pub mod live;
pub mod login;
pub mod mail;
mod master_key;
pub mod members;
mod memory;
pub mod names;
pub mod new_wallet;
pub mod notices;
mod opening;
pub mod operator_limits;
pub mod organisations;
mod outcome;
pub mod outflows;
mod passkey_answer;
pub mod passkey_sign_in;
pub mod passkeys;
mod pending;
pub mod people;
mod power;
mod proof;
pub mod proxy;
pub mod rail;
pub mod rail_credentials;
pub mod rails;
mod rates;
mod reads;
pub mod reconcile;
mod recovery_codes;
mod refused;
pub mod relying_party;
pub mod remove_wallet;
pub mod replay;
pub mod reset;
pub mod resolve;
pub mod retention;
pub mod rotate;
mod seen;
pub mod services;
pub mod sessions;
pub mod sign_in;
pub mod spend;
pub mod step_up;
mod stored;
pub mod sweep;
pub mod trail;
mod turns;
pub mod unlock;
pub mod wallet_members;
pub mod wallets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bursar_core::ambient::{Clock, Random};
use bursar_core::audit::Actor;
use bursar_core::breaker::BreakerRules;
use bursar_core::decimals::Decimals;
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Outcome, Request, Write};
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_identity::attempts::Attempts;
use bursar_identity::fixed_otp::FixedOtp;
use bursar_identity::password::PasswordCost;
use bursar_ledger::{Ledger, Settings};
pub use bursar_store::Page;
use bursar_store::seal::Sealer;
use bursar_store::{Store, StoreError};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::breakers::Breakers;
use crate::enrolment::{MOST_ENROLMENTS, MOST_ENROLMENTS_OF_ONE, PendingPasskey, PendingTotp};
use crate::error::ServiceError;
use crate::exceeded::Alarms;
use crate::follow::UnderWaySpends;
use crate::hashing::Hashing;
use crate::horizon::Horizon;
use crate::in_flight::InFlight;
use crate::known::Known;
use crate::mail::{Outbox, Post};
use crate::memory::RailMemory;
use crate::passkey_sign_in::OpenChallenge;
use crate::passkeys::{Challenge, MOST_CHALLENGES, MOST_CHALLENGES_OF_ONE};
use crate::pending::Pending;
use crate::proof::AttemptTurns;
use crate::rail::Rail;
use crate::rails::Found;
use crate::rates::Rates;
use crate::reads::Reads;
use crate::relying_party::RelyingParty;
use crate::replay::Replays;
use crate::seen::Seen;
use crate::sign_in::{MOST_SIGN_INS, MOST_SIGN_INS_OF_ONE, UnderWay};
use crate::spend::untaken::Outcomes;
use crate::turns::Turns;

/// How many names that nobody has are remembered with their failed logins.
const STRANGERS: usize = 10_000;

/// What an operator decides about the use cases.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Evidence that this is the test environment, where seeded users have a fixed one-time password,
    /// and scope `all` exists.
    pub fixed_otp: Option<FixedOtp>,
    /// The environment's name, `origin` on the wire.
    pub origin: String,
    /// How long a login lasts.
    pub session: Span,
    /// How long a token lasts when nothing was said.
    pub default_duration: Span,
    /// The longest life a token may be given.
    pub longest_duration: Span,
    /// How many long-lived tokens a user may have at once.
    pub tokens_per_user: u64,
    /// Which tokens need an IP restriction.
    pub require_ip_restriction: RequireIp,
    /// Whether an unlock drops a token's limits for good, as BitGo's does (WC §4.3).
    pub unlock_drops_limits: bool,
    /// Whether tokens are handed out encrypted to users with an ECDH key (WC §3.4). Only for clients that
    /// are all given this server's public key: others could not open them.
    pub ecdh_issuance: bool,
    /// Whether logins and one-time passwords are limited by rate.
    pub rate_limits: bool,
    /// Whom passkeys are made for; nobody, if absent.
    pub relying_party: Option<RelyingParty>,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// When a rail's answer to a spend is overdue.
    pub spend_deadline: Span,
    /// Whether a wallet is frozen when money leaves it that no spend explains.
    pub freeze_unexplained: bool,
    /// When a token that only fails is paused; never, if absent.
    pub breaker: Option<BreakerRules>,
    /// How long settled spends are kept one by one; for good, if absent.
    pub retention: Option<Span>,
}

/// Which tokens need an IP restriction (WC §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequireIp {
    /// None.
    Off,
    /// Those that can move money.
    Spend,
    /// All.
    All,
}

/// What the use cases are built on.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of chance.
    pub random: Arc<dyn Random>,
    /// Seals what is kept.
    pub sealer: Sealer,
    /// Rails by name.
    pub rails: BTreeMap<String, Arc<dyn Rail>>,
    /// The key that tokens are handed out under to clients with an ECDH key (WC §3.4), an xprv.
    pub ecdh_key: Secret<String>,
    /// Its public half.
    pub ecdh_public_key: String,
    /// How mails are sent; without it none are.
    pub mail: Option<Post>,
    /// What the operator decided.
    pub policy: Policy,
    /// Bounds of the engine.
    pub engine: Settings,
}

/// Bursar's use cases.
pub struct Bursar {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reads: Reads,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) rails: BTreeMap<String, Arc<dyn Rail>>,
    decimals: Arc<Decimals>,
    pub(crate) ecdh_key: Secret<String>,
    pub(crate) ecdh_public_key: String,
    pub(crate) policy: Policy,
    pub(crate) known: Arc<Known>,
    pub(crate) replays: Replays,
    /// Failed logins under names that nobody has.
    pub(crate) strangers: Cache<String, Attempts>,
    pub(crate) attempt_turns: AttemptTurns,
    pub(crate) hashing: Hashing,
    pub(crate) rates: Rates,
    pub(crate) seen: Seen,
    /// Sign-ins whose password was right and whose second factor is still to come.
    pub(crate) sign_ins: Pending<UnderWay>,
    /// Challenges for the passkeys of somebody, and for those of nobody in particular.
    pub(crate) challenges: Pending<Challenge>,
    pub(crate) open_challenges: Pending<OpenChallenge>,
    /// Second factors that have not shown yet that they work.
    pub(crate) enrolments: Pending<PendingTotp>,
    pub(crate) registrations: Pending<PendingPasskey>,
    pub(crate) outbox: Outbox,
    /// Requests for a new password that are being looked into.
    pub(crate) resets: Arc<Semaphore>,
    /// State changes signed before this are refused: they may have been seen by an earlier run.
    pub(crate) started: Timestamp,
    pub(crate) horizon: Horizon,
    /// Spends that a rail has and that are not final yet.
    pub(crate) under_way: UnderWaySpends,
    pub(crate) in_flight: InFlight,
    pub(crate) outcomes: Outcomes,
    pub(crate) alarms: Alarms,
    pub(crate) outflows: AtomicU64,
    pub(crate) breakers: Breakers,
    pub(crate) found: Found,
    pub(crate) turns: Turns,
    /// Whose turn it is to gather long answers.
    pub(crate) long_answers: Semaphore,
    pub(crate) checked: conservation::Checked,
    #[cfg(feature = "break-no-hold")]
    pub(crate) ignores_limits: bool,
}

impl Bursar {
    /// Starts the engine and opens for business. What an earlier run left unsettled is to be swept
    /// before the first request: [`Bursar::sweep`].
    ///
    /// # Errors
    /// The store does not answer.
    pub fn start(parts: Parts) -> Result<Self, StoreError> {
        let known = Arc::new(Known::new());
        let observer = Arc::clone(&known) as Arc<dyn bursar_ledger::Observer>;
        let mut writer = parts.store.writer()?;
        // A clock that was set back does not make old signatures new.
        let horizon = Horizon::load(parts.store.reader()?.as_mut())?;
        let started = parts.clock.now().max(writer.position()?.time).max(horizon);
        let ledger = Ledger::start(writer, Arc::clone(&parts.clock), observer, parts.engine)?;
        Ok(Self {
            ledger: Arc::new(ledger),
            reads: Reads::new(parts.store),
            started,
            horizon: Horizon::at(horizon),
            clock: parts.clock,
            random: parts.random,
            sealer: Arc::new(parts.sealer),
            decimals: Arc::new(Decimals::declared(parts.rails.values().flat_map(|rail| rail.decimals()))),
            rails: parts.rails,
            ecdh_key: parts.ecdh_key,
            ecdh_public_key: parts.ecdh_public_key,
            attempt_turns: AttemptTurns::new(),
            hashing: Hashing::new(parts.policy.password_cost),
            rates: Rates::new(parts.policy.rate_limits),
            breakers: Breakers::new(parts.policy.breaker),
            found: Found::default(),
            turns: Turns::new(),
            long_answers: Semaphore::new(proxy::LONG_AT_ONCE),
            policy: parts.policy,
            known,
            replays: Replays::new(),
            strangers: Cache::new(STRANGERS),
            seen: Seen::new(),
            sign_ins: Pending::new(MOST_SIGN_INS, MOST_SIGN_INS_OF_ONE),
            challenges: Pending::new(MOST_CHALLENGES, MOST_CHALLENGES_OF_ONE),
            open_challenges: Pending::new(MOST_CHALLENGES, MOST_CHALLENGES),
            enrolments: Pending::new(MOST_ENROLMENTS, MOST_ENROLMENTS_OF_ONE),
            registrations: Pending::new(MOST_ENROLMENTS, MOST_ENROLMENTS_OF_ONE),
            outbox: Outbox::new(parts.mail),
            resets: Arc::new(Semaphore::new(reset::MOST_AT_ONCE)),
            under_way: UnderWaySpends::default(),
            in_flight: InFlight::default(),
            outcomes: Outcomes::default(),
            alarms: Alarms::default(),
            outflows: AtomicU64::new(0),
            checked: conservation::Checked::default(),
            #[cfg(feature = "break-no-hold")]
            ignores_limits: false,
        })
    }

    /// What the operator decided.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// In which units limits are written: those that Bursar knows, and those that rails declare.
    pub fn decimals(&self) -> &Decimals {
        &self.decimals
    }

    /// The clock's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Random bytes, for ids of requests.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        self.random.bytes()
    }

    /// The public half of the key that tokens are handed out under to clients with an ECDH key.
    pub fn ecdh_public_key(&self) -> &str {
        &self.ecdh_public_key
    }

    /// Takes the wall clock's time for right, after it has jumped.
    pub fn accept_clock(&self) {
        self.ledger.accept_clock();
    }

    /// Takes no more commands and returns when everything that was taken is durable.
    pub fn close(&self) {
        self.ledger.close();
    }

    /// Gives the outcomes of spends that the store did not take until it takes them.
    pub async fn give_outcomes(&self) {
        self.outcomes.give_now().await;
    }

    /// Those that it has not taken, each in words: nobody knows of them when this process is gone.
    pub fn outcomes_left(&self) -> Vec<(HoldId, String)> {
        self.outcomes.left()
    }

    pub(crate) async fn command(&self, actor: Actor, command: Command) -> Result<Outcome, ServiceError> {
        Ok(self.ledger.submit(Request { actor, command }).await?)
    }

    pub(crate) async fn write(&self, actor: Actor, write: Write) -> Result<Outcome, ServiceError> {
        self.command(actor, Command::Write(write)).await
    }

    /// Writes what was decided on records that must still be so.
    pub(crate) async fn must_write(&self, actor: Actor, write: Write) -> Result<(), ServiceError> {
        match self.write(actor, write).await? {
            Outcome::Written => Ok(()),
            _ => Err(ServiceError::Conflict("it changed in the meantime; try again".to_owned())),
        }
    }

    /// What a rail keeps in the store.
    pub(crate) fn memory(&self, rail: &str) -> RailMemory {
        RailMemory {
            rail: rail.into(),
            ledger: Arc::clone(&self.ledger),
            reads: self.reads.clone(),
            sealer: Arc::clone(&self.sealer),
            random: Arc::clone(&self.random),
            with_outcome: Arc::default(),
        }
    }

    pub(crate) fn rail(&self, name: &str) -> Result<&Arc<dyn Rail>, ServiceError> {
        self.rails.get(name).ok_or_else(|| ServiceError::Unavailable(format!("rail `{name}` is not configured")))
    }
}
