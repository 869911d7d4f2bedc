//! Signing in by steps, second factors and step-up (docs/native-api.md; WC §1.7, §3.3). Fields of Bursar's own
//! routes that are not known are refused; in the dialect they are left alone.

use bursar_core::secret::Secret;

use crate::json::{FieldError, Fields, Json};
use crate::requests::account::{plain, username};
use crate::requests::name;

#[cfg(test)]
mod tests;

/// The longest answer of an authenticator that is read, in bytes: attestations carry certificates.
const LONGEST_ANSWER: usize = 16 * 1024;
/// The longest name of an action or of what it is done to, in bytes.
const LONGEST_ACTION: usize = 128;

/// The first step of a sign-in.
#[derive(Debug)]
pub struct SignIn {
    /// The username, as typed.
    pub username: String,
    /// The password, in clear or as its verifier.
    pub password: Secret<String>,
}

impl SignIn {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["username", "password"])?;
        Ok(Self {
            username: username(&fields, "username")?,
            password: Secret::new(fields.text("password")?.to_owned()),
        })
    }
}

/// The second step of a sign-in.
#[derive(Debug)]
pub struct FinishSignIn {
    /// What the first step gave.
    pub ticket: Secret<String>,
    /// A one-time password or a recovery code.
    pub otp: Option<Secret<String>>,
    /// What a passkey answered, as JSON text.
    pub passkey: Option<String>,
}

impl FinishSignIn {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["ticket", "otp", "passkey"])?;
        if fields.value("otp").is_some() && fields.value("passkey").is_some() {
            return Err(fields.refuse("passkey", "cannot stand beside `otp`; show one or the other"));
        }
        Ok(Self {
            ticket: Secret::new(fields.text("ticket")?.to_owned()),
            otp: fields.optional_text("otp")?.map(|otp| Secret::new(otp.to_owned())),
            passkey: answer(&fields, "passkey")?,
        })
    }
}

/// What an authenticator answered to a challenge: to sign in, or to be registered under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasskeyAnswer {
    /// The answer, as JSON text.
    pub passkey: String,
    /// The passkey's name, where it is a new one.
    pub label: Option<String>,
}

impl PasskeyAnswer {
    /// Reads the body of a sign-in.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["passkey"])?;
        Ok(Self { passkey: needed(&fields, "passkey")?, label: None })
    }

    /// Reads the body of a registration.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read_new(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["passkey", "label"])?;
        Ok(Self { passkey: needed(&fields, "passkey")?, label: Some(name(&fields, "label")?) })
    }
}

/// What a second factor is to be shown for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskStepUp {
    /// The action's name.
    pub action: String,
    /// What it is done to.
    pub target: Option<String>,
}

impl AskStepUp {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["action", "target"])?;
        Ok(Self {
            action: bounded("action", fields.text("action")?)?,
            target: fields.optional_text("target")?.map(|text| bounded("target", text)).transpose()?,
        })
    }

    /// Reads the query of the dialect's route, which may say nothing. Parameters of BitGo's own are left alone.
    ///
    /// # Errors
    /// A parameter is given twice or cannot be, or a target without an action.
    pub fn read_query(query: &str) -> Result<Option<Self>, FieldError> {
        let refuse = |field: &str, problem: &str| FieldError { field: field.to_owned(), problem: problem.to_owned() };
        let (mut action, mut target) = (None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "action" => &mut action,
                "target" => &mut target,
                _ => continue,
            };
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| refuse(name, "is no UTF-8"))?;
            if place.replace(bounded(name, &value)?).is_some() {
                return Err(refuse(name, "is given twice"));
            }
        }
        match (action, target) {
            (Some(action), target) => Ok(Some(Self { action, target })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(refuse("target", "means nothing without `action`")),
        }
    }
}

fn bounded(field: &str, text: &str) -> Result<String, FieldError> {
    if text.len() > LONGEST_ACTION {
        let problem = format!("is longer than {LONGEST_ACTION} bytes");
        return Err(FieldError { field: field.to_owned(), problem });
    }
    Ok(text.to_owned())
}

/// A change of one's second factors: a name for one of them, and a proof by one that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeFactor {
    /// The factor's name.
    pub label: Option<String>,
    /// A second factor of the moment.
    pub otp: Option<String>,
}

impl ChangeFactor {
    /// Reads a body that names a factor.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read_named(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["label", "otp"])?;
        Ok(Self { label: Some(name(&fields, "label")?), otp: proof(&fields, "otp")? })
    }

    /// Reads a body that brings a name and nothing else.
    ///
    /// # Errors
    /// It is missing, cannot be, or something else is there.
    pub fn read_label(body: &Json) -> Result<String, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["label"])?;
        name(&fields, "label")
    }

    /// Reads a body that brings a proof and nothing else.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["otp"])?;
        Ok(Self { label: None, otp: proof(&fields, "otp")? })
    }
}

/// A new device in the dialect (WC §1.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddDevice {
    /// Its name.
    pub label: String,
    /// What it shows.
    pub shown: NewDevice,
}

/// What a new device shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewDevice {
    /// An authenticator app.
    Totp {
        /// Its first code.
        code: String,
        /// What its enrolment was given out under, as `hmac`.
        enrolment: String,
    },
    /// A passkey.
    Passkey {
        /// What the authenticator answered, as JSON text.
        answer: String,
    },
}

impl AddDevice {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let label = name(&fields, "label")?;
        let shown = match fields.text("type")? {
            "totp" => {
                let enrolment = fields.text("hmac")?.to_owned();
                NewDevice::Totp { code: fields.text("otp")?.to_owned(), enrolment }
            }
            "webauthn" => NewDevice::Passkey { answer: needed(&fields, "otp")? },
            _ => return Err(fields.refuse("type", "must be `totp` or `webauthn`")),
        };
        Ok(Self { label, shown })
    }
}

/// A second factor as it is shown: a code, or what a passkey answered, as text or as the object itself.
pub(crate) fn proof(fields: &Fields<'_>, field: &str) -> Result<Option<String>, FieldError> {
    answer(fields, field)
}

fn needed(fields: &Fields<'_>, field: &str) -> Result<String, FieldError> {
    answer(fields, field)?.ok_or_else(|| fields.refuse(field, "is missing; give what the authenticator answered"))
}

fn answer(fields: &Fields<'_>, field: &str) -> Result<Option<String>, FieldError> {
    let text = match fields.value(field) {
        None => return Ok(None),
        Some(Json::String(text)) => text.clone(),
        Some(object @ Json::Object(_)) => {
            plain(object).ok_or_else(|| fields.refuse(field, "holds a number that is none here"))?.to_string()
        }
        Some(other) => return Err(fields.refuse(field, format!("must be a text, not {}", other.kind()))),
    };
    match text.len() <= LONGEST_ANSWER {
        true => Ok(Some(text)),
        false => Err(fields.refuse(field, format!("is longer than {LONGEST_ANSWER} bytes"))),
    }
}
