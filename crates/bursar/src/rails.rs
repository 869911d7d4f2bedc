//! The sections `[rails.NAME]` of the configuration: where money moves, and what it may cost.

#![cfg_attr(
    not(all(feature = "bitcoin", feature = "bitgo", feature = "evm", feature = "http")),
    allow(dead_code, reason = "some kinds of rails need less than others")
)]

#[cfg(not(all(feature = "bitcoin", feature = "bitgo", feature = "evm", feature = "http")))]
mod absent;
#[cfg(feature = "bitcoin")]
mod bitcoin;
#[cfg(feature = "bitgo")]
mod bitgo;
#[cfg(feature = "evm")]
mod evm;
#[cfg(feature = "any-rail")]
mod fees;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod located;
#[cfg(feature = "any-rail")]
mod place;
mod sealed;
#[cfg(feature = "evm")]
mod token;
#[cfg(feature = "any-rail")]
mod trust;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bursar_service::rail::Rail;
use serde::Deserialize;

#[cfg(not(feature = "bitcoin"))]
use self::absent::Bitcoin;
#[cfg(not(feature = "bitgo"))]
use self::absent::Bitgo;
#[cfg(not(feature = "evm"))]
use self::absent::Evm;
#[cfg(not(feature = "http"))]
use self::absent::Http;
#[cfg(feature = "bitcoin")]
use self::bitcoin::Bitcoin;
#[cfg(feature = "bitgo")]
use self::bitgo::Bitgo;
#[cfg(feature = "evm")]
use self::evm::Evm;
#[cfg(feature = "http")]
use self::http::Http;
pub(crate) use self::sealed::{Kept, Opened, flag};
use self::sealed::{MayHave, Vault};
use crate::failure::Failure;
use crate::key_file;
use crate::server::Rails;

/// Rails as a configuration describes them, by name.
pub(crate) type Described = BTreeMap<String, RailConfiguration>;

/// What the section of a rail says, whatever its kind.
trait Section {
    /// Takes paths as relative to a place.
    fn place_files(&mut self, place: &Path);

    /// What cannot be about it, without looking at files.
    fn check(&self) -> Result<(), String>;

    /// The secrets that it may have; the one that its kind is about comes first.
    fn secrets(&self) -> Vec<MayHave<'_>>;

    /// Where its secrets are, by their keys; the one that its kind is about comes first.
    fn kept(&self) -> Vec<(&'static str, Kept<'_>)>;

    /// Files of passphrases, which are never sealed.
    fn passphrases(&self) -> Vec<&Path> {
        Vec::new()
    }

    /// Why there is money on it that is worth something; nothing if there is none.
    fn real_money(&self) -> Option<String>;

    /// Opens the rail.
    fn open(&self, vault: Vault<'_>) -> Result<Arc<dyn Rail>, String>;
}

/// A rail.
#[derive(Deserialize, Clone, Debug)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum RailConfiguration {
    /// A node of Bitcoin with its wallets.
    Bitcoin(Bitcoin),
    /// Whoever speaks BitGo's language upstream.
    Bitgo(Bitgo),
    /// A node of Ethereum or its like.
    Evm(Evm),
    /// An API over plain HTTP, by rules.
    Http(Box<Http>),
}

impl RailConfiguration {
    fn section(&self) -> &dyn Section {
        match self {
            Self::Bitcoin(bitcoin) => bitcoin,
            Self::Bitgo(bitgo) => bitgo,
            Self::Evm(evm) => evm,
            Self::Http(http) => http.as_ref(),
        }
    }

    fn section_mut(&mut self) -> &mut dyn Section {
        match self {
            Self::Bitcoin(bitcoin) => bitcoin,
            Self::Bitgo(bitgo) => bitgo,
            Self::Evm(evm) => evm,
            Self::Http(http) => http.as_mut(),
        }
    }

    /// Where its secrets are, by their keys; the one that its kind is about comes first.
    pub(crate) fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        self.section().kept()
    }

    /// The keys of the secrets that one of its kind may have.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        self.section().secrets().iter().map(|secret| secret.key).collect()
    }
}

