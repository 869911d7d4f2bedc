//! Logging in, unlocking and what else concerns the account (WC §1.3, §1.5, §1.6, §3).

use bursar_core::secret::Secret;
use bursar_core::time::Span;

use crate::json::{FieldError, Fields, Json};
use crate::requests::factors::proof;

#[cfg(test)]
mod tests;

/// The longest username, in bytes: no address is longer (RFC 5321).
const LONGEST_USERNAME: usize = 254;
/// The longest settings document or encrypted key that is kept, in bytes.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// A login.
#[derive(Debug)]
pub struct Login {
    /// The username, as typed.
    pub username: String,
    /// The password or its verifier.
    pub password: Secret<String>,
    /// The second factor.
    pub otp: Option<String>,
    /// The address whose key may extend the session.
    pub extension_address: Option<String>,
    /// Whether the client asks for a plain token.
    pub plain_token: bool,
}

impl Login {
    /// What a passkey answered, if that is what somebody logs in with (WC §3.3).
    ///
    /// # Errors
    /// It cannot be.
    pub fn passkey(body: &Json) -> Result<Option<String>, FieldError> {
        proof(&Fields::of(body)?, "passkey")
    }

    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let is_extensible = fields.optional_boolean("extensible")?.unwrap_or(false);
        let extension_address = fields.optional_text("extensionAddress")?;
        if is_extensible && extension_address.is_none() {
            return Err(fields.refuse("extensionAddress", "is needed for an extensible session"));
        }
        Ok(Self {
            username: username(&fields, "email")?,
            password: Secret::new(fields.text("password")?.to_owned()),
            otp: fields.optional_text("otp")?.map(str::to_owned),
            extension_address: extension_address.filter(|_| is_extensible).map(str::to_owned),
            plain_token: fields.optional_boolean("forceV1Auth")?.unwrap_or(false),
        })
    }
}

/// A name that somebody logs in with.
pub(super) fn username(fields: &Fields<'_>, field: &str) -> Result<String, FieldError> {
    let username = fields.text(field)?;
    if username.len() > LONGEST_USERNAME {
        return Err(fields.refuse(field, format!("is longer than {LONGEST_USERNAME} bytes")));
    }
    Ok(username.to_owned())
}

/// An unlock of the presented token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlock {
    /// The second factor.
    pub otp: Option<String>,
    /// For how long; not at all if it is zero, which only a lifted lock can be.
    pub duration: Span,
    /// Whether an earlier lock is lifted for good (ours).
    pub resume: bool,
    /// Whether limits are kept where unlocks drop them (ours).
    pub keep_limits: bool,
}

impl Unlock {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let resume = fields.optional_boolean("resume")?.unwrap_or(false);
        let duration = match fields.optional_integer("duration")? {
            None => 600,
            Some(0) if resume => 0,
            Some(seconds @ 1..=3600) => u64::try_from(seconds).unwrap_or(600),
            Some(_) => {
                let why = "must be a number of seconds from 1 to 3600; or 0 with `resume`, which lifts a lock alone";
                return Err(fields.refuse("duration", why));
            }
        };
        Ok(Self {
            otp: proof(&fields, "otp")?,
            duration: Span::from_seconds(duration),
            resume,
            keep_limits: fields.optional_boolean("keepSpendingLimits")?.unwrap_or(false),
        })
    }
}

/// An extension of an extensible session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extend {
    /// For how long from now on.
    pub duration: Option<Span>,
}

impl Extend {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let duration = match fields.optional_integer("duration")? {
            None => None,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(whole @ 1..) => Some(Span::from_seconds(whole)),
                _ => return Err(fields.refuse("duration", "must be a positive number of seconds")),
            },
        };
        Ok(Self { duration })
    }
}

/// A question whether a password is right.
#[derive(Debug)]
pub struct VerifyPassword {
    /// Its verifier.
    pub password: Secret<String>,
}

