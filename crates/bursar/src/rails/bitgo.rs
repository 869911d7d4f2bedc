//! `kind = "bitgo"`: another Bursar, or BitGo, spent from with a token of theirs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_gateway::bitgo::{AuthVersion, BitgoRail, ExpressSettings, Scheme, Settings, Software};
use bursar_rails::bitgo::Chain;
use bursar_service::rail::Rail;
use serde::Deserialize;

use super::Section;
use super::fees::fees;
use super::place::Place;
use super::sealed::{Kept, MayHave, Sealed, Vault};
use super::trust::{CLIENT_KEY, Certificates};
use crate::environment::SystemClock;
use crate::regular_file;

/// The name of the token among the section's secrets.
const TOKEN: &str = "token";

/// Whoever speaks BitGo's language upstream.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bitgo {
    url: String,
    token_file: Option<PathBuf>,
    #[serde(default)]
    sealed: Sealed,
    coin: String,
    #[serde(default)]
    software: Kind,
    #[serde(default = "three")]
    auth_version: u8,
    token_id: Option<String>,
    express_url: Option<String>,
    #[serde(default)]
    passphrase_files: BTreeMap<String, PathBuf>,
    #[serde(default)]
    trust_recipients: Vec<String>,
    ca_file: Option<PathBuf>,
    client_certificate_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    #[serde(default = "a_hundredth")]
    fees_per_spend: String,
    #[serde(default = "one_tenth")]
    fees_per_day: String,
}

/// Whose software it is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Bitgo,
    Bursar,
}

impl Section for Bitgo {
    fn place_files(&mut self, place: &Path) {
        self.passphrase_files.values_mut().for_each(|file| *file = place.join(&file));
        let files =
            [&mut self.token_file, &mut self.ca_file, &mut self.client_certificate_file, &mut self.client_key_file];
        files.into_iter().flatten().for_each(|file| *file = place.join(&file));
    }

    fn check(&self) -> Result<(), String> {
        // Nothing in it is secret: who is there is shown a token, and that is in a file.
        Place { name: "url", url: Some(&self.url), file: None, sealed: false }.check()?;
        self.sealed.check(&self.secrets())?;
        if self.token_file.is_none() && !self.sealed.has(TOKEN) {
            return Err(format!("name the `token_file`, or seal the token and say `sealed = [\"{TOKEN}\"]`"));
        }
        self.certificates().check()?;
        self.scheme()?;
        self.check_express()?;
        self.check_trust()?;
        self.fees().map(drop)
    }

    fn secrets(&self) -> Vec<MayHave<'_>> {
        vec![MayHave { key: TOKEN, file: self.token_file.as_deref() }, self.certificates().secret()]
    }

    fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        self.sealed.kept(self.secrets())
    }

    fn passphrases(&self) -> Vec<&Path> {
        self.passphrase_files.values().map(PathBuf::as_path).collect()
    }

    fn real_money(&self) -> Option<String> {
        let is_main = self.chain().map_or(true, Chain::is_main);
        is_main.then(|| "there is money in its coin that is worth something".to_owned())
    }

    fn open(&self, vault: Vault<'_>) -> Result<Arc<dyn Rail>, String> {
        let text = match &self.token_file {
            Some(file) => regular_file::read_to_string(file)
                .map(Secret::new)
                .map_err(|problem| format!("`token_file`: {}: {problem}", file.display()))?,
            None => vault.secret(TOKEN)?,
        };
        let settings = Settings {
            coin: self.coin()?,
            url: self.url.clone(),
            token: Secret::new(text.expose().trim().to_owned()),
            scheme: self.scheme()?,
            software: match self.software {
                Kind::Bitgo => Software::Bitgo,
                Kind::Bursar => Software::Bursar,
            },
            express: self.express()?,
            trusts_recipients: self.trusts_recipients(),
            fees: self.fees()?,
        };
        let rail = BitgoRail::trusting(settings, Arc::new(SystemClock), &self.certificates().read(vault)?)?;
        Ok(Arc::new(rail))
    }
}

impl Bitgo {
    fn scheme(&self) -> Result<Scheme, String> {
        match (self.auth_version, &self.token_id, self.software) {
            (2, None, _) => Ok(Scheme::Hmac(AuthVersion::V2)),
            (3, None, _) => Ok(Scheme::Hmac(AuthVersion::V3)),
            (2 | 3, Some(_), _) => Err("`token_id` belongs to `auth_version = 4`; leave it out".to_owned()),
            (4, Some(id), Kind::Bursar) if is_id(id) => Ok(Scheme::V4 { token_id: id.clone() }),
            (4, _, Kind::Bursar) => {
                Err("`auth_version = 4` needs `token_id`: the id of the token in `token_file`".to_owned())
            }
            (4, _, Kind::Bitgo) => {
                Err("`auth_version = 4` is for `software = \"bursar\"`: how BitGo names the headers \
                 that sign its answers is not public, so none could be believed; use 2 or 3"
                    .to_owned())
            }
            (other, _, _) => Err(format!("`auth_version` is 2, 3 or 4, not {other}")),
        }
    }

    fn check_express(&self) -> Result<(), String> {
        let Some(url) = &self.express_url else {
            let needless = || "`passphrase_files` are for BitGo Express; add `express_url`".to_owned();
            return if self.passphrase_files.is_empty() { Ok(()) } else { Err(needless()) };
        };
        Place { name: "express_url", url: Some(url), file: None, sealed: false }.check()?;
        match self.passphrase_files.keys().find(|wallet| !is_id(wallet)) {
            Some(wallet) => Err(format!("`passphrase_files`: `{wallet}` is no id of a wallet")),
            None if self.software == Kind::Bursar => Err("`express_url` is for `software = \"bitgo\"`".to_owned()),
            None => Ok(()),
        }
    }

