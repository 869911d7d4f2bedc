//! Refusals and faults as the BitGo wire writes them (WC §4.4, §7): status, stable name, what is wrong.
//!
//! A fault of ours tells the caller that there is one and the log what it is.

use axum::http::StatusCode;
use bursar_core::decimals::Decimals;
use bursar_core::id::HoldId;
use bursar_core::limit::LimitReport;
use bursar_core::time::Timestamp;
use bursar_rails::Forbidden;
use bursar_rails::forbidden::Why;
use bursar_service::authenticate::Unauthenticated;
use bursar_service::error::{ServiceError, Unproven};
use bursar_service::exchange::NoExchange;
use bursar_service::rail::UPSTREAM_LOCKED;
use bursar_wire::error::ErrorBody;
use bursar_wire::json::FieldError;
use bursar_wire::shapes;

use crate::framing::Fault;

/// What is told to whoever asks for too many files of the trail at once.
pub(crate) const TOO_MANY_FILES: &str =
    "too many files of the audit trail are on their way; wait until one has come, and ask again";

/// Why a request is not answered with a success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A use case refused or failed.
    Service(ServiceError),
    /// The presenter is not known.
    Unauthenticated(Unauthenticated),
    /// The route needs a token and none came.
    NoToken,
    /// The signature does not say what is to be done.
    MethodNotSigned,
    /// An id in the path is none.
    BadId(&'static str),
    /// The wallet id in the path is none.
    BadWalletId,
    /// The name of the spend is another one's, as BitGo's clients are told it.
    SequenceIdUsed(HoldId),
    /// There is no such route.
    NoSuchRoute,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body is too long.
    BodyTooLong,
    /// The body did not arrive.
    BodyUnreadable,
    /// There is a body where none belongs.
    BodyNotWanted,
    /// A request to a rail that is carried out for no token.
    NotForTokens(Forbidden),
    /// The spend was carried out, and the upstream's answer to it is not kept any more.
    AnswerGone {
        /// The spend.
        spend: HoldId,
        /// What the upstream calls it.
        reference: String,
        /// Whether the answer went to the client while it came.
        streamed: bool,
    },
    /// A form of the web pages that no page of this session sent.
    FormNotOurs,
    /// It cannot be told where the request ends, or to whom it goes.
    Misframed(Fault),
    /// The route is for WebSockets, and none was asked for as it must be.
    UpgradeNeeded,
    /// A WebSocket was asked for with a signature.
    SignedSocket,
    /// A page of another origin asks.
    ForeignOrigin,
    /// The token, or its user with all of theirs, has as many WebSockets as it may.
    TooManySockets,
    /// The user has as many files of the trail under way as they may, or all users have.
    TooManyFiles,
    /// So many long bodies are under way that there is no room for another one of this client.
    NoRoomForBody,
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<NoExchange> for Failure {
    fn from(error: NoExchange) -> Self {
        match error {
            NoExchange::Forbidden(forbidden) => Self::NotForTokens(forbidden),
            NoExchange::Service(error) => error.into(),
            NoExchange::AnswerGone { hold, reference, streamed } => {
                Self::AnswerGone { spend: hold, reference, streamed }
            }
        }
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self::Service(ServiceError::Invalid(error))
    }
}

/// A failure as it goes out.
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
    /// Whether the client should get itself another token (WC §7.2).
    pub(crate) needs_token: bool,
    /// Seconds after which asking again makes sense.
    pub(crate) retry_after: Option<u64>,
}

impl Shown {
    fn new(status: u16, body: ErrorBody) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body, needs_token: false, retry_after: None }
    }

    fn needing_token(mut self) -> Self {
        self.needs_token = true;
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }
}

impl Failure {
    /// What the limits that refused a spend have left.
    pub(crate) fn reports(&self) -> &[LimitReport] {
        match self {
            Self::Service(error) => error.reports(),
            _ => &[],
        }
    }

    /// The same where BitGo's clients know it under a name of theirs (WC §7).
    pub(crate) fn in_dialect(self) -> Self {
        match self {
            Self::Service(ServiceError::DuplicateSpend { hold }) => Self::SequenceIdUsed(hold),
            other => other,
        }
    }

