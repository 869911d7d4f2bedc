//! A request for a page on its way to its handler.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::HeaderMap;
use bursar_core::decimals::Decimals;
use bursar_core::time::Timestamp;
use bursar_service::Bursar;
use bursar_service::authenticate::Principal;

use super::answer;
use super::audit::export::Files;
use super::csrf::Binding;
use super::fields::Fields;
use super::handover::Handover;
use crate::failure::Failure;

/// A request for a page. Who sends it is known; of a form it is certain that a page of ours sent it.
pub(crate) struct Visit {
    pub(crate) bursar: Arc<Bursar>,
    /// Secrets that wait to be shown, once.
    pub(crate) handover: Arc<Handover>,
    /// Files of the trail that are on their way.
    pub(crate) files: Files,
    /// Who is signed in; somebody on pages of people.
    pub(crate) person: Option<Principal>,
    /// Whether they have a passkey that this server takes.
    pub(crate) has_passkey: bool,
    pub(crate) address: IpAddr,
    /// Whether a proxy of ours says that the browser came by HTTPS.
    pub(crate) is_https: bool,
    pub(crate) headers: HeaderMap,
    /// The path and query, as they were asked for.
    pub(crate) target: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) query: Fields,
    pub(crate) form: Fields,
    /// What forms on the answered page are bound to.
    pub(crate) binding: Binding,
}

/// How colours are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Theme {
    /// As the system has it.
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.name() == name).unwrap_or(Self::System)
    }
}

impl Visit {
    /// Who is signed in. The table of pages lets nobody else come here.
    pub(crate) fn person(&self) -> Result<&Principal, Failure> {
        self.person.as_ref().ok_or(Failure::NoToken)
    }

    pub(crate) fn parameter(&self, name: &str) -> Result<&str, Failure> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).ok_or(Failure::NoSuchRoute)
    }

    /// An id in the path; what is none names nothing.
    pub(crate) fn id<Id: FromStr>(&self, name: &'static str) -> Result<Id, Failure> {
        self.parameter(name)?.parse().map_err(|_| Failure::NoSuchRoute)
    }

    /// In which units amounts and limits are read and shown.
    pub(crate) fn decimals(&self) -> &Decimals {
        self.bursar.decimals()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.bursar.now()
    }

    /// Where to go after this, if the form or the query names a place here.
    pub(crate) fn next(&self) -> Option<String> {
        let said = self.form.some("next").or_else(|| self.query.some("next"))?;
        // Signing in ends where signing in begins otherwise.
        let is_fit = answer::is_local(said) && !said.starts_with("/sign-");
        is_fit.then(|| said.to_owned())
    }
}
