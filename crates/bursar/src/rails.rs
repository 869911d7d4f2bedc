//! The sections `[rails.NAME]` of the configuration: where money moves, and what it may cost.

mod bitcoin;
mod bitgo;
pub(crate) mod http;
mod place;
mod sealed;
mod token;
mod trust;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_core::limit::text;
use bursar_gateway::bitcoin::BitcoinRail;
use bursar_gateway::bitgo::BitgoRail;
use bursar_gateway::evm::{EvmRail, Settings};
use bursar_gateway::http::HttpRail;
use bursar_gateway::live::LivePlace;
use bursar_rails::evm::{Chain, FeeCeilings, address};
use bursar_service::rail::{Rail, RailError};
use serde::Deserialize;

use self::bitcoin::Bitcoin;
use self::bitgo::Bitgo;
use self::http::Http;
use self::place::Place;
pub(crate) use self::sealed::{Kept, Opened};
use self::sealed::{MayHave, Sealed, Vault};
use self::token::Token;
use self::trust::{CLIENT_KEY, Certificates};
use crate::calls::AllowedCall;
use crate::failure::Failure;
use crate::server::Rails;

/// Base units in a gigawei.
const GIGAWEI: u128 = 1_000_000_000;

/// Chains whose money is worth nothing: Sepolia, Holesky, Hoodi, and the usual ids of a chain on one's own machine.
const TEST_CHAINS: [u64; 5] = [11_155_111, 17_000, 560_048, 31_337, 1_337];

/// Rails as a configuration describes them, by name.
pub(crate) type Described = BTreeMap<String, RailConfiguration>;

/// Rails that are open, by name.
pub(crate) type Open = BTreeMap<String, OpenRail>;

/// A rail that is open.
#[derive(Clone)]
pub(crate) enum OpenRail {
    Bitcoin(Arc<BitcoinRail>),
    Bitgo(Arc<BitgoRail>),
    Evm(Arc<EvmRail>),
    Http(Arc<HttpRail>),
}

impl OpenRail {
    /// Whether its node can be used now.
    pub(crate) async fn check(&self) -> Result<(), RailError> {
        match self {
            Self::Bitcoin(rail) => rail.check().await,
            Self::Bitgo(rail) => rail.check().await,
            Self::Evm(rail) => rail.check().await,
            // Rules do not say what could be asked without meaning something.
            Self::Http(_) => Ok(()),
        }
    }

    fn into_rail(self) -> Arc<dyn Rail> {
        match self {
            Self::Bitcoin(rail) => rail,
            Self::Bitgo(rail) => rail,
            Self::Evm(rail) => rail,
            Self::Http(rail) => rail,
        }
    }
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

/// A node of Ethereum or its like.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evm {
    url: Option<String>,
    url_file: Option<PathBuf>,
    ws_url: Option<String>,
    ws_url_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    client_certificate_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    #[serde(default)]
    sealed: Sealed,
    chain_id: u64,
    coin: String,
    #[serde(default = "twelve")]
    confirmations: u64,
    #[serde(default = "three_hundred")]
    max_fee_per_gas_gwei: u64,
    #[serde(default = "twenty")]
    max_priority_fee_per_gas_gwei: u64,
    #[serde(default = "one_million")]
    max_gas: u64,
    #[serde(default = "a_tenth")]
    fees_per_spend: String,
    #[serde(default = "one")]
    fees_per_day: String,
    #[serde(default)]
    tokens: BTreeMap<String, Token>,
    #[serde(default)]
    calls: Vec<AllowedCall>,
}

/// Takes paths as relative to a place.
pub(crate) fn placed(rails: Described, place: &Path) -> Described {
    let placed = |(name, rail)| {
        let rail = match rail {
            RailConfiguration::Bitcoin(bitcoin) => RailConfiguration::Bitcoin(bitcoin.placed(place)),
            RailConfiguration::Bitgo(bitgo) => RailConfiguration::Bitgo(bitgo.placed(place)),
            RailConfiguration::Evm(mut evm) => {
                let files = [
                    &mut evm.url_file,
                    &mut evm.ws_url_file,
                    &mut evm.ca_file,
                    &mut evm.client_certificate_file,
                    &mut evm.client_key_file,
                ];
                files.into_iter().flatten().for_each(|file| *file = place.join(&file));
                RailConfiguration::Evm(evm)
            }
            RailConfiguration::Http(http) => RailConfiguration::Http(Box::new(http.placed(place))),
        };
        (name, rail)
    };
    rails.into_iter().map(placed).collect()
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
        let checked = match rail {
            RailConfiguration::Bitcoin(bitcoin) => bitcoin.check(),
            RailConfiguration::Bitgo(bitgo) => bitgo.check(),
            RailConfiguration::Evm(evm) => evm.check(),
            RailConfiguration::Http(http) => http.check(),
        };
        checked.map_err(|problem| format!("rails.{name}: {problem}"))?;
    }
    Ok(())
}

