//! The secrets of a section: each in a file that is named, or sealed in the store under the name of its key.

use std::collections::BTreeMap;
use std::path::Path;

use bursar_core::secret::Secret;
use bursar_service::rail_credentials::CredentialName;
use serde::Deserialize;

use crate::configuration::NAME;

/// Which secrets of a section are sealed, by their keys without `_file`.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(transparent)]
pub(super) struct Sealed(Vec<String>);

/// A secret that a section may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct MayHave<'a> {
    /// Its key without `_file`.
    pub(super) key: &'static str,
    /// The file it is in, in clear.
    pub(super) file: Option<&'a Path>,
}

/// Where a secret of a rail is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kept<'a> {
    /// In clear, in a file.
    File(&'a Path),
    /// In the store.
    Sealed,
}

/// Sealed secrets that were opened, of all rails.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    secrets: BTreeMap<CredentialName, Secret<String>>,
    /// What a command says to find them: a data directory, or a configuration with another name than the usual.
    place: String,
}

/// The sealed secrets of one rail.
#[derive(Clone, Copy)]
pub(super) struct Vault<'a> {
    /// The rail.
    pub(super) rail: &'a str,
    /// Those of all rails.
    pub(super) opened: &'a Opened,
}

impl Opened {
    /// Of a data directory that no configuration names.
    pub(crate) fn of(directory: Option<&Path>) -> Self {
        let place = directory.map(|directory| format!(" --data-dir {}", directory.display()));
        Self { secrets: BTreeMap::new(), place: place.unwrap_or_default() }
    }

    /// Of the data directory that a configuration names.
    pub(crate) fn configured(configuration: &Path) -> Self {
        Self { secrets: BTreeMap::new(), place: flag(configuration) }
    }

    pub(crate) fn add(&mut self, name: CredentialName, secret: Secret<String>) {
        self.secrets.insert(name, secret);
    }
}

/// What a command has to say for this configuration to be read.
pub(crate) fn flag(configuration: &Path) -> String {
    match configuration == Path::new(NAME) {
        true => String::new(),
        false => format!(" --config {}", configuration.display()),
    }
}

impl Vault<'_> {
    /// The secret that is sealed under a key.
    ///
    /// # Errors
    /// None is; the message says what to do.
    pub(super) fn secret(&self, key: &str) -> Result<Secret<String>, String> {
        let rail = self.rail;
        let found = self.opened.secrets.iter().find(|(name, _)| name.rail == rail && name.key == key);
        found.map(|(_, secret)| secret.clone()).ok_or_else(|| {
            let place = &self.opened.place;
            let seal = format!("bursar rail credential set {rail} --name {key} --from-file FILE{place}");
            format!(
                "`sealed` names `{key}`, and none is kept; `{seal}` seals one, or without --from-file what it reads"
            )
        })
    }
}

impl Sealed {
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|sealed| sealed == key)
    }

    /// Checks that the section may have what it says is sealed, and has it nowhere else.
    pub(super) fn check(&self, may_have: &[MayHave<'_>]) -> Result<(), String> {
        for key in &self.0 {
            let Some(secret) = may_have.iter().find(|secret| secret.key == key) else {
                let keys: Vec<_> = may_have.iter().map(|secret| format!("`{}`", secret.key)).collect();
                return Err(format!("`sealed`: there is no secret `{key}`; it names some of {}", keys.join(", ")));
            };
            if secret.file.is_some() {
                return Err(format!("`sealed` names `{key}`, and there is a `{key}_file`; one will do"));
            }
        }
        Ok(())
    }

    /// Where the section's secrets are, those that it has.
    pub(super) fn kept<'a>(&self, may_have: Vec<MayHave<'a>>) -> Vec<(&'static str, Kept<'a>)> {
        let kept = |secret: MayHave<'a>| match secret.file {
            Some(file) => Some((secret.key, Kept::File(file))),
            None => self.has(secret.key).then_some((secret.key, Kept::Sealed)),
        };
        may_have.into_iter().filter_map(kept).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rails::{Described, check, open};

    const BITGO: &str = "[up]\nkind = 'bitgo'\nurl = 'http://127.0.0.1:1'\ncoin = 'tbtc'\nsealed = ['token']\n";
    const BITCOIN: &str =
        "[chain]\nkind = 'bitcoin'\nnetwork = 'regtest'\nsoftware = 'bcoin'\nsealed = ['url', 'wallet_url']\n";
    const EVM: &str = "[chain]\nkind = 'evm'\nchain_id = 31337\ncoin = 'hteth'\nsealed = ['url', 'ws_url', 'client_key']\nclient_certificate_file = 'x'\n";
    const HTTP: &str = r#"
