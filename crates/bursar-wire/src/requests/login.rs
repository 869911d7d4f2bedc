//! `POST session` and `POST user/login` (WC §3.1, §1.7).

use bursar_core::secret::Secret;

use super::kinds;
use crate::json::{FieldError, Fields, Json};

/// The longest username, in characters.
const LONGEST_USERNAME: usize = 320;

/// Somebody who logs in with a password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The username, in whatever case it was written.
    pub email: String,
    /// The password: its verifier, or in clear where the route allows that.
    pub password: Secret<String>,
    /// The second factor.
    pub otp: Option<Secret<String>>,
    /// The address whose key may extend the session, if it is to be extensible.
    pub extension_address: Option<String>,
    /// Whether the answer must have a plain token (`forceV1Auth`).
    pub plain_token: bool,
}

/// `POST sendotp`: nothing that has an effect here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendOtp {
    /// Whether a text message was wanted in place of an authenticator.
    pub force_sms: bool,
}

impl Login {
    /// Reads the request. Device hashes and what only steers text messages are ignored.
    ///
    /// # Errors
    /// The first field that cannot be, and `passkey`, which is not supported.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        if fields.value("passkey").is_some() {
            let problem = "is not supported: log in with `email`, `password` and `otp`";
            return Err(fields.refuse("passkey", problem));
        }
        fields.optional_boolean("forceSMS")?;
        let extensible = fields.optional_boolean("extensible")?.unwrap_or(false);
        let address = kinds::optional_words(&fields, "extensionAddress", 100)?;
        if extensible && address.is_none() {
            let problem = "is missing: an extensible session is extended with the key of this address";
            return Err(fields.refuse("extensionAddress", problem));
        }
        Ok(Self {
            email: kinds::words(&fields, "email", LONGEST_USERNAME)?,
            password: kinds::secret(&fields, "password")?,
            otp: kinds::otp(&fields)?,
            extension_address: address.filter(|_| extensible),
            plain_token: fields.optional_boolean("forceV1Auth")?.unwrap_or(false),
        })
    }
}

impl SendOtp {
    /// Reads the request.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let force_sms = Fields::of(body)?.optional_boolean("forceSMS")?;
        Ok(Self {
            force_sms: force_sms.unwrap_or(false),
        })
    }
}
