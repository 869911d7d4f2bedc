//! `kind = "http"`: an API over plain HTTP, by rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bursar_core::secret::Secret;
use bursar_gateway::http::{HttpRail, Settings};
use bursar_rails::http::Rules;
use bursar_rails::http::written::{WrittenOperation, WrittenRule};
use bursar_service::rail::Rail;
use serde::Deserialize;

use super::Section;
use super::place::Place;
use super::sealed::{Kept, MayHave, Sealed, Vault};
use super::trust::{CLIENT_KEY, Certificates};
use crate::environment::SystemClock;
use crate::regular_file;

/// The longest that an answer may take, in seconds.
const MOST_SECONDS: u64 = 600;
/// The longest answer that can be read, in bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The name of the provider's key among the section's secrets.
const CREDENTIAL: &str = "credential";

/// An API over plain HTTP.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    url: Option<String>,
    url_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    client_certificate_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    credential_header: Option<String>,
    credential_file: Option<PathBuf>,
    credential_scheme: Option<String>,
    #[serde(default)]
    sealed: Sealed,
    #[serde(default = "sixty")]
    timeout_seconds: u64,
    #[serde(default = "one_mebibyte")]
    max_answer_bytes: usize,
    #[serde(default = "ten_minutes")]
    refused_after_seconds: u64,
    /// Whether spends go over connections that others went over.
    #[serde(default)]
    reuse_connections: bool,
    /// Whether its money is worth nothing.
    #[serde(default)]
    pub(super) test_money: bool,
    #[serde(default)]
    assets: BTreeMap<String, u8>,
    #[serde(default)]
    rules: Vec<WrittenRule>,
}

impl Section for Http {
    fn place_files(&mut self, place: &Path) {
        let files = [
            &mut self.url_file,
            &mut self.credential_file,
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ];
        files.into_iter().flatten().for_each(|file| *file = place.join(&file));
    }

    fn check(&self) -> Result<(), String> {
        self.sealed.check(&self.secrets())?;
        self.place().check()?;
        self.certificates().check()?;
        let has_credential = self.credential_file.is_some() || self.sealed.has(CREDENTIAL);
        if self.credential_header.is_some() != has_credential {
            return Err("`credential_header` and `credential_file` (or a sealed `credential`) go together".to_owned());
        }
        if self.credential_scheme.is_some() && self.credential_header.is_none() {
            return Err("`credential_scheme` is for a `credential_header`".to_owned());
        }
        if !(1..=MOST_SECONDS).contains(&self.timeout_seconds) {
            return Err(format!("`timeout_seconds` is 1 at least, and {MOST_SECONDS} at most"));
        }
        if !(1..=MOST_BYTES).contains(&self.max_answer_bytes) {
            return Err(format!("`max_answer_bytes` is 1 at least, and {MOST_BYTES} at most"));
        }
        if self.refused_after_seconds < self.timeout_seconds {
            return Err("`refused_after_seconds` is less than `timeout_seconds`: the request could still be under way"
                .to_owned());
        }
        let header = self.credential_header.as_deref();
        if let Some(rule) = self.rules.iter().find(|rule| {
            let is_it = |name: &str| header.is_some_and(|header| header.eq_ignore_ascii_case(name));
            rule.headers.iter().any(|name| is_it(name)) || rule.key_header.as_deref().is_some_and(is_it)
        }) {
            return Err(format!("rules for `{}`: the header of the credential is not the client's", rule.path));
        }
        self.rules().map(drop)
    }

    fn secrets(&self) -> Vec<MayHave<'_>> {
        vec![
            MayHave { key: CREDENTIAL, file: self.credential_file.as_deref() },
            self.place().secret(),
            self.certificates().secret(),
        ]
    }

    fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        self.sealed.kept(self.secrets())
    }

    fn real_money(&self) -> Option<String> {
        (!self.test_money).then(|| "nothing says `test_money = true`".to_owned())
    }

    fn open(&self, vault: Vault<'_>) -> Result<Arc<dyn Rail>, String> {
        let credential = match &self.credential_header {
            Some(header) => {
                let text = match &self.credential_file {
                    Some(file) => regular_file::read_to_string(file)
                        .map(Secret::new)
                        .map_err(|problem| format!("{}: {problem}", file.display()))?,
                    None => vault.secret(CREDENTIAL)?,
                };
                let scheme = self.credential_scheme.as_ref().map(|scheme| format!("{scheme} ")).unwrap_or_default();
                Some((header.clone(), Secret::new(format!("{scheme}{}", text.expose().trim()))))
            }
            None => None,
        };
        let settings = Settings {
            url: self.place().read(vault)?,
            credential,
            trust: self.certificates().read(vault)?,
            rules: self.rules()?,
            within: Duration::from_secs(self.timeout_seconds),
            longest_answer: self.max_answer_bytes,
            refused_after: Duration::from_secs(self.refused_after_seconds),
            reuse_connections: self.reuse_connections,
        };
        Ok(Arc::new(HttpRail::new(settings, Arc::new(SystemClock))?))
    }
}

impl Http {
    /// What its requests mean.
    ///
    /// # Errors
    /// All that is wrong with its rules, a line each.
    pub(crate) fn rules(&self) -> Result<Rules, String> {
        Rules::new(&self.assets, &self.rules).map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }

