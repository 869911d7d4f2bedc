//! Kinds of field that many requests have.

use std::str::FromStr;

use bursar_core::id::InvalidId;
use bursar_core::secret::Secret;
use bursar_core::time::Span;

use crate::json::{FieldError, Fields, Json};

/// The most entries that a list of permissions, wallets, addresses or limits may have.
const LONGEST_LIST: usize = 500;

/// A text that people will read, if there: not blank, without control characters, at most `longest` characters.
pub(super) fn optional_words(
    fields: &Fields<'_>,
    name: &str,
    longest: usize,
) -> Result<Option<String>, FieldError> {
    let Some(text) = fields.optional_text(name)? else {
        return Ok(None);
    };
    let problem = if text.trim().is_empty() {
        "is empty".to_owned()
    } else if text.chars().any(char::is_control) {
        "must not have control characters".to_owned()
    } else if text.chars().count() > longest {
        format!("is longer than {longest} characters")
    } else {
        return Ok(Some(text.to_owned()));
    };
    Err(fields.refuse(name, problem))
}

/// A text that people will read.
pub(super) fn words(
    fields: &Fields<'_>,
    name: &str,
    longest: usize,
) -> Result<String, FieldError> {
    optional_words(fields, name, longest)?
        .ok_or_else(|| fields.refuse(name, "is missing: give a text"))
}

/// A text that must not be seen.
pub(super) fn secret(fields: &Fields<'_>, name: &str) -> Result<Secret<String>, FieldError> {
    fields.text(name).map(|text| Secret::new(text.to_owned()))
}

/// The one-time password, if there.
pub(super) fn otp(fields: &Fields<'_>) -> Result<Option<Secret<String>>, FieldError> {
    let otp = fields.optional_text("otp")?;
    Ok(otp.map(|text| Secret::new(text.to_owned())))
}

/// A duration from one second to `most` seconds, if there.
pub(super) fn seconds(
    fields: &Fields<'_>,
    name: &str,
    most: u64,
) -> Result<Option<Span>, FieldError> {
    let Some(seconds) = fields.optional_integer(name)? else {
        return Ok(None);
    };
    match u64::try_from(seconds) {
        Ok(seconds) if (1..=most).contains(&seconds) => Ok(Some(Span::from_seconds(seconds))),
        _ => Err(fields.refuse(name, format!("must be from 1 to {most} seconds"))),
    }
}

/// An id, if there.
pub(super) fn id<Id: FromStr<Err = InvalidId>>(
    fields: &Fields<'_>,
    name: &str,
) -> Result<Option<Id>, FieldError> {
    fields
        .optional_text(name)?
        .map(|text| text.parse().map_err(|error| not_an_id(fields, name, error)))
        .transpose()
}

/// A list of ids, if there.
pub(super) fn ids<Id: FromStr<Err = InvalidId>>(
    fields: &Fields<'_>,
    name: &str,
) -> Result<Option<Vec<Id>>, FieldError> {
    let Some(texts) = fields.optional_texts(name)? else {
        return Ok(None);
    };
    bounded(fields, name, texts.len(), LONGEST_LIST)?;
    let read = |(index, text): (usize, &str)| {
        text.parse()
            .map_err(|error| not_an_id(fields, &format!("{name}[{index}]"), error))
    };
    texts
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// A list of objects, if there.
pub(super) fn objects<'a>(
    fields: &Fields<'a>,
    name: &str,
) -> Result<Option<Vec<Fields<'a>>>, FieldError> {
    let length = fields.optional_array(name)?.map_or(0, <[Json]>::len);
    bounded(fields, name, length, LONGEST_LIST)?;
    fields.optional_objects(name)
}

/// Refuses a list that is longer than `longest`.
pub(super) fn bounded(
    fields: &Fields<'_>,
    name: &str,
    length: usize,
    longest: usize,
) -> Result<(), FieldError> {
    if length <= longest {
        Ok(())
    } else {
        Err(fields.refuse(name, format!("has more than {longest} entries")))
    }
}

/// What a client wrote, cut and escaped so that it can stand in a sentence.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(64).collect();
    start.escape_debug().to_string()
}

fn not_an_id(fields: &Fields<'_>, name: &str, error: InvalidId) -> FieldError {
    fields.refuse(name, format!("is not an id: {error}"))
}