    /// The failure as it goes out, for the request of this id; amounts in words in units where these decimals are known.
    pub(crate) fn show(self, request_id: &str, now: Timestamp, decimals: &Decimals) -> Shown {
        let plain = |status, name: &'static str, code: &'static str, text: &str| {
            Shown::new(status, ErrorBody::new(name, text, request_id).with_context("code", code))
        };
        match self {
            Self::Service(error) => service(error, request_id, now, decimals),
            Self::Unauthenticated(why) => unauthenticated(why, request_id, now, decimals),
            Self::NoToken => plain(401, "Unauthorized", "token_missing", "No access token").needing_token(),
            Self::MethodNotSigned => plain(
                401,
                "Unauthorized",
                "method_not_signed",
                "a version 2 signature does not cover the method: use authVersion 3, or send a body (`{}` will do)",
            ),
            Self::BadId(name) => {
                let text = format!("`{name}` in the path is not an id (32 lower-case hex characters)");
                let body = ErrorBody::new("BadRequest", text, request_id).with_context("field", name);
                Shown::new(400, body.with_context("code", "bad_id"))
            }
            Self::BadWalletId => plain(400, "InvalidWalletId", "bad_id", "invalid wallet id"),
            Self::SequenceIdUsed(hold) => {
                let text = ServiceError::DuplicateSpend { hold }.to_string();
                let body = ErrorBody::new("DuplicateSequenceIdError", text, request_id);
                let body = body.with_context("code", "duplicate_sequence_id");
                Shown::new(400, body.with_context("spend", hold.to_string()))
            }
            Self::NotForTokens(Forbidden { why, detail }) => match why {
                Why::Undecodable | Why::NotPriced => plain(400, "BadRequest", why.code(), &detail),
                _ => plain(403, "AccessDenied", why.code(), &detail),
            },
            Self::AnswerGone { spend, reference, streamed } => {
                let (code, text) = match streamed {
                    true => (
                        "answer_streamed",
                        "the spend was carried out; its answer was a stream, which is not given twice",
                    ),
                    false => (
                        "answer_not_kept",
                        "the spend was carried out; the answer to it is not kept any more, or never could be",
                    ),
                };
                let body = ErrorBody::new("Conflict", text, request_id).with_context("code", code);
                let body = body.with_context("spend", spend.to_string()).with_context("reference", reference);
                Shown::new(409, body)
            }
            Self::NoSuchRoute => plain(404, "NotFound", "no_such_route", "there is no such route"),
            Self::MethodNotAllowed => {
                plain(405, "MethodNotAllowed", "method_not_allowed", "this route has other methods; see `Allow`")
            }
            Self::BodyTooLong => plain(413, "PayloadTooLarge", "body_too_long", "the body is too long"),
            Self::BodyNotWanted => plain(400, "BadRequest", "body_not_wanted", "a removal takes no body"),
            Self::FormNotOurs => {
                plain(403, "AccessDenied", "form_not_ours", "the form did not come from a page of this session")
            }
            Self::Misframed(fault) => plain(400, "BadRequest", fault.code(), fault.text()),
            Self::UpgradeNeeded => plain(
                426,
                "UpgradeRequired",
                "upgrade_needed",
                "this address is for a WebSocket over HTTP/1.1 (RFC 6455, version 13), or for POST",
            ),
            Self::SignedSocket => plain(
                403,
                "AccessDenied",
                "signed_socket",
                "a WebSocket is opened with the token itself, as a bearer or as a password; signed requests are POSTed",
            ),
            Self::ForeignOrigin => {
                plain(403, "AccessDenied", "foreign_origin", "a page of another origin may not open a WebSocket here")
            }
            Self::TooManySockets => {
                plain(429, "TooManyRequests", "too_many_sockets", "too many WebSockets are open; close one first")
                    .after(5)
            }
            Self::TooManyFiles => plain(429, "TooManyRequests", "too_many_files", TOO_MANY_FILES).after(5),
            Self::NoRoomForBody => plain(
                503,
                "Busy",
                "no_room_for_body",
                "too many long bodies are under way; send fewer at once, and this one again soon",
            )
            .after(2),
            Self::BodyUnreadable => plain(400, "BadRequest", "body_unreadable", "the body did not arrive in full"),
        }
    }
}

