//! The sections `[[authz.rules]]` of the configuration: what requests mean that other proxies ask about.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bursar_core::time::Span;
use bursar_http::authz::{BodyKind, Does, NewRule, NewSpend, Rules};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::configuration::{addresses, parse_duration};
use crate::failure::Failure;
use crate::rails::located;

/// Rules as a configuration writes them.
#[derive(Deserialize, Serialize, Clone, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authz {
    #[serde(default)]
    rules: Vec<Rule>,
}

/// What a file says that describes proxies and nothing else.
#[derive(Deserialize, Clone, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proxies {
    /// Proxies that are believed.
    #[serde(default, deserialize_with = "addresses::believed")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// What they ask about.
    #[serde(default)]
    pub(crate) authz: Authz,
}

/// A rule.
#[derive(Deserialize, Serialize, Clone, Debug)]
#[serde(tag = "operation", rename_all = "lowercase", deny_unknown_fields)]
enum Rule {
    /// It moves no money.
    Read(Read),
    /// It spends.
    Spend(Box<Spend>),
}

#[derive(Deserialize, Serialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Read {
    host: String,
    method: String,
    path: String,
    scope: Option<String>,
    wallet: Option<String>,
}

#[derive(Deserialize, Serialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Spend {
    host: String,
    method: String,
    path: String,
    wallet: Option<String>,
    organisation: Option<String>,
    coin: String,
    amount: String,
    #[serde(default)]
    unit: Unit,
    decimals: Option<u8>,
    body: Option<BodyIs>,
    destination: String,
    key: String,
    service: Option<String>,
    release_within: Option<String>,
    #[serde(default)]
    repeats: Repeats,
}

/// How an amount is written.
#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Minor,
    Decimal,
}

/// How a body is written.
#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum BodyIs {
    Json,
    Form,
}

/// What becomes of a request whose key was used before.
#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
#[serde(rename_all = "lowercase")]
enum Repeats {
    #[default]
    Refuse,
    Pass,
}

impl Authz {
    /// The rules, checked.
    ///
    /// # Errors
    /// Which rule cannot be, and why.
    pub(crate) fn rules(&self) -> Result<Arc<Rules>, String> {
        let read =
            |(number, rule): (usize, &Rule)| rule.read().map_err(|problem| format!("authz.rules[{number}]: {problem}"));
        let rules = self.rules.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        Rules::new(rules).map(Arc::new)
    }

    /// Whether there is nothing to ask about.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    fn read(&self) -> Result<NewRule, String> {
        match self.clone() {
            Self::Read(Read { host, method, path, scope, wallet }) => {
                Ok(NewRule { host, method, path, does: Does::Read { scope, wallet } })
            }
            Self::Spend(spend) => {
                let Spend { host, method, path, .. } = *spend.clone();
                let wait = |text: &String| parse_duration(text).map_err(|problem| format!("release_within: {problem}"));
                let release_within: Option<Span> = spend.release_within.as_ref().map(wait).transpose()?;
                let does = Does::Spend(Box::new(NewSpend {
                    wallet: spend.wallet,
                    organisation: spend.organisation,
                    coin: spend.coin,
                    amount: spend.amount,
                    is_decimal: spend.unit == Unit::Decimal,
                    decimals: spend.decimals,
                    body: spend.body.map(|body| match body {
                        BodyIs::Json => BodyKind::Json,
                        BodyIs::Form => BodyKind::Form,
                    }),
                    destination: spend.destination,
                    key: spend.key,
                    service: spend.service,
                    release_within,
                    repeats_pass: spend.repeats == Repeats::Pass,
                }));
                Ok(NewRule { host, method, path, does })
            }
        }
    }
}

/// What cannot be about rules and proxies together.
pub(crate) fn check(trusted: &[IpNet], authz: &Authz) -> Result<(), String> {
    if trusted.is_empty() && !authz.is_empty() {
        return Err("authz.rules: without `trusted_proxies` nobody may ask about them".to_owned());
    }
    authz.rules().map(drop)
}

/// Reads a file that describes proxies and nothing else.
pub(crate) fn read(path: &Path) -> Result<Proxies, Failure> {
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let read: Proxies = located::read(&text).map_err(|problem| Failure::at(path, problem))?;
    check(&read.trusted_proxies, &read.authz).map_err(|problem| Failure::at(path, problem))?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEND: &str = "
        trusted_proxies = ['127.0.0.1/32']
        [[authz.rules]]
        operation = 'spend'
        host = 'api.example.com'
        method = 'POST'
        path = '/pay/{to}'
        wallet = '07070707070707070707070707070707'
        coin = 'tbtc'
        amount = 'query.amount'
        destination = '{to}'
        key = 'header.Idempotency-Key'
    ";

    fn parse(text: &str) -> Result<(), String> {
        let read: Proxies = toml::from_str(text).map_err(|error| error.to_string())?;
        check(&read.trusted_proxies, &read.authz)
    }

    #[test]
    fn a_rule_is_read_and_a_key_nobody_knows_is_an_error() {
        assert_eq!(parse(SPEND), Ok(()));
        assert!(parse(&format!("{SPEND}\nunits = 'decimal'")).unwrap_err().contains("units"));
        assert!(parse(&format!("{SPEND}\nrelease_within = 'soon'")).unwrap_err().contains("release_within"));
        assert!(parse(&SPEND.replace("'spend'", "'transfer'")).unwrap_err().contains("transfer"));
    }

    #[test]
    fn rules_without_proxies_are_refused() {
        let alone = SPEND.replace("trusted_proxies = ['127.0.0.1/32']", "");
        assert!(parse(&alone).unwrap_err().contains("trusted_proxies"));
    }
}
