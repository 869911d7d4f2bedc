//! What can be asked of the ledger, and what it answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::amount::Amount;
use crate::audit::{Actor, Event};
use crate::coin::Coin;
use crate::hold::{Hold, Payee, SpendKey, names};
use crate::id::{HoldId, OrganisationId, TokenId, WalletId};
use crate::ledger::fees::FeeCeiling;
use crate::ledger::state::{Key, Record, Version};
use crate::limit::{InvalidLimit, LimitReport, LimitSet, Subject};
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};
use crate::token::{LockedBy, Token};

/// A command and who gives it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who gives it.
    pub actor: Actor,
    /// What is to happen.
    pub command: Command,
}

/// What can be asked of the ledger. Each either happens in full, in one transaction with its audit
/// event, or not at all.
#[derive(Clone, Debug)]
pub enum Command {
    /// Writes records whose content other crates decided, provided nothing they read has changed.
    Write(Write),
    /// Holds budget for a spend.
    Hold(Box<HoldRequest>),
    /// The money moved.
    Capture {
        /// Which spend.
        hold: HoldId,
        /// How much left, a fee in the same coin included; recorded in full, also above what was held.
        amount: Amount,
        /// The fee that was really paid.
        fee: Amount,
        /// What the rail calls it.
        reference: String,
        /// Whose word it is.
        by: Settler,
    },
    /// The money did not move and will not.
    Release {
        /// Which spend.
        hold: HoldId,
        /// Why not.
        reason: String,
        /// Whose word it is.
        by: Settler,
    },
    /// Nobody knows whether the money moved: the rail did not say, or an answer is overdue.
    Expire {
        /// Which spend.
        hold: HoldId,
        /// Whether that is so because its deadline is over, which is by ledger time; otherwise the rail
        /// itself does not know.
        overdue: bool,
        /// What the rail told in place of an outcome, for people.
        reason: String,
    },
    /// Changes the rules of a subject.
    SetLimits(Box<LimitEdit>),
    /// Lets go of spends that were settled long ago, and keeps their sums.
    Forget {
        /// Which.
        holds: Vec<HoldId>,
        /// Only those settled longer ago than this, by ledger time.
        kept: Span,
    },
    /// Lets a token spend without its own limits for a while. The proof was checked before.
    Unlock {
        /// Which token.
        token: TokenId,
        /// For how long; never past the token's end.
        duration: Span,
        /// What comes with it.
        how: Unlocking,
    },
    /// Ends a running unlock and stops the token from spending until it is resumed.
    Lock {
        /// Which token.
        token: TokenId,
        /// Why.
        by: LockedBy,
    },
    /// Ends the token for good.
    Revoke {
        /// Which token.
        token: TokenId,
    },
    /// Moves the end of a session.
    Extend {
        /// Which token.
        token: TokenId,
        /// Its new end.
        until: Timestamp,
    },
}

/// What comes with an unlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unlocking {
    /// Whether an earlier lock is lifted for good.
    pub resume: bool,
    /// Whether the token's limits are gone for good, as BitGo has it.
    pub drop_limits: bool,
    /// Whether its budgets were just found to say what its spends say: without that, what the check of the ledger stopped
    /// stays stopped.
    pub agrees: bool,
}

/// On whose word a spend is settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settler {
    /// The rail that carried it out, or was to.
    Rail,
    /// The service that held it, and moved the money or did not.
    Service {
        /// Its credential; nobody settles what another holds.
        token: TokenId,
        /// Whether a person stands behind it with a second factor: needed to release after the deadline, in whole or
        /// in part, and to capture what was released.
        stepped_up: bool,
    },
    /// A person, who looked (P4).
    Person {
        /// What they saw.
        evidence: String,
    },
}

/// New rules for a subject, made by somebody who saw the old ones.
#[derive(Clone, Debug)]
pub struct LimitEdit {
    /// Whose.
    pub subject: Subject,
    /// The version that was seen; 0 if there were none.
    pub seen: Version,
    /// The rules there shall be.
    pub rules: LimitSet,
    /// Whether a second factor of the moment stands behind it: needed to loosen, not to tighten.
    pub stepped_up: bool,
}

/// Records to write if, and only if, what was read is still so.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// The versions the decision was made on; 0 demands that there is no such record, and of a [`Key::History`] that
    /// nothing was spent or is held.
    pub read: Vec<(Key, Version)>,
    /// What to write.
    pub put: Vec<Record>,
    /// What to remove.
    pub delete: Vec<Key>,
    /// What happened, as the audit log tells it.
    pub trace: Option<Trace>,
}

