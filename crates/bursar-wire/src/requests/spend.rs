//! Building and sending transactions (WC §8).

use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;
use bursar_core::text::is_hidden;

use crate::json::{FieldError, Fields, Json};
use crate::requests::amount;
use crate::requests::factors::proof;

mod parameters;
#[cfg(test)]
mod tests;

/// The most recipients of one spend.
const MOST_RECIPIENTS: usize = 1000;
/// The longest destination, comment or `sequenceId`, in bytes.
const LONGEST_TEXT: usize = 512;
/// The longest transaction, in bytes.
const LONGEST_TRANSACTION: usize = 1 << 20;

/// What comes with any spend.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Particulars {
    /// A comment to keep.
    pub comment: Option<String>,
    /// A one-time password for this spend alone.
    pub otp: Option<String>,
    /// The client's name for the spend.
    pub sequence_id: Option<String>,
}

/// Fields that would make a spend something else than it looks like here.
const NOT_UNDERSTOOD: [&str; 4] = ["tokenName", "tokenData", "data", "nfts"];

impl Particulars {
    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        refuse_what_is_not_understood(fields)?;
        let sequence_id = bounded(fields, "sequenceId")?;
        if sequence_id.as_deref() == Some("") {
            return Err(fields.refuse("sequenceId", "is empty; leave it out for none"));
        }
        Ok(Self { comment: bounded(fields, "comment")?, otp: proof(fields, "otp")?, sequence_id })
    }
}

/// `sendcoins` and `sendmany`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
    /// What comes with it.
    pub particulars: Particulars,
}

impl Send {
    /// Reads the body of `sendcoins`: one recipient, at the top.
    ///
    /// # Errors
    /// A field is missing, cannot be, or asks for what is not done.
    pub fn read_one(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let read = Self { recipients: vec![recipient(&fields)?], particulars: Particulars::read(&fields)? };
        parameters::check(&fields, parameters::OF_ONE)?;
        Ok(read)
    }

    /// Reads the body of `sendmany`.
    ///
    /// # Errors
    /// A field is missing, cannot be, or asks for what is not done.
    pub fn read_many(body: &Json) -> Result<Self, FieldError> {
        let read = Self::read_leniently(body)?;
        let fields = Fields::of(body)?;
        parameters::check(&fields, parameters::OF_MANY)?;
        let recipients = fields.objects("recipients")?;
        recipients.iter().try_for_each(|one| parameters::check(one, parameters::OF_RECIPIENT))?;
        Ok(read)
    }

    /// The same of a body in which other parameters say nothing of what is read here.
    fn read_leniently(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let recipients = recipients(&fields)?.ok_or_else(|| fields.refuse("recipients", "is missing"))?;
        Ok(Self { recipients, particulars: Particulars::read(&fields)? })
    }
}

/// `tx/build`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildTransaction {
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
}

impl BuildTransaction {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        // What is built is looked at before it is sent, so that what shaped it can be passed over.
        Ok(Self { recipients: Send::read_leniently(body)?.recipients })
    }
}

/// `tx/send`: a transaction that was built before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendTransaction {
    /// The transaction.
    pub transaction: Vec<u8>,
    /// Who the client believes gets how much.
    pub claimed: Option<Vec<Recipient>>,
    /// What comes with it.
    pub particulars: Particulars,
}

impl SendTransaction {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let transaction = match (fields.value("txHex"), fields.optional_object("halfSigned")?) {
            (Some(_), Some(_)) => return Err(fields.refuse("halfSigned", "cannot stand beside `txHex`; give one")),
            (None, Some(half)) => transaction(&half)?,
            (_, None) => transaction(&fields)?,
        };
        Ok(Self { transaction, claimed: recipients(&fields)?, particulars: Particulars::read(&fields)? })
    }
}

fn transaction(fields: &Fields<'_>) -> Result<Vec<u8>, FieldError> {
    let text = fields.text("txHex")?;
    if text.len() > 2 * LONGEST_TRANSACTION {
        return Err(fields.refuse("txHex", format!("is longer than {LONGEST_TRANSACTION} bytes")));
    }
    base16ct::mixed::decode_vec(text)
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| fields.refuse("txHex", "is not a transaction in hex"))
}

pub(super) fn recipients(fields: &Fields<'_>) -> Result<Option<Vec<Recipient>>, FieldError> {
    let Some(list) = fields.optional_objects("recipients")? else { return Ok(None) };
    if !(1..=MOST_RECIPIENTS).contains(&list.len()) {
        return Err(fields.refuse("recipients", format!("must have 1 to {MOST_RECIPIENTS} entries")));
    }
    list.iter().map(recipient).collect::<Result<_, _>>().map(Some)
}

fn refuse_what_is_not_understood(fields: &Fields<'_>) -> Result<(), FieldError> {
    match NOT_UNDERSTOOD.iter().find(|name| fields.value(name).is_some()) {
        Some(name) => Err(fields.refuse(name, "is not supported: only plain payments of the path's coin are")),
        None => match fields.value("type") {
            None => Ok(()),
            Some(Json::String(kind)) if kind == "transfer" => Ok(()),
            Some(_) => Err(fields.refuse("type", "is not supported: only `transfer` is")),
        },
    }
}

fn recipient(fields: &Fields<'_>) -> Result<Recipient, FieldError> {
    refuse_what_is_not_understood(fields)?;
    Ok(Recipient { address: address(fields, "address")?, amount: some_amount(fields, "amount")? })
}

pub(super) fn some_amount(fields: &Fields<'_>, name: &str) -> Result<Amount, FieldError> {
    amount(fields, name)?.ok_or_else(|| fields.refuse(name, "is missing"))
}

/// A destination in the notation of a rail that nobody has asked yet.
pub(super) fn address(fields: &Fields<'_>, name: &str) -> Result<String, FieldError> {
    let address = fields.text(name)?;
    if address.is_empty() || address.len() > LONGEST_TEXT || address.chars().any(is_hidden) {
        return Err(fields.refuse(name, format!("must have 1 to {LONGEST_TEXT} bytes and no control characters")));
    }
    Ok(address.to_owned())
}

pub(super) fn bounded(fields: &Fields<'_>, name: &str) -> Result<Option<String>, FieldError> {
    match fields.optional_text(name)? {
        Some(text) if text.len() > LONGEST_TEXT => {
            Err(fields.refuse(name, format!("is longer than {LONGEST_TEXT} bytes")))
        }
        Some(text) if text.chars().any(is_hidden) => Err(fields.refuse(name, "contains control characters")),
        text => Ok(text.map(str::to_owned)),
    }
}
