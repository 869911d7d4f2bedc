//! `kind = "bitcoin"`: a node of Bitcoin with its wallets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_gateway::bitcoin::{BitcoinRail, Rates, Settings, Software};
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::request::FeeRate;
use bursar_service::rail::Rail;
use serde::Deserialize;

use super::Section;
use super::fees::{confirming, fees, paying};
use super::place::Place;
use super::sealed::{Kept, MayHave, Sealed, Vault};
use super::trust::{CLIENT_KEY, Certificates};

/// A node of Bitcoin with its wallets.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bitcoin {
    url: Option<String>,
    url_file: Option<PathBuf>,
    wallet_url: Option<String>,
    wallet_url_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    client_certificate_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    #[serde(default)]
    sealed: Sealed,
    network: String,
    #[serde(default)]
    software: Kind,
    #[serde(default = "six")]
    confirmations: u32,
    #[serde(default = "two_hundred")]
    max_fee_rate: u32,
    #[serde(default = "ten")]
    fallback_fee_rate: u32,
    #[serde(default = "a_hundredth")]
    fees_per_spend: String,
    #[serde(default = "one_tenth")]
    fees_per_day: String,
}

/// Whose node it is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Core,
    Bcoin,
}

impl Section for Bitcoin {
    fn place_files(&mut self, place: &Path) {
        let files = [
            &mut self.url_file,
            &mut self.wallet_url_file,
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ];
        files.into_iter().flatten().for_each(|file| *file = place.join(&file));
    }

    fn check(&self) -> Result<(), String> {
        self.sealed.check(&self.secrets())?;
        self.url().check()?;
        self.certificates().check()?;
        match self.software {
            Kind::Bcoin => self.wallet_url().check()?,
            Kind::Core if self.wallet_url().is_there() => {
                return Err(
                    "`wallet_url` is for `software = \"bcoin\"`; Bitcoin Core's wallets are under `url`".to_owned()
                );
            }
            Kind::Core => {}
        }
        if self.fallback_fee_rate == 0 || self.fallback_fee_rate > self.max_fee_rate {
            return Err("`fallback_fee_rate` is 1 satoshi at least, and `max_fee_rate` at most".to_owned());
        }
        confirming(self.confirmations.into())?;
        paying(self.fees()?)
    }

    fn secrets(&self) -> Vec<MayHave<'_>> {
        vec![self.url().secret(), self.wallet_url().secret(), self.certificates().secret()]
    }

    fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        self.sealed.kept(self.secrets())
    }

    fn real_money(&self) -> Option<String> {
        let is_main = self.network().is_ok_and(|network| network == Network::Main);
        is_main.then(|| "there is money on the network `main` that is worth something".to_owned())
    }

    fn open(&self, vault: Vault<'_>) -> Result<Arc<dyn Rail>, String> {
        let rate = |satoshi: u32| FeeRate::per_1000_bytes(u64::from(satoshi).saturating_mul(1000));
        let (software, wallet_url) = match self.software {
            Kind::Core => (Software::Core, None),
            Kind::Bcoin => (Software::Bcoin, Some(self.wallet_url().read(vault)?)),
        };
        let settings = Settings {
            network: self.network()?,
            software,
            url: self.url().read(vault)?,
            wallet_url,
            trust: self.certificates().read(vault)?,
            fees: self.fees()?,
            rates: Rates { ceiling: rate(self.max_fee_rate), fallback: rate(self.fallback_fee_rate) },
            confirmations: self.confirmations,
        };
        let rail = BitcoinRail::new(settings).map_err(|problem| format!("`url` {problem}"))?;
        Ok(Arc::new(rail))
    }
}

impl Bitcoin {
    fn url(&self) -> Place<'_> {
        let sealed = self.sealed.has("url");
        Place { name: "url", url: self.url.as_deref(), file: self.url_file.as_deref(), sealed }
    }

    fn wallet_url(&self) -> Place<'_> {
        let (name, sealed) = ("wallet_url", self.sealed.has("wallet_url"));
        Place { name, url: self.wallet_url.as_deref(), file: self.wallet_url_file.as_deref(), sealed }
    }

    fn certificates(&self) -> Certificates<'_> {
        Certificates {
            authorities: self.ca_file.as_deref(),
            certificate: self.client_certificate_file.as_deref(),
            key: self.client_key_file.as_deref(),
            key_is_sealed: self.sealed.has(CLIENT_KEY),
        }
    }

    fn network(&self) -> Result<Network, String> {
        let problem = "`network` is `main`, `test`, `testnet4`, `signet` or `regtest`";
        Network::of_chain(&self.network).map_err(|_| problem.to_owned())
    }

    fn coin(&self) -> Result<Coin, String> {
        self.network()?.coin().map_err(|refusal| refusal.detail)
    }

    fn fees(&self) -> Result<FeeCeiling, String> {
        fees(&self.coin()?, &self.fees_per_spend, &self.fees_per_day)
    }
}

const fn six() -> u32 {
    6
}

const fn two_hundred() -> u32 {
    200
}

const fn ten() -> u32 {
    10
}

fn a_hundredth() -> String {
    "0.01".to_owned()
}

fn one_tenth() -> String {
    "0.1".to_owned()
}
