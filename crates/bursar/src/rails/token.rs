//! A token on a chain, as a configuration describes it: its contract, or that with its decimal places.

use serde::Deserialize;

/// A token on a chain.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged, expecting = "a token is its contract, or { contract = \"0x…\", decimals = 6 }")]
pub(super) enum Token {
    /// Its contract.
    Contract(String),
    /// Its contract and how it is counted.
    Counted(Counted),
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    contract: String,
    decimals: u8,
}

impl Token {
    pub(super) fn contract(&self) -> &str {
        match self {
            Self::Contract(contract) => contract,
            Self::Counted(counted) => &counted.contract,
        }
    }

    /// Between the token and its base unit, where that is said.
    pub(super) const fn decimals(&self) -> Option<u8> {
        match self {
            Self::Contract(_) => None,
            Self::Counted(counted) => Some(counted.decimals),
        }
    }
}
