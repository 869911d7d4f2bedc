//! Coins whose addresses can be read: a destination is what its chain compares, never a text.

use bursar_core::coin::Coin;
use bursar_core::destination::Destination;

use crate::bitcoin::network::Network;
use crate::evm::address;
use crate::{Forbidden, Why};

/// Chains like Ethereum where money is worth something, with their ids (EIP-155).
const EVM_MAIN: [(&str, u64); 6] =
    [("eth", 1), ("polygon", 137), ("arbeth", 42_161), ("opeth", 10), ("bsc", 56), ("avaxc", 43_114)];
/// The ids of their chains for tests, old ones among them, and of chains on one's own machine.
const EVM_TEST_IDS: [u64; 14] =
    [5, 11_155_111, 17_000, 560_048, 80_001, 80_002, 421_613, 421_614, 420, 11_155_420, 97, 43_113, 1337, 31_337];
/// Chains like Ethereum for tests.
const EVM_TEST: [&str; 8] = ["teth", "hteth", "hoodeth", "tpolygon", "tarbeth", "topeth", "tbsc", "tavaxc"];

/// The chain of a coin, as far as its addresses go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chain {
    /// A network of Bitcoin.
    Bitcoin(Network),
    /// One like Ethereum.
    Evm {
        /// The id of the chain; none of one for tests, of which new ones take the places of old ones.
        id: Option<u64>,
    },
    /// One whose addresses are taken as they are written, because the operator trusts them.
    Named,
}

/// The longest address that is taken as it is written, in bytes.
const LONGEST_NAME: usize = 128;

impl Chain {
    /// The chain of a coin that pays its own fees.
    ///
    /// # Errors
    /// It is a token, or its addresses cannot be read here.
    pub fn of(coin: &Coin) -> Result<Self, Forbidden> {
        match coin.as_str() {
            "btc" => Ok(Self::Bitcoin(Network::Main)),
            "tbtc" => Ok(Self::Bitcoin(Network::Test)),
            "tbtc4" => Ok(Self::Bitcoin(Network::Test4)),
            "tbtcsig" => Ok(Self::Bitcoin(Network::Signet)),
            ticker if EVM_TEST.contains(&ticker) => Ok(Self::Evm { id: None }),
            ticker => match EVM_MAIN.iter().find(|(main, _)| *main == ticker) {
                Some((_, id)) => Ok(Self::Evm { id: Some(*id) }),
                None => Err(Forbidden::new(
                    Why::NotSupported,
                    format!(
                        "addresses of `{ticker}` cannot be read here; coins of Bitcoin and of chains like Ethereum can"
                    ),
                )),
            },
        }
    }

    /// Whether there is money on it that is worth something.
    pub fn is_main(self) -> bool {
        match self {
            Self::Bitcoin(network) => network == Network::Main,
            Self::Evm { id } => id.is_some(),
            // What is not known may be worth something.
            Self::Named => true,
        }
    }

    /// Whether a transaction for the chain with this id is one for this chain. One for a chain of tests may be for any of them.
    pub(super) fn is_for(self, signed: u64) -> bool {
        match self {
            Self::Evm { id: Some(id) } => signed == id,
            Self::Evm { id: None } => EVM_TEST_IDS.contains(&signed),
            Self::Bitcoin(_) | Self::Named => false,
        }
    }

    /// What an address means.
    ///
    /// # Errors
    /// It is none of this chain.
    pub fn destination(self, text: &str) -> Result<Destination, Forbidden> {
        match self {
            Self::Bitcoin(network) => network.address(text).map(|payable| payable.destination),
            Self::Evm { .. } => {
                let read = address::parse(text).map_err(|problem| Forbidden::undecodable(problem.to_string()))?;
                Ok(address::destination(&read))
            }
            Self::Named => {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
                if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_plain) {
                    let problem = format!("`{}` is no plain address; write it without spaces", text.escape_debug());
                    return Err(Forbidden::undecodable(problem));
                }
                Ok(Destination::new("named", text.as_bytes(), None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_coins_whose_addresses_can_be_read_have_a_chain() {
        let of = |ticker: &str| Chain::of(&Coin::parse(ticker).expect("a ticker"));
        for (ticker, is_main) in [("btc", true), ("tbtc", false), ("eth", true), ("hteth", false)] {
            assert_eq!(of(ticker).map(Chain::is_main), Ok(is_main), "{ticker}");
        }
        for ticker in ["sol", "xrp", "hteth:usdc"] {
            assert!(of(ticker).is_err(), "{ticker}");
        }
    }

    #[test]
    fn two_spellings_of_an_address_are_one_destination_and_another_networks_is_none() {
        let chain = Chain::Evm { id: None };
        let mixed = chain.destination("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
        assert!(mixed.is_ok());
        assert_eq!(chain.destination("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), mixed);
        assert!(Chain::Bitcoin(Network::Test).destination("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4").is_err());
    }
}
