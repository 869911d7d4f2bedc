//! Making an access token (WC §1.4, §4, §5, §6).

use bursar_core::id::{OrganisationId, TemplateId};
use bursar_core::ip::IpRestriction;
use bursar_core::limit::Limit;
use bursar_core::scope::Scopes;
use bursar_core::time::Span;
use bursar_core::token::Narrowing;

use crate::json::{FieldError, Fields, Json};
use crate::requests::factors::proof;
use crate::requests::limits::{DestinationRules, destinations, limits};
use crate::requests::{id, ids, ips, name, scopes};

#[cfg(test)]
mod tests;

/// Ten years, the longest life there is (WC §1.4).
const LONGEST_SECONDS: i128 = 315_360_000;
/// For how long two secrets are good if nothing is said, in seconds: a day.
const USUAL_OVERLAP: u64 = 86_400;
/// For how long they can be, in seconds: a week.
const LONGEST_OVERLAP: u64 = 604_800;

/// A request for a new access token. What is absent may come from a template; what is present wins, also
/// when it is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateToken {
    /// The token's name.
    pub label: String,
    /// The second factor of whoever asks.
    pub otp: Option<String>,
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// How long it lasts.
    pub duration: Option<Span>,
    /// Where it may be used from.
    pub ips: Option<IpRestriction>,
    /// What it may spend by itself.
    pub limits: Option<Vec<Limit>>,
    /// Where its money may go.
    pub destinations: Option<DestinationRules>,
    /// The organisation it is tied to.
    pub organisation: Option<OrganisationId>,
    /// Which wallets it may touch.
    pub narrowing: Option<Narrowing>,
    /// The template it is made from.
    pub template: Option<TemplateId>,
}

impl CreateToken {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let label = name(&fields, "label")?;
        let scopes = scopes(&fields, "scope")?;
        let template = id(&fields, "accessTokenTemplateId")?;
        if scopes.is_none() && template.is_none() {
            return Err(fields.refuse("scope", "invalid scope: name at least one scope"));
        }
        for unsupported in ["admin", "adminScope"] {
            if !matches!(fields.value(unsupported), None | Some(Json::Bool(false))) {
                return Err(fields.refuse(unsupported, "is not supported; tokens administer nothing"));
            }
        }
        Ok(Self {
            label,
            otp: proof(&fields, "otp")?,
            scopes,
            duration: duration(&fields)?,
            ips: ips(&fields, "ipRestrict")?,
            limits: limits(&fields)?,
            destinations: destinations(&fields)?,
            organisation: id(&fields, "enterprise")?,
            narrowing: narrowing(&fields)?,
            template,
        })
    }
}

/// A new secret for a token that is used already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotate {
    /// For how long the old secret stays good; a day if nothing is said.
    pub overlap: Span,
    /// The second factor of whoever asks.
    pub otp: Option<String>,
}

impl Rotate {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["overlap", "otp"])?;
        let overlap = match fields.optional_integer("overlap")? {
            None => USUAL_OVERLAP,
            Some(seconds) => {
                u64::try_from(seconds).ok().filter(|seconds| *seconds <= LONGEST_OVERLAP).ok_or_else(|| {
                    fields.refuse("overlap", format!("must be a number of seconds from 0 to {LONGEST_OVERLAP}"))
                })?
            }
        };
        Ok(Self { overlap: Span::from_seconds(overlap), otp: proof(&fields, "otp")? })
    }
}

pub(super) fn duration(fields: &Fields<'_>) -> Result<Option<Span>, FieldError> {
    let read = |seconds: i128| match u64::try_from(seconds) {
        Ok(whole @ 1..) if seconds <= LONGEST_SECONDS => Ok(Span::from_seconds(whole)),
        _ => Err(fields.refuse("duration", format!("must be a number of seconds from 1 to {LONGEST_SECONDS}"))),
    };
    let seconds = fields.optional_integer("duration");
    let seconds =
        seconds.map_err(|error| FieldError { problem: format!("{}; it counts seconds", error.problem), ..error })?;
    seconds.map(read).transpose()
}

/// Either organisations or wallets; an empty list would permit nothing and is more likely a mistake.
pub(super) fn narrowing(fields: &Fields<'_>) -> Result<Option<Narrowing>, FieldError> {
    let organisations: Option<Vec<OrganisationId>> = ids(fields, "permittedEnterprises")?;
    let wallets = ids(fields, "permittedWallets")?;
    let empty = "is empty, which would permit nothing; leave it out for no restriction";
    match (organisations, wallets) {
        (Some(_), Some(_)) => Err(fields.refuse("permittedWallets", "cannot be combined with `permittedEnterprises`")),
        (Some(list), None) if list.is_empty() => Err(fields.refuse("permittedEnterprises", empty)),
        (None, Some(list)) if list.is_empty() => Err(fields.refuse("permittedWallets", empty)),
        (Some(list), None) => Ok(Some(Narrowing::Organisations(list))),
        (None, Some(list)) => Ok(Some(Narrowing::Wallets(list))),
        (None, None) => Ok(None),
    }
}