/// Takes paths as relative to a place.
pub(crate) fn placed(mut rails: Described, place: &Path) -> Described {
    rails.values_mut().for_each(|rail| rail.section_mut().place_files(place));
    rails
}

/// What cannot be about the sections, without looking at files.
pub(crate) fn check(rails: &Described) -> Result<(), String> {
    for (name, rail) in rails {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(is_plain) || name == "sandbox" {
            return Err(format!(
                "rails.{name}: a rail has a name of small letters, digits and `-`, other than `sandbox`"
            ));
        }
        rail.section().check().map_err(|problem| format!("rails.{name}: {problem}"))?;
    }
    Ok(())
}

/// Opens the rails, with their secrets that are sealed.
///
/// # Errors
/// One of them cannot be as it is described.
pub(crate) fn open(rails: &Described, sealed: &Opened) -> Result<Rails, Failure> {
    let open = |(name, rail): (&String, &RailConfiguration)| {
        let opened = rail.section().open(Vault { rail: name, opened: sealed });
        Ok((name.clone(), opened.map_err(|problem| Failure::new(format!("rails.{name}: {problem}")))?))
    };
    rails.iter().map(open).collect()
}

/// The secrets of all rails: rail, key, and where it is.
pub(crate) fn kept(rails: &Described) -> impl Iterator<Item = (&str, &'static str, Kept<'_>)> {
    rails.iter().flat_map(|(name, rail)| rail.kept().into_iter().map(move |(key, kept)| (name.as_str(), key, kept)))
}

/// The files of secrets of all rails: rail, key, and where it is.
pub(crate) fn files(rails: &Described) -> Vec<(&str, &'static str, &Path)> {
    let of_keys = kept(rails).filter_map(|(rail, key, kept)| match kept {
        Kept::File(file) => Some((rail, key, file)),
        Kept::Sealed => None,
    });
    let others = rails.iter().flat_map(|(name, rail)| {
        let files = rail.section().passphrases().into_iter();
        files.map(|file| (name.as_str(), "passphrase_files", file))
    });
    of_keys.chain(others).collect()
}

/// Says in the log which secrets lie in clear, and how that is changed.
pub(crate) fn tell_of_files(rails: &Described, configuration: &Path) {
    let place = flag(configuration);
    for (rail, key, kept) in kept(rails) {
        if let Kept::File(file) = kept {
            let open = fs::metadata(file).ok().and_then(|found| key_file::open_to_others(file, &found));
            let others = open.map(|mode| format!(", and others may read it (mode {mode:03o}): chmod 600 it"));
            let others = others.unwrap_or_default();
            let file = file.display();
            let change = format!("bursar rail credential set {rail} --name {key} --from-file {file}{place}");
            tracing::warn!(rail, key, %file, change, "a credential of a rail lies in clear in a file{others}");
        }
    }
}

/// Refuses rails on which there is money that is worth something.
pub(crate) fn only_test_money(rails: &Described) -> Result<(), Failure> {
    match rails.iter().find_map(|(name, rail)| Some((name, rail.section().real_money()?))) {
        None => Ok(()),
        Some((name, why)) => Err(Failure::new(format!("rails.{name}: {why}"))
            .with_hint("the second factor here is 000000; use `bursar serve`")),
    }
}

/// Rails, and hosts of their own.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hosted {
    #[serde(default)]
    pub(crate) rails: Described,
    /// The rail that a host means.
    #[serde(default)]
    pub(crate) rail_hosts: BTreeMap<String, String>,
}

/// Reads a file that describes rails and their hosts, and nothing else.
pub(crate) fn read(path: &Path) -> Result<Hosted, Failure> {
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let Hosted { rails, rail_hosts } = located::read(&text).map_err(|problem| Failure::at(path, problem))?;
    check(&rails).and_then(|()| check_hosts(&rail_hosts, &rails)).map_err(|problem| Failure::at(path, problem))?;
    Ok(Hosted { rails: placed(rails, path.parent().unwrap_or(Path::new("."))), rail_hosts })
}

