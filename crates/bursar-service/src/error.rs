//! Why a use case did not do what it was asked. One type for all surfaces; each maps it to its own form.

use std::fmt;

use bursar_core::account::MemberRole;
use bursar_core::decimals::Decimals;
use bursar_core::hold::HoldState;
use bursar_core::id::HoldId;
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::text::one_line;
use bursar_core::time::{Span, Timestamp};
use bursar_ledger::LedgerError;
use bursar_store::StoreError;
use bursar_wire::json::FieldError;

use crate::rail::{RailError, Unread};

/// Why a use case did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServiceError {
    /// A decision, with its explanation.
    Refused(Box<Refusal>),
    /// The request cannot be: a field and what is wrong with it.
    Invalid(FieldError),
    /// There is no such thing, or the caller may not know that there is.
    NotFound(&'static str),
    /// A rail has no such path; the text says which it has.
    NoSuchPath(&'static str),
    /// Something else has that name, or changed in the meantime.
    Conflict(String),
    /// Who is asking was not proven.
    Unproven(Unproven),
    /// Only a service's credential may do this.
    ServiceOnly,
    /// A service's credential spends nothing itself, so it has no limits and no unlock.
    SpendsNothingItself,
    /// Only a person's session may do this, never a token of software.
    PersonOnly,
    /// The caller has no second factor, which this needs: one has to be enrolled first.
    SecondFactorRequired,
    /// The last second factor stays: an organisation demands one.
    LastFactor,
    /// The session is too old for this; signing in again makes one that is not.
    SignInAgain,
    /// The session has to be unlocked first.
    SessionLocked,
    /// The account must not be used for now: too many attempts from here.
    TooManyAttempts {
        /// The first instant at which another attempt is looked at.
        until: Timestamp,
    },
    /// Too many requests from here.
    RateLimited {
        /// How long to wait.
        retry_after: Span,
    },
    /// The token does nothing on this rail but fail, and is paused there.
    Broken {
        /// The rail; `-` for spends without a wallet.
        rail: String,
        /// The failures in a row that led to it.
        failures: u32,
        /// The code of the last of them.
        code: &'static str,
        /// The first instant at which it is let through again.
        until: Timestamp,
    },
    /// The running unlock lasts longer than the one asked for.
    UnlockedLonger {
        /// Until when.
        until: Timestamp,
    },
    /// The key of this spend names another one.
    DuplicateSpend {
        /// The spend it names.
        hold: HoldId,
    },
    /// The spend is there, but what became of it is not known yet. It stays held; asking again is safe under its name only.
    OutcomePending {
        /// The spend.
        hold: HoldId,
    },
    /// The rail would not carry it out; nothing moved.
    RailRefused {
        /// The spend.
        hold: HoldId,
        /// Why, in the rail's words.
        reason: String,
    },
    /// The rail does not take what was asked, in its words; nothing was held.
    NotTaken(String),
    /// A second factor of the moment is needed for this, and none came.
    StepUpNeeded,
    /// The link was used before, is over, or never was one; which of them is not told.
    LinkOver,
    /// This server sends no mail.
    NoMail,
    /// There is an account of this address already: its owner signs in and joins with it.
    AccountExists,
    /// It needs this role in the organisation.
    RoleNeeded {
        /// The least that does.
        role: MemberRole,
    },
    /// An organisation keeps at least one owner.
    LastOwner,
    /// There is no freeze to lift.
    NotFrozen {
        /// What of: `account`, `wallet` or `organisation`.
        what: &'static str,
    },
    /// The token has two living secrets already, and the newer one is in use.
    RotationUnderWay {
        /// Until when the older one lives.
        until: Timestamp,
    },
    /// What was made under this key carries a secret, which is never shown twice.
    AlreadyCreated {
        /// The id of what was made.
        id: String,
    },
    /// The server's clock has jumped; nothing is spent until that is undone or accepted.
    ClockJump {
        /// By how many milliseconds, forward if positive.
        by: i64,
    },
    /// Too much is waiting; nothing was done.
    Busy,
    /// Too many looks of this user wait: at the trail, at spends, at what limits count.
    TooManyLooks,
    /// The store takes or tells nothing now: its disk is full, read-only or gone. The same request may be
    /// sent again, and passes once the store is well.
    StoreUnavailable(String),
    /// The rail does not answer, or not as it has to; nothing was done.
    RailUnavailable(String),
    /// The rail's upstream answered a read with more than is read before it goes on.
    AnswerTooLong {
        /// How much that is, in bytes.
        most: usize,
    },
    /// The rail's upstream does not take the credential that Bursar shows it: the operator's to mend, and no word on the
    /// caller's token.
    RailCredentialRefused {
        /// The spend that was asked for, settled as its rule says.
        hold: Option<HoldId>,
    },
    /// A part of Bursar does not work; nothing was done.
    Unavailable(String),
}

/// How a proof of identity failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// Username or password is wrong; which of them is not told.
    Password,
    /// A one-time password is needed and none came.
    OtpMissing,
    /// The one-time password is wrong.
    OtpWrong,
    /// The one-time password is right and was used before.
    OtpUsed {
        /// When the next one starts.
        next_at: Timestamp,
    },
    /// The signature of an extension is wrong.
    Signature,
    /// There is no such sign-in under way: it took too long, too much was tried, or it is over.
    SignIn,
    /// A passkey's answer is wrong, late, or was asked for by somebody else or for something else.
    Passkey,
    /// A passkey's counter does not go on: there are two of it.
    PasskeyCopied,
}

