//! Envelopes: texts that a password seals, as BitGo's client writes and reads them (WC §3.6).
//!
//! A server mostly stores envelopes it cannot open. It seals one kind itself, the token of an ECDH login. What is read
//! may come from anybody: each cost parameter has a bound. Salts and nonces are arguments and must be random: one pair
//! is never used for two texts.

pub mod argon2id;
pub mod sjcl;

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bursar_core::secret::Secret;

use crate::json::{FieldError, Fields, Json, JsonError};

/// The longest envelope that is read, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// Padding is written; the client reads texts without it as well.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why an envelope was not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealError {
    /// The plaintext is too long for an envelope of [`MAX_LENGTH`].
    TooLong,
    /// The cost parameters are outside of what readers accept.
    Cost,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the text is too long to be sealed",
            Self::Cost => "the cost parameters are outside of what clients accept",
        })
    }
}

impl std::error::Error for SealError {}

/// Why an envelope was not opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// It is longer than [`MAX_LENGTH`].
    TooLong,
    /// It is not JSON.
    Json(JsonError),
    /// A field is missing, of the wrong kind, or asks for more work than allowed.
    Field(FieldError),
    /// Its version is neither 1 nor 2.
    UnknownVersion(i128),
    /// The password is wrong, or the envelope was altered: the two cannot be told apart.
    WrongPassword,
    /// What was sealed is not UTF-8.
    NotText,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the envelope is longer than {MAX_LENGTH} bytes"),
            Self::Json(error) => write!(f, "the envelope is not valid JSON: {error}"),
            Self::Field(error) => write!(f, "the envelope cannot be read: {error}"),
            Self::UnknownVersion(version) => {
                write!(f, "the envelope has the unknown version {version}")
            }
            Self::WrongPassword => f.write_str("incorrect password, or the envelope was altered"),
            Self::NotText => f.write_str("the envelope holds something else than text"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<FieldError> for OpenError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// Opens an envelope of either version; without a version it counts as 1.
///
/// # Errors
/// The envelope cannot be read, or the password is wrong.
pub fn open(password: &str, envelope: &str) -> Result<Secret<String>, OpenError> {
    if envelope.len() > MAX_LENGTH {
        return Err(OpenError::TooLong);
    }
    let json = Json::parse(envelope.as_bytes()).map_err(OpenError::Json)?;
    let fields = Fields::of(&json)?;
    match fields.optional_integer("v")? {
        None | Some(1) => sjcl::open(password, &fields),
        Some(2) => argon2id::open(password, &fields),
        Some(version) => Err(OpenError::UnknownVersion(version)),
    }
}

fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn read_base64(fields: &Fields<'_>, name: &str) -> Result<Vec<u8>, FieldError> {
    BASE64.decode(fields.text(name)?).map_err(|_| fields.refuse(name, "must be base64"))
}

/// Reads an integer from `smallest` to `largest`.
fn read_cost(fields: &Fields<'_>, name: &str, smallest: u32, largest: u32) -> Result<u32, FieldError> {
    let value = fields.integer(name)?;
    u32::try_from(value)
        .ok()
        .filter(|value| (smallest..=largest).contains(value))
        .ok_or_else(|| fields.refuse(name, format!("must be from {smallest} to {largest}, not {value}")))
}

fn into_text(bytes: Vec<u8>) -> Result<Secret<String>, OpenError> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => {
            drop(zeroize::Zeroizing::new(error.into_bytes()));
            Err(OpenError::NotText)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHEAP: argon2id::Cost = argon2id::Cost { memory_kib: 8, iterations: 1, parallelism: 1 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn what_is_sealed_opens_with_the_same_password_only(password: String, text: String, adata: String) {
            let old = sjcl::seal(&password, &text, [1; 8], [2; 16], &adata).unwrap();
            let new = argon2id::seal(&password, &text, CHEAP, [1; 16], [2; 12], Some(&adata)).unwrap();
            for envelope in [old, new] {
                let opened = open(&password, &envelope).unwrap();
                prop_assert_eq!(opened.expose(), &text);
                prop_assert_eq!(open(&format!("{password}x"), &envelope).err(), Some(OpenError::WrongPassword));
            }
        }
    }

    #[test]
    fn other_associated_data_does_not_open() {
        let envelope = argon2id::seal("p", "t", CHEAP, [1; 16], [2; 12], Some("mine")).unwrap();
        assert_eq!(open("p", &envelope.replace("mine", "yours")).err(), Some(OpenError::WrongPassword));
        let envelope = sjcl::seal("p", "t", [1; 8], [2; 16], "mine").unwrap();
        assert_eq!(open("p", &envelope.replace("mine", "yours")).err(), Some(OpenError::WrongPassword));
    }

    #[test]
    fn what_asks_for_too_much_work_is_refused_before_any_is_done() {
        for (envelope, field) in [
            (r#"{"v":1,"iter":100001}"#, "iter"),
            (r#"{"iter":0}"#, "iter"),
            (r#"{"v":2,"m":262145,"t":3,"p":4}"#, "m"),
            (r#"{"v":2,"m":8,"t":17,"p":1}"#, "t"),
            (r#"{"v":2,"m":8,"t":1,"p":17}"#, "p"),
            (r#"{"v":2,"m":15,"t":1,"p":2}"#, "m"),
            (r#"{"v":2,"m":8,"t":-1,"p":1}"#, "t"),
        ] {
            let Err(OpenError::Field(error)) = open("p", envelope) else { panic!("{envelope}") };
            assert_eq!(error.field, field, "{envelope}");
        }
        assert_eq!(open("p", &" ".repeat(MAX_LENGTH + 1)).err(), Some(OpenError::TooLong));
    }

    #[test]
    fn unknown_versions_and_other_texts_are_told_apart() {
        assert_eq!(open("p", r#"{"v":3}"#).err(), Some(OpenError::UnknownVersion(3)));
        assert!(matches!(open("p", "hello"), Err(OpenError::Json(_))));
        assert!(matches!(open("p", r#"{"v":"1"}"#), Err(OpenError::Field(_))));
    }

    #[test]
    fn a_text_too_long_to_be_read_again_is_not_sealed() {
        let text = "z".repeat(MAX_LENGTH);
        assert_eq!(sjcl::seal("p", &text, [1; 8], [2; 16], ""), Err(SealError::TooLong));
        assert_eq!(argon2id::seal("p", &text, CHEAP, [1; 16], [2; 12], None), Err(SealError::TooLong));
    }

    #[test]
    fn fields_that_have_no_sense_are_named() {
        let good = sjcl::seal("p", "t", [1; 8], [2; 16], "").unwrap();
        for (from, to, field) in [
            ("\"ks\":256", "\"ks\":200", "ks"),
            ("\"ts\":64", "\"ts\":32", "ts"),
            ("\"mode\":\"ccm\"", "\"mode\":\"ocb2\"", "mode"),
            ("\"cipher\":\"aes\"", "\"cipher\":\"des\"", "cipher"),
            ("AgICAgICAgICAgICAgICAg==", "AgIC", "iv"),
            ("AgICAgICAgICAgICAgICAg==", "?", "iv"),
            ("\"adata\":\"\"", "\"adata\":\"%u00\"", "adata"),
        ] {
            let Err(OpenError::Field(error)) = open("p", &good.replace(from, to)) else { panic!("{to}") };
            assert_eq!(error.field, field);
        }
    }
}