/// What cannot be about hosts of rails.
pub(crate) fn check_hosts(hosts: &BTreeMap<String, String>, rails: &Described) -> Result<(), String> {
    for (host, rail) in hosts {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_plain) {
            return Err(format!("rail_hosts.\"{host}\": a host has a name in small letters, and no port"));
        }
        if !rails.contains_key(rail) {
            return Err(format!("rail_hosts.\"{host}\": there is no section `[rails.{rail}]`"));
        }
    }
    Ok(())
}

/// Reads the rails in a file that may say other things too: a whole configuration.
pub(crate) fn read_among_others(path: &Path) -> Result<Described, Failure> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        rails: Described,
    }
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let File { rails } = located::read(&text).map_err(|problem| Failure::at(path, problem))?;
    check(&rails).map_err(|problem| Failure::at(path, problem))?;
    Ok(rails)
}

#[cfg(all(test, feature = "bitcoin", feature = "evm"))]
mod tests {
    use bursar_core::coin::Coin;

    use super::*;

    fn read(text: &str) -> Result<Described, String> {
        let rails: Described = toml::from_str(text).map_err(|problem| problem.to_string())?;
        check(&rails).map(|()| rails)
    }

    const GOOD: &str = "[local]\nkind = 'evm'\nurl = 'http://127.0.0.1:8545'\nchain_id = 31337\ncoin = 'hteth'\n";

    #[test]
    fn a_rail_is_described_in_five_lines_and_opens() {
        let rails = read(&format!("{GOOD}tokens.'hteth:usdc' = '0x5FbDB2315678afecb367f032d93F642f64180aa3'")).unwrap();
        assert!(open(&rails, &Opened::default()).is_ok() && only_test_money(&rails).is_ok());
    }

