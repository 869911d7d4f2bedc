//! Spends of applications that move the money themselves, and the question what a spend would get
//! (docs/native-api.md). Fields that are not known are refused.

use std::net::IpAddr;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::{OrganisationId, WalletId};
use bursar_core::ip::IpRestriction;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_core::token::Narrowing;

use crate::json::{FieldError, Fields, Json};
use crate::requests::factors::proof;
use crate::requests::limits::coin;
use crate::requests::spend::{address, bounded, recipients, some_amount};
use crate::requests::token::duration;
use crate::requests::{amount, id, ids, ips, name};

#[cfg(test)]
mod tests;

/// The longest an application may take to say what became of a spend, in seconds: a week.
const LONGEST_DEADLINE: u64 = 604_800;

/// A spend that an application asks a hold for, on behalf of whoever's token it presents.
#[derive(Debug)]
pub struct CreateSpend {
    /// The spender's token.
    pub token: Secret<String>,
    /// What is spent.
    pub payment: Payment,
    /// Whose money it is, where no wallet says so.
    pub organisation: Option<OrganisationId>,
    /// How long the application may take to settle it.
    pub deadline: Option<Span>,
    /// Where the spender's request came from.
    pub address: Option<IpAddr>,
    /// A comment to keep.
    pub comment: Option<String>,
}

/// What a spend would get, without holding anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DryRun {
    /// What would be spent.
    pub payment: Payment,
    /// Whose money it is, where no wallet says so.
    pub organisation: Option<OrganisationId>,
    /// From where the token would be used.
    pub address: Option<IpAddr>,
}

/// Who is to get how much of what, and what it may cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The coin that is spent.
    pub coin: Coin,
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
    /// The greatest fee, in base units of `fee_coin`; nothing if left out.
    pub fee: Amount,
    /// The coin that pays the fee; the coin that is spent if left out.
    pub fee_coin: Coin,
    /// The wallet it comes from, if the money is in one that Bursar knows.
    pub wallet: Option<WalletId>,
}

/// The fields of a payment.
const PAYMENT: [&str; 7] = ["coin", "recipients", "amount", "destination", "fee", "feeCoin", "wallet"];

impl Payment {
    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let spent = coin(fields, "coin")?;
        let recipients = match recipients(fields)? {
            Some(list) => {
                if let Some(beside) = ["amount", "destination"].into_iter().find(|name| fields.value(name).is_some()) {
                    return Err(fields.refuse(beside, "cannot stand beside `recipients`; give one or the other"));
                }
                list
            }
            None if fields.value("amount").is_none() && fields.value("destination").is_none() => {
                return Err(fields.refuse("recipients", "is missing; give a list, or `amount` and `destination`"));
            }
            None => {
                let recipient =
                    Recipient { address: address(fields, "destination")?, amount: some_amount(fields, "amount")? };
                vec![recipient]
            }
        };
        let fee_coin = if fields.value("feeCoin").is_some() { coin(fields, "feeCoin")? } else { spent.clone() };
        Ok(Self {
            coin: spent,
            recipients,
            fee: amount(fields, "fee")?.unwrap_or(Amount::ZERO),
            fee_coin,
            wallet: id(fields, "wallet")?,
        })
    }
}

impl CreateSpend {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let own = ["token", "organisation", "deadline", "address", "comment"];
        fields.only(&[&PAYMENT[..], &own[..]].concat())?;
        let token = fields.text("token")?;
        if token.is_empty() {
            return Err(fields.refuse("token", "is empty; give the token of whoever spends"));
        }
        let deadline = fields.optional_integer("deadline")?.map(|seconds| {
            let seconds = u64::try_from(seconds).ok().filter(|seconds| (1..=LONGEST_DEADLINE).contains(seconds));
            let problem = || format!("must be a number of seconds from 1 to {LONGEST_DEADLINE}");
            seconds.map(Span::from_seconds).ok_or_else(|| fields.refuse("deadline", problem()))
        });
        Ok(Self {
            token: Secret::new(token.to_owned()),
            payment: Payment::read(&fields)?,
            organisation: id(&fields, "organisation")?,
            deadline: deadline.transpose()?,
            address: source(&fields)?,
            comment: bounded(&fields, "comment")?,
        })
    }
}

/// From where a token is used.
fn source(fields: &Fields<'_>) -> Result<Option<IpAddr>, FieldError> {
    let read = |text: &str| {
        let address = text.parse().map(|address: IpAddr| address.to_canonical());
        address.map_err(|_| fields.refuse("address", "is not an IP address"))
    };
    fields.optional_text("address")?.map(read).transpose()
}