/// Opens the rails, with their secrets that are sealed.
///
/// # Errors
/// One of them cannot be as it is described.
pub(crate) fn open(rails: &Described, sealed: &Opened) -> Result<Open, Failure> {
    let open = |(name, rail): (&String, &RailConfiguration)| {
        let vault = Vault { rail: name, opened: sealed };
        let opened = match rail {
            RailConfiguration::Bitcoin(bitcoin) => bitcoin.open(vault).map(Arc::new).map(OpenRail::Bitcoin),
            RailConfiguration::Bitgo(bitgo) => bitgo.open(vault).map(Arc::new).map(OpenRail::Bitgo),
            RailConfiguration::Evm(evm) => evm.open(vault).map(Arc::new).map(OpenRail::Evm),
            RailConfiguration::Http(http) => http.open(vault).map(Arc::new).map(OpenRail::Http),
        };
        Ok((name.clone(), opened.map_err(|problem| Failure::new(format!("rails.{name}: {problem}")))?))
    };
    rails.iter().map(open).collect()
}

impl RailConfiguration {
    /// Where its secrets are, by their keys; the one that its kind is about comes first.
    pub(crate) fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        match self {
            Self::Bitcoin(bitcoin) => bitcoin.kept(),
            Self::Bitgo(bitgo) => bitgo.kept(),
            Self::Evm(evm) => evm.sealed.kept(evm.secrets()),
            Self::Http(http) => http.kept(),
        }
    }
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
    let others = rails.iter().flat_map(|(name, rail)| match rail {
        RailConfiguration::Bitgo(bitgo) => {
            bitgo.passphrases().map(|file| (name.as_str(), "passphrase_files", file)).collect()
        }
        _ => Vec::new(),
    });
    of_keys.chain(others).collect()
}

/// Says in the log which secrets lie in clear, and how that is changed.
pub(crate) fn tell_of_files(rails: &Described) {
    for (rail, key, kept) in kept(rails) {
        if let Kept::File(file) = kept {
            let file = file.display();
            let change = format!("bursar rail credential set {rail} --name {key} --from-file {file}");
            tracing::warn!(rail, key, %file, change, "a credential of a rail lies in clear in a file");
        }
    }
}

/// Says in the log which nodes cannot be used now: a server starts all the same, and asks again with the next spend.
pub(crate) async fn look(rails: &Open) {
    for (name, rail) in rails {
        if let Err(error) = rail.check().await {
            let problem = bursar_service::error::ServiceError::from(error);
            tracing::warn!(rail = name, %problem, "the node of a rail cannot be used now");
        }
    }
}

/// The rails as the use cases have them.
pub(crate) fn as_rails(open: Open) -> Rails {
    open.into_iter().map(|(name, rail)| (name, rail.into_rail())).collect()
}

/// Refuses rails on which there is money that is worth something.
pub(crate) fn only_test_money(rails: &Described) -> Result<(), Failure> {
    for (name, rail) in rails {
        let problem = match rail {
            RailConfiguration::Evm(evm) if !TEST_CHAINS.contains(&evm.chain_id) => {
                format!("rails.{name}: chain {} is no test chain that is known here", evm.chain_id)
            }
            RailConfiguration::Bitcoin(bitcoin) if bitcoin.is_main() => {
                format!("rails.{name}: there is money on the network `main` that is worth something")
            }
            RailConfiguration::Http(http) if !http.test_money => {
                format!("rails.{name}: nothing says `test_money = true`")
            }
            RailConfiguration::Bitgo(bitgo) if bitgo.is_main() => {
                format!("rails.{name}: there is money in its coin that is worth something")
            }
            RailConfiguration::Evm(_)
            | RailConfiguration::Bitcoin(_)
            | RailConfiguration::Bitgo(_)
            | RailConfiguration::Http(_) => continue,
        };
        return Err(Failure::new(problem).with_hint("the second factor here is 000000; use `bursar serve`"));
    }
    Ok(())
}

/// Reads a file that describes rails and nothing else.
pub(crate) fn read(path: &Path) -> Result<Described, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        rails: Described,
    }
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let File { rails } = toml::from_str(&text).map_err(|problem| Failure::at(path, problem))?;
    check(&rails).map_err(|problem| Failure::at(path, problem))?;
    Ok(placed(rails, path.parent().unwrap_or(Path::new("."))))
}

/// Reads the rails in a file that may say other things too: a whole configuration.
pub(crate) fn read_among_others(path: &Path) -> Result<Described, Failure> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        rails: Described,
    }
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let File { rails } = toml::from_str(&text).map_err(|problem| Failure::at(path, problem))?;
    check(&rails).map_err(|problem| Failure::at(path, problem))?;
    Ok(rails)
}

