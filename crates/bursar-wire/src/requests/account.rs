//! What a person asks about the account itself: password, settings, keychains, freeze (WC §1.5 to §1.7).

use std::str::FromStr;

use bitcoin::bip32::Xpub;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use serde_json::{Map, Value};

use super::kinds;
use crate::json::{FieldError, Fields, Json};

/// The longest settings that are kept, in bytes.
const LONGEST_SETTINGS: usize = 64 * 1024;
/// The longest envelope around a private key, in bytes.
const LONGEST_ENVELOPE: usize = 16 * 1024;
/// The longest freeze that ends by itself: ten years.
const LONGEST_FREEZE_S: u64 = 315_360_000;
/// The longest reason of a freeze, in characters.
const LONGEST_REASON: usize = 250;

/// `POST verifypassword`.
#[derive(Clone, Debug)]
pub struct VerifyPassword {
    /// The password as it was sent.
    pub password: Secret<String>,
}

/// `POST changepassword`.
#[derive(Clone, Debug)]
pub struct ChangePassword {
    /// The password until now, as it was sent.
    pub old_password: Secret<String>,
    /// The password from now on, as it was sent.
    pub password: Secret<String>,
    /// Private keys that the client keeps here, sealed again under the new password, by their public keys.
    pub keychains: Vec<(String, String)>,
}

/// `POST keychain`: a private key that the client keeps here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateKeychain {
    /// Its public half.
    pub xpub: String,
    /// The private half, sealed by the client.
    pub encrypted_xprv: String,
}

/// `POST user/freeze`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FreezeUser {
    /// How long it lasts (ours); without end if absent.
    pub duration: Option<Span>,
    /// Why (ours).
    pub reason: Option<String>,
}

/// `PUT user/settings`: changes to the client's settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings(Map<String, Value>);

impl VerifyPassword {
    /// Reads the request.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let password = kinds::secret(&Fields::of(body)?, "password")?;
        Ok(Self { password })
    }
}

impl ChangePassword {
    /// Reads the request. What belongs to coin wallets (`v2_keychains`) is ignored: no such key is kept here.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let mut keychains = Vec::new();
        if let Some(sealed) = fields.optional_object("keychains")? {
            for xpub in sealed.names() {
                keychains.push((xpub.to_owned(), envelope(&sealed, xpub)?));
            }
        }
        Ok(Self {
            old_password: kinds::secret(&fields, "oldPassword")?,
            password: kinds::secret(&fields, "password")?,
            keychains,
        })
    }
}

impl CreateKeychain {
    /// Reads the request.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let xpub = fields.text("xpub")?;
        check_xpub(&fields, "xpub", xpub)?;
        Ok(Self {
            xpub: xpub.to_owned(),
            encrypted_xprv: envelope(&fields, "encryptedXprv")?,
        })
    }
}

impl FreezeUser {
    /// Reads the request, whose body may be missing.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: Option<&Json>) -> Result<Self, FieldError> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        let fields = Fields::of(body)?;
        Ok(Self {
            duration: kinds::seconds(&fields, "duration", LONGEST_FREEZE_S)?,
            reason: kinds::optional_words(&fields, "reason", LONGEST_REASON)?,
        })
    }
}

impl Settings {
    /// Reads the request from its text, so that what only the client understands is kept as it was written.
    ///
    /// # Errors
    /// The text is not strict JSON, `settings` is no object, or its `ecdhKeychain` is no extended public key.
    pub fn read(text: &[u8]) -> Result<Self, FieldError> {
        let malformed = |problem: String| FieldError {
            field: "body".to_owned(),
            problem,
        };
        let body = Json::parse(text).map_err(|error| malformed(error.to_string()))?;
        let settings = Fields::of(&body)?.object("settings")?;
        // Tokens are sealed to this key: a broken one would make every login fail.
        if let Some(xpub) = settings.optional_text("ecdhKeychain")? {
            check_xpub(&settings, "ecdhKeychain", xpub)?;
        }
        let whole: Value =
            serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
        let changes = whole.get("settings").and_then(Value::as_object);
        Ok(Self(changes.cloned().unwrap_or_default()))
    }

    /// The settings to store: those stored until now with these changes; `null` removes.
    ///
    /// # Errors
    /// Together they are too long.
    pub fn merged_into(&self, stored: Option<&[u8]>) -> Result<Vec<u8>, FieldError> {
        let mut settings: Map<String, Value> = stored
            .and_then(|stored| serde_json::from_slice(stored).ok())
            .unwrap_or_default();
        for (name, value) in &self.0 {
            match value {
                Value::Null => drop(settings.shift_remove(name)),
                value => drop(settings.insert(name.clone(), value.clone())),
            }
        }
        let bytes = Value::Object(settings).to_string().into_bytes();
        if bytes.len() > LONGEST_SETTINGS {
            return Err(FieldError {
                field: "settings".to_owned(),
                problem: format!("are longer than {LONGEST_SETTINGS} bytes"),
            });
        }
        Ok(bytes)
    }
}

fn check_xpub(fields: &Fields<'_>, name: &str, text: &str) -> Result<(), FieldError> {
    Xpub::from_str(text)
        .map(drop)
        .map_err(|_| fields.refuse(name, "is not an extended public key"))
}

fn envelope(fields: &Fields<'_>, name: &str) -> Result<String, FieldError> {
    let text = fields.text(name)?;
    let problem = match text.len() {
        0 => "is empty".to_owned(),
        length if length > LONGEST_ENVELOPE => format!("is longer than {LONGEST_ENVELOPE} bytes"),
        _ => return Ok(text.to_owned()),
    };
    Err(fields.refuse(name, problem))
}
