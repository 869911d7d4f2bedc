//! `POST accesstoken` (WC §1.4).

use bursar_core::id::{OrganisationId, TemplateId};
use bursar_core::ip::IpRestriction;
use bursar_core::scope::Scopes;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_core::token::Narrowing;

use super::limits::TokenLimits;
use super::{grant, kinds};
use crate::json::{FieldError, Fields, Json};

/// The longest name of a token, in characters.
const LONGEST_LABEL: usize = 250;
/// Ten years, the longest life there is (WC §1.4).
const LONGEST_LIFE_S: u64 = 315_360_000;

/// A token as it is asked for. What is `None` was not written: a template speaks there, then the defaults.
#[derive(Clone, Debug)]
pub struct CreateToken {
    /// Its name.
    pub label: String,
    /// The second factor of whoever asks.
    pub otp: Option<Secret<String>>,
    /// What it may do; never empty, and without `user_manage`. Whether `all` exists is for the service to say.
    pub scopes: Option<Scopes>,
    /// How long it lasts.
    pub duration: Option<Span>,
    /// Where it may be used from; a restriction without entries says that there is none.
    pub ips: Option<IpRestriction>,
    /// What it may spend by itself.
    pub limits: TokenLimits,
    /// The organisation it is tied to.
    pub organisation: Option<OrganisationId>,
    /// Which wallets it may touch.
    pub narrowing: Option<Narrowing>,
    /// The template that fills what is `None`.
    pub template: Option<TemplateId>,
}

impl CreateToken {
    /// Reads the request.
    ///
    /// # Errors
    /// The first field that cannot be; scopes come before what else may be wrong (WC §1.4).
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        for name in ["admin", "adminScope"] {
            let wanted = fields.value(name).is_some_and(|value| *value != Json::Bool(false));
            if wanted {
                return Err(fields.refuse(name, "is not supported: no token administers an organisation"));
            }
        }
        let scopes = grant::scopes(&fields, "scope")?;
        if scopes.as_ref().is_some_and(|scopes| scopes.iter().next().is_none()) {
            return Err(fields.refuse("scope", "is an invalid scope list: name at least one scope"));
        }
        let request = Self {
            label: kinds::words(&fields, "label", LONGEST_LABEL)?,
            otp: kinds::otp(&fields)?,
            scopes,
            duration: kinds::seconds(&fields, "duration", LONGEST_LIFE_S)?,
            ips: grant::ips(&fields, "ipRestrict")?,
            limits: TokenLimits::read_with_bitcoin(&fields)?,
            organisation: kinds::id(&fields, "enterprise")?,
            narrowing: grant::narrowing(&fields)?,
            template: kinds::id(&fields, "accessTokenTemplateId")?,
        };
        request.limits.all()?;
        Ok(request)
    }
}
