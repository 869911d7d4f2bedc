//! Access-token templates (WC §1.4): reusable grants, read from requests, kept as documents, applied to new tokens.
//!
//! The stored form is the wire's own, with the times as milliseconds, so that one reader serves both.

use bursar_core::coin::Asset;
use bursar_core::id::OrganisationId;
use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::limit::{Ceiling, Limit};
use bursar_core::scope::{Scope, Scopes};
use bursar_core::time::Timestamp;
use bursar_core::token::Narrowing;
use serde_json::{Map, Value};

use super::limits::{COINS, ERC20, TokenLimits};
use super::token::CreateToken;
use super::{grant, kinds};
use crate::json::{FieldError, Fields, Json};

/// The longest name of a template, in characters.
const LONGEST_NAME: usize = 250;

/// What a template says. What is `None` or empty is left to each token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateBody {
    /// Its name, its user's own among templates.
    pub name: String,
    /// The organisation its tokens are tied to; fixed when it is made.
    pub organisation: Option<OrganisationId>,
    /// What its tokens may do.
    pub scopes: Option<Scopes>,
    /// Where its tokens may be used from.
    pub ips: Option<IpRestriction>,
    /// What its tokens may spend by themselves.
    pub limits: TokenLimits,
    /// Which wallets its tokens may touch.
    pub narrowing: Narrowing,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl TemplateBody {
    /// Reads a request that makes a template.
    ///
    /// # Errors
    /// The first field that cannot be.
    pub fn read_create(body: &Json, now: Timestamp) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let nothing = Self {
            name: kinds::words(&fields, "name", LONGEST_NAME)?,
            organisation: kinds::id(&fields, "enterpriseId")?,
            scopes: None,
            ips: None,
            limits: TokenLimits::default(),
            narrowing: Narrowing::None,
            created: now,
            updated: now,
        };
        nothing.changed(&fields)
    }

    /// The template after an edit: what is not written stays, `null` and empty lists clear.
    ///
    /// # Errors
    /// The first field that cannot be, or cannot be changed.
    pub fn read_patch(&self, body: &Json, now: Timestamp) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        let organisation: Option<OrganisationId> = kinds::id(&fields, "enterpriseId")?;
        if fields.mentions("enterpriseId") && organisation != self.organisation {
            return Err(fields.refuse("enterpriseId", "cannot be changed: make another template"));
        }
        let mut changed = self.changed(&fields)?;
        if fields.mentions("name") {
            changed.name = kinds::words(&fields, "name", LONGEST_NAME)?;
        }
        changed.updated = now;
        Ok(changed)
    }

    fn changed(&self, fields: &Fields<'_>) -> Result<Self, FieldError> {
        let mut changed = Self {
            narrowing: grant::changed_narrowing(fields, &self.narrowing)?,
            ..self.clone()
        };
        if fields.mentions("tokenScopes") {
            let scopes = grant::scopes(fields, "tokenScopes")?;
            changed.scopes = scopes.filter(|scopes| scopes.iter().next().is_some());
        }
        if let Some(ips) = grant::ips(fields, "allowedIPs")? {
            changed.ips = Some(ips).filter(|ips| !ips.rules().is_empty());
        }
        if fields.mentions("tokenLimits") {
            changed.limits = match fields.optional_object("tokenLimits")? {
                Some(limits) => TokenLimits::read(&limits)?,
                None => TokenLimits::default(),
            };
        }
        Ok(changed)
    }

    /// Fills what the request did not say; what it says wins, also when it is an empty list.
    ///
    /// # Errors
    /// The request's `txValueLimit` stands beside the template's entry for bitcoin.
    pub fn apply_to(&self, request: &mut CreateToken) -> Result<(), FieldError> {
        request.scopes = request.scopes.take().or_else(|| self.scopes.clone());
        request.ips = request.ips.take().or_else(|| self.ips.clone());
        request.organisation = request.organisation.or(self.organisation);
        if request.narrowing.is_none() && self.narrowing != Narrowing::None {
            request.narrowing = Some(self.narrowing.clone());
        }
        request.limits.or(&self.limits);
        request.limits.all().map(drop)
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut form = self.to_fields();
        form.insert("createdAt".into(), self.created.as_millis().into());
        form.insert("updatedAt".into(), self.updated.as_millis().into());
        Value::Object(form).to_string().into_bytes()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// The bytes are not what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FieldError> {
        let json = Json::parse(bytes).map_err(|error| FieldError {
            field: "body".to_owned(),
            problem: error.to_string(),
        })?;
        let fields = Fields::of(&json)?;
        let time = |name: &str| {
            let millis = i64::try_from(fields.integer(name)?);
            millis
                .map(Timestamp::from_millis)
                .map_err(|_| fields.refuse(name, "is no time"))
        };
        let (created, updated) = (time("createdAt")?, time("updatedAt")?);
        Ok(Self {
            updated,
            ..Self::read_create(&json, created)?
        })
    }

    /// The template's own fields as the wire has them; amounts are texts here.
    pub(crate) fn to_fields(&self) -> Map<String, Value> {
        let mut form = Map::new();
        form.insert("name".into(), self.name.as_str().into());
        if let Some(organisation) = self.organisation {
            form.insert("enterpriseId".into(), organisation.to_string().into());
        }
        if let Some(scopes) = &self.scopes {
            form.insert("tokenScopes".into(), texts(scopes.iter().map(|scope: Scope| scope.to_string())));
        }
        if let Some(ips) = &self.ips {
            form.insert("allowedIPs".into(), texts(ips.rules().iter().map(IpRule::to_string)));
        }
        if self.limits != TokenLimits::default() {
            form.insert("tokenLimits".into(), limits_form(&self.limits));
        }
        match &self.narrowing {
            Narrowing::None => {}
            Narrowing::Wallets(ids) => {
                form.insert(grant::WALLETS.into(), texts(ids.iter().map(ToString::to_string)));
            }
            Narrowing::Organisations(ids) => {
                form.insert(grant::ORGANISATIONS.into(), texts(ids.iter().map(ToString::to_string)));
            }
        }
        form
    }
}

fn texts(texts: impl Iterator<Item = String>) -> Value {
    texts.map(Value::from).collect()
}

fn limits_form(limits: &TokenLimits) -> Value {
    let mut form = Map::new();
    if let Some(coins) = &limits.coins {
        form.insert(COINS.into(), coins.iter().map(limit_form).collect());
    }
    if let Some(erc20) = &limits.erc20 {
        let off = || Value::Object(Map::from_iter([("enabled".to_owned(), false.into())]));
        form.insert(ERC20.into(), erc20.first().map_or_else(off, limit_form));
    }
    Value::Object(form)
}

fn limit_form(limit: &Limit) -> Value {
    let mut form = Map::new();
    match &limit.asset {
        Asset::Coin(coin) => form.insert("coin".into(), coin.as_str().into()),
        Asset::Family(_) => form.insert("enabled".into(), true.into()),
    };
    match limit.ceiling {
        Ceiling::At(amount) => form.insert("txValueLimit".into(), amount.to_string().into()),
        Ceiling::Unlimited => form.insert("maxLimit".into(), true.into()),
    };
    Value::Object(form)
}
