//! `POST unlock` and `POST extendtoken` (WC §1.3, §2.9).

use bursar_core::secret::Secret;
use bursar_core::time::Span;

use super::kinds;
use crate::json::{FieldError, Fields, Json};

/// How long an unlock lasts when nothing is said (WC §1.3).
const DEFAULT_UNLOCK: Span = Span::from_seconds(600);
/// The longest unlock (WC §1.3).
const LONGEST_UNLOCK_S: u64 = 3600;
/// Above what any session may be extended by; how long that is, the service knows.
const LONGEST_EXTENSION_S: u64 = 315_360_000;

/// An unlock as it is asked for.
#[derive(Clone, Debug)]
pub struct Unlock {
    /// The second factor of the token's owner.
    pub otp: Option<Secret<String>>,
    /// For how long.
    pub duration: Span,
    /// Whether an earlier lock is lifted for good (ours).
    pub resume: bool,
    /// Whether limits are kept where unlocks drop them (ours).
    pub keep_limits: bool,
}

/// A longer life for an extensible session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extend {
    /// How long it is to last from now on.
    pub duration: Option<Span>,
}

impl Unlock {
    /// Reads the request.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        Ok(Self {
            otp: kinds::otp(&fields)?,
            duration: kinds::seconds(&fields, "duration", LONGEST_UNLOCK_S)?.unwrap_or(DEFAULT_UNLOCK),
            resume: fields.optional_boolean("resume")?.unwrap_or(false),
            keep_limits: fields.optional_boolean("keepSpendingLimits")?.unwrap_or(false),
        })
    }
}

impl Extend {
    /// Reads the request.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let duration = kinds::seconds(&Fields::of(body)?, "duration", LONGEST_EXTENSION_S)?;
        Ok(Self { duration })
    }
}
