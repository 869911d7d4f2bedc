//! Requests, read into the core's terms. Every refusal names the field at fault. In the dialect, fields that
//! nobody knows are left alone (WC §1.4); in rules and native requests they are refused. Nothing here decides.

mod account;
mod factors;
mod limits;
mod native;
mod people;
mod query;
mod spend;
mod template;
mod token;

pub use account::{ChangePassword, CreateKeychain, Extend, Freeze, Login, Settings, Unlock, VerifyPassword};
pub use factors::{AddDevice, AskStepUp, ChangeFactor, FinishSignIn, NewDevice, PasskeyAnswer, SignIn};
pub use limits::in_base_units;
pub(crate) use limits::in_units;
pub use limits::{DestinationEdit, DestinationRules, DestinationText, LimitsEdit, MOST_DESTINATIONS};
pub use native::{CaptureSpend, CreateService, CreateSpend, DryRun, Payment, ReleaseSpend, ResolveSpend};
pub use people::{
    ChangeAddress, ClearPasswords, CreateInvitation, CreateOrganisation, CreateWallet, EditMember, EditOrganisation,
    EditProfile, EditWalletMember, RedeemInvitation, RedeemLink, RedeemReset, ResetPassword, RevokeSessions, StepUp,
};
pub use query::{HistoryQuery, ListQuery, SpendsQuery, TokensQuery, TrailQuery};
pub use spend::{BuildTransaction, Particulars, Send, SendTransaction};
pub use template::{Template, TemplateEdit};
pub use token::{CreateToken, Rotate};

use std::str::FromStr;

use bursar_core::amount::Amount;
use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::scope::{InvalidScope, Scope, ScopeName, Scopes};
use bursar_core::text::{LARGEST_EXACT, is_hidden};

use crate::json::{FieldError, Fields, Json};

#[cfg(test)]
mod tests;

/// The longest name of a token, a template or an address, in characters.
const LONGEST_NAME: usize = 250;
/// The most entries in a list of addresses, scopes, limits or wallets.
const LONGEST_LIST: usize = 100;

/// Reads an amount of base units: decimal digits, or an integer that JSON keeps exactly (WC §4.3 rule 1).
fn amount(fields: &Fields<'_>, name: &str) -> Result<Option<Amount>, FieldError> {
    let refuse = |problem: String| Err(fields.refuse(name, problem));
    match fields.value(name) {
        None => Ok(None),
        Some(Json::String(text)) => Amount::parse(text).map(Some).or_else(|error| refuse(error.to_string())),
        Some(Json::Integer(number)) if (0..=i128::from(LARGEST_EXACT)).contains(number) => {
            Ok(Some(Amount::new(number.unsigned_abs())))
        }
        Some(Json::Integer(number)) if *number < 0 => refuse("is negative".to_owned()),
        Some(Json::Integer(_) | Json::OtherNumber) => {
            refuse("is not an integer that JSON keeps exactly; write it as a string of decimal digits".to_owned())
        }
        Some(other) => refuse(format!("must be a string of decimal digits or an integer, not {}", other.kind())),
    }
}

/// Reads a text for people: some characters, none of them hidden.
fn name(fields: &Fields<'_>, field: &str) -> Result<String, FieldError> {
    let text = fields.text(field)?;
    if text.trim().is_empty() {
        return Err(fields.refuse(field, "is empty"));
    }
    if text.chars().count() > LONGEST_NAME {
        return Err(fields.refuse(field, format!("has more than {LONGEST_NAME} characters")));
    }
    if text.chars().any(is_hidden) {
        return Err(fields.refuse(field, "contains control characters, or others that cannot be seen"));
    }
    Ok(text.to_owned())
}

fn texts<'a>(fields: &Fields<'a>, field: &str) -> Result<Option<Vec<&'a str>>, FieldError> {
    let texts = fields.optional_texts(field)?;
    match &texts {
        Some(list) if list.len() > LONGEST_LIST => {
            Err(fields.refuse(field, format!("has more than {LONGEST_LIST} entries")))
        }
        _ => Ok(texts),
    }
}

/// The beginning of what a client wrote, to say it back.
fn excerpt(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// The scope that somebody may have meant whose text ends too early, or goes on too long.
fn nearest(text: &str) -> String {
    let names = ScopeName::ALL.iter().map(|name| name.as_str());
    let near = names.filter(|name| text.len() > 3 && (name.starts_with(text) || text.starts_with(name)));
    let found = near.min_by_key(|name| name.len().abs_diff(text.len()));
    found.map_or_else(String::new, |name| format!("; is `{name}` meant?"))
}

fn scopes(fields: &Fields<'_>, field: &str) -> Result<Option<Scopes>, FieldError> {
    let Some(list) = texts(fields, field)? else { return Ok(None) };
    let mut scopes = Vec::with_capacity(list.len());
    for (at, text) in list.iter().enumerate() {
        let refuse = |problem: String| fields.refuse(field, format!("invalid scope: entry {}: {problem}", at + 1));
        let scope: Scope = text.parse().map_err(|error: InvalidScope| match error {
            InvalidScope::Unknown => refuse(format!("there is no scope `{}`{}", excerpt(text), nearest(text))),
            other => refuse(other.to_string()),
        })?;
        if scope.name() == ScopeName::UserManage {
            return Err(refuse("only login sessions have `user_manage`".to_owned()));
        }
        scopes.push(scope);
    }
    if scopes.is_empty() {
        return Err(fields.refuse(field, "invalid scope: name at least one scope"));
    }
    Ok(Some(Scopes::new(scopes)))
}

/// Reads an IP restriction; written as `null` or empty it says that there is none, which is not the same
/// as saying nothing.
fn ips(fields: &Fields<'_>, field: &str) -> Result<Option<IpRestriction>, FieldError> {
    if !fields.mentions(field) {
        return Ok(None);
    }
    let mut rules = Vec::new();
    for (at, text) in texts(fields, field)?.unwrap_or_default().iter().enumerate() {
        let rule = IpRule::parse(text).map_err(|error| fields.refuse(&format!("{field}[{at}]"), error.to_string()))?;
        rules.push(rule);
    }
    Ok(Some(IpRestriction::new(rules)))
}

fn ids<T: FromStr>(fields: &Fields<'_>, field: &str) -> Result<Option<Vec<T>>, FieldError> {
    let Some(list) = texts(fields, field)? else { return Ok(None) };
    let read = |(at, text): (usize, &&str)| {
        let problem = "is not an id (32 lower-case hex characters)";
        text.parse().map_err(|_| fields.refuse(&format!("{field}[{at}]"), problem))
    };
    list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
}

fn id<T: FromStr>(fields: &Fields<'_>, field: &str) -> Result<Option<T>, FieldError> {
    let read = |text: &str| {
        let problem = "is not an id (32 lower-case hex characters)";
        text.parse().map_err(|_| fields.refuse(field, problem))
    };
    fields.optional_text(field)?.map(read).transpose()
}
