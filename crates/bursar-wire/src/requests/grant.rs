//! What a token or a template may do, money aside: scopes, addresses, which wallets (WC §5, §6).

use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::scope::{Scope, ScopeName, Scopes};
use bursar_core::token::Narrowing;

use super::kinds;
use crate::json::{FieldError, Fields};

/// The most entries an IP restriction may have (WC §1.4).
const MOST_ADDRESSES: usize = 100;
/// The most scopes; more than there are names, since some are tied to wallets.
const MOST_SCOPES: usize = 500;

pub(super) const WALLETS: &str = "permittedWallets";
pub(super) const ORGANISATIONS: &str = "permittedEnterprises";

/// The scopes, if there; the list may be empty. Whether `all` exists here is not known to this module.
pub(super) fn scopes(fields: &Fields<'_>, name: &str) -> Result<Option<Scopes>, FieldError> {
    let Some(texts) = fields.optional_texts(name)? else {
        return Ok(None);
    };
    kinds::bounded(fields, name, texts.len(), MOST_SCOPES)?;
    // Clients look for the words `invalid scope`, and for the field as a whole (WC §4.4).
    let invalid = |text: &str, why: &dyn std::fmt::Display| {
        let shown = kinds::shown(text);
        fields.refuse(name, format!("has an invalid scope, `{shown}`: {why}"))
    };
    let read = |text: &str| {
        let scope: Scope = text.parse().map_err(|error| invalid(text, &error))?;
        if scope.name() == ScopeName::UserManage {
            return Err(invalid(text, &"only login sessions have it"));
        }
        Ok(scope)
    };
    let scopes = texts
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, FieldError>>()?;
    Ok(Some(Scopes::new(scopes)))
}

/// The IP restriction, if the field is written at all; `null` and `[]` say that there is none (WC §6).
pub(super) fn ips(fields: &Fields<'_>, name: &str) -> Result<Option<IpRestriction>, FieldError> {
    if !fields.mentions(name) {
        return Ok(None);
    }
    let texts = fields.optional_texts(name)?.unwrap_or_default();
    kinds::bounded(fields, name, texts.len(), MOST_ADDRESSES)?;
    let read = |(index, text): (usize, &str)| {
        IpRule::parse(text)
            .map_err(|error| fields.refuse(&format!("{name}[{index}]"), error.to_string()))
    };
    let rules = texts
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    Ok(Some(IpRestriction::new(rules)))
}

/// The narrowing of a token, if there. An empty list never widens: it is refused.
pub(super) fn narrowing(fields: &Fields<'_>) -> Result<Option<Narrowing>, FieldError> {
    for name in [WALLETS, ORGANISATIONS] {
        if fields
            .optional_array(name)?
            .is_some_and(|list| list.is_empty())
        {
            let problem = "is empty: leave it out to permit everything, or name what is permitted";
            return Err(fields.refuse(name, problem));
        }
    }
    let narrowing = changed_narrowing(fields, &Narrowing::None)?;
    Ok((narrowing != Narrowing::None).then_some(narrowing))
}

/// A template's narrowing after an edit: what is not written stays, `null` and `[]` clear (WC §1.4).
pub(super) fn changed_narrowing(
    fields: &Fields<'_>,
    before: &Narrowing,
) -> Result<Narrowing, FieldError> {
    let (mut wallets, mut organisations) = match before {
        Narrowing::None => (Vec::new(), Vec::new()),
        Narrowing::Wallets(wallets) => (wallets.clone(), Vec::new()),
        Narrowing::Organisations(organisations) => (Vec::new(), organisations.clone()),
    };
    if fields.mentions(WALLETS) {
        wallets = kinds::ids(fields, WALLETS)?.unwrap_or_default();
    }
    if fields.mentions(ORGANISATIONS) {
        organisations = kinds::ids(fields, ORGANISATIONS)?.unwrap_or_default();
    }
    match (wallets.is_empty(), organisations.is_empty()) {
        (true, true) => Ok(Narrowing::None),
        (false, true) => Ok(Narrowing::Wallets(wallets)),
        (true, false) => Ok(Narrowing::Organisations(organisations)),
        (false, false) => Err(fields.refuse(
            WALLETS,
            format!("cannot be combined with `{ORGANISATIONS}`: give one and clear the other with null"),
        )),
    }
}