    fn express(&self) -> Result<Option<ExpressSettings>, String> {
        let Some(url) = self.express_url.clone() else { return Ok(None) };
        let read = |(wallet, file): (&String, &PathBuf)| {
            let text = regular_file::read_to_string(file)
                .map_err(|problem| format!("`passphrase_files`: {}: {problem}", file.display()))?;
            Ok((wallet.clone(), Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())))
        };
        let passphrases = self.passphrase_files.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Some(ExpressSettings { url, passphrases }))
    }

    /// Only what cannot be read is trusted: a coin whose transactions are read needs no trust.
    fn check_trust(&self) -> Result<(), String> {
        for name in &self.trust_recipients {
            let coin = Coin::parse(name).map_err(|problem| format!("`trust_recipients`: {problem}"))?;
            if Chain::of(&coin).is_ok() {
                return Err(format!("`trust_recipients`: transactions of `{name}` are read; leave it out"));
            }
        }
        if self.trusts_recipients() { Ok(()) } else { self.chain().map(drop) }
    }

    fn trusts_recipients(&self) -> bool {
        self.trust_recipients.contains(&self.coin)
    }

    fn certificates(&self) -> Certificates<'_> {
        Certificates {
            authorities: self.ca_file.as_deref(),
            certificate: self.client_certificate_file.as_deref(),
            key: self.client_key_file.as_deref(),
            key_is_sealed: self.sealed.has(CLIENT_KEY),
        }
    }

    fn coin(&self) -> Result<Coin, String> {
        Coin::parse(&self.coin).map_err(|problem| format!("`coin`: {problem}"))
    }

    fn chain(&self) -> Result<Chain, String> {
        Chain::of(&self.coin()?).map_err(|refusal| format!("`coin`: {}", refusal.detail))
    }

    fn fees(&self) -> Result<FeeCeiling, String> {
        fees(&self.coin()?, &self.fees_per_spend, &self.fees_per_day)
    }
}

fn is_id(text: &str) -> bool {
    bursar_rails::bitgo::wallet::is_id(text)
}

const fn three() -> u8 {
    3
}

fn a_hundredth() -> String {
    "0.01".to_owned()
}

fn one_tenth() -> String {
    "0.1".to_owned()
}

#[cfg(test)]
mod tests {
    use crate::rails::{Described, Opened, check, only_test_money, open, placed};

    const GOOD: &str = "[up]\nkind = 'bitgo'\nurl = 'http://127.0.0.1:8080'\ntoken_file = 'up.token'\ncoin = 'tbtc'\nsoftware = 'bursar'\n";

    fn read(text: &str) -> Result<Described, String> {
        let rails: Described = toml::from_str(text).map_err(|problem| problem.to_string())?;
        check(&rails).map(|()| rails)
    }

    #[test]
    fn an_upstream_is_described_in_six_lines_and_its_token_is_in_a_file() {
        let place = tempfile::tempdir().unwrap();
        let opened = || {
            open(&placed(read(GOOD).unwrap(), place.path()), &Opened::default())
                .map(drop)
                .map_err(|failure| failure.to_string())
        };
        let missing = opened().unwrap_err();
        assert!(missing.contains("rails.up") && missing.contains("`token_file`"), "{missing}");
        std::fs::write(place.path().join("up.token"), "0123456789abcdef").unwrap();
        let unsigned = opened().unwrap_err();
        assert!(unsigned.contains("no token that signs") && !unsigned.contains("0123456789abcdef"), "{unsigned}");
        std::fs::write(place.path().join("up.token"), format!("v2x{}\n", "0".repeat(64))).unwrap();
        assert_eq!(opened(), Ok(()));
        assert!(only_test_money(&read(GOOD).unwrap()).is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        for (from, to, problem) in [
            ("token_file = 'up.token'\n", "", "token_file"),
            ("token_file = 'up.token'", "token = 'v2x'", "token"),
            ("http://127", "http://user:pass@127", "secret"),
            ("'tbtc'", "'hteth:usdc'", "`hteth:usdc`"),
            ("'tbtc'", "'tsol'", "`tsol`"),
            ("'tbtc'", "'tbtc'\nauth_version = 4", "`token_id`"),
            ("'tbtc'", "'tbtc'\ntoken_id = '0a'", "`auth_version = 4`"),
            ("'bursar'", "'bitgo'\nauth_version = 4\ntoken_id = '0a'", "is not public"),
            ("'tbtc'", "'tbtc'\nauth_version = 1", "is 2, 3 or 4"),
            ("'tbtc'", "'tbtc'\ntrust_recipients = ['tbtc']", "are read"),
            ("'tbtc'", "'tsol'\ntrust_recipients = ['tton']", "`tsol`"),
            ("'tbtc'", "'tbtc'\npassphrase_files.0a = 'x'", "`express_url`"),
            ("'tbtc'", "'tbtc'\nexpress_url = 'http://127.0.0.1:3080'", "`software"),
            ("'tbtc'", "'tbtc'\nfees_per_spend = '1 sat'", "fees_per_spend"),
            ("'bursar'", "'express'", "express"),
        ] {
            let error = read(&GOOD.replace(from, to)).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(only_test_money(&read(&GOOD.replace("'tbtc'", "'btc'")).unwrap()).is_err());
    }
}