    #[test]
    fn a_token_says_its_decimals_and_limits_are_written_in_them() {
        let token = "tokens.'hteth:mycoin' = { contract = '0x5FbDB2315678afecb367f032d93F642f64180aa3', decimals = 6 }";
        let opened = open(&read(&format!("{GOOD}{token}")).unwrap(), &Opened::default()).unwrap();
        let all: Vec<(Coin, u8)> = opened.into_values().flat_map(|rail| rail.decimals()).collect();
        let coin = |text: &str| Coin::parse(text).unwrap();
        assert_eq!(all, [(coin("hteth"), 18), (coin("hteth:mycoin"), 6)]);
        for (from, to, problem) in [
            ("mycoin", "usdc", "`hteth:usdc` has 6 decimal places, not 7"),
            ("= 7", "= 78", "more than 77 decimal places"),
            ("= 7", "= 256", "a token is its contract, or {"),
            ("decimals = 7", "decimal = 7", "a token is its contract, or {"),
        ] {
            let text = format!("{GOOD}{}", token.replace("= 6", "= 7").replace(from, to));
            let error = read(&text).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        for (from, to, problem) in [
            ("[local]", "[Local]", "small letters"),
            ("[local]", "[sandbox]", "other than `sandbox`"),
            ("kind = 'evm'", "kind = 'evn'", "evn"),
            ("url = 'http://127.0.0.1:8545'\n", "", "`url_file`"),
            ("http://127", "http://user:pass@127", "secret"),
            ("8545'", "8545/?key=1'", "secret"),
            ("31337", "0", "no chain id"),
            ("'hteth'", "'hteth:usdc'", "is a token"),
            ("'hteth'", "'btc'", "`btc` is no coin of a chain of this kind"),
            ("'hteth'", "'usd'", "`usd` is no coin of a chain of this kind"),
            ("'hteth'", "'hteth'\nconfirmations = 0", "`confirmations` is 0"),
            ("kind = 'evm'", "kind = 'bitcoin'", "unknown field `chain_id`"),
            ("'hteth'", "'hteth'\nfees_per_day = '1e3'", "fees_per_day"),
            ("'hteth'", "'hteth'\ntokens.'hteth:usdc' = '0x1'", "tokens.\"hteth:usdc\""),
            ("'hteth'", "'hteth'\nconfirmation = 1", "confirmation"),
            ("'hteth'", "'hteth'\nws_url = 'ws://user:pass@127.0.0.1'", "`ws_url_file`"),
            ("'hteth'", "'hteth'\nws_url = 'ws://127.0.0.1'\nws_url_file = 'x'", "one will do"),
            ("'hteth'", "'hteth'\nclient_certificate_file = 'x'", "`client_key_file`"),
            ("'hteth'", "'hteth'\nclient_key_file = 'x'", "`client_certificate_file`"),
        ] {
            let error = read(&GOOD.replace(from, to)).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_file_of_certificates_that_cannot_be_used_is_named_by_its_key() {
        let place = tempfile::tempdir().unwrap();
        let opened = |keys: &str| {
            let rails = placed(read(&GOOD.replace("'hteth'", &format!("'hteth'\n{keys}"))).unwrap(), place.path());
            open(&rails, &Opened::default()).map(drop).map_err(|failure| failure.to_string())
        };
        fs::write(place.path().join("text.pem"), "no certificate").unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(place.path().join("broken.pem"), broken).unwrap();
        for (keys, problem) in [
            ("ca_file = 'none.pem'", "`ca_file`: "),
            ("ca_file = 'text.pem'", "text.pem: has no certificate in PEM"),
            ("ca_file = 'broken.pem'", "broken.pem: has a certificate that is none"),
            ("client_certificate_file = 'none.pem'\nclient_key_file = 'text.pem'", "`client_certificate_file`: "),
            ("client_certificate_file = 'broken.pem'\nclient_key_file = 'none.pem'", "`client_key_file`: "),
            ("client_certificate_file = 'broken.pem'\nclient_key_file = 'text.pem'", "has no private key in PEM"),
            ("ws_url = 'http://127.0.0.1'", "`ws_url` is no ws or wss URL"),
            ("ws_url_file = 'text.pem'", "`ws_url` is no ws or wss URL"),
        ] {
            let error = opened(keys).unwrap_err();
            assert!(error.contains("rails.local") && error.contains(problem), "{keys}: {error}");
        }
        assert_eq!(opened("ws_url = 'ws://127.0.0.1:8545'"), Ok(()));
    }

    const BITCOIN: &str = "[local]\nkind = 'bitcoin'\nurl = 'http://127.0.0.1:48332'\nnetwork = 'regtest'\n";

    #[test]
    fn a_node_of_bitcoin_takes_certificates_as_well() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("text.pem"), "no certificate").unwrap();
        for (keys, problem) in [
            ("ca_file = 'text.pem'", "`ca_file`: "),
            ("client_certificate_file = 'text.pem'\nclient_key_file = 'none.pem'", "none.pem: "),
        ] {
            let rails = placed(read(&format!("{BITCOIN}{keys}")).unwrap(), place.path());
            let error = open(&rails, &Opened::default()).map(drop).unwrap_err().to_string();
            assert!(error.contains(problem), "{keys}: {error}");
        }
        assert!(read(&format!("{BITCOIN}client_key_file = 'x'")).is_err());
    }

    #[test]
    fn a_node_of_bitcoin_is_described_in_four_lines_and_one_more_for_bcoin() {
        let bcoin = format!("{BITCOIN}software = 'bcoin'\nwallet_url = 'http://127.0.0.1:48334'\n");
        for text in [BITCOIN, &bcoin] {
            let rails = read(text).unwrap();
            assert!(open(&rails, &Opened::default()).is_ok() && only_test_money(&rails).is_ok());
        }
        for (from, to, problem) in [
            ("regtest", "regnet", "`network`"),
            ("wallet_url = 'http://127.0.0.1:48334'", "", "`wallet_url_file`"),
            ("'bcoin'", "'core'", "are under `url`"),
            ("'bcoin'", "'btcd'", "btcd"),
            ("'bcoin'", "'bcoin'\nfallback_fee_rate = 300", "`max_fee_rate`"),
            ("'bcoin'", "'bcoin'\nfees_per_spend = '1 sat'", "fees_per_spend"),
            ("http://127.0.0.1:48334", "http://x:key@127.0.0.1:48334", "secret"),
        ] {
            let error = read(&bcoin.replace(from, to)).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(only_test_money(&read(&BITCOIN.replace("regtest", "main")).unwrap()).is_err());
    }

    #[test]
    fn the_test_environment_takes_no_chain_with_money() {
        let rails = read(&GOOD.replace("31337", "1")).unwrap();
        assert!(only_test_money(&rails).is_err());
    }
}