[api]
kind = 'http'
url = 'http://127.0.0.1:1'
credential_header = 'x-key'
sealed = ['credential']

[[api.rules]]
method = 'GET'
path = '/v1/balance'
operation = 'read'
"#;

    fn read(text: &str) -> Result<Described, String> {
        let rails: Described = toml::from_str(text).map_err(|problem| problem.to_string())?;
        check(&rails).map(|()| rails)
    }

    fn sealed(rail: &str, secrets: &[(&str, &str)]) -> Opened {
        let mut opened = Opened::default();
        for (key, secret) in secrets {
            opened.add(CredentialName::new(rail, key).unwrap(), Secret::new((*secret).to_owned()));
        }
        opened
    }

    #[test]
    fn every_kind_of_rail_opens_with_what_is_sealed_and_with_nothing_else() {
        let token = format!("v2x{}", "0".repeat(64));
        let node = "http://user:password@127.0.0.1:1";
        for (text, rail, secrets) in [
            (BITGO, "up", vec![("token", token.as_str())]),
            (BITCOIN, "chain", vec![("wallet_url", node), ("url", node)]),
            (HTTP, "api", vec![("credential", "hush")]),
        ] {
            let described = read(text).unwrap();
            open(&described, &sealed(rail, &secrets)).map(drop).unwrap();
            let elsewhere = open(&described, &sealed("other", &secrets)).map(drop).unwrap_err().to_string();
            let command = format!("bursar rail credential set {rail} --name {}", secrets[0].0);
            assert!(elsewhere.contains(&format!("{command} --from-file FILE`")), "{elsewhere}");
            let named =
                open(&described, &Opened::configured(Path::new("other.toml"))).map(drop).unwrap_err().to_string();
            assert!(named.contains(&format!("{command} --from-file FILE --config other.toml`")), "{named}");
            let usual = open(&described, &Opened::configured(Path::new(NAME))).map(drop).unwrap_err().to_string();
            assert!(usual.contains(&format!("{command} --from-file FILE`")), "{usual}");
            let of_dev = open(&described, &Opened::of(Some(Path::new("/kept")))).map(drop).unwrap_err().to_string();
            assert!(of_dev.contains(&format!("{command} --from-file FILE --data-dir /kept`")), "{of_dev}");
            for secret in &secrets {
                assert!(!elsewhere.contains(secret.1));
            }
        }
    }

    #[test]
    fn a_secret_is_in_one_place_and_of_the_section() {
        assert_eq!(read(EVM).unwrap()["chain"].kept().len(), 3);
        for (text, from, to, problem) in [
            (BITGO, "['token']", "['tokens']", "no secret `tokens`"),
            (BITGO, "sealed = ['token']", "", "`token_file`"),
            (BITGO, "sealed", "token_file = 'x'\nsealed", "one will do"),
            (BITCOIN, "sealed", "url = 'http://127.0.0.1:1'\nsealed", "one will do"),
            (BITCOIN, "'bcoin'", "'core'", "`wallet_url` is for"),
            (EVM, "client_certificate_file = 'x'", "", "means nothing without"),
            (HTTP, "credential_header = 'x-key'\n", "", "go together"),
        ] {
            let error = read(&text.replacen(from, to, 1)).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
