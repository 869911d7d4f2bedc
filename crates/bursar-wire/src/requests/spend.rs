//! Spends: `sendcoins`, `sendmany`, `tx/build`, `tx/send` (WC §8), and new addresses.
//!
//! A field that would make the client's spend another one than the rail is told of is refused, never ignored.

use bursar_core::hold::Recipient;
use bursar_core::secret::Secret;

use super::amount::amount_field;
use super::kinds;
use crate::json::{FieldError, Fields, Json};

/// The most recipients of one spend.
const MOST_RECIPIENTS: usize = 1000;
/// The longest destination, in characters.
const LONGEST_ADDRESS: usize = 500;
/// The longest comment, in characters.
const LONGEST_COMMENT: usize = 1000;
/// The longest name that a client gives a spend, in characters.
const LONGEST_SEQUENCE_ID: usize = 256;
/// The longest transaction, in bytes.
const LONGEST_TRANSACTION: usize = 1 << 20;
/// The longest name of an address, in characters.
const LONGEST_LABEL: usize = 250;

/// A spend by its recipients, or a transaction to be built.
#[derive(Clone, Debug)]
pub struct Send {
    /// Who gets how much; at least one.
    pub recipients: Vec<Recipient>,
    /// A comment to keep with it.
    pub comment: Option<String>,
    /// A one-time password: an unlock for this spend alone.
    pub otp: Option<Secret<String>>,
    /// The client's own name for the spend.
    pub sequence_id: Option<String>,
}

/// `tx/send`: a transaction that was built before.
#[derive(Clone, Debug)]
pub struct SendTransaction {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Who the client believes is in it.
    pub claimed: Option<Vec<Recipient>>,
    /// A comment to keep with it.
    pub comment: Option<String>,
    /// A one-time password: an unlock for this spend alone.
    pub otp: Option<Secret<String>>,
    /// The client's own name for the spend.
    pub sequence_id: Option<String>,
}

/// A new address of a wallet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CreateAddress {
    /// Its name.
    pub label: Option<String>,
}

impl Send {
    /// Reads `sendcoins`: one recipient, whose fields stand at the top.
    ///
    /// # Errors
    /// The first field that cannot be.
    pub fn read_coins(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let to = recipient(&fields)?;
        Self::read(&fields, vec![to])
    }

    /// Reads `sendmany` and `tx/build`: a list of recipients.
    ///
    /// # Errors
    /// The first field that cannot be.
    pub fn read_many(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let recipients = recipients(&fields)?
            .ok_or_else(|| fields.refuse("recipients", "is missing: give at least one recipient"))?;
        Self::read(&fields, recipients)
    }

    fn read(fields: &Fields<'_>, recipients: Vec<Recipient>) -> Result<Self, FieldError> {
        refuse_unsupported(fields)?;
        Ok(Self {
            recipients,
            comment: comment(fields)?,
            otp: kinds::otp(fields)?,
            sequence_id: kinds::optional_words(fields, "sequenceId", LONGEST_SEQUENCE_ID)?,
        })
    }
}

impl SendTransaction {
    /// Reads the request.
    ///
    /// # Errors
    /// The first field that cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        refuse_unsupported(&fields)?;
        let half_signed = fields.optional_object("halfSigned")?;
        let half_signed = half_signed.filter(|half| half.value("txHex").is_some());
        let bytes = match (fields.value("txHex"), &half_signed) {
            (Some(_), Some(half)) => {
                let problem = "is given beside `txHex`; give one of them";
                return Err(half.refuse("txHex", problem));
            }
            (None, Some(half)) => transaction(half)?,
            (_, None) => transaction(&fields)?,
        };
        Ok(Self {
            bytes,
            claimed: recipients(&fields)?,
            comment: comment(&fields)?,
            otp: kinds::otp(&fields)?,
            sequence_id: kinds::optional_words(&fields, "sequenceId", LONGEST_SEQUENCE_ID)?,
        })
    }
}

impl CreateAddress {
    /// Reads the request, whose body may be missing.
    ///
    /// # Errors
    /// A field that cannot be.
    pub fn read(body: Option<&Json>) -> Result<Self, FieldError> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        let label = kinds::optional_words(&Fields::of(body)?, "label", LONGEST_LABEL)?;
        Ok(Self { label })
    }
}

fn recipients(fields: &Fields<'_>) -> Result<Option<Vec<Recipient>>, FieldError> {
    let Some(list) = fields.optional_array("recipients")? else {
        return Ok(None);
    };
    if list.is_empty() {
        return Err(fields.refuse("recipients", "is empty: give at least one recipient"));
    }
    kinds::bounded(fields, "recipients", list.len(), MOST_RECIPIENTS)?;
    let entries = fields.objects("recipients")?;
    entries.iter().map(recipient).collect::<Result<_, _>>().map(Some)
}

fn recipient(fields: &Fields<'_>) -> Result<Recipient, FieldError> {
    refuse(fields, &["tokenName", "tokenData", "data"])?;
    Ok(Recipient {
        address: kinds::words(fields, "address", LONGEST_ADDRESS)?,
        amount: amount_field(fields, "amount")?,
    })
}

fn refuse_unsupported(fields: &Fields<'_>) -> Result<(), FieldError> {
    refuse(fields, &["tokenName"])?;
    match fields.optional_text("type")? {
        None | Some("transfer") => Ok(()),
        Some(_) => Err(fields.refuse("type", "is not supported: only `transfer` is")),
    }
}

/// Refuses fields that would turn the spend into one of another coin, or into a call of a contract.
fn refuse(fields: &Fields<'_>, names: &[&str]) -> Result<(), FieldError> {
    match names.iter().find(|name| fields.value(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(fields.refuse(
            name,
            "is not supported: name the coin in the path, as in `hteth:usdc`, and send nothing but money",
        )),
    }
}

fn comment(fields: &Fields<'_>) -> Result<Option<String>, FieldError> {
    match fields.optional_text("comment")? {
        None | Some("") => Ok(None),
        Some(_) => kinds::optional_words(fields, "comment", LONGEST_COMMENT),
    }
}

fn transaction(fields: &Fields<'_>) -> Result<Vec<u8>, FieldError> {
    let hex = fields.text("txHex")?;
    let problem = match hex.len() {
        0 => "is empty",
        length if length.div_ceil(2) > LONGEST_TRANSACTION => "is longer than 1 MiB",
        _ => match base16ct::mixed::decode_vec(hex) {
            Ok(bytes) => return Ok(bytes),
            Err(_) => "is not hex: two characters from 0-9 and a-f for each byte",
        },
    };
    Err(fields.refuse("txHex", problem))
}
