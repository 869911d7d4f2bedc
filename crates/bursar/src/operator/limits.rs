//! Limits of users, organisations and wallets, as an operator asks for them.

use std::collections::BTreeMap;

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::parse_knowing;
use bursar_core::limit::{Limit, Subject};
use bursar_http::limits_document;
use bursar_service::Bursar;
use bursar_service::error::ServiceError;
use bursar_service::limits::Standing;
use bursar_service::operator_limits::OperatorEdit;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, people};

/// Whose limits.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitsOf {
    /// A user's, by name.
    User(String),
    /// An organisation's, by id; without one, of the one that every server has.
    Organisation(Option<String>),
    /// A wallet's, by id.
    Wallet(String),
}

/// What of them is changed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) struct Change {
    /// All limits there shall be, as text.
    pub(crate) limits: Option<Vec<String>>,
    /// Whether money may go anywhere again.
    pub(crate) anywhere: bool,
    /// The version that is changed, and no other.
    pub(crate) version: Option<u64>,
}

/// Decimals that rails declare, for whoever shows the figures of limits.
#[derive(Serialize, Deserialize)]
pub(crate) struct Declared(BTreeMap<String, u8>);

impl Declared {
    pub(super) fn of(bursar: &Bursar) -> Self {
        Self(bursar.decimals().all_declared().map(|(coin, places)| (coin.to_string(), places)).collect())
    }

    /// What is known with them.
    pub(crate) fn known(&self) -> Decimals {
        Decimals::declared(self.0.iter().filter_map(|(coin, places)| Some((Coin::parse(coin).ok()?, *places))))
    }
}

fn document(bursar: &Bursar, standing: &Standing) -> Value {
    limits_document(standing, bursar.now(), bursar.decimals())
}

impl LimitsOf {
    /// What it names, and by which kind.
    pub(super) fn named(&self) -> Option<(&'static str, String)> {
        match self {
            Self::User(name) => Some(("user", name.clone())),
            Self::Organisation(id) => id.clone().map(|id| ("organisation", id)),
            Self::Wallet(id) => Some(("wallet", id.clone())),
        }
    }

    async fn subject(&self, bursar: &Bursar) -> Result<Subject, ServiceError> {
        match self {
            Self::User(name) => Ok(Subject::User(bursar.user_named(name).await?.id)),
            Self::Organisation(id) => people::organisation(bursar, id.as_deref()).await.map(Subject::Organisation),
            Self::Wallet(id) => id.parse().map(Subject::Wallet).map_err(|_| ServiceError::NotFound("wallet")),
        }
    }
}

pub(super) async fn show(bursar: &Bursar, of: &LimitsOf) -> Result<Answer, ServiceError> {
    let standing = bursar.limits_for_operator(of.subject(bursar).await?).await?;
    Ok(Answer::Limits { before: None, limits: document(bursar, &standing), declared: Declared::of(bursar) })
}

pub(super) async fn set(bursar: &Bursar, of: &LimitsOf, change: Change) -> Result<Answer, ServiceError> {
    let subject = of.subject(bursar).await?;
    let read = |(place, text): (usize, &String)| {
        parse_knowing(text, bursar.decimals())
            .map_err(|error| ServiceError::invalid(format!("limits[{place}]"), error.to_string()))
    };
    let limits: Option<Result<Vec<Limit>, ServiceError>> =
        change.limits.map(|texts| texts.iter().enumerate().map(read).collect());
    let limits = limits.transpose()?;
    let edit = OperatorEdit { seen: change.version, limits, lifts_destinations: change.anywhere };
    let (before, after) = bursar.set_limits_as_operator(subject, edit).await?;
    let before = Some(document(bursar, &before));
    Ok(Answer::Limits { before, limits: document(bursar, &after), declared: Declared::of(bursar) })
}