/// What a spend lacks that says neither where its money is nor whose it is.
const NO_WALLET: &str = "is missing; name the wallet that would pay, or the `organisation` whose money it is";

impl DryRun {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&[&PAYMENT[..], &["organisation", "address"]].concat())?;
        let (payment, organisation) = (Payment::read(&fields)?, id(&fields, "organisation")?);
        if payment.wallet.is_none() && organisation.is_none() {
            return Err(fields.refuse("wallet", NO_WALLET));
        }
        Ok(Self { payment, organisation, address: source(&fields)? })
    }
}

/// A credential for a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateService {
    /// Its name.
    pub label: String,
    /// Whom it works for.
    pub organisation: OrganisationId,
    /// From which wallets it may ask for spends.
    pub narrowing: Narrowing,
    /// Where it may be used from.
    pub ips: IpRestriction,
    /// How long it lasts.
    pub duration: Option<Span>,
    /// The second factor of whoever asks.
    pub otp: Option<String>,
}

impl CreateService {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["label", "organisation", "wallets", "ipRestrict", "duration", "otp"])?;
        let organisation = id(&fields, "organisation")?;
        Ok(Self {
            label: name(&fields, "label")?,
            organisation: organisation
                .ok_or_else(|| fields.refuse("organisation", "is missing; name the organisation it works for"))?,
            narrowing: ids(&fields, "wallets")?.map_or(Narrowing::None, Narrowing::Wallets),
            ips: ips(&fields, "ipRestrict")?.unwrap_or_default(),
            duration: duration(&fields)?,
            otp: proof(&fields, "otp")?,
        })
    }
}

/// The money moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureSpend {
    /// What recipients got; what is held for them if left out.
    pub amount: Option<Amount>,
    /// The fee that was paid for it; all that is held for it if left out.
    pub fee: Option<Amount>,
    /// What the spend is called where the money moved.
    pub reference: String,
    /// The second factor of a person: needed if the spend was released before, or less was paid than was held and
    /// the deadline is over.
    pub otp: Option<String>,
}

impl CaptureSpend {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["amount", "fee", "reference", "otp"])?;
        Ok(Self {
            amount: moved(&fields, "amount")?,
            fee: moved(&fields, "fee")?,
            reference: name(&fields, "reference")?,
            otp: proof(&fields, "otp")?,
        })
    }
}

/// An amount that moved, in its plain digits: a number that begins with zeros is octal to some.
fn moved(fields: &Fields<'_>, name: &str) -> Result<Option<Amount>, FieldError> {
    match fields.value(name) {
        Some(Json::String(text))
            if text.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            Err(fields.refuse(name, "begins with zeros; write its digits without them"))
        }
        _ => amount(fields, name),
    }
}

/// The money did not move and will not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReleaseSpend {
    /// Why not.
    pub reason: String,
    /// The second factor of a person: needed after the deadline.
    pub otp: Option<String>,
}

impl ReleaseSpend {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["reason", "otp"])?;
        Ok(Self { reason: name(&fields, "reason")?, otp: proof(&fields, "otp")? })
    }
}

/// What a person found out about a spend that nobody knew the outcome of (P4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolveSpend {
    /// Whether the money moved.
    pub moved: bool,
    /// What recipients got, if it moved; what is held for them if left out.
    pub amount: Option<Amount>,
    /// The fee that was paid for it, if it moved; all that is held for it if left out.
    pub fee: Option<Amount>,
    /// What the spend is called where the money moved.
    pub reference: Option<String>,
    /// Whether it may be more than was held, which stops the token.
    pub more_than_held: bool,
    /// What the person saw.
    pub evidence: String,
    /// Their second factor.
    pub otp: Option<String>,
}

impl ResolveSpend {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["moved", "amount", "fee", "reference", "moreThanHeld", "evidence", "otp"])?;
        let moved = fields.boolean("moved")?;
        let of_moved = ["amount", "fee", "reference", "moreThanHeld"];
        if let Some(name) = of_moved.into_iter().find(|name| !moved && fields.value(name).is_some()) {
            return Err(fields.refuse(name, "says what moved, and `moved` says that nothing did"));
        }
        let reference = fields.value("reference").is_some().then(|| name(&fields, "reference"));
        Ok(Self {
            moved,
            amount: amount(&fields, "amount")?,
            fee: amount(&fields, "fee")?,
            reference: reference.transpose()?,
            more_than_held: fields.value("moreThanHeld").is_some() && fields.boolean("moreThanHeld")?,
            evidence: name(&fields, "evidence")?,
            otp: proof(&fields, "otp")?,
        })
    }
}