    /// What is sound in its rules, and perhaps not meant: a line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.operation == WrittenOperation::Spend)
        {
            let rule_name = format!("rules[{place}] `{} {}`", rule.method, rule.path);
            if rule.refused.is_none() {
                notes.push(format!(
                    "{rule_name}: nothing says when a spend is `refused`, so one that the provider turns down stays held until \
                     it is looked up or resolved"
                ));
            }
            let looked_up = rule.reconcile.as_ref().and_then(|look_up| look_up.captured.as_ref());
            for (field, text) in [
                ("amount", rule.amount.as_ref()),
                ("captured", rule.captured.as_ref()),
                ("reconcile.captured", looked_up),
            ] {
                let literals = text.into_iter().flat_map(|text| text.split(['\'', '"']).skip(1).step_by(2));
                for literal in literals.filter(|literal| !self.assets.contains_key(*literal)) {
                    if let Some(asset) = self.assets.keys().find(|asset| asset.eq_ignore_ascii_case(literal)) {
                        let literal = literal.escape_debug();
                        notes.push(format!("{rule_name}, `{field}`: `{literal}` is no asset, while `{asset}` is; letters are told apart"));
                    }
                }
            }
        }
        notes
    }

    /// How many rules there are.
    pub(crate) fn count(&self) -> usize {
        self.rules.len()
    }

    fn certificates(&self) -> Certificates<'_> {
        Certificates {
            authorities: self.ca_file.as_deref(),
            certificate: self.client_certificate_file.as_deref(),
            key: self.client_key_file.as_deref(),
            key_is_sealed: self.sealed.has(CLIENT_KEY),
        }
    }

    fn place(&self) -> Place<'_> {
        let sealed = self.sealed.has("url");
        Place { name: "url", url: self.url.as_deref(), file: self.url_file.as_deref(), sealed }
    }
}

const fn sixty() -> u64 {
    60
}

const fn one_mebibyte() -> usize {
    1024 * 1024
}

const fn ten_minutes() -> u64 {
    600
}

#[cfg(test)]
mod tests {
    use super::super::{Described, Opened, check, only_test_money, open};

    const GOOD: &str = r#"[payments]
kind = 'http'
url = 'http://127.0.0.1:9/api'
test_money = true
assets = { usd = 2 }

[[payments.rules]]
method = 'POST'
path = '/v1/charges'
operation = 'spend'
headers = ['idempotency-key']
body = 'form'
fields = ['amount', 'currency', 'source']
asset = 'usd'
amount = 'minor(body.amount, body.currency)'
destination = 'body.source'
key = "headers['idempotency-key']"
key_header = 'idempotency-key'
done = 'status == 200'
refused = 'status == 402'
"#;

    fn read(text: &str) -> Result<Described, String> {
        let rails: Described = toml::from_str(text).map_err(|problem| problem.to_string())?;
        check(&rails).map(|()| rails)
    }

    #[test]
    fn an_api_is_described_by_its_rules_and_opens() {
        let rails = read(GOOD).unwrap();
        assert!(open(&rails, &Opened::default()).is_ok() && only_test_money(&rails).is_ok());
        assert!(only_test_money(&read(&GOOD.replace("test_money = true", "")).unwrap()).is_err());
    }

    #[test]
    fn what_is_sound_and_perhaps_not_meant_is_noted() {
        let notes = |text: &str| match &read(text).unwrap()["payments"] {
            super::super::RailConfiguration::Http(http) => http.notes(),
            other => panic!("{other:?}"),
        };
        assert_eq!(notes(GOOD), Vec::<String>::new());
        let unrefused = notes(&GOOD.replace("refused = 'status == 402'", ""));
        assert!(unrefused.len() == 1 && unrefused[0].contains("`refused`"), "{unrefused:?}");
        let other_case = notes(&GOOD.replace(
            "minor(body.amount, body.currency)",
            "minor(body.currency == \"USD\" ? body.amount : body.amount, body.currency)",
        ));
        assert!(other_case.len() == 1 && other_case[0].contains("`USD` is no asset, while `usd` is"), "{other_case:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        for (from, to, problem) in [
            ("minor(body.amount, body.currency)", "body.amount", "rules[0] `POST /v1/charges`, `amount` at column 1"),
            (
                "minor(body.amount, body.currency)",
                "minor(body.amount, \"USD\")",
                "an amount of `USD`, and the rule's `asset`",
            ),
            ("usd = 2", "usd = 3", "`usd` has 2 decimal places"),
            ("test_money", "credential_header = 'authorization'\ntest_money", "go together"),
            ("test_money", "client_key_file = 'key'\ntest_money", "`client_key_file` means nothing without"),
            ("test_money", "timeout_seconds = 0\ntest_money", "`timeout_seconds`"),
            ("test_money", "refused_after_seconds = 1\ntest_money", "`refused_after_seconds`"),
            (
                "test_money",
                "credential_header = 'Idempotency-Key'\ncredential_file = 'key'\ntest_money",
                "is not the client's",
            ),
            ("http://127", "http://user:pass@127", "secret"),
            ("operation = 'spend'", "operation = 'spend'\nspends = true", "spends"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