impl VerifyPassword {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// The password is missing.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        Ok(Self { password: Secret::new(Fields::of(body)?.text("password")?.to_owned()) })
    }
}

/// A change of password; the keys that hang on it come re-encrypted.
#[derive(Debug)]
pub struct ChangePassword {
    /// The verifier of the old one.
    pub old: Secret<String>,
    /// The verifier of the new one.
    pub new: Secret<String>,
    /// Public keys and their private halves, encrypted with the new password.
    pub keychains: Vec<(String, String)>,
}

impl ChangePassword {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let mut keychains = Vec::new();
        if let Some(entries) = fields.optional_object("keychains")? {
            for xpub in entries.names() {
                keychains.push((xpub.to_owned(), document(&entries, xpub)?));
            }
        }
        Ok(Self {
            old: Secret::new(fields.text("oldPassword")?.to_owned()),
            new: Secret::new(fields.text("password")?.to_owned()),
            keychains,
        })
    }
}

/// A keychain the client wants kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateKeychain {
    /// Its public key.
    pub xpub: String,
    /// Its private key, encrypted by the client.
    pub encrypted_xprv: Option<String>,
}

impl CreateKeychain {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let xpub = xpub(&fields)?;
        let encrypted_xprv =
            if fields.value("encryptedXprv").is_some() { Some(document(&fields, "encryptedXprv")?) } else { None };
        Ok(Self { xpub, encrypted_xprv })
    }
}

fn xpub(fields: &Fields<'_>) -> Result<String, FieldError> {
    let text = fields.text("xpub")?;
    let is_key = text.parse::<bitcoin::bip32::Xpub>().is_ok();
    if is_key { Ok(text.to_owned()) } else { Err(fields.refuse("xpub", "is not an extended public key (BIP 32)")) }
}

fn document(fields: &Fields<'_>, name: &str) -> Result<String, FieldError> {
    let text = fields.text(name)?;
    if text.len() > LONGEST_DOCUMENT {
        return Err(fields.refuse(name, format!("is longer than {LONGEST_DOCUMENT} bytes")));
    }
    Ok(text.to_owned())
}

/// Client settings to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What to set, each value as JSON text.
    pub values: Vec<(String, serde_json::Value)>,
}

impl Settings {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// `settings` is missing or no object, or has a number that would be rounded.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let settings = fields.object("settings")?;
        let mut values = Vec::new();
        for name in settings.names() {
            let value = settings.value(name).unwrap_or(&Json::Null);
            let value =
                plain(value).ok_or_else(|| settings.refuse(name, "holds a number that cannot be kept exactly"))?;
            values.push((name.to_owned(), value));
        }
        Ok(Self { values })
    }
}

pub(super) fn plain(value: &Json) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Integer(number) => Value::Number(serde_json::Number::from_i128(*number)?),
        Json::OtherNumber => return None,
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(plain).collect::<Option<_>>()?),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((key.clone(), plain(value)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}

/// A freeze of one's own account, or of somebody or something else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Freeze {
    /// For how long; until lifted if absent.
    pub duration: Option<Span>,
    /// Why.
    pub reason: Option<String>,
}

/// A hundred years.
const LONGEST_FREEZE: Span = Span::from_seconds(3_155_760_000);

impl Freeze {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let reason = if fields.value("reason").is_some() { Some(super::name(&fields, "reason")?) } else { None };
        let duration = Extend::read(body)?.duration;
        if duration.is_some_and(|duration| duration > LONGEST_FREEZE) {
            let problem = "is more than a hundred years; leave it out to freeze until it is lifted";
            return Err(fields.refuse("duration", problem));
        }
        Ok(Self { duration, reason })
    }

    /// The same where no other field is passed over.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read_strictly(body: &Json) -> Result<Self, FieldError> {
        Fields::of(body)?.only(&["duration", "reason"])?;
        Self::read(body)
    }
}