fn service(error: ServiceError, request_id: &str, now: Timestamp, decimals: &Decimals) -> Shown {
    let text = error.to_string();
    let body = |name: &'static str, code: &'static str| {
        ErrorBody::new(name, text.clone(), request_id).with_context("code", code)
    };
    match error {
        ServiceError::Refused(refusal) => {
            let (status, body) = shapes::refusal(&refusal, decimals, request_id);
            Shown::new(status, body)
        }
        ServiceError::Invalid(error) => {
            let body = body("BadRequest", "invalid_field").with_context("field", error.field);
            Shown::new(400, body.with_context("problem", error.problem))
        }
        ServiceError::NotFound(what) => Shown::new(404, body("NotFound", "not_found").with_context("kind", what)),
        ServiceError::NoSuchPath(_) => {
            Shown::new(404, body("NotFound", "not_found").with_context("kind", "path on this rail"))
        }
        ServiceError::Conflict(_) => Shown::new(409, body("Conflict", "conflict")),
        ServiceError::Unproven(Unproven::Password) => {
            let body = ErrorBody::new("InvalidGrant", format!("invalid_grant: {text}"), request_id);
            Shown::new(401, body.with_context("code", "password_wrong"))
        }
        ServiceError::Unproven(Unproven::OtpMissing) => Shown::new(401, body("NeedsOtp", "otp_missing").needing_otp()),
        ServiceError::Unproven(Unproven::OtpWrong) => Shown::new(401, body("InvalidOtp", "otp_wrong").needing_otp()),
        ServiceError::Unproven(Unproven::OtpUsed { next_at }) => {
            let body = body("InvalidOtp", "otp_already_used").with_context("nextCodeAt", next_at.to_string());
            Shown::new(401, body.needing_otp())
        }
        ServiceError::Unproven(Unproven::Signature) => Shown::new(401, body("Unauthorized", "bad_extension_signature")),
        ServiceError::Unproven(Unproven::SignIn) => Shown::new(401, body("Unauthorized", "sign_in_over")),
        ServiceError::Unproven(Unproven::Passkey) => Shown::new(401, body("InvalidOtp", "passkey_wrong").needing_otp()),
        ServiceError::Unproven(Unproven::PasskeyCopied) => {
            Shown::new(401, body("InvalidOtp", "passkey_copied").needing_otp())
        }
        ServiceError::LastFactor => Shown::new(409, body("Conflict", "last_factor")),
        ServiceError::SignInAgain => Shown::new(403, body("AccessDenied", "sign_in_again")),
        ServiceError::SecondFactorRequired => Shown::new(403, body("AccessDenied", "second_factor_required")),
        ServiceError::PersonOnly => Shown::new(403, body("AccessDenied", "person_only")),
        ServiceError::SessionLocked => {
            let body = ErrorBody::new("NeedsUnlock", "needs unlock", request_id).with_context("code", "not_unlocked");
            Shown::new(401, body.with_context("reason", text).needing_unlock())
        }
        ServiceError::TooManyAttempts { until } => {
            let body = body("TooManyRequests", "too_many_attempts").with_context("until", until.to_string());
            Shown::new(429, body).after(until.since(now).as_seconds_ceil())
        }
        ServiceError::RateLimited { retry_after } => {
            Shown::new(429, body("TooManyRequests", "rate_limited")).after(retry_after.as_seconds_ceil())
        }
        ServiceError::Broken { rail, failures, code, until } => {
            let body = body("Paused", "broken").with_context("rail", rail).with_context("failures", failures);
            let body = body.with_context("lastCode", code).with_context("until", until.to_string());
            Shown::new(429, body).after(until.since(now).as_seconds_ceil())
        }
        ServiceError::UnlockedLonger { until } => {
            let body = ErrorBody::new("UnlockedLonger", "Session already unlocked longer", request_id);
            let body = body.with_context("code", "unlocked_longer").with_context("until", until.to_string());
            Shown::new(401, body)
        }
        ServiceError::DuplicateSpend { hold } => {
            Shown::new(409, body("Conflict", "idempotency_key_used").with_context("spend", hold.to_string()))
        }
        ServiceError::OutcomePending { hold } => {
            let body = body("OutcomePending", "outcome_pending").with_context("spend", hold.to_string());
            Shown::new(409, body).after(2)
        }
        ServiceError::RailRefused { hold, reason } => {
            // It is the rail's own token that needs an unlock: the client must not be told to unlock theirs.
            let code = if reason.starts_with(UPSTREAM_LOCKED) { "upstream_needs_unlock" } else { "rail_refused" };
            let body = body("TransactionRefused", code).with_context("spend", hold.to_string());
            Shown::new(400, body.with_context("reason", reason))
        }
        ServiceError::NotTaken(_) => {
            let reason = text.clone();
            Shown::new(400, body("TransactionRefused", "rail_refused").with_context("reason", reason))
        }
        ServiceError::RailUnavailable(_) => Shown::new(503, body("RailUnavailable", "rail_unavailable")).after(5),
        ServiceError::AnswerTooLong { most } => {
            Shown::new(502, body("BadGateway", "upstream_answer_too_long").with_context("most", most))
        }
        ServiceError::RailCredentialRefused { hold } => {
            let body = body("BadGateway", "rail_credential_refused");
            Shown::new(
                502,
                match hold {
                    Some(hold) => body.with_context("spend", hold.to_string()),
                    None => body,
                },
            )
        }
        ServiceError::ServiceOnly => Shown::new(403, body("AccessDenied", "service_only")),
        ServiceError::SpendsNothingItself => Shown::new(409, body("Conflict", "spends_nothing_itself")),
        ServiceError::StepUpNeeded => Shown::new(401, body("NeedsOtp", "step_up_needed").needing_otp()),
        ServiceError::LinkOver => Shown::new(410, body("Gone", "link_over")),
        ServiceError::NoMail => Shown::new(501, body("NotImplemented", "no_mail")),
        ServiceError::AccountExists => Shown::new(409, body("Conflict", "account_exists")),
        ServiceError::RoleNeeded { role } => {
            Shown::new(403, body("AccessDenied", "role_missing").with_context("required", role.as_str()))
        }
        ServiceError::LastOwner => Shown::new(409, body("Conflict", "last_owner")),
        ServiceError::NotFrozen { what } => Shown::new(409, body("Conflict", "not_frozen").with_context("kind", what)),
        ServiceError::RotationUnderWay { until } => {
            Shown::new(409, body("Conflict", "rotation_under_way").with_context("until", until.to_string()))
        }
        ServiceError::AlreadyCreated { id } => {
            Shown::new(409, body("Conflict", "already_created").with_context("id", id))
        }
        ServiceError::ClockJump { by } => {
            Shown::new(503, body("ClockJump", "clock_jump").with_context("milliseconds", by)).after(60)
        }
        ServiceError::Busy => Shown::new(503, body("Busy", "busy")).after(1),
        ServiceError::TooManyLooks => Shown::new(429, body("TooManyRequests", "too_many_looks")).after(2),
        ServiceError::StoreUnavailable(problem) => {
            // The engine has said so already, once for all that were in the batch.
            tracing::debug!(request = request_id, problem, "a request found the store unavailable");
            // Safe to send again: a spend by its `sequenceId`, everything else as nothing was acknowledged.
            let text = "Bursar cannot write or read its data right now; send the request again later. \
                        The log has the cause";
            let body = ErrorBody::new("StoreUnavailable", text, request_id);
            Shown::new(503, body.with_context("code", "store_unavailable")).after(5)
        }
        ServiceError::Unavailable(problem) => {
            tracing::error!(request = request_id, problem, "a request failed");
            let text = "Bursar cannot do this right now; nothing was done. The log has the cause";
            let body = ErrorBody::new("UnexpectedError", text, request_id);
            Shown::new(503, body.with_context("code", "unavailable")).after(5)
        }
    }
}

