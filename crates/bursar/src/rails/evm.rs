//! `kind = "evm"`: a node of Ethereum or its like.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_gateway::evm::{EvmRail, Settings};
use bursar_gateway::live::LivePlace;
use bursar_rails::evm::{Chain, FeeCeilings, address};
use bursar_service::rail::Rail;
use serde::Deserialize;

use super::Section;
use super::fees::{confirming, fees, paying};
use super::place::Place;
use super::sealed::{Kept, MayHave, Sealed, Vault};
use super::token::Token;
use super::trust::{CLIENT_KEY, Certificates};
use crate::calls::AllowedCall;

/// Decimal places of the coins that pay for gas.
const NATIVE_PLACES: u8 = 18;
/// Base units in a gigawei.
const GIGAWEI: u128 = 1_000_000_000;

/// Chains whose money is worth nothing: Sepolia, Holesky, Hoodi, and the usual ids of a chain on one's own machine.
const TEST_CHAINS: [u64; 5] = [11_155_111, 17_000, 560_048, 31_337, 1_337];

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

impl Section for Evm {
    fn place_files(&mut self, place: &Path) {
        let files = [
            &mut self.url_file,
            &mut self.ws_url_file,
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ];
        files.into_iter().flatten().for_each(|file| *file = place.join(&file));
    }

    fn check(&self) -> Result<(), String> {
        self.sealed.check(&self.secrets())?;
        self.place().check()?;
        self.live_place().map_or(Ok(()), |place| place.check())?;
        self.certificates().check()?;
        for (field, figure) in [("max_gas", self.max_gas), ("max_fee_per_gas_gwei", self.max_fee_per_gas_gwei)] {
            if figure == 0 {
                return Err(format!("`{field}` is 0, under which no transaction could be sent"));
            }
        }
        confirming(self.confirmations)?;
        self.chain()?;
        paying(self.fees()?)
    }

    fn secrets(&self) -> Vec<MayHave<'_>> {
        vec![self.place().secret(), self.ws_place().secret(), self.certificates().secret()]
    }

    fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
        self.sealed.kept(self.secrets())
    }

    fn real_money(&self) -> Option<String> {
        let is_real = !TEST_CHAINS.contains(&self.chain_id);
        is_real.then(|| format!("chain {} is no test chain that is known here", self.chain_id))
    }

    fn open(&self, vault: Vault<'_>) -> Result<Arc<dyn Rail>, String> {
        let url = self.place().read(vault)?;
        let (chain, fees) = (self.chain()?, self.fees()?);
        let settings = Settings { chain, url, fees, confirmations: self.confirmations };
        let trust = self.certificates().read(vault)?;
        let rail = EvmRail::trusting(settings, &trust).map_err(|problem| format!("`url` {problem}"))?;
        let Some(place) = self.live_place() else { return Ok(Arc::new(rail)) };
        let live = LivePlace::new(&place.read(vault)?, &trust).map_err(|problem| format!("`ws_url` {problem}"))?;
        Ok(Arc::new(rail.telling(live)))
    }
}

impl Evm {
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
        let coin = Coin::parse(&self.coin).map_err(|problem| format!("`coin`: {problem}"))?;
        // Whatever else it is called, the coin that pays for gas has 18 places.
        match coin.decimals().filter(|places| !coin.is_token() && *places != NATIVE_PLACES) {
            None => Ok(coin),
            Some(_) => Err(format!(
                "`coin`: `{coin}` is no coin of a chain of this kind; name the one that pays for gas, as `eth`"
            )),
        }
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