impl ServiceError {
    /// A field and what is wrong with it.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(FieldError { field: field.into(), problem: problem.into() })
    }

    /// What the limits that refused a spend have left.
    pub fn reports(&self) -> &[LimitReport] {
        match self {
            Self::Refused(refusal) => match refusal.as_ref() {
                Refusal::LimitExceeded(reports) => reports,
                _ => &[],
            },
            _ => &[],
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<FieldError> for ServiceError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error)
    }
}

impl From<Unproven> for ServiceError {
    fn from(unproven: Unproven) -> Self {
        Self::Unproven(unproven)
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StoreUnavailable(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<LedgerError> for ServiceError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full => Self::Busy,
            LedgerError::ClockJump { by } => Self::ClockJump { by },
            LedgerError::Violated(_) => Self::Conflict("something of this name is there already".to_owned()),
            LedgerError::Unavailable(problem) => Self::StoreUnavailable(problem),
            LedgerError::Closed | LedgerError::Failed(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<RailError> for ServiceError {
    fn from(error: RailError) -> Self {
        match error {
            RailError::Invalid { field, problem } => Self::invalid(field, problem),
            RailError::Refused(reason) => Self::NotTaken(one_line(&reason, HoldState::LONGEST_REASON)),
            RailError::UnknownWallet => Self::Unavailable("the rail does not know this wallet".to_owned()),
            RailError::Unavailable(problem) => Self::RailUnavailable(one_line(&problem, HoldState::LONGEST_REASON)),
        }
    }
}

impl From<Unread> for ServiceError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Unavailable(problem) => RailError::Unavailable(problem).into(),
            Unread::TooLong(most) => Self::AnswerTooLong { most },
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Whoever has the rails' decimals at hand tells it in units.
            Self::Refused(refusal) => f.write_str(&refusal.sentence(&Decimals::default())),
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::NoSuchPath(has) => write!(f, "there is no such path on this rail: {has}"),
            Self::Conflict(what) => f.write_str(what),
            Self::Unproven(Unproven::Password) => f.write_str("username or password is wrong"),
            Self::Unproven(Unproven::OtpMissing) => f.write_str("a one-time password is needed"),
            Self::Unproven(Unproven::OtpWrong) => f.write_str("invalid otp: the one-time password is wrong"),
            Self::Unproven(Unproven::OtpUsed { next_at }) => {
                write!(f, "invalid otp: this one-time password was used before; the next one starts at {next_at}")
            }
            Self::Unproven(Unproven::Signature) => f.write_str("the signature is not one of the session's address"),
            Self::Unproven(Unproven::SignIn) => f.write_str("this sign-in is over; begin again with the password"),
            Self::Unproven(Unproven::Passkey) => f.write_str(
                "the passkey's answer does not fit: ask for a challenge for exactly this, and answer it once",
            ),
            Self::Unproven(Unproven::PasskeyCopied) => f.write_str(
                "the passkey's counter does not go on, so somebody may have a copy of it; use another factor",
            ),
            Self::LastFactor => f.write_str(
                "this is the last second factor, and your organisation demands one; add another first, then remove it",
            ),
            Self::SignInAgain => {
                f.write_str("for a first second factor sign in again, and enrol it within ten minutes")
            }
            Self::SecondFactorRequired => {
                f.write_str("the account has no second factor; enrol one first, then this can be done")
            }
            Self::PersonOnly => f.write_str("only a person's login session may do this, never an access token"),
            Self::ServiceOnly => f.write_str("only the credential of a service may do this"),
            Self::SpendsNothingItself => f.write_str(
                "this is the credential of a service: it spends nothing itself and only settles what it holds for other \
                 tokens, so limits, destinations and unlocks would hold nothing here; set them on those tokens, on the wallet \
                 or on the organisation, and narrow the service to wallets when it is made",
            ),
            Self::SessionLocked => f.write_str("the session has to be unlocked with a one-time password first"),
            Self::TooManyAttempts { until } => {
                write!(f, "too many wrong attempts; the next is looked at from {until} on")
            }
            Self::RateLimited { retry_after } => {
                write!(f, "too many requests; try again in {} s", retry_after.as_seconds_ceil())
            }
            Self::Broken { rail, failures, code, until } => write!(
                f,
                "{failures} requests in a row came to nothing on rail `{rail}`, the last with `{code}`, so the token is \
                 paused there until {until}; mend what fails before you go on, or the next pause is longer. An unlock by \
                 its owner ends it at once"
            ),
            Self::UnlockedLonger { until } => write!(f, "Session already unlocked longer, until {until}"),
            Self::DuplicateSpend { hold } => write!(
                f,
                "the name of this request (`sequenceId`, or its Idempotency-Key) is that of another spend, {hold}; give a new \
                 spend a name of its own"
            ),
            Self::OutcomePending { hold } => {
                write!(
                    f,
                    "what became of spend {hold} is not known yet; it stays held, and `GET /bursar/v1/spends/{hold}` \
                     tells. The same request is the same spend only under its own sequenceId, or Idempotency-Key where \
                     that names spends; without one it would be another"
                )
            }
            Self::RailUnavailable(problem) => write!(f, "the rail cannot be used now: {problem}; nothing was done"),
            Self::AnswerTooLong { most } => write!(
                f,
                "the upstream's answer is longer than the {most} bytes that `max_answer_bytes` of its rail lets a signed request \
                 have; ask for less, or with the bearer alone: what is not signed goes on while it comes, however long it is"
            ),
            Self::RailCredentialRefused { .. } => f.write_str(
                "the rail's upstream does not take the credential that Bursar shows it, so this was not done; your token is \
                 not at fault, and another one does not help: whoever runs this server has to mend the rail's credential",
            ),
            Self::NotTaken(reason) => write!(f, "the rail does not take it: {reason}"),
            Self::RailRefused { reason, .. } => write!(f, "the rail would not send it: {reason}"),
            Self::LinkOver => f.write_str("the link was used before, or its time is over; ask for a new one"),
            Self::NoMail => f.write_str("this server sends no mail; ask whoever runs it"),
            Self::AccountExists => {
                f.write_str("there is an account of this address already; sign in with it and take the invitation then")
            }
            Self::RoleNeeded { role } => write!(f, "this needs the role `{}` in the organisation", role.as_str()),
            Self::NotFrozen { what } => write!(f, "the {what} is not frozen, so nothing was lifted"),
            Self::LastOwner => {
                f.write_str("an organisation keeps at least one owner who is not frozen; make somebody else one first")
            }
            Self::StepUpNeeded => f.write_str("this allows more than before and needs a one-time password"),
            Self::RotationUnderWay { until } => write!(
                f,
                "the token has two secrets and both are in use, the older one until {until}; \
                 rotate again after that, or end the older one now with `POST /bursar/v1/tokens/{{id}}/end-old-secret`. A \
                 rotation with an overlap of 0 ends both"
            ),
            Self::AlreadyCreated { id } => {
                write!(f, "it was made before, as {id}; what was secret about it is not shown again")
            }
            Self::ClockJump { by } => {
                let seconds = by.div_euclid(1000);
                write!(
                    f,
                    "the server's clock has jumped by {seconds} s; nothing is spent until that is undone or accepted"
                )
            }
            Self::Busy => f.write_str("too much is waiting; try again soon"),
            Self::TooManyLooks => f.write_str(
                "too many looks of this user at the trail, at spends or at what limits count wait already; \
                 let some of them end, and ask again",
            ),
            Self::StoreUnavailable(problem) | Self::Unavailable(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for ServiceError {}
