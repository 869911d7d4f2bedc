//! Why a request may not pass, as proxies and applications behind them read it: a status, and headers beside an empty body.

use std::borrow::Cow;

use bursar_core::decimals::Decimals;
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::time::Timestamp;
use bursar_service::authenticate::Unauthenticated;
use bursar_service::error::ServiceError;

use crate::failure::Failure;
use crate::problem;

/// The longest reason that is told, in bytes: proxies refuse long headers.
const LONGEST_REASON: usize = 400;

/// What kind of refusal it is: what somebody can do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It takes a token, or another one.
    Unauthenticated,
    /// The limits leave no room for it.
    OutOfBudget,
    /// Somebody locked or froze what is to be spent with.
    Locked,
    /// It is not permitted, and will not be by waiting.
    NotAllowed,
    /// The token only fails, and is paused: whatever uses it has to be mended.
    Broken,
    /// Nothing was decided; asking again later may be answered.
    TryLater,
    /// It cannot be told what the request means.
    NotUnderstood,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::OutOfBudget => "out_of_budget",
            Self::Locked => "locked",
            Self::NotAllowed => "not_allowed",
            Self::Broken => "broken",
            Self::TryLater => "try_later",
            Self::NotUnderstood => "not_understood",
        }
    }
}

/// A request that may not pass.
#[derive(Debug)]
pub(super) struct Denied {
    pub(super) kind: Kind,
    /// The stable code.
    pub(super) code: Cow<'static, str>,
    /// The reason in words, fit for a header.
    pub(super) reason: String,
    /// Seconds after which asking again makes sense.
    pub(super) retry_after: Option<u64>,
    /// Whether a token was shown.
    pub(super) has_token: bool,
    /// What the limits have left that refused it.
    pub(super) reports: Vec<LimitReport>,
    /// The spend that its key stands for already.
    pub(super) spend: Option<String>,
}

impl Denied {
    pub(super) fn new(kind: Kind, code: &'static str, reason: &str) -> Self {
        let (code, reason) = (Cow::Borrowed(code), fit(reason));
        Self { kind, code, reason, retry_after: None, has_token: false, reports: Vec::new(), spend: None }
    }

    /// What the request means cannot be told.
    pub(super) fn unclear(code: &'static str, reason: &str) -> Self {
        Self::new(Kind::NotUnderstood, code, reason)
    }

    /// A refusal or fault of the use cases.
    pub(super) fn of(failure: Failure, now: Timestamp, decimals: &Decimals) -> Self {
        let kind = kind_of(&failure);
        let has_token = !matches!(failure, Failure::NoToken);
        let reports = failure.reports().to_vec();
        let spend = match &failure {
            Failure::Service(ServiceError::DuplicateSpend { hold } | ServiceError::OutcomePending { hold }) => {
                Some(hold.to_string())
            }
            _ => None,
        };
        let shown = failure.show("", now, decimals);
        let problem = problem::problem(shown.status.as_u16(), shown.body.to_value());
        let text = |name: &str| problem.get(name).and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned();
        let (code, reason) = (Cow::Owned(text("code")), fit(&text("detail")));
        Self { kind, code, reason, retry_after: shown.retry_after, has_token, reports, spend }
    }
}

fn kind_of(failure: &Failure) -> Kind {
    match failure {
        Failure::NoToken => Kind::Unauthenticated,
        Failure::Unauthenticated(Unauthenticated::Refused(refusal)) => of_refusal(refusal),
        Failure::Unauthenticated(Unauthenticated::Unavailable(error)) | Failure::Service(error) => of_error(error),
        Failure::Unauthenticated(Unauthenticated::ReplayMemoryFull) | Failure::NoRoomForBody => Kind::TryLater,
        Failure::BodyTooLong | Failure::BodyUnreadable => Kind::NotUnderstood,
        Failure::Unauthenticated(_) => Kind::Unauthenticated,
        _ => Kind::NotAllowed,
    }
}

fn of_error(error: &ServiceError) -> Kind {
    match error {
        ServiceError::Refused(refusal) => of_refusal(refusal),
        ServiceError::Invalid(_) => Kind::NotUnderstood,
        ServiceError::SessionLocked => Kind::Locked,
        ServiceError::Broken { .. } => Kind::Broken,
        ServiceError::Busy
        | ServiceError::TooManyLooks
        | ServiceError::ClockJump { .. }
        | ServiceError::StoreUnavailable(_)
        | ServiceError::Unavailable(_)
        | ServiceError::RailUnavailable(_)
        | ServiceError::OutcomePending { .. }
        | ServiceError::RateLimited { .. }
        | ServiceError::TooManyAttempts { .. } => Kind::TryLater,
        _ => Kind::NotAllowed,
    }
}

const fn of_refusal(refusal: &Refusal) -> Kind {
    match refusal {
        Refusal::TokenUnknown | Refusal::TokenRevoked { .. } | Refusal::TokenExpired { .. } => Kind::Unauthenticated,
        Refusal::LimitExceeded(_)
        | Refusal::NoLimit
        | Refusal::NoLimitForCoin { .. }
        | Refusal::NoLimitForFee { .. }
        | Refusal::FeeNotCounted { .. } => Kind::OutOfBudget,
        Refusal::Locked(_)
        | Refusal::NotUnlocked
        | Refusal::OwnerFrozen(_)
        | Refusal::WalletFrozen(_)
        | Refusal::OrganisationFrozen(_) => Kind::Locked,
        Refusal::OfService(refusal) => of_refusal(refusal),
        _ => Kind::NotAllowed,
    }
}

/// The text as a header may carry it.
fn fit(reason: &str) -> String {
    let plain = |character: char| if character == ' ' || character.is_ascii_graphic() { character } else { '?' };
    reason.chars().take(LONGEST_REASON).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use bursar_core::token::{Lock, LockedBy};

    use super::*;

    #[test]
    fn a_reason_never_breaks_out_of_its_header() {
        assert_eq!(fit("a\r\nSet-Cookie: x\u{e9}\0"), "a??Set-Cookie: x??");
        assert_eq!(fit(&"x".repeat(100_000)).len(), LONGEST_REASON);
    }

    #[test]
    fn out_of_budget_locked_not_allowed_broken_and_try_later_are_told_apart() {
        let denied = |error: ServiceError| {
            let denied = Denied::of(error.into(), Timestamp::default(), &Decimals::default());
            (denied.kind.name(), denied.code.into_owned())
        };
        assert_eq!(denied(Refusal::NoLimit.into()), ("out_of_budget", "no_limit".to_owned()));
        let since = Timestamp::default();
        assert_eq!(
            denied(Refusal::Locked(Lock { since, by: LockedBy::Owner }).into()),
            ("locked", "locked".to_owned())
        );
        assert_eq!(denied(Refusal::WalletNotPermitted.into()), ("not_allowed", "wallet_not_permitted".to_owned()));
        let broken =
            ServiceError::Broken { rail: "llm".to_owned(), failures: 50, code: "limit_exceeded", until: since };
        assert_eq!(denied(broken), ("broken", "broken".to_owned()));
        assert_eq!(denied(ServiceError::Busy), ("try_later", "busy".to_owned()));
    }
}
