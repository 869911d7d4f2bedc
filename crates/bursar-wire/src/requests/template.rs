//! Access-token templates (WC §1.4): how they are written, kept and applied.

use bursar_core::id::{OrganisationId, WalletId};
use serde_json::{Map, Value};

use crate::json::{FieldError, Fields, Json};
use crate::requests::limits::{destinations, limits};
use crate::requests::token::narrowing;
use crate::requests::{CreateToken, id, ids, ips, name, scopes};

#[cfg(test)]
mod tests;

/// The fields of a template that an edit may change, by the names they are kept under.
const FIELDS: [&str; 5] = ["tokenScopes", "allowedIPs", "tokenLimits", "permittedEnterprises", "permittedWallets"];

/// A template: kept as it was written, once every field has been understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Its name, unique among its owner's.
    pub name: String,
    /// The organisation it belongs to.
    pub organisation: Option<OrganisationId>,
    fields: Map<String, Value>,
}

/// An edit of a template: what is not mentioned stays, `null` or `[]` clears (WC §1.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateEdit {
    /// The new name.
    pub name: Option<String>,
    fields: Map<String, Value>,
}

impl Template {
    /// Reads the body of a creation.
    ///
    /// # Errors
    /// A field is missing or cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let organisation = id(&fields, "enterpriseId")?;
        let name = name(&fields, "name")?;
        let mut kept = understood(&fields)?;
        // What is written as empty says nothing, as in an edit.
        kept.retain(|_, value| !is_cleared(value));
        Ok(Self { name, organisation, fields: kept })
    }

    /// Takes back what `to_bytes` made.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Value::Object(mut fields) = serde_json::from_slice(bytes).ok()? else { return None };
        let Value::String(name) = fields.remove("name")? else { return None };
        let organisation = match fields.remove("enterpriseId") {
            Some(Value::String(id)) => Some(id.parse().ok()?),
            _ => None,
        };
        Some(Self { name, organisation, fields })
    }

    /// The form it is kept in.
    pub fn to_bytes(&self) -> Vec<u8> {
        Value::Object(self.to_map()).to_string().into_bytes()
    }

    /// Its fields as they are answered.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("name".to_owned(), self.name.clone().into());
        if let Some(organisation) = self.organisation {
            map.insert("enterpriseId".to_owned(), organisation.to_string().into());
        }
        map.extend(self.fields.clone());
        map
    }

    /// The template after an edit.
    ///
    /// # Errors
    /// The edit and what stays cannot stand together.
    pub fn edited(mut self, edit: TemplateEdit) -> Result<Self, FieldError> {
        for (field, value) in edit.fields {
            if is_cleared(&value) {
                self.fields.remove(&field);
                continue;
            }
            // One list takes the place of the other; clearing the one leaves the other alone.
            match field.as_str() {
                "permittedWallets" => drop(self.fields.remove("permittedEnterprises")),
                "permittedEnterprises" => drop(self.fields.remove("permittedWallets")),
                _ => {}
            }
            self.fields.insert(field, value);
        }
        self.name = edit.name.unwrap_or(self.name);
        Ok(self)
    }

    /// Gives a new token what its request does not say itself.
    ///
    /// # Errors
    /// The kept template can no longer be understood.
    pub fn apply_to(&self, token: &mut CreateToken) -> Result<(), FieldError> {
        let text = Value::Object(self.fields.clone()).to_string();
        let refuse = |problem: String| FieldError { field: "accessTokenTemplateId".to_owned(), problem };
        let body = Json::parse(text.as_bytes()).map_err(|error| refuse(error.to_string()))?;
        let fields = Fields::of(&body)?;
        token.organisation = token.organisation.or(self.organisation);
        if token.scopes.is_none() {
            token.scopes = scopes(&fields, "tokenScopes")?;
        }
        if token.ips.is_none() {
            token.ips = ips(&fields, "allowedIPs")?;
        }
        if let Some(own) = fields.optional_object("tokenLimits")? {
            if token.limits.is_none() {
                token.limits = limits(&own)?;
            }
            if token.destinations.is_none() {
                token.destinations = destinations(&own)?;
            }
        }
        if token.narrowing.is_none() {
            token.narrowing = narrowing(&fields)?;
        }
        if token.scopes.is_none() {
            return Err(FieldError {
                field: "scope".to_owned(),
                problem: "invalid scope: neither request nor template names one".to_owned(),
            });
        }
        Ok(())
    }
}

impl TemplateEdit {
    /// Reads the body of an edit.
    ///
    /// # Errors
    /// A field cannot be.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let name = if fields.mentions("name") { Some(name(&fields, "name")?) } else { None };
        Ok(Self { name, fields: understood(&fields)? })
    }
}

fn is_cleared(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The fields a template keeps, each understood before it is kept.
fn understood(fields: &Fields<'_>) -> Result<Map<String, Value>, FieldError> {
    let is_empty = |name: &str| fields.optional_array(name).map(|list| list.is_some_and(<[Json]>::is_empty));
    if !is_empty("tokenScopes")? {
        scopes(fields, "tokenScopes")?;
    }
    ips(fields, "allowedIPs")?;
    // Left alone, they would be rules that nobody keeps.
    if let Some(misplaced) = ["limits", "destinations"].into_iter().find(|name| fields.value(name).is_some()) {
        return Err(fields.refuse(misplaced, "belongs into `tokenLimits`"));
    }
    if let Some(own) = fields.optional_object("tokenLimits")? {
        limits(&own)?;
        destinations(&own)?;
    }
    if !is_empty("permittedWallets")? && !is_empty("permittedEnterprises")? {
        narrowing(fields)?;
    } else {
        // An empty list clears; the other one, if there is one, must still be understood.
        ids::<OrganisationId>(fields, "permittedEnterprises")?;
        ids::<WalletId>(fields, "permittedWallets")?;
    }
    let mut kept = Map::new();
    for name in FIELDS {
        if fields.mentions(name) {
            let value = super::account::plain(fields.value(name).unwrap_or(&Json::Null));
            let problem = "holds a number that cannot be kept exactly; write it as a string";
            kept.insert(name.to_owned(), value.ok_or_else(|| fields.refuse(name, problem))?);
        }
    }
    Ok(kept)
}