/// What the audit log will tell of a command; time and actor are added by the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// What was done: `token.issue`, `spend.hold`, ...
    pub action: &'static str,
    /// To what, its kind first: `token:<id>`.
    pub subject: String,
    /// Figures and facts; never a secret.
    pub data: Vec<(&'static str, String)>,
}

impl Trace {
    /// What is told of something done to what has this kind and id.
    pub fn of(action: &'static str, kind: &str, id: impl fmt::Display, data: Vec<(&'static str, String)>) -> Self {
        Self { action, subject: format!("{kind}:{id}"), data }
    }
}

/// A spend that asks for its hold. Everything in it was read from the request or made by Bursar; whether
/// it may happen is decided on the ledger's own records.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    /// The id the spend will have.
    pub id: HoldId,
    /// The token that spends.
    pub token: TokenId,
    /// Where it is used from.
    pub address: IpAddr,
    /// The wallet it spends from, if the money is in one that Bursar knows.
    pub wallet: Option<WalletId>,
    /// Whose money it is, where no wallet says so.
    pub organisation: Option<OrganisationId>,
    /// The coin that the request names.
    pub coin: Coin,
    /// Who gets how much.
    pub payees: Vec<Payee>,
    /// The coin that pays the fee.
    pub fee_coin: Coin,
    /// The greatest fee the rail may take.
    pub fee: Amount,
    /// The most that fees may take of the wallet, if a rail says so; else a limit has to count the fee.
    pub fee_ceiling: Option<FeeCeiling>,
    /// The name the client chose for the spend.
    pub key: Option<SpendKey>,
    /// A hash of what is meant.
    pub meaning: [u8; 32],
    /// The transaction that was built before and is to be sent; empty if the rail makes it.
    pub instruction: Vec<u8>,
    /// The comment that came with it.
    pub comment: Option<String>,
    /// Whether a one-time password came with it: an unlock for this spend alone.
    pub stepped_up: bool,
    /// The service credential that holds it for its spender, if that is who asks.
    pub holder: Option<TokenId>,
    /// Whether it counts as captured once its deadline is over: nobody else will say what became of it.
    pub captures_itself: bool,
    /// How long the rail's answer may take.
    pub patience: Span,
    /// The versions on which it was decided who asks: if one has changed, nothing is held.
    pub read: Vec<(Key, Version)>,
}

impl HoldRequest {
    /// All keys that will name the spend.
    pub fn names(&self) -> Vec<SpendKey> {
        names(self.key.as_ref(), self.wallet, &self.instruction)
    }
}

/// What the ledger answers.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The records were written.
    Written,
    /// Something the decision was made on has changed; read again and decide again.
    Conflict(Key),
    /// Budget is held; the spend may go to the rail.
    Held {
        /// The spend.
        hold: Arc<Hold>,
        /// What each limit it falls under said.
        reports: Vec<LimitReport>,
    },
    /// The key names a spend that is there already.
    Known {
        /// That spend.
        hold: Arc<Hold>,
        /// Whether it means the same as what was asked.
        same: bool,
    },
    /// It may not be done.
    Refused(Refusal),
    /// The spend is settled, now or before.
    Settled {
        /// The spend as it stands.
        hold: Arc<Hold>,
        /// Whether it was settled before, so that nothing changed.
        before: bool,
    },
    /// There is no such spend, or not for whoever asks.
    NoSuchHold,
    /// So many settled spends are no longer kept one by one.
    Forgotten {
        /// How many.
        spends: u64,
    },
    /// Only a person with a second factor may do this.
    StepUpNeeded,
    /// The rules cannot be.
    Invalid(InvalidLimit),
    /// The rules of a subject as they stand.
    Limits {
        /// The rules.
        rules: Box<LimitSet>,
        /// Their version.
        version: Version,
    },
    /// The token as it stands.
    Token(Box<Token>),
    /// The unlock that is running lasts longer than the one asked for.
    UnlockedLonger {
        /// Until when.
        until: Timestamp,
    },
}

/// What a command did: its answer, and what the audit log tells of it.
#[derive(Debug)]
pub struct Applied {
    /// The answer.
    pub outcome: Outcome,
    /// The trace it leaves.
    pub event: Option<Event>,
}