impl Evm {
    fn check(&self) -> Result<(), String> {
        self.sealed.check(&self.secrets())?;
        self.place().check()?;
        self.live_place().map_or(Ok(()), |place| place.check())?;
        self.certificates().check()?;
        self.chain()?;
        self.fees().map(drop)
    }

    fn secrets(&self) -> Vec<MayHave<'_>> {
        vec![self.place().secret(), self.ws_place().secret(), self.certificates().secret()]
    }

    fn open(&self, vault: Vault<'_>) -> Result<EvmRail, String> {
        let url = self.place().read(vault)?;
        let (chain, fees) = (self.chain()?, self.fees()?);
        let settings = Settings { chain, url, fees, confirmations: self.confirmations };
        let trust = self.certificates().read(vault)?;
        let rail = EvmRail::trusting(settings, &trust).map_err(|problem| format!("`url` {problem}"))?;
        let Some(place) = self.live_place() else { return Ok(rail) };
        let live = LivePlace::new(&place.read(vault)?, &trust).map_err(|problem| format!("`ws_url` {problem}"))?;
        Ok(rail.telling(live))
    }

    fn certificates(&self) -> Certificates<'_> {
        Certificates {
            authorities: self.ca_file.as_deref(),
            certificate: self.client_certificate_file.as_deref(),
            key: self.client_key_file.as_deref(),
            key_is_sealed: self.sealed.has(CLIENT_KEY),
        }
    }

    /// Where it takes WebSockets, if it does.
    fn live_place(&self) -> Option<Place<'_>> {
        Some(self.ws_place()).filter(Place::is_there)
    }

    fn ws_place(&self) -> Place<'_> {
        let (name, sealed) = ("ws_url", self.sealed.has("ws_url"));
        Place { name, url: self.ws_url.as_deref(), file: self.ws_url_file.as_deref(), sealed }
    }

    fn place(&self) -> Place<'_> {
        let sealed = self.sealed.has("url");
        Place { name: "url", url: self.url.as_deref(), file: self.url_file.as_deref(), sealed }
    }

    fn coin(&self) -> Result<Coin, String> {
        Coin::parse(&self.coin).map_err(|problem| format!("`coin`: {problem}"))
    }

    fn chain(&self) -> Result<Chain, String> {
        let gwei = |gwei: u64| u128::from(gwei).saturating_mul(GIGAWEI);
        let ceilings = FeeCeilings {
            fee_per_gas: gwei(self.max_fee_per_gas_gwei),
            priority_fee_per_gas: gwei(self.max_priority_fee_per_gas_gwei),
            gas: self.max_gas,
        };
        let mut chain = Chain::new(self.chain_id, self.coin()?, ceilings).map_err(|problem| problem.to_string())?;
        for (ticker, token) in &self.tokens {
            let coin = Coin::parse(ticker).map_err(|problem| format!("tokens.\"{ticker}\": {problem}"))?;
            let contract =
                address::parse(token.contract()).map_err(|problem| format!("tokens.\"{ticker}\" {problem}"))?;
            chain = chain.with_token(contract, coin.clone()).map_err(|problem| problem.to_string())?;
            if let Some(places) = token.decimals() {
                chain = chain.with_decimals(coin, places).map_err(|problem| problem.to_string())?;
            }
        }
        for call in &self.calls {
            chain = chain.with_rule(call.rule()?).map_err(|problem| problem.to_string())?;
        }
        Ok(chain)
    }

    fn fees(&self) -> Result<FeeCeiling, String> {
        fees(&self.coin()?, &self.fees_per_spend, &self.fees_per_day)
    }
}

/// The most that fees may take, in amounts as people write them.
fn fees(coin: &Coin, per_spend: &str, per_day: &str) -> Result<FeeCeiling, String> {
    let decimals = coin.decimals().unwrap_or(18);
    let read = |name: &str, written: &str| -> Result<Amount, String> {
        text::amount(written, decimals).ok_or_else(|| format!("`{name}` is not an amount of {coin}, such as \"0.01\""))
    };
    Ok(FeeCeiling { per_spend: read("fees_per_spend", per_spend)?, per_day: read("fees_per_day", per_day)? })
}

const fn twelve() -> u64 {
    12
}

const fn three_hundred() -> u64 {
    300
}

const fn twenty() -> u64 {
    20
}

const fn one_million() -> u64 {
    1_000_000
}

fn a_tenth() -> String {
    "0.1".to_owned()
}

fn one() -> String {
    "1".to_owned()
}

#[cfg(test)]
mod tests {
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
        let all: Vec<(Coin, u8)> = opened.into_values().flat_map(|rail| rail.into_rail().decimals()).collect();
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