fn unauthenticated(why: Unauthenticated, request_id: &str, now: Timestamp, decimals: &Decimals) -> Shown {
    let body = |code: &'static str, text: &str| {
        ErrorBody::new("Unauthorized", format!("unauthorized: {text}"), request_id).with_context("code", code)
    };
    match why {
        Unauthenticated::Malformed(error) => {
            Shown::new(401, body("authorization_malformed", &error.to_string())).needing_token()
        }
        Unauthenticated::Unknown => {
            let text = "no token of this server has this text; it may be of another environment, or long gone";
            Shown::new(401, body("token_unknown", text)).needing_token()
        }
        Unauthenticated::CutOff => {
            Shown::new(401, body("token_cut_off", "the token is cut off: characters are missing")).needing_token()
        }
        Unauthenticated::Mistyped => {
            Shown::new(401, body("token_mistyped", "the token is mistyped: its checksum does not fit")).needing_token()
        }
        Unauthenticated::Refused(refusal) => {
            use bursar_core::refusal::Refusal;
            let (status, body) = shapes::refusal(&refusal, decimals, request_id);
            let shown = Shown::new(status, body);
            match *refusal {
                Refusal::TokenRevoked { .. } | Refusal::TokenExpired { .. } => shown.needing_token(),
                _ => shown,
            }
        }
        Unauthenticated::BadSignature => {
            Shown::new(401, body("bad_signature", "the signature does not fit the request"))
        }
        Unauthenticated::UnknownVersion => {
            Shown::new(401, body("unknown_auth_version", "`BitGo-Auth-Version` must be `2.0` or `3.0`"))
        }
        Unauthenticated::BadTimestamp => {
            Shown::new(401, body("bad_timestamp", "a header that the signature needs is missing or malformed"))
        }
        Unauthenticated::OutsideWindow { now } => {
            let text = "the timestamp is too far from the server's clock";
            Shown::new(401, body("timestamp_out_of_window", text).with_context("serverTime", now.to_string()))
        }
        Unauthenticated::BeforeStart { started } => {
            let text =
                "the request was signed before the server started, or before its clock leapt ahead; sign it again";
            Shown::new(401, body("signed_before_start", text).with_context("started", started.to_string()))
        }
        Unauthenticated::Replayed => Shown::new(401, body("replayed", "this signature was seen before")),
        Unauthenticated::ReplayMemoryFull => {
            let body = ErrorBody::new("Busy", "too many signed requests at once; try again soon", request_id);
            Shown::new(503, body.with_context("code", "replay_memory_full")).after(30)
        }
        Unauthenticated::Unavailable(error) => service(error, request_id, now, decimals),
    }
}
